"""What goes wrong around agents at work, and what must be so all the while: never two masters, never anything left.

Two agents and a keepalived on one segment; each test finds the first agent master of all, and leaves it so.
"""

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.lab import agents
from tests.lab.daemons import Instance, keepalived
from tests.lab.network import Host, Lab, Process, missing
from tests.lab.witness import Witness

_WHY = missing("keepalived")
pytestmark = pytest.mark.skipif(_WHY is not None and "VRRPWATCH_CI" not in os.environ, reason=_WHY or "")

INTERVAL = 0.2
BEST, OTHER = 200, 100
# RFC 9568 §6.1 at priority 100: 3 x 0.2 s + (256 - 100)/256 x 0.2 s, and the Skew_Time once more.
BOUND = 0.721875 + 0.121875
NUMBERS = {"best": 11, "other": 12, "keepalived": 13}
# By VRID, the address and who takes it over.
GROUPS = {51: ("192.0.2.100", "other"), 52: ("192.0.2.101", "other"), 53: ("192.0.2.102", "keepalived")}


@dataclass(slots=True)
class Stage:
    """The hosts, and what runs there."""

    lab: Lab
    witness: Witness
    best: Host
    other: Host
    given: dict[str, Any] = field(default_factory=dict)

    @property
    def agent(self) -> Process:
        return _last(self.best)

    def start(self, host: Host, **tables: Any) -> Process:
        """An agent: the better one of all groups, or the backup of those that keepalived does not have."""
        better = host is self.best
        routers = [
            agents.router(f"r{vrid}", id=vrid, priority=BEST if better else OTHER, interval=INTERVAL, vmac=vrid == 52)
            | {"addresses": [f"{address}/24"]}
            for vrid, (address, backup) in GROUPS.items()
            if better or backup == "other"
        ]
        return agents.start(host, *routers, **tables)

    def until(self, *, best: bool) -> None:
        """Waits until the first host has everything, and nobody else does, or until the others have it."""
        for address, backup in GROUPS.values():
            self.witness.until_masters(address, "best" if best else backup)

    def until_more(self, name: str, count: int, vrid: int = 51) -> None:
        """Waits for so many more adverts of a host."""
        self.witness.until_more(f"192.0.2.{NUMBERS[name]}", vrid, count)


def _last(host: Host) -> Process:
    return next(one for one in reversed(host.processes) if one.name.startswith("vrrpwatch"))


@pytest.fixture(scope="module")
def made() -> Iterator[Stage]:
    with Lab() as lab:
        lab.bridge("lan")
        hosts = {name: lab.host(name, number) for name, number in NUMBERS.items()}
        witness = Witness(lab, hosts, {name: f"192.0.2.{number}" for name, number in NUMBERS.items()})
        stage = Stage(lab, witness, hosts["best"], hosts["other"])
        stage.start(stage.best)
        stage.start(stage.other)
        mine = ((vrid, address) for vrid, (address, backup) in GROUPS.items() if backup == "keepalived")
        keepalived(
            hosts["keepalived"],
            *(
                Instance(vrid=vrid, priority=OTHER, addresses=(f"{address}/24",), version=3, interval=INTERVAL)
                for vrid, address in mine
            ),
        )
        yield stage


@pytest.fixture
def stage(made: Stage) -> Iterator[Stage]:
    """All is well before a test and after it; no two hosts were master, and no agent has tripped."""
    made.until(best=True)
    yield made
    made.until(best=True)
    for vrid, (address, _) in GROUPS.items():
        assert [span for span in made.witness.doubles(vrid, address, INTERVAL) if span.length > BOUND] == []
    for host in (made.best, made.other):
        assert "Traceback" not in _last(host).log.read_text()


def test_a_master_that_stood_still_lets_go_first_and_answers_nobody(stage: Stage) -> None:
    since = time.time()
    os.kill(stage.agent.popen.pid, signal.SIGSTOP)
    # Five seconds.
    stage.until_more("other", 22)
    stage.until_more("keepalived", 22, 53)
    os.kill(stage.agent.popen.pid, signal.SIGCONT)
    stage.until(best=False)
    stage.until(best=True)
    # Who has taken over goes on until it is outranked.
    for address, _ in GROUPS.values():
        assert [span for span in stage.witness.holes(address, since) if span.length > INTERVAL] == []


def test_a_backup_that_stood_still_takes_nothing_over(stage: Stage) -> None:
    before = {vrid: len(stage.witness.adverts(vrid, "other")) for vrid in GROUPS}
    os.kill(_last(stage.other).popen.pid, signal.SIGSTOP)
    stage.until_more("best", 25)
    os.kill(_last(stage.other).popen.pid, signal.SIGCONT)
    stage.until_more("best", 6)
    assert {vrid: len(stage.witness.adverts(vrid, "other")) for vrid in GROUPS} == before


def test_a_late_backup_of_many_groups_reads_all_that_came_before_it_judges(stage: Stage) -> None:
    """Four adverts of each of 60 groups wait, more than are read at once, when the timers are past by a tenth."""
    many = [f"198.51.100.{number}/32" for number in range(1, 61)]

    def routers(priority: int) -> list[dict[str, Any]]:
        return [
            agents.router(f"m{number}", id=100 + number, priority=priority, interval=0.1) | {"addresses": [address]}
            for number, address in enumerate(many)
        ]

    hosts = [stage.lab.host("first", 21), stage.lab.host("second", 22)]
    agents.start(hosts[0], *routers(BEST))
    agents.await_state(hosts[0], "master", "m59")
    late = agents.start(hosts[1], *routers(OTHER))
    for _ in range(3):
        os.kill(late.popen.pid, signal.SIGSTOP)
        stage.witness.until_more("192.0.2.21", 159, 5)
        os.kill(late.popen.pid, signal.SIGCONT)
        stage.witness.until_more("192.0.2.21", 159, 7)
    assert "192.0.2.22" not in stage.witness.recording.sources()
    for host in hosts:
        _last(host).stop()
