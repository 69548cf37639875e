"""What is tried in a guest with systemd as its first process: the life of the service, and what was seen of it.

It runs as ``python -m tests.lab.guest_service FILE`` inside the guest; see :mod:`tests.lab.guest_systemd`.
"""

import http.server
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from tests.agent.tracking.stage import first_result
from tests.lab.daemons import Instance, keepalived
from tests.lab.network import Lab, run
from tests.lab.stage import ALPHA, CLIENT, GATEWAY, address
from tests.lab.waiting import LabError, wait_until
from vrrpwatch.agent.config.trackers import UnitTracker

UNIT = "vrrpwatch.service"
SETTINGS, ALERTS = Path("/etc/vrrpwatch/config.toml"), Path("/etc/vrrpwatch/alerts.toml")
STATE, PIPE = Path("/var/lib/private/vrrpwatch"), Path("/run/vrrpwatch/notify")
# A URL that only root may read; systemd hands it to the service as another file (LoadCredential=).
SECRET, CREDENTIAL = Path("/etc/vrrpwatch/receiver"), Path("/run/credentials/vrrpwatch.service/receiver")
# An address that is not one of those the unit allows, though it is this guest's own.
RECEIVER = (address(CLIENT), 8080)
# On the wire for everybody to read, which is a finding.
PASSWORD = "lab"  # noqa: S105
METRICS = "http://127.0.0.1:9112/metrics"
_CONFIG = f"""[watch]
interface = ["watched"]
store = "/var/lib/vrrpwatch/journal.db"
alerts = "{ALERTS}"
metrics = "9112"
"""
_ALERTS = f"""version = 1
[[sink]]
name = "journal"
type = "journald"
[[sink]]
name = "log"
type = "syslog"
[[sink]]
name = "pipe"
type = "fifo"
path = "{PIPE}"
"""
_RECEIVER = """[[sink]]
name = "receiver"
type = "webhook"
timeout = 1
url_file = "{url_file}"
[[sink]]
name = "log host"
type = "syslog"
host = "{host}"
"""
_SHOWN = "ActiveState,Result,NRestarts,MainPID,StatusText,WatchdogUSec,WatchdogTimestampMonotonic,ExecMainStatus"
# Programs start slowly in a guest, so a look costs.
_LOOK = 0.4


class Receiver:
    """A webhook's receiver; ``received`` are the alerts that were sent there."""

    def __init__(self) -> None:
        received = self.received = list[dict[str, Any]]()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nothing is said of it."""

        server = http.server.HTTPServer(RECEIVER, Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()


def show() -> dict[str, str]:
    """The unit's properties (org.freedesktop.systemd1(5))."""
    lines = run("systemctl", "show", UNIT, f"--property={_SHOWN}").splitlines()
    return dict(line.split("=", 1) for line in lines)


def command(verb: str) -> int:
    """The exit code of ``systemctl VERB``."""
    return subprocess.run(("systemctl", verb, UNIT), capture_output=True, timeout=60, check=False).returncode


def entries(*matches: str) -> list[dict[str, Any]]:
    """The journal's entries that match."""
    return [json.loads(line) for line in run("journalctl", "--output=json", *matches).splitlines()]


def log() -> list[str]:
    """What the service and its manager said."""
    return [str(entry["MESSAGE"]) for entry in entries(f"--unit={UNIT}")]


def until(condition: Callable[[], bool], what: str) -> None:
    wait_until(condition, at_most=40, what=what, seen=lambda: "\n".join((str(show()), *log()[-20:])), every=_LOOK)


def said(words: str) -> None:
    until(lambda: any(words in line for line in log()), f"the service to say {words!r}")


