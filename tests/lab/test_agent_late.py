"""What an agent does when something comes late or breaks: an interface after its start, an error in the middle."""

import os
import signal
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.lab import agents
from tests.lab.network import Host, Lab, missing
from tests.lab.waiting import wait_until

_WHY = missing()
pytestmark = pytest.mark.skipif(_WHY is not None and "VRRPWATCH_CI" not in os.environ, reason=_WHY or "")

# The agent with a timer that fails as soon as there is a file.
_BROKEN = """\
import sys
from pathlib import Path
from vrrpwatch.agent.node import Node
plain, trigger = Node.wake, Path(sys.argv[2])
def wake(self, now):
    if trigger.exists():
        raise LookupError("what nobody expected")
    plain(self, now)
Node.wake = wake
from vrrpwatch.cli.main import main
sys.argv = ["vrrpwatch", "agent", "run", sys.argv[1]]
main()
"""


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab() as made:
        made.bridge("lan")
        yield made


def late(lab: Lab) -> Host:
    """A host whose address comes after the agent has begun."""
    host = lab.host("late", 11)
    host.ip("address", "flush", "dev", "eth0")
    agents.start(host, agents.router(priority=150), agent={"listen": 3, "audit": True})
    wait_until(lambda: "no IPv4 address" in fault(host), at_most=15, what="a fault", seen=lambda: fault(host))
    host.ip("address", "add", "192.0.2.11/24", "dev", "eth0")
    return host


def fault(host: Host) -> str:
    return str(web(host).get("faults"))


def web(host: Host) -> dict[str, Any]:
    status = agents.try_status(host)
    return {} if status is None else dict(status["routers"][0])


def test_an_interface_that_comes_late_is_listened_to_before_a_word_is_said(lab: Lab) -> None:
    agents.start(lab.host("stranger", 12), agents.router(version=2))
    agents.await_state(lab.hosts["stranger"], "master")
    host = late(lab)
    wait_until(lambda: "version-mismatch" in fault(host), at_most=20, what="an objection", seen=lambda: fault(host))
    assert (web(host)["state"], web(host)["adverts"]["sent"]) == ("fault", 0)
    # Once there is nothing to be said against it, a reload lets it in.
    lab.hosts["stranger"].processes[-1].stop()
    agents.ask(host, "reload")
    agents.await_state(host, "master")


def test_the_sniffer_watches_what_came_late(lab: Lab) -> None:
    host = late(lab)
    agents.await_state(host, "master")
    wait_until(
        lambda: bool((agents.try_status(host) or {}).get("agent", {}).get("audited")),
        at_most=20,
        what="the sniffer to watch",
    )


def test_an_agent_that_fails_lets_go(lab: Lab) -> None:
    broken, other = lab.host("broken", 11), lab.host("other", 12)
    path, trigger = agents.configured(broken, agents.router(priority=150)), broken.folder / "fail"
    process = broken.start(sys.executable, "-P", "-c", _BROKEN, str(path), str(trigger))
    agents.await_state(broken, "master")
    agents.start(other, agents.router(priority=100))
    trigger.touch()
    wait_until(lambda: not process.running(), at_most=15, what="the agent to end", seen=process.log.read_text)
    assert "LookupError: what nobody expected" in process.log.read_text()
    assert process.popen.returncode == 3
    assert not agents.holds(broken)
    agents.await_state(other, "master")


def test_settings_that_change_while_it_listens_are_read_when_it_has(lab: Lab) -> None:
    host = lab.host("alpha", 11)
    process = agents.start(host, agents.router(), agent={"listen": 3, "audit": False})
    agents.configured(host, agents.router(), agents.router("db", id=52, addresses=["192.0.2.101/24"]))
    # The shell before it has become the agent by now.
    os.kill(process.popen.pid, signal.SIGHUP)
    refused = agents.ask(host, "reload", check=False)
    assert (refused.returncode, web(host)["adverts"]["sent"]) == (3, 0), "by the socket one is told to come again"
    agents.await_state(host, "master", name="db", at_most=30)
    assert "router db: added" in process.log.read_text()
