"""What a plan wants of packets that are laid out octet by octet."""

import struct
from ipaddress import IPv4Address
from typing import Any

import pytest

from tests.firewall.policies import group, policy
from vrrpwatch.firewall.expectation import Passage, expect
from vrrpwatch.firewall.flows import Plan, plan
from vrrpwatch.wire.link import dissect
from vrrpwatch.wire.values import Packet

ETHERNET = 1
IN = Passage("input", "eth0", None)
OUT = Passage("output", None, "eth0")
ADVERT = bytes((0x21, 51, 150, 1, 0, 1, 0, 0)) + bytes(12)


def packet(
    payload: bytes = ADVERT,
    *,
    source: str = "192.0.2.11",
    destination: str = "224.0.0.18",
    protocol: int = 112,
    ttl: int = 255,
    mac: str = "020000000011",
    vlan: int | None = None,
    flags: int = 0,
) -> Packet:
    ends = IPv4Address(source).packed + IPv4Address(destination).packed
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 7, flags, ttl, protocol, 0) + ends
    tag = b"" if vlan is None else struct.pack("!HH", 0x8100, vlan)
    frame = bytes.fromhex("01005e000012" + mac) + tag + b"\x08\x00" + header + payload
    return dissect(frame, ETHERNET, len(frame))


SPEAKER = plan(policy(), "speaker")


@pytest.mark.parametrize(
    ("heard", "wanted"),
    [
        (packet(), "keep"),
        (packet(ttl=254), "drop"),
        (packet(ADVERT[:1] + b"\x34" + ADVERT[2:]), "drop"),
        (packet(source="192.0.2.13"), "drop"),
        (packet(mac="020000000099"), "drop"),
        # Bravo is listed with any MAC.
        (packet(source="192.0.2.12", mac="020000000099"), "keep"),
        (packet(destination="224.0.0.19"), "drop"),
        # In an Authentication Header with an authentication value of 12 octets, and of 16.
        (packet(bytes((112, 4)) + bytes(22) + ADVERT, protocol=51), "keep"),
        (packet(bytes((112, 5)) + bytes(26) + ADVERT, protocol=51), "drop"),
        # AH around anything else, IGMP to the group, and everything that has nothing to do with it.
        (packet(bytes((6, 4)) + bytes(42), protocol=51, destination="192.0.2.1"), "ignore"),
        (packet(bytes(8), protocol=2), "ignore"),
        (packet(bytes(8), protocol=17, destination="239.1.2.3"), "ignore"),
        # Anything else to VRRP's own group, and what announces state that the policy does not know.
        (packet(bytes(8), protocol=17), "drop"),
        (packet(struct.pack("!HHHH", 3780, 3780, 8, 0), protocol=17, destination="225.0.0.50"), "drop"),
        (packet(struct.pack("!HHHH", 3780, 3781, 8, 0), protocol=17, destination="225.0.0.50"), "ignore"),
        # A later fragment shows no VRID.
        (packet(flags=4), "drop"),
    ],
)
def test_what_a_speaker_hears(heard: Packet, wanted: str) -> None:
    assert expect(SPEAKER, heard, IN).wanted == wanted


def test_carp_is_never_in_an_authentication_header() -> None:
    carp = plan(policy(group(protocol="carp", speakers=[{"ip": "192.0.2.11"}])), "speaker")
    assert expect(carp, packet(), IN).wanted == "keep"
    assert expect(carp, packet(bytes((112, 4)) + bytes(22) + ADVERT, protocol=51), IN).wanted == "drop"


def test_what_belongs_says_to_what() -> None:
    flow = expect(SPEAKER, packet(), IN).flow
    assert flow is not None
    assert flow.serves == "vrrp 51 on eth0"


def test_a_host_has_no_source_mac_where_it_sends() -> None:
    assert expect(SPEAKER, packet(mac="020000000099"), OUT).wanted == "keep"
    assert expect(SPEAKER, packet(source="192.0.2.13"), OUT).wanted == "drop"


def test_other_devices_are_not_judged_until_a_segment_names_them() -> None:
    assert expect(SPEAKER, packet(), Passage("input", "eth1", None)).wanted == "ignore"
    both = plan(policy(group(), segments=({"name": "eth0"}, {"name": "eth1"})), "speaker")
    assert expect(both, packet(), Passage("input", "eth1", None)).wanted == "drop"
    assert expect(both, packet(), IN).wanted == "keep"


@pytest.mark.parametrize(
    ("unlisted", "wanted"), [("report", "keep"), ("log", "keep"), ("drop", "drop"), ("limit", "limit")]
)
def test_the_policy_says_what_becomes_of_the_rest(unlisted: str, wanted: str) -> None:
    said: dict[str, Any] = {"unlisted": unlisted} | ({"unlisted_rate": 5.0} if unlisted == "limit" else {})
    assert expect(plan(policy(**said), "speaker"), packet(source="192.0.2.13"), IN).wanted == wanted


def test_a_router_carries_only_unicast_pairs() -> None:
    router = plan(policy(group(), group(id=52, scope="unicast", interval=None)), "router")
    through = Passage("forward", "eth0", "eth1")
    pair = packet(bytes((0x21, 52)) + ADVERT[2:], destination="192.0.2.12", ttl=254, mac="020000000099")
    assert expect(router, pair, through).wanted == "keep"
    assert expect(router, packet(), through).wanted == "drop"
    assert expect(router, packet(), IN).wanted == "drop"


def bridge() -> Plan:
    ports = (
        {"name": "lan", "interface": "p1", "interfaces": ["p2"]},
        {"name": "x/10", "interface": "p1", "vlans": [10]},
    )
    ports[1]["interfaces"] = ["p3"]
    return plan(policy(group("lan"), segments=ports), "bridge")


@pytest.mark.parametrize(
    ("vlan", "incoming", "outgoing", "wanted"),
    [
        (None, "p1", "p2", "keep"),
        (None, "p1", "p3", "drop"),
        (None, "p9", "p2", "drop"),
        # The group is not listed in VLAN 10, and nothing is said of VLAN 20.
        (10, "p1", "p3", "drop"),
        (20, "p1", "p2", "ignore"),
    ],
)
def test_a_bridge_keeps_a_group_between_the_ports_of_its_segment(
    vlan: int | None, incoming: str, outgoing: str, wanted: str
) -> None:
    assert expect(bridge(), packet(vlan=vlan), Passage("forward", incoming, outgoing)).wanted == wanted


def test_what_goes_back_where_it_came_from_is_for_the_bridges_rules() -> None:
    assert expect(SPEAKER, packet(source="192.0.2.13"), Passage("forward", "eth0", "eth0")).wanted == "ignore"
    assert expect(SPEAKER, packet(source="192.0.2.13"), Passage("forward", "eth0", "eth1")).wanted == "drop"