def rights(pid: str) -> dict[str, str]:
    """The rights of a process (proc(5))."""
    lines = (line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    fields = dict(line for line in lines if len(line) == 2)
    return {name: fields[name].split()[0] for name in ("Uid", "CapEff", "CapPrm", "CapBnd", "NoNewPrivs", "Seccomp")}


def kept() -> dict[str, tuple[int, str]]:
    """Owner and mode of what is in the state directory."""
    found = {path.name: path.stat() for path in STATE.iterdir()}
    return {name: (stat.st_uid, f"{stat.st_mode & 0o777:o}") for name, stat in found.items()}


def line(pipe: int) -> str:
    """The next line in a pipe, or the next few."""
    found: list[bytes] = []

    def read() -> bool:
        with suppress(BlockingIOError):
            found.append(os.read(pipe, 4096))
        return bool(found)

    until(read, "a line in the pipe")
    return found[0].decode()


def recorded() -> list[str]:
    """The kinds of the events in the service's own journal, in the order in which they came."""
    with closing(sqlite3.connect(STATE / "journal.db")) as database:
        return [kind for (kind,) in database.execute("SELECT kind FROM events ORDER BY at")]


def segment(lab: Lab) -> None:
    """An interface of this guest called "watched", with a router behind it that sends its password."""
    lab.bridge("lan")
    lab.switch.ip("link", "add", "port", "type", "veth", "peer", "name", "watched", "netns", str(os.getpid()))
    lab.switch.ip("link", "set", "port", "master", "lan", "up")
    run("ip", "address", "add", f"{RECEIVER[0]}/24", "dev", "watched")
    run("ip", "link", "set", "watched", "up")
    router = Instance(vrid=51, priority=150, addresses=(f"{GATEWAY}/24",), auth="PASS", password=PASSWORD)
    keepalived(lab.host("alpha", ALPHA), router)


def begin(seen: dict[str, Any]) -> None:
    """From the start until it has told everybody of the router, and systemd of itself."""
    SETTINGS.write_text(_CONFIG)
    ALERTS.write_text(_ALERTS)
    SECRET.write_text(f"http://{RECEIVER[0]}:{RECEIVER[1]}/\n")
    SECRET.chmod(0o600)
    seen["start"] = command("start")
    seen["started"] = show()
    seen["rights"] = rights(seen["started"]["MainPID"])
    until(lambda: bool(entries("VRRPWATCH_RULE=auth-cleartext")), "the alert in the journal")
    seen["alert"] = entries("VRRPWATCH_RULE=auth-cleartext")[0]
    until(lambda: bool(entries("_TRANSPORT=syslog", f"_SYSTEMD_UNIT={UNIT}")), "the same by syslog")
    seen["syslog"] = entries("_TRANSPORT=syslog", f"_SYSTEMD_UNIT={UNIT}")[0]
    until(lambda: "1 events in the journal" in show()["StatusText"], "the status")
    seen["status"] = show()["StatusText"]
    seen["kept"] = kept()
    with urllib.request.urlopen(METRICS, timeout=10) as answer:
        seen["metrics"] = answer.read().decode()
    before = show()["WatchdogTimestampMonotonic"]
    until(lambda: show()["WatchdogTimestampMonotonic"] != before, "a sign of life")


def reload(seen: dict[str, Any], receiver: Receiver) -> None:
    """With settings that are wrong, then with a receiver that the unit does not allow, until it does."""
    ALERTS.write_text(_ALERTS + _RECEIVER.format(url_file=SECRET, host=RECEIVER[0]))
    seen["broken reload"] = command("reload")
    said("the settings stay as they were")
    ALERTS.write_text(_ALERTS + _RECEIVER.format(url_file=CREDENTIAL, host=RECEIVER[0]))
    seen["reload"] = command("reload")
    said("settings read again")
    said("sink receiver: ")
    said("sink log host: ")
    seen["refused"] = list(receiver.received)
    run("systemctl", "set-property", "--runtime", UNIT, f"IPAddressAllow={RECEIVER[0]}")
    until(lambda: bool(receiver.received), "the receiver's alert")
    seen["received"] = receiver.received[0]["rule"]
    until(lambda: show()["ActiveState"] == "active", "the end of the reload")
    seen["reloaded"] = show()


def hang(seen: dict[str, Any]) -> None:
    """What the watchdog makes of a service that hangs, and whoever reads its pipe of the restart."""
    # As keepalived's scripts open theirs: it stays open while nobody writes.
    pipe = os.open(PIPE, os.O_RDWR | os.O_NONBLOCK)
    seen["before"] = line(pipe)
    os.kill(int(show()["MainPID"]), signal.SIGSTOP)
    seen["security"] = run("systemd-analyze", "security", "--no-pager", UNIT).splitlines()[-1]
    until(lambda: show()["NRestarts"] == "1" and show()["ActiveState"] == "active", "the restart")
    seen["restarted"] = show()
    seen["after"] = line(pipe)
    os.close(pipe)


def tracked(unit: str) -> tuple[bool, str]:
    """What the agent's tracker of a unit finds."""
    found = first_result(UnitTracker(name="unit", type="systemd", unit=unit, timeout=60))
    return found.good, found.detail


def live(lab: Lab) -> dict[str, Any]:
    """The service's life from its first start to its end, and a start in vain."""
    seen: dict[str, Any] = {}
    segment(lab)
    begin(seen)
    reload(seen, Receiver())
    hang(seen)
    seen["tracked"] = [tracked(UNIT), tracked("no-such-unit.service")]
    seen["stop"] = command("stop")
    seen["stopped"] = show()
    seen["recorded"] = recorded()
    seen["left"] = kept()
    SETTINGS.write_text(_CONFIG.replace("interface", "interfaces"))
    seen["wrong settings"] = command("start")
    seen["failed"] = show()
    seen["tracked"].append(tracked(UNIT))
    seen["log"] = log()
    own = entries(f"--unit={UNIT}", "_TRANSPORT=stdout")
    seen["levels"] = {str(entry["MESSAGE"]): entry["PRIORITY"] for entry in own}
    return seen


def main() -> int:
    """Tries the service in a lab of its own; writes what it saw, or says what was in vain and returns 1."""
    try:
        with Lab() as lab:
            seen = live(lab)
    except LabError as error:
        print(error)
        return 1
    Path(sys.argv[1]).write_text(json.dumps(seen))
    return 0


if __name__ == "__main__":
    sys.exit(main())
