"""Where a router meets its network: faults, source addresses, macvlan names; judged from made-up facts."""

from ipaddress import ip_address

import pytest

from tests.agent.holding.hosts import router
from vrrpwatch.agent.holding.attachments import fault, macvlan_name, router_mac, source
from vrrpwatch.agent.holding.facts import Address, Link

ETH0 = Link(3, "eth0", "02:00:00:00:00:01", up=True, running=True, ethernet=True, kind="", below=0)


def _on(index: int, text: str, prefix: int = 24, *, flags: int = 0x80, protocol: int = 0) -> Address:
    return Address(index, ip_address(text), prefix, flags, 0, protocol)


@pytest.mark.parametrize(
    ("link", "reason"),
    [
        (None, "there is no interface eth0"),
        (ETH0._replace(ethernet=False), "eth0 is no Ethernet interface"),
        (ETH0._replace(up=False, running=False), "eth0 is down"),
        (ETH0._replace(running=False), "eth0 has no carrier"),
        (ETH0, None),
    ],
)
def test_a_router_runs_on_an_ethernet_interface_that_carries_frames(link: Link | None, reason: str | None) -> None:
    assert fault(router(), link) == reason


def test_adverts_come_from_the_first_primary_address_of_the_interface() -> None:
    there = [_on(2, "203.0.113.1"), _on(3, "192.0.2.9", flags=0x81), _on(3, "192.0.2.1"), _on(3, "192.0.2.2")]
    assert source(router(), 3, there) == ip_address("192.0.2.1")


def test_adverts_come_from_no_virtual_address_but_an_owners() -> None:
    there = [_on(3, "192.0.2.100"), _on(3, "192.0.2.99", 32, protocol=112), _on(3, "192.0.2.1")]
    assert source(router(), 3, there) == ip_address("192.0.2.1")
    assert source(router(priority=255), 3, there[:1]) == ip_address("192.0.2.100")
    assert source(router(), 3, there[:2]) == "eth0 has no IPv4 address to send from: add one, or give source"


def test_adverts_come_from_the_address_given_wherever_it_is() -> None:
    given = router(source="203.0.113.1")
    assert source(given, 3, [_on(3, "192.0.2.1"), _on(2, "203.0.113.1")]) == ip_address("203.0.113.1")
    assert source(given, 3, [_on(3, "192.0.2.1")]) == (
        "203.0.113.1 is on no interface of this host: add it to eth0, or correct source"
    )


IPV6 = ["fe80::100/64", "2001:db8::100/64"]


def test_ipv6_adverts_come_from_the_link_local_address_once_it_is_known_to_be_unique() -> None:
    there = [_on(3, "192.0.2.1"), _on(3, "2001:db8::1", 64), _on(3, "fe80::1", 64)]
    assert source(router(addresses=IPV6), 3, there) == ip_address("fe80::1")
    assert source(router(addresses=IPV6), 3, there[:2]) == (
        "eth0 has no link-local IPv6 address to send from: add one, or give source"
    )
    assert source(router(addresses=IPV6), 3, [_on(3, "fe80::1", 64, flags=0xC0)]) == (
        "fe80::1 of eth0 is still being checked for duplicates"
    )
    assert source(router(addresses=IPV6), 3, [_on(3, "fe80::1", 64, flags=0x88)]) == (
        "another host has fe80::1 of eth0 too: give one of them another address"
    )


def test_global_ipv6_peers_are_told_from_a_global_address() -> None:
    there = [_on(3, "fe80::1", 64), _on(3, "2001:db8::1", 64)]
    assert source(router(addresses=IPV6, peers=["2001:db8::2"]), 3, there) == ip_address("2001:db8::1")
    assert source(router(addresses=IPV6, peers=["fe80::2"]), 3, there) == ip_address("fe80::1")


def test_macvlans_of_two_routers_have_two_names_of_no_more_than_15_characters() -> None:
    names = {
        macvlan_name(router(id=255)),
        macvlan_name(router(id=255, addresses=IPV6)),
        macvlan_name(router(id=254)),
        macvlan_name(router(id=255, interface="a-long-name.100")),
    }
    assert len(names) == 4
    assert max(len(name) for name in names) == 15
    assert macvlan_name(router(id=255)) == macvlan_name(router("renamed", id=255, priority=1))


def test_each_family_has_its_virtual_mac() -> None:
    assert router_mac(router()) == "00:00:5e:00:01:33"
    assert router_mac(router(addresses=IPV6)) == "00:00:5e:00:02:33"
