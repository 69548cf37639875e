"""A conversation outlives changes of masters, and what carries it over leaves nothing behind."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab import agents
from tests.lab.network import Host, Lab, missing
from tests.lab.waiting import wait_until

_WHY = missing()
pytestmark = pytest.mark.skipif(_WHY is not None and "VRRPWATCH_CI" not in os.environ, reason=_WHY or "")

VIP = "192.0.2.100"
_ALWAYS = {"handover": "always", "handover_time": 30}


class Scene:
    """Two hosts that answer, and a client."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        lab.bridge("lan")
        self.alpha, self.beta, self.client = lab.host("alpha", 11), lab.host("beta", 12), lab.host("client", 50)
        for host in (self.alpha, self.beta):
            _program(host, "serve", host.name)

    def talk(self) -> "Talk":
        return Talk(self.client)


class Talk:
    def __init__(self, client: Host) -> None:
        self._path = client.folder / "talk.json"
        self.process = _program(client, "talk", VIP, str(self._path))
        self.goes_on()

    def seen(self) -> dict[str, Any]:
        try:
            told: dict[str, Any] = json.loads(self._path.read_text())
        except FileNotFoundError:
            return {"answers": 0, "servers": [], "broken": ""}
        return told

    def goes_on(self, answers: int = 20) -> None:
        """Waits for so many answers."""
        target = self.seen()["answers"] + answers
        wait_until(
            lambda: self.seen()["answers"] >= target,
            at_most=15,
            what="the conversation to go on",
            seen=lambda: f"{self.seen()} {self.process.log.read_text()}",
        )


def _program(host: Host, *arguments: str) -> Any:
    return host.start(sys.executable, "-P", str(Path(__file__).with_name("conversing.py")), *arguments)


def tables(host: Host) -> list[str]:
    """The handovers that the kernel of a host has rules of."""
    return sorted(line.split()[2] for line in host.do("nft", "list", "tables").splitlines() if "vrrpwatch" in line)


def packets(host: Host) -> int:
    return int(host.do("cat", "/sys/class/net/eth0/statistics/rx_packets"))


@pytest.fixture
def scene() -> Iterator[Scene]:
    with Lab() as lab:
        yield Scene(lab)


def test_a_master_that_is_preempted_finishes_its_conversation(scene: Scene) -> None:
    agents.start(scene.beta, agents.router(priority=100), agent=_ALWAYS)
    agents.await_state(scene.beta, "master")
    talk = scene.talk()
    agents.start(scene.alpha, agents.router(priority=150), agent=_ALWAYS)
    agents.await_state(scene.alpha, "master")
    agents.await_state(scene.beta, "backup")
    before, answers = packets(scene.beta), talk.seen()["answers"]
    talk.goes_on(50)
    assert talk.seen()["servers"] == ["beta"]
    # Each answer takes two packets to beta or three, and some of its own traffic: they must not run in circles.
    assert packets(scene.beta) - before < 20 * (talk.seen()["answers"] - answers)


def test_an_agent_that_stops_finishes_what_was_handed_back_to_it(scene: Scene) -> None:
    alpha = agents.start(scene.alpha, agents.router(priority=150), agent={"handover_time": 8})
    agents.start(scene.beta, agents.router(priority=100), agent={"handover_time": 8})
    agents.await_state(scene.alpha, "master")
    talk = scene.talk()
    agents.ask(scene.alpha, "drain", "--wait", "5")
    alpha.popen.terminate()
    talk.goes_on(20)
    assert talk.seen()["servers"] == ["alpha"]
    wait_until(lambda: not alpha.running(), at_most=15, what="the agent to end", seen=alpha.log.read_text)
    assert (agents.holds(scene.alpha), tables(scene.alpha)) == (False, [])


def test_what_an_agent_left_that_was_killed_in_the_middle_is_removed_at_its_next_start(scene: Scene) -> None:
    alpha = agents.start(scene.alpha, agents.router(priority=150), agent={"handover_time": 30})
    agents.start(scene.beta, agents.router(priority=100))
    agents.await_state(scene.alpha, "master")
    agents.ask(scene.alpha, "drain", "--wait", "5", check=False)
    agents.await_state(scene.alpha, "backup")
    wait_until(lambda: tables(scene.alpha) == ["vrrpwatch-quiet-4-51-2"], at_most=5, what="silence")
    alpha.kill()
    agents.start(scene.alpha, agents.router(priority=150))
    wait_until(lambda: tables(scene.alpha) == [], at_most=5, what="the end of the silence")


def test_addresses_on_another_interface_are_kept_silent_there() -> None:
    with Lab() as lab:
        lab.bridge("lan")
        lab.bridge("service")
        hosts = {}
        for name, number in (("alpha", 11), ("beta", 12)):
            hosts[name] = lab.host(name, number)
            lab.attach(
                hosts[name], number, bridge="service", addresses=(f"198.51.100.{number}/24",), interface="eth1", card=1
            )
            there = agents.router(
                priority=161 - number, addresses=[{"address": "198.51.100.100/24", "interface": "eth1"}]
            )
            agents.start(hosts[name], there, agent={"handover_time": 20})
        client = lab.host("client", 50, bridge="service", network="198.51.100")
        agents.await_state(hosts["alpha"], "master")
        agents.ask(hosts["alpha"], "drain", "--wait", "5", check=False)
        agents.await_state(hosts["beta"], "master")
        wait_until(lambda: tables(hosts["alpha"]) == ["vrrpwatch-quiet-4-51-2"], at_most=5, what="silence")
        assert agents.holds(hosts["alpha"], "198.51.100.100"), "it lingers"
        for _ in range(10):
            client.ip("neighbour", "flush", "dev", "eth0")
            client.do("ping", "-c", "1", "-W", "2", "198.51.100.100")
            (learned,) = json.loads(client.do("ip", "-json", "neighbour", "show", "198.51.100.100"))
            assert learned["lladdr"] == "02:00:00:00:01:12"
