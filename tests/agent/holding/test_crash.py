"""What is left of an agent that was killed: nothing, whoever else was killed with it; on hosts in namespaces."""

import fcntl
import json
import os
import re
import select
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.agent import ether
from tests.agent.holding.hosts import (
    addresses,
    end,
    holding,
    is_running,
    links,
    listed,
    needs_hosts,
    router,
    sysctl,
    two_hosts,
)
from tests.lab.live import inside
from tests.lab.network import Host, Process
from tests.lab.waiting import wait_until
from vrrpwatch.agent.holding import holder as holders
from vrrpwatch.agent.holding.holder import Holder, HoldingError
from vrrpwatch.agent.ports import Attachment

pytestmark = needs_hosts
OWN = {"192.0.2.1/24", "fe80::1/64"}
PLAIN: dict[str, Any] = {"addresses": ["192.0.2.100/24", {"address": "2001:db8::100/64", "advertise": False}]}
ROUTED = {
    "routes": [{"to": "198.51.100.0/24", "via": "192.0.2.7", "table": 1000}],
    "rules": [{"from": "198.51.100.0/24", "table": 1000, "priority": 99}],
}


@pytest.fixture(scope="module")
def me() -> Iterator[Host]:
    with two_hosts() as made:
        yield made[0]


@pytest.fixture
def state(me: Host, tmp_path: Path) -> Iterator[Path]:
    links_before = links(me)
    yield tmp_path / "agent.json"
    assert (addresses(me), links(me)) == (OWN, links_before)
    assert listed(me, "route", "show", "table", "1000") == []
    assert [one for one in listed(me, "rule") if one["table"] == "1000"] == []
    for key, value in (("arp_ignore", 0), ("arp_announce", 0), ("promote_secondaries", 0)):
        assert sysctl(me, f"net.ipv4.conf.eth0.{key}") == value
    assert me.do("nft", "list", "ruleset") == ""


def _agent(host: Host, state: Path, **given: Any) -> Process:
    """An agent in a process of its own that holds an ordinary router and one with a virtual MAC."""
    virtual = ether.router("virtual", vmac=True, id=52, accept=False, addresses=["192.0.2.101/24"])
    wanted = json.dumps([ether.router("plain", **PLAIN, **given), virtual])
    process = host.start(sys.executable, "-m", "tests.agent.holding.holding_process", str(state), wanted)
    before = process.log.stat().st_size
    wait_until(
        lambda: b"holds" in process.log.read_bytes()[before:], at_most=30, what="the agent", seen=process.log.read_text
    )
    assert {"192.0.2.100/24", "192.0.2.101/24", "2001:db8::100/64"} < addresses(host)
    return process


def _janitor(process: Process) -> int:
    agent, janitor = process.family()
    assert agent == process.popen.pid
    return janitor


def _gone(pid: int) -> None:
    wait_until(lambda: not is_running(pid), at_most=10, what=f"process {pid} to end")


def test_the_janitor_takes_everything_off_the_host_of_a_killed_agent(me: Host, state: Path) -> None:
    agent = _agent(me, state, **ROUTED)
    janitor = _janitor(agent)
    end(agent.popen.pid, signal.SIGKILL)
    _gone(janitor)
    assert addresses(me) == OWN


def test_the_janitor_outlives_what_ends_the_agents_process_group_and_session(me: Host, state: Path) -> None:
    agent = _agent(me, state)
    janitor = _janitor(agent)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
        end(janitor, number)
    assert os.getpgid(janitor) == os.getsid(janitor) == janitor
    os.killpg(os.getpgid(agent.popen.pid), signal.SIGKILL)
    _gone(janitor)
    assert addresses(me) == OWN


def test_after_an_orderly_stop_the_janitor_has_nothing_to_do(me: Host, state: Path) -> None:
    agent = _agent(me, state)
    janitor = _janitor(agent)
    before = agent.log.stat().st_size
    agent.stop()
    assert not is_running(janitor)
    assert not state.exists()
    assert b"died" not in agent.log.read_bytes()[before:]


