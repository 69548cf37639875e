"""A bridge's limit counts what a speaker sends, not the copies of it that go out of every port."""

import pytest

from tests.firewall.kernel import need
from tests.firewall.packets import advert
from tests.firewall.policies import group, policy
from vrrpwatch.firewall import ebtables, nftables_bridge
from vrrpwatch.firewall.flows import Plan, plan
from vrrpwatch.firewall.proof import prove
from vrrpwatch.firewall.proof_classes import Captured
from vrrpwatch.firewall.proof_rules import read_rules

ETHERNET = 1


def bridge(ports: int) -> Plan:
    others = [f"port{number}" for number in range(1, ports)]
    return plan(policy(group("lan"), segments=({"name": "lan", "interface": "port0", "interfaces": others},)), "bridge")


@pytest.mark.parametrize(("ports", "rate"), [(2, "rate 5/second burst 10"), (13, "rate 60/second burst 120")])
def test_there_is_room_for_every_copy(ports: int, rate: str) -> None:
    assert nftables_bridge.render(bridge(ports)).count(rate) == 2


@pytest.mark.parametrize("backend", [nftables_bridge, ebtables])
def test_twelve_ports_take_no_more_from_a_limit_than_two(backend: object) -> None:
    need("nft", "ebtables-restore")
    made = bridge(12)
    rules = read_rules("rules", backend.render(made).encode())  # type: ignore[attr-defined]
    captured = [Captured(0, number, number * 1_000_000_000, "lan", ETHERNET, advert(), 60) for number in range(1, 4)]
    proof = prove(made, [rules], captured)
    assert proof.violations == ()
    assert proof.bursts
