"""A switch that falls in two and is one again: clients learn again where the address is."""

import json
from typing import Any

import pytest

from tests.lab import agents
from tests.lab.network import Host, Lab, missing
from tests.lab.waiting import wait_until

_WHY = missing()
pytestmark = pytest.mark.skipif(_WHY is not None, reason=str(_WHY))


def _neighbour(client: Host) -> str | None:
    """Whom the client takes the address to be at."""
    told = json.loads(client.do("ip", "-json", "neighbour", "show", "192.0.2.100"))
    return next((one.get("lladdr") for one in told), None)


def _await_neighbour(client: Host, mac: str) -> None:
    wait_until(lambda: _neighbour(client) == mac, at_most=15, what=mac, seen=lambda: str(_neighbour(client)))


def test_clients_of_the_master_that_yields_are_told_of_the_one_that_stays() -> None:
    with Lab() as lab:
        for bridge in ("lan", "far"):
            lab.bridge(bridge)
        lab.switch.ip("link", "add", "trunk", "type", "veth", "peer", "name", "knurt")
        for end, bridge in (("trunk", "lan"), ("knurt", "far")):
            lab.switch.ip("link", "set", end, "master", bridge, "up")
        hosts = {"lb1": lab.host("lb1", 11), "lb2": lab.host("lb2", 12, bridge="far")}
        client = lab.host("client", 50, bridge="far")
        # What it once knows it believes: it does not ask again by itself.
        client.sysctl({"net.ipv4.neigh.eth0.base_reachable_time_ms": "3600000", "net.ipv4.conf.eth0.arp_accept": "1"})
        for name, priority in (("lb1", 150), ("lb2", 100)):
            # Once, so that nothing but the rival makes lb1 announce again.
            given: dict[str, Any] = {"priority": priority, "interval": 0.3, "announce": {"repeat": 1, "delay": 0}}
            routers = [agents.router(**given), agents.router("other", id=52, addresses=["192.0.2.99/24"], **given)]
            sync = [{"name": "both", "routers": ["web", "other"]}]
            agents.start(hosts[name], *routers, sync=sync)
        agents.await_state(hosts["lb1"], "master")
        _await_neighbour(client, "02:00:00:00:00:11")
        lab.switch.ip("link", "set", "trunk", "down")
        agents.await_state(hosts["lb2"], "master")
        _await_neighbour(client, "02:00:00:00:00:12")
        lab.switch.ip("link", "set", "trunk", "up")
        agents.await_state(hosts["lb2"], "backup")
        _await_neighbour(client, "02:00:00:00:00:11")
