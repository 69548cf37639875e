"""What goes wrong around agents at work, and what must be so all the while: never two masters, never anything left.

Two agents and a keepalived on one segment; each test finds the first agent master of all, and leaves it so.
"""

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.lab import agents
from tests.lab.faults import BEST, BOUND, GROUPS, INTERVAL, NUMBERS, OTHER, Stage, last, left, macvlan, routed, staged
from tests.lab.network import Host, Lab, Process, missing, run
from tests.lab.waiting import wait_until
from tests.lab.watching import COMMAND

_WHY = missing("keepalived")
pytestmark = pytest.mark.skipif(_WHY is not None and "VRRPWATCH_CI" not in os.environ, reason=_WHY or "")


@pytest.fixture(scope="module")
def made() -> Iterator[Stage]:
    with Lab() as lab:
        yield staged(lab)


@pytest.fixture
def stage(made: Stage) -> Iterator[Stage]:
    """All is well before a test and after it; no two hosts were master, and no agent has tripped."""
    made.until(best=True)
    yield made
    made.until(best=True)
    assert [span for span in made.doubles() if span.length > BOUND] == []
    for host in (made.best, made.other):
        assert "Traceback" not in last(host).log.read_text()


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
    os.kill(last(stage.other).popen.pid, signal.SIGSTOP)
    stage.until_more("best", 25)
    os.kill(last(stage.other).popen.pid, signal.SIGCONT)
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
        last(host).stop()


def test_a_killed_agent_leaves_nothing_and_starts_anew(stage: Stage) -> None:
    os.kill(stage.agent.popen.pid, signal.SIGKILL)
    for address, _ in GROUPS.values():
        wait_until(lambda address=address: not stage.witness.has("best", address), at_most=10, what="the janitor")  # type: ignore[misc]
    wait_until(lambda: left(stage.best) == [], at_most=10, what="nothing left", seen=lambda: str(left(stage.best)))
    stage.until(best=False)
    stage.start(stage.best)


def test_where_all_of_an_agent_is_killed_the_next_one_clears_up(stage: Stage) -> None:
    stage.agent.kill()
    stage.until_more("other", 3)
    # Nobody was left to take them away.
    assert {vrid for vrid, (address, _) in GROUPS.items() if stage.witness.has("best", address)} == set(GROUPS)
    before = len(stage.log())
    stage.start(stage.best)
    assert "192.0.2.100/24 on eth0 was left by an agent that died: removed" in stage.log()[before:]
    stage.until(best=True)
    stage.agent.stop()
    assert (stage.agent.popen.returncode, left(stage.best)) == (0, [])
    stage.start(stage.best)


def test_a_second_agent_on_a_host_refuses_in_a_line(stage: Stage) -> None:
    path = agents.configured(stage.best, *stage.routers(stage.best))
    before = len(stage.log())
    second = stage.best.start(COMMAND, "agent", "run", str(path))
    assert second.popen.wait(timeout=30) == 3
    stage.best.processes.remove(second)
    [line] = stage.log()[before:].splitlines()
    assert line.endswith("agent.json.lock is locked: another agent runs with this state file")


def test_what_happens_to_the_interface(stage: Stage) -> None:
    host, switch = stage.best, stage.lab.switch

    def after(*commands: tuple[Host, str]) -> None:
        for where, command in commands:
            where.ip("link", "set", *command.split())

    for away, back in (
        (((host, "eth0 down"),), ((host, "eth0 up"),)),
        (((switch, "lan-best down"),), ((switch, "lan-best up"),)),
        (((host, "eth0 name eth9"),), ((host, "eth9 name eth0"),)),
    ):
        after(*away)
        stage.until(best=False)
        after(*back)
        stage.until(best=True)
    host.ip("link", "del", "eth0")
    stage.until(best=False)
    stage.lab.attach(host, NUMBERS["best"], bridge="lan", addresses=(f"192.0.2.{NUMBERS['best']}/24",))
    stage.until(best=True)
    host.ip("address", "flush", "dev", "eth0")
    stage.until(best=False)
    host.ip("address", "add", f"192.0.2.{NUMBERS['best']}/24", "dev", "eth0")


def test_what_is_removed_by_hand_is_put_back(stage: Stage) -> None:
    host = stage.best
    told = stage.log().count("192.0.2.100 was removed by somebody else")
    for _ in range(4):
        number = len(stage.witness.held("best", "192.0.2.100", 0))
        host.ip("address", "del", "192.0.2.100/24", "dev", "eth0")
        wait_until(
            lambda number=number: len(stage.witness.held("best", "192.0.2.100", 0)) > number,  # type: ignore[misc]
            at_most=10,
            what="the address",
            seen=stage.log,
        )
    # Whoever fights for it does not fill the log.
    assert stage.log().count("192.0.2.100 was removed by somebody else") - told <= 1
    host.ip("route", "flush", "table", "1000")
    host.ip("rule", "del", "priority", "99")
    wait_until(lambda: routed(host) == (1, 1), at_most=10, what="route and rule", seen=lambda: str(routed(host)))
    for command in (("link", "del"), ("link", "set", "down")):
        before = macvlan(host)
        assert before is not None
        host.ip(*command[:2], before[0], *command[2:])
        wait_until(lambda before=before: macvlan(host) not in (None, before), at_most=10, what="another macvlan")  # type: ignore[misc]
        stage.until(best=True)
    assert stage.log().count("by somebody else: it is put back") >= 3


