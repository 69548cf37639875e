"""What becomes of rules that are applied where systemd is the first process: a unit guards them, and is started anew.

It runs as ``python -m tests.lab.applying_guest FILE`` inside a guest; see :mod:`tests.lab.guest_systemd`.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.lab.network import run
from tests.lab.waiting import LabError, wait_until

STATE = Path("/var/lib/vrrpwatch/rules/state.json")
RULES, SAID = Path("/run/rules"), Path("/run/said")
# The guest's kernel has nothing but iptables-legacy.
TOOLS = ("iptables", "iptables-save", "iptables-restore")
_RULES = "*filter\n:VRRPWATCH-IN - [0:0]\n-I INPUT 1 -j VRRPWATCH-IN\n-A VRRPWATCH-IN -p 112 -j DROP\nCOMMIT\n"
# Programs start slowly in a guest, so a look costs.
_LOOK = 0.4


def guardian() -> dict[str, str]:
    """The properties of the unit that guards the rules (org.freedesktop.systemd1(5))."""
    names = run("systemctl", "list-units", "--plain", "--no-legend", "--all", "vrrpwatch-rules-*").split()
    if not names:
        return {}
    lines = run("systemctl", "show", names[0], "--property=ActiveState,MainPID,NRestarts,ControlGroup").splitlines()
    return dict(line.split("=", 1) for line in lines)


def until(condition: Any, what: str) -> None:
    wait_until(condition, at_most=60, what=what, every=_LOOK)


def rules() -> list[str]:
    """The host's rules, without counters and comments."""
    lines = run("iptables-save").splitlines()
    return [line.rpartition(" [")[0] or line for line in lines if not line.startswith("#")]


def main() -> int:
    """Applies rules, ends whoever could take them back, and looks whether somebody does."""
    seen: dict[str, Any] = {}
    try:
        RULES.write_text(_RULES)
        for tool in TOOLS:
            Path("/usr/local/sbin", tool).symlink_to("/usr/sbin/xtables-legacy-multi")
        run("iptables", "-A", "INPUT", "-i", "lo", "-j", "ACCEPT")
        seen["before"] = rules()
        command = ("vrrpwatch", "rules", "apply", "--yes", "--confirm-within", "20s", str(RULES))
        with SAID.open("w") as said:
            apply = subprocess.Popen(command, stdout=said, stderr=said, start_new_session=True)
        until(lambda: STATE.exists() and '"loaded": true' in STATE.read_text(), "rules to be loaded")
        seen["loaded"] = rules()
        seen["guardian"] = guardian()
        seen["own"] = Path("/proc/self/cgroup").read_text().strip()
        os.killpg(apply.pid, signal.SIGKILL)
        os.kill(int(seen["guardian"]["MainPID"]), signal.SIGKILL)
        until(lambda: guardian().get("NRestarts") == "1", "the guardian's restart")
        seen["restarted"] = guardian()
        until(lambda: '"pending": null' in STATE.read_text(), "the rollback")
        seen["after"] = rules()
        until(lambda: not guardian(), "the guardian's end")
        seen["log"] = run("journalctl", "--identifier=vrrpwatch", "--output=cat")
    except LabError as error:
        print(error, SAID.read_text(), sep="\n")
        return 1
    Path(sys.argv[1]).write_text(json.dumps(seen))
    return 0


if __name__ == "__main__":
    sys.exit(main())
