"""The watch command in a process of its own, in a namespace or here: what it says, and how it ends."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.lab.waiting import wait_until

COMMAND = str(Path(sys.executable).with_name("vrrpwatch"))


class Watch:
    """It runs until :meth:`stop` or, when a ``with`` block is left, :meth:`kill`; it says everything into ``log``."""

    def __init__(self, folder: Path, *options: str, space: str | None = None) -> None:
        self.log = folder / "log"
        entering = () if space is None else ("ip", "netns", "exec", space)
        with self.log.open("w") as log:
            self.process = subprocess.Popen((*entering, COMMAND, "watch", *options), stdout=log, stderr=log)

    def __enter__(self) -> "Watch":
        self.until("listening on")
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def until(self, text: str, times: int = 1) -> None:
        wait_until(lambda: self.said().count(text) >= times, at_most=30, what=text, seen=self.said)

    def said(self) -> str:
        return self.log.read_text()

    def lines(self) -> list[str]:
        """What it told people."""
        lines = self.said().splitlines()
        return [line.removeprefix("vrrpwatch: ") for line in lines if line.startswith("vrrpwatch: ")]

    def events(self) -> list[dict[str, Any]]:
        """With ``--output ndjson``, those printed so far, as ``analyze`` has them."""
        told = [json.loads(line) for line in self.said().splitlines() if line.startswith("{")]
        return [{key: event[key] for key in event if key != "type"} for event in told if event["type"] == "event"]

    def kinds(self, interface: str) -> list[str]:
        return [event["kind"] for event in self.events() if event["group"].startswith(f"{interface}|")]

    def rights(self) -> int:
        """The capabilities that it has (a bit each, linux/capability.h)."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1], 16) for line in status.splitlines() if line.startswith("CapEff:"))

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=30)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(timeout=10)