def test_where_the_janitor_was_killed_too_the_next_agent_cleans_up(me: Host, state: Path) -> None:
    agent = _agent(me, state, **ROUTED)
    janitor = _janitor(agent)
    end(janitor, signal.SIGKILL)
    end(agent.popen.pid, signal.SIGKILL)
    agent.popen.wait(timeout=5)
    assert {"192.0.2.100/24", "192.0.2.101/24"} < addresses(me)
    with holding(me, state) as here:
        assert addresses(me) == OWN
        macvlan = next(line for line in here.told if "macvlan" in line)
        assert re.fullmatch(r"the macvlan vw-52-[0-9a-f]{8} was left by an agent that died: removed", macvlan)
        assert set(here.told) - {macvlan} == {
            f"{what} was left by an agent that died: removed"
            for what in (
                "192.0.2.100/24 on eth0",
                "2001:db8::100/64 on eth0",
                f"192.0.2.101/24 on {macvlan.split()[2]}",
                "the route to 198.51.100.0/24 in table 1000",
                "the rule 99 for table 1000",
            )
        } | {
            f"/proc/sys/net/ipv4/conf/eth0/{key} was left at {now} by an agent that died: set to 0 again"
            for key, now in (("arp_ignore", 1), ("arp_announce", 2), ("promote_secondaries", 1))
        }


def test_without_a_state_file_an_address_that_is_marked_as_ours_is_removed(me: Host, state: Path) -> None:
    agent = _agent(me, state)
    end(_janitor(agent), signal.SIGKILL)
    end(agent.popen.pid, signal.SIGKILL)
    agent.popen.wait(timeout=5)
    kept = state.rename(state.with_name("kept"))
    with holding(me, state) as here:
        assert isinstance(here.holder.attach(router("plain")), Attachment)
        assert here.told == ["plain: 192.0.2.100/24 was left on eth0 by an agent that died: removed"]
    # The rest goes by the file, so that the next test finds a clean host.
    kept.rename(state)
    with holding(me, state):
        pass


def test_an_agent_started_at_once_waits_for_the_janitor_of_the_dead_one(me: Host, state: Path) -> None:
    agent = _agent(me, state)
    janitor = _janitor(agent)
    end(agent.popen.pid, signal.SIGKILL)
    with holding(me, state) as here:
        assert isinstance(here.holder.attach(router("plain")), Attachment)
        here.holder.acquire("plain")
        _gone(janitor)
        assert addresses(me) == OWN | {"192.0.2.100/24"}
        assert here.told == []


def test_two_agents_do_not_run_with_one_state_file(me: Host, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holders, "_PREDECESSOR", 0.0)
    with (
        holding(me, state) as here,
        pytest.raises(HoldingError, match="locked: another agent runs with this state file"),
    ):
        Holder(here.state, here.told.append)


def test_a_janitor_that_was_killed_gets_a_successor(me: Host, state: Path) -> None:
    with inside(me.namespace):
        told: list[str] = []
        holder = Holder(state, told.append)
        holder.attach(router("plain", **PLAIN))
        holder.acquire("plain")
        [janitor] = _children()
        assert select.select([holder.janitor], [], [], 0)[0] == []
        os.kill(janitor, signal.SIGKILL)
        assert select.select([holder.janitor], [], [], 10)[0] == [holder.janitor]
        holder.revive_janitor()
        assert told == ["the janitor has died: another is started"]
        assert {"192.0.2.100/24", "2001:db8::100/64"} < addresses(me)
        [successor] = _children()
        # What the agent's death would do, without the death: its end of the pipe goes.
        os.close(holder.janitor._pipe)
        os.waitid(os.P_PID, successor, os.WEXITED | os.WNOWAIT)
        assert addresses(me) == OWN
        holder.janitor._pipe = os.open(os.devnull, os.O_WRONLY)
        holder.close()


def test_a_janitor_that_hangs_is_replaced_and_does_nothing_any_more(
    me: Host, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vrrpwatch.agent.holding.janitor_start._TAKEN", 0.05)
    with holding(me, state) as here:
        here.holder.attach(router("plain"))
        here.holder.acquire("plain")
        [hanging] = _children()
        os.kill(hanging, signal.SIGSTOP)
        # More than a pipe holds.
        fcntl.fcntl(here.holder.janitor._pipe, fcntl.F_SETPIPE_SZ, 4096)
        many = [f"198.51.{number // 250}.{number % 250 + 1}/32" for number in range(250)]
        here.holder.attach(router("many", id=53, addresses=many))
        assert here.told == [f"the janitor does not read what it is told (process {hanging})"]
        assert select.select([here.holder.janitor], [], [], 10)[0] == [here.holder.janitor]
        here.holder.revive_janitor()
        assert addresses(me) == OWN | {"192.0.2.100/24"}
        assert _children() != [hanging]


def _children() -> list[int]:
    """The janitors of this test's own holder."""
    found = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return [int(pid) for pid in found if b"janitor.py" in Path(f"/proc/{pid}/cmdline").read_bytes()]
