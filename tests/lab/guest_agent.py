"""What is tried of the agent's unit in a guest with systemd as its first process, and what was seen of it.

It runs as ``python -m tests.lab.guest_agent FILE`` inside the guest; see :mod:`tests.lab.guest_systemd`.
"""

import grp
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.lab.guest_service import entries, rights
from tests.lab.network import Lab, run
from tests.lab.waiting import LabError, wait_until
from vrrpwatch.agent import places

UNIT = "vrrpwatch-agent.service"
USER = "vrrpwatch-agent"
ADDRESS, VIRTUAL = "192.0.2.11", "192.0.2.100"
# Hooks write here, which is the service's own.
NOTES = Path("/var/lib/vrrpwatch-agent/notes")
_HOOK = f"""#!/bin/sh
echo "$* uid=$(id -un) caps=$(sed -n 's/^CapEff:.//p' /proc/self/status)" >>{NOTES}
"""
_SETTINGS = f"""version = 1
[agent]
listen = 0.5
fifo = "/run/vrrpwatch-agent/notify"
[notify]
any = ["/usr/local/bin/hook"]
[[router]]
name = "web"
interface = "lan0"
id = 51
interval = 0.2
vmac = true
addresses = ["{VIRTUAL}/24"]
"""
_SHOWN = "ActiveState,Result,NRestarts,MainPID,ExecMainStatus"
_LOOK = 0.3


def show() -> dict[str, str]:
    """The unit's properties (org.freedesktop.systemd1(5))."""
    lines = run("systemctl", "show", UNIT, f"--property={_SHOWN}").splitlines()
    return dict(line.split("=", 1) for line in lines)


def command(*arguments: str) -> int:
    """The exit code of ``systemctl``."""
    return subprocess.run(("systemctl", *arguments, UNIT), capture_output=True, timeout=90, check=False).returncode


def log() -> list[str]:
    """What the service and its manager said."""
    return [str(entry["MESSAGE"]) for entry in entries(f"--unit={UNIT}")]


def until(condition: Callable[[], bool], what: str) -> None:
    wait_until(condition, at_most=60, what=what, seen=lambda: "\n".join((str(show()), *log()[-30:])), every=_LOOK)


def holds() -> bool:
    """Whether this guest has the virtual address."""
    return VIRTUAL in run("ip", "-o", "address", "show")


def notes() -> list[str]:
    """What the hooks were told."""
    return NOTES.read_text().splitlines() if NOTES.exists() else []


def status() -> dict[str, Any]:
    """What the agent says of itself to a member of its group, who is nobody otherwise."""
    asking = ("setpriv", "--reuid=nobody", "--regid=nogroup", f"--groups={USER}", "/usr/local/bin/vrrpwatch")
    found: dict[str, Any] = json.loads(run(*asking, "agent", "status", "--output", "json"))
    return found


def prepare(lab: Lab) -> None:
    """An interface, the service's user, its settings and a hook."""
    lab.bridge("lan")
    lab.switch.ip("link", "add", "port", "type", "veth", "peer", "name", "lan0", "netns", str(os.getpid()))
    lab.switch.ip("link", "set", "port", "master", "lan", "up")
    run("ip", "address", "add", f"{ADDRESS}/24", "dev", "lan0")
    run("ip", "link", "set", "lan0", "up")
    run("useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", USER)
    places.SETTINGS.write_text(_SETTINGS)
    hook = Path("/usr/local/bin/hook")
    hook.write_text(_HOOK)
    hook.chmod(0o755)


def live(lab: Lab) -> dict[str, Any]:
    """The service's life: start, reload, crash, stop, and a start in vain."""
    seen: dict[str, Any] = {}
    prepare(lab)
    seen["start"] = command("start")
    until(holds, "the virtual address")
    seen["started"] = show()
    seen["rights"] = rights(seen["started"]["MainPID"])
    until(lambda: len(notes()) == 2, "the hooks")
    until(lambda: bool(status()["agent"]["audited"]), "the sniffer that watches the agent")
    seen["status"] = status()
    socket = places.SOCKET.stat()
    seen["socket"] = [f"{socket.st_mode & 0o777:o}", grp.getgrgid(socket.st_gid).gr_name]
    places.SETTINGS.write_text(_SETTINGS.replace("id = 51", "id = 512"))
    seen["broken reload"] = command("reload")
    places.SETTINGS.write_text(_SETTINGS.replace("id = 51", "id = 51\npriority = 120"))
    seen["reload"] = command("reload")
    until(lambda: status()["routers"][0]["state"] == "master", "the router to be master again")
    seen["reloaded"] = status()["routers"][0]["priority"]
    os.kill(int(show()["MainPID"]), signal.SIGKILL)
    until(lambda: show()["NRestarts"] == "1" and show()["ActiveState"] == "active", "the restart")
    until(holds, "the virtual address after the crash")
    seen["restarted"] = show()
    seen["security"] = run("systemd-analyze", "security", "--no-pager", UNIT).splitlines()[-1]
    seen["stop"] = command("stop")
    seen["stopped"] = show()
    seen["held"] = holds()
    seen["notes"] = notes()
    places.SETTINGS.write_text("version = 2\n")
    seen["wrong settings"] = command("start")
    seen["failed"] = show()
    seen["log"] = log()
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