def test_a_partition_makes_two_masters_and_its_end_one(stage: Stage) -> None:
    stage.part()
    for address, backup in GROUPS.values():
        stage.witness.until_masters(address, "best", backup)
    for vrid, (address, backup) in GROUPS.items():
        stage.until_more(backup, 3, vrid)
        # The witness sees what it is there to see.
        [double] = stage.witness.doubles(vrid, address, INTERVAL)
        assert double.length > INTERVAL
    stage.heal()
    stage.until(best=True)


def test_broken_settings_change_nothing_and_the_last_ones_count(stage: Stage) -> None:
    path = stage.best.folder / "agent.toml"
    good = path.read_text()
    held = stage.witness.held("best", "192.0.2.100", 0)
    path.write_text(good.replace("version = 1", "version = 7\nnonsense = 1"))
    for _ in range(50):
        os.kill(stage.agent.popen.pid, signal.SIGHUP)
        stage.agent.popen.poll()
    stage.until_said("nothing is changed")
    # A router of an id that the host did not have listens first; what is asked for meanwhile is done after it.
    more = [agents.router(f"new{number}", id=number) | {"addresses": [f"192.0.2.{number}/24"]} for number in (61, 62)]
    for count in (1, 2):
        agents.configured(stage.best, *stage.routers(stage.best), *more[:count], agent={"listen": 1.0})
        os.kill(stage.agent.popen.pid, signal.SIGHUP)
        if count == 1:
            wait_until(lambda: "new61" in agents.states(stage.best), at_most=10, what="the first", seen=stage.log)
    wait_until(lambda: "new62" in agents.states(stage.best), at_most=10, what="the second", seen=stage.log)
    path.write_text(good)
    os.kill(stage.agent.popen.pid, signal.SIGHUP)
    wait_until(lambda: set(agents.states(stage.best)) == {"r51", "r52", "r53"}, at_most=10, what="the first settings")
    assert stage.witness.held("best", "192.0.2.100", 0) == held


def test_a_flood_of_the_kernels_news_loses_no_advert_and_nothing_that_matters(stage: Stage) -> None:
    before = len(stage.witness.adverts(51, "best"))
    stage.until_more("best", 1)
    flood = "".join(f"address {verb} 203.0.113.{i % 250}/32 dev lo\n" for i in range(8000) for verb in ("add", "del"))
    stage.best.do("ip", "-force", "-batch", "-", stdin=flood + "address del 192.0.2.102/24 dev eth0\n")
    stage.until_more("best", 5)
    stage.until(best=True)
    adverts = stage.witness.adverts(51, "best")[before:]
    assert max(later.at - one.at for one, later in pairwise(adverts)) < 2 * INTERVAL * 1e9


def test_full_disks_hanging_hooks_and_trackers_and_pipes_that_nobody_reads(stage: Stage) -> None:
    """The agent takes over and lets go as ever, says what is wrong, and ends in good order."""
    host = stage.best
    stage.agent.stop()
    stage.until(best=False)
    place = host.folder / "full"
    place.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=16k,nr_inodes=16", "none", str(place))
    try:
        stage.start(
            host,
            agent={"state": str(place / "agent.json"), "fifo": str(host.folder / "fifo")},
            notify={"any": ["/bin/sleep", "1000"], "timeout": 300},
            tracker=[{"name": "hangs", "type": "script", "command": ["/bin/sleep", "1000"], "timeout": 1, "fall": 100}],
        )
        stage.until(best=True)
        run("sh", "-c", f"head -c 65536 /dev/zero >{place}/rest || true")
        host.ip("link", "del", "eth0")
        stage.until(best=False)
        stage.lab.attach(host, NUMBERS["best"], bridge="lan", addresses=(f"192.0.2.{NUMBERS['best']}/24",))
        stage.until(best=True)
        assert "agent.json: cannot be written (No space left on device)" in stage.log()
        stage.agent.popen.terminate()
        assert stage.agent.popen.wait(timeout=20) == 0
        assert left(host) == []
    finally:
        run("umount", "--lazy", str(place))
    stage.start(host)


def test_children_that_are_killed_come_back(stage: Stage) -> None:
    stage.agent.stop()
    stage.start(
        stage.best,
        agent={"audit": True},
        tracker=[{"name": "there", "type": "file", "path": "/etc/hostname"}],
        notify={"any": ["/bin/true"]},
    )
    stage.until(best=True)
    held = stage.witness.held("best", "192.0.2.100", 0)
    modules = ("janitor.py", "launcher_process", "checker_process", "auditing.sniffer")
    wait_until(lambda: None not in map(_child, [stage.agent] * 4, modules), at_most=20, what="the children")
    for module in modules:
        pid = _child(stage.agent, module)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        if module == "launcher_process":
            # With the next program that is to be run.
            stage.best.ip("link", "set", "eth0", "down")
            stage.until(best=False)
            stage.best.ip("link", "set", "eth0", "up")
            stage.until(best=True)
            held = stage.witness.held("best", "192.0.2.100", 0)
        wait_until(
            lambda module=module, pid=pid: _child(stage.agent, module) not in (None, pid),  # type: ignore[misc]
            at_most=20,
            what=f"another {module}",
            seen=stage.log,
        )
    assert stage.witness.held("best", "192.0.2.100", 0) == held
    stage.agent.stop()
    assert left(stage.best) == []
    stage.start(stage.best)


def _child(process: Process, module: str) -> int | None:
    """The living child that runs a module."""
    for pid in process.family()[1:]:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if module in Path(f"/proc/{pid}/cmdline").read_text():
                return pid
    return None
