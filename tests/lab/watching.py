"""The watch command at work on a lab's switch: what it prints, writes and tells, as it goes."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.lab.network import Lab, Process
from tests.lab.waiting import wait_until

COMMAND = str(Path(sys.executable).with_name("vrrpwatch"))
# Notes when each POST came (wall clock, nanoseconds) and its body, a JSON line each; says its port first.
RECEIVER = """
import http.server, json, sys, time
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        print(json.dumps([time.time_ns(), json.loads(body)]), flush=True)
        self.send_response(204)
        self.end_headers()
    def log_message(self, *_):
        pass
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""


class Watch:
    """``vrrpwatch watch`` on ``interfaces`` of the switch; :attr:`told` are the objects that it printed so far."""

    def __init__(self, lab: Lab, interfaces: Sequence[str], *options: str) -> None:
        each = [word for name in interfaces for word in ("-i", name)]
        self._process: Process = lab.switch.start(COMMAND, "watch", *each, "--output", "ndjson", *options)
        self.until("listening on")

    @property
    def said(self) -> str:
        return self._process.log.read_text()

    @property
    def told(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.said.splitlines() if line.startswith("{")]

    def events(self) -> list[dict[str, Any]]:
        return [told for told in self.told if told["type"] == "event"]

    def findings(self, *rules: str) -> list[dict[str, Any]]:
        return [told for told in self.told if told["type"] == "finding" and (not rules or told["rule"] in rules)]

    def until(self, text: str) -> None:
        wait_until(lambda: text in self.said, at_most=20, what=f"watch to say {text!r}", seen=lambda: self.said)

    def until_event(self, kind: str, to: str | None = None, *, at_most: float = 30) -> None:
        wait_until(
            lambda: any(event["kind"] == kind and to in (None, event["to"]) for event in self.events()),
            at_most=at_most,
            what=f"{kind} {to or ''}",
            seen=lambda: self.said,
        )

    def until_finding(self, rule: str, *, at_most: float = 30) -> None:
        wait_until(lambda: bool(self.findings(rule)), at_most=at_most, what=rule, seen=lambda: self.said)

    def wait(self) -> int:
        """Waits until it ends by itself."""
        return self._process.popen.wait(timeout=60)

    def stop(self) -> int:
        self._process.stop()
        return self._process.popen.returncode

    def kill(self) -> None:
        self._process.kill()


class Receiver:
    """A webhook's receiver on the switch."""

    def __init__(self, lab: Lab) -> None:
        self._process = lab.switch.start(sys.executable, "-c", RECEIVER)
        log = self._process.log
        wait_until(lambda: log.read_text().endswith("\n"), at_most=10, what="the receiver's port", seen=log.read_text)
        self.port = int(log.read_text().splitlines()[0])

    @property
    def received(self) -> list[tuple[int, dict[str, Any]]]:
        lines = self._process.log.read_text().splitlines()[1:]
        return [(at, alert) for at, alert in map(json.loads, lines)]

    def settings(self) -> str:
        """Alert settings that send everything here."""
        return f'version = 1\n[[sink]]\ntype = "webhook"\nname = "here"\nurl = "http://127.0.0.1:{self.port}/"\n'
