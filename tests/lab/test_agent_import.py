"""One of two hosts with keepalived is imported and replaced by the agent: the same elections, and the same hooks."""

import os
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.lab import agents
from tests.lab.agents import holds
from tests.lab.network import Host, Lab, Process, locate, missing, run
from tests.lab.waiting import wait_until
from tests.lab.watching import COMMAND

_WHY = missing("keepalived")
pytestmark = pytest.mark.skipif(_WHY is not None and "VRRPWATCH_CI" not in os.environ, reason=_WHY or "")

# Two routers that go together, in both versions, with each kind of hook; {folder} is the host's own.
CONFIG = """
global_defs {{
    script_user root
    vrrp_notify_fifo /run/fifo
}}
vrrp_sync_group edge {{
    group {{
        inside
        outside
    }}
    notify_master "{folder}/hook edge-master"
    notify_fault "{folder}/hook edge-fault 'a b'"
    notify "{folder}/hook edge-any"
}}
vrrp_instance inside {{
    state BACKUP
    interface eth0
    virtual_router_id 51
    priority {priority}
    authentication {{
        auth_type PASS
        auth_pass s3cret
    }}
    virtual_ipaddress {{
        192.0.2.100/24 label eth0:vip
    }}
    virtual_ipaddress_excluded {{
        192.0.2.101/24
    }}
    virtual_routes {{
        203.0.113.0/24 via 198.51.100.9 dev eth1
    }}
    notify_master "{folder}/hook master \\"x y\\""
    notify_backup "{folder}/hook backup"
    notify_fault "{folder}/hook fault"
    notify_stop "{folder}/hook stop"
    notify "{folder}/hook any -v"
}}
vrrp_instance outside {{
    state BACKUP
    interface eth1
    virtual_router_id 51
    priority {priority}
    version 3
    advert_int 0.5
    virtual_ipaddress {{
        198.51.100.100/24
    }}
    notify "{folder}/hook any-outside"
}}
"""
# One line for each call: the arguments, each in <>.
HOOK = """#!/bin/sh
line=$(printf '<%s>' "$@")
echo "$line" >>"{folder}/calls"
"""
# What each hook that is called at the end is called with then.
LAST = (
    "<stop>\n",
    "<any><-v><INSTANCE><inside><STOP><150>\n",
    "<any-outside><INSTANCE><outside><STOP><150>\n",
    "<edge-any><GROUP><edge><STOP><0>\n",
)
ADDRESSES = ("192.0.2.100", "192.0.2.101", "198.51.100.100")


class Played(NamedTuple):
    """What the daemon that was played told: the calls of each hook in order, and the lines in the FIFO of each."""

    calls: dict[str, list[str]]
    lines: dict[str, list[str]]


class Stage:
    """Hosts at two networks: alpha, which is better, with whichever daemon is played; bravo with keepalived."""

    def __init__(self, lab: Lab) -> None:
        lab.bridge("lan")
        lab.bridge("out")
        self.alpha = self._host(lab, "alpha", 1, 150)
        self.bravo = self._host(lab, "bravo", 2, 100)
        # Reads as a script would, and goes on when the daemon is another.
        reader = f"exec 3<>{self.alpha.folder}/run/fifo; exec cat <&3 >>{self.alpha.folder}/lines"
        run("mkfifo", str(self.alpha.folder / "run" / "fifo"))
        self.alpha.start("/bin/sh", "-c", reader)

    @staticmethod
    def _host(lab: Lab, name: str, number: int, priority: int) -> Host:
        host = lab.host(name, number)
        lab.attach(host, number, bridge="out", interface="eth1", addresses=(f"198.51.100.{number}/24",), card=1)
        host.write("hook", HOOK.format(folder=host.folder), 0o755)
        host.write("keepalived.conf", CONFIG.format(folder=host.folder, priority=priority))
        return host

    def keepalived(self, host: Host) -> Process:
        config = host.folder / "keepalived.conf"
        program = locate("keepalived") or "keepalived"
        return host.start(program, "--dont-fork", "--log-console", "--vrrp", "--use-file", str(config))

    def play(self, daemon: Process) -> Played:
        """From election to the end of the daemon on alpha: a link that fails, and comes back."""
        self.holder(self.alpha, "alpha to be elected")
        assert "203.0.113.0/24 via 198.51.100.9" in self.alpha.do("ip", "route", "show")
        assert "eth0:vip" in self.alpha.do("ip", "address", "show", "to", "192.0.2.100")
        self.alpha.ip("link", "set", "eth1", "down")
        self.holder(self.bravo, "bravo to take over when alpha's link fails")
        self.alpha.ip("link", "set", "eth1", "up")
        self.holder(self.alpha, "alpha to be master again")
        daemon.stop()
        self.holder(self.bravo, "bravo to take over when alpha is stopped")
        return self.told()

    def holder(self, host: Host, what: str) -> None:
        other = self.bravo if host is self.alpha else self.alpha

        def so() -> bool:
            return all(holds(host, one) for one in ADDRESSES) and not any(holds(other, one) for one in ADDRESSES)

        wait_until(so, at_most=30, what=what, seen=self.logs, every=0.2)

    def told(self) -> Played:
        """What was told since it was asked last; hooks of one change may come in any order."""
        files = [self.alpha.folder / "calls", self.alpha.folder / "lines"]

        def ended() -> bool:
            calls, lines = map(text, files)
            return all(last in calls for last in LAST) and '"edge" STOP' in lines

        wait_until(ended, at_most=10, what="the last hooks to be called", seen=self.logs)
        calls, lines = (text(file).splitlines() for file in files)
        for file in files:
            os.truncate(file, 0)
        return Played(grouped(calls, "<", 1), grouped(lines, " ", 1))

    def logs(self) -> str:
        return "\n".join(one.log.read_text(errors="replace")[-1500:] for one in self.alpha.processes)


def text(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def grouped(lines: list[str], separator: str, at: int) -> dict[str, list[str]]:
    """The lines by one of their words: what was called, or what it is about."""
    found: dict[str, list[str]] = {}
    for line in lines:
        found.setdefault(line.split(separator)[at], []).append(line)
    return found


def test_the_agent_takes_keepaliveds_place() -> None:
    with Lab() as lab:
        stage = Stage(lab)
        stage.keepalived(stage.bravo)
        daemon = stage.keepalived(stage.alpha)
        before = stage.play(daemon)
        settings = stage.alpha.folder / "agent.toml"
        config = stage.alpha.folder / "keepalived.conf"
        run(COMMAND, "agent", "import", str(config), "-o", str(settings))
        assert (stage.alpha.folder / "inside.secret").read_text() == "s3cret\n"
        daemon = agents.started(stage.alpha, settings)
        after = stage.play(daemon)
    assert before.calls.keys() >= {"master>", "backup>", "fault>", "stop>", "any>", "edge-fault>"}
    assert after.calls == before.calls
    assert after.lines == before.lines
