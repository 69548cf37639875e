"""The octets of requests, worked out from linux/if_addr.h, rtnetlink.h and fib_rules.h."""

from vrrpwatch.agent.config.fields import Interface
from vrrpwatch.agent.config.routers import VirtualAddress, VirtualRoute, VirtualRule
from vrrpwatch.agent.holding import requests


def _octets(text: str) -> bytes:
    return bytes.fromhex(text)


def test_an_ipv4_address_has_scope_label_and_mark() -> None:
    wanted = VirtualAddress.model_validate({"address": "192.0.2.100/24", "label": "eth0:1", "scope": "link"})
    assert requests.add_address(wanted, 3, own_route=True) == _octets(
        "3c000000 1400 0106 00000000 00000000"  # RTM_NEWADDR; REQUEST, EXCL, CREATE
        "02 18 00 fd 03000000"  # AF_INET, /24, no flags, RT_SCOPE_LINK, the link
        "0800 0200 c0000264 0800 0100 c0000264"  # IFA_LOCAL, IFA_ADDRESS
        "0b00 0300 657468303a31 00 00"  # IFA_LABEL
        "0500 0b00 70 000000"  # IFA_PROTO 112
    )


def test_an_address_is_deleted_with_its_prefix() -> None:
    wanted = VirtualAddress.model_validate({"address": "192.0.2.100/24"})
    address: Interface = wanted.address
    assert requests.remove_address(address, 3) == _octets(
        "28000000 1500 0100 00000000 00000000 02 18 00 00 03000000 0800 0200 c0000264 0800 0100 c0000264"
    )


def test_an_ipv6_address_is_not_checked_for_duplicates_and_deprecated_from_the_start() -> None:
    wanted = VirtualAddress.model_validate({"address": "2001:db8::100/64", "label": "eth0:1"})
    address = "20010db8 00000000 00000000 00000100"
    assert requests.add_address(wanted, 3, own_route=False) == _octets(
        "64000000 1400 0106 00000000 00000000 0a 40 00 00 03000000"
        f"1400 0200 {address} 1400 0100 {address}"
        "1400 0600 00000000 ffffffff 00000000 00000000"  # IFA_CACHEINFO: preferred for 0 s, valid for ever
        "0800 0800 02020000"  # IFA_FLAGS: NODAD, NOPREFIXROUTE
        "0500 0b00 70 000000"
    )


def test_a_route_of_a_high_table_is_marked_as_ours() -> None:
    wanted = VirtualRoute.model_validate(
        {"to": "198.51.100.0/24", "via": "192.0.2.7", "source": "192.0.2.100", "table": 1000, "metric": 7}
    )
    attributes = (
        "0800 0100 c6336400"  # RTA_DST
        "0800 0f00 e8030000"  # RTA_TABLE
        "0800 0500 c0000207"  # RTA_GATEWAY
        "0800 0400 03000000"  # RTA_OIF
        "0800 0700 c0000264"  # RTA_PREFSRC
        "0800 0600 07000000"  # RTA_PRIORITY
    )
    # AF_INET, /24, table 252 (it is in the attribute), protocol 112, scope universe, RTN_UNICAST.
    assert requests.add_route(wanted, 3) == _octets(
        "4c000000 1800 0106 00000000 00000000 02 18 00 00 fc 70 00 01 00000000" + attributes
    )
    assert requests.remove_route(wanted, 3) == _octets(
        "4c000000 1900 0100 00000000 00000000 02 18 00 00 fc 70 ff 01 00000000" + attributes
    )


def test_the_default_route_has_no_destination_and_one_without_a_gateway_is_on_the_link() -> None:
    assert requests.add_route(VirtualRoute.model_validate({"to": "0.0.0.0/0", "interface": "eth0"}), 3) == _octets(
        "2c000000 1800 0106 00000000 00000000 02 00 00 00 fe 70 fd 01 00000000 0800 0f00 fe000000 0800 0400 03000000"
    )


def test_a_rule_is_marked_as_ours() -> None:
    wanted = VirtualRule.model_validate({"from": "10.0.0.0/8", "to": "::/0", "table": 1000, "priority": 99})
    assert requests.add_rule(wanted) == _octets(
        "3c000000 2000 0106 00000000 00000000 02 00 08 00 fc 00 00 01 00000000"
        "0800 0600 63000000 0800 0f00 e8030000 0500 1500 70 000000 0800 0200 0a000000"
    )
