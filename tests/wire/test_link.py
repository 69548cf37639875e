"""Every link layer and shim, byte by byte, down to the same IP packet; and what is named instead of followed."""

from ipaddress import IPv4Address

import pytest

from tests.wire.frames import ethernet, ipv4, ipv6, octets
from vrrpwatch.wire.link import dissect
from vrrpwatch.wire.values import Ipv4, Ipv6

# 10.0.0.1 > 224.0.0.18, protocol 112, TTL 255, TOS 0xc0, 8 octets of payload.
IP = octets("45c0 001c 0007 0000 ff70 0000 0a000001 e0000012  2101640000010000")
IP6 = octets(
    """6c000000 0008 70 ff fe80000000000000 0000000000000001
    ff02000000000000 0000000000000012  3101640000640000"""
)
UNICAST_IP = octets("45c0 001c 0007 0000 ff70 0000 0a000001 0a000002  2101640000010000")
MACS = octets("01005e000012 02000000000a")
SLL = octets("0002 0001 0006 02000000000a0000")


@pytest.mark.parametrize(
    ("linktype", "header", "vlans"),
    [
        (1, MACS + octets("0800"), ()),
        (1, MACS + octets("8100 e00a 0800"), (10,)),
        (1, MACS + octets("88a8 0064 8100 000a 0800"), (100, 10)),
        (1, MACS + octets("9100 0064 9100 000a 0800"), (100, 10)),
        (1, MACS + octets("88a8 0fff 9100 0002 8100 0003 8100 0004 0800"), (4095, 2, 3, 4)),
        (1, MACS + octets("8100 c000 0800"), ()),
        (1, MACS + octets("88a8 0064 8100 0000 0800"), (100,)),
        (1, MACS + octets("0024 aaaa03 000000 0800"), ()),
        (1, MACS + octets("8100 000a 0024 aaaa03 000000 0800"), (10,)),
        (1, MACS + octets("8864 11 00 0001 001e 0021"), ()),
        (1, MACS + octets("8100 000a 8864 11 00 0001 001d 21"), (10,)),
        (1, MACS + octets("8847 000101ff"), ()),
        (1, MACS + octets("8848 000100ff 000200ff 000301ff"), ()),
        (113, SLL + octets("0800"), ()),
        (113, SLL + octets("8100 000a 0800"), (10,)),
        (276, octets("0800 0000 00000003 0001 02 06 02000000000a0000"), ()),
        (276, octets("8100 0000 00000003 0001 02 06 02000000000a0000 000a 0800"), (10,)),
        (101, b"", ()),
        (12, b"", ()),
        (14, b"", ()),
        (228, b"", ()),
        (0, octets("02000000"), ()),
        (0, octets("00000002"), ()),
        (108, octets("00000002"), ()),
        (9, octets("ff03 0021"), ()),
        (9, octets("0021"), ()),
        (9, octets("21"), ()),
        (50, octets("ff03 0021"), ()),
        (51, octets("11 00 0001 001e 0021"), ()),
        (9, octets("0281 000101ff"), ()),
    ],
)
def test_ipv4_below_every_link(linktype: int, header: bytes, vlans: tuple[int, ...]) -> None:
    packet = dissect(header + IP, linktype)
    assert packet.skipped is None
    assert packet.linktype == linktype
    assert packet.vlans == vlans
    assert packet.ethertype == 0x0800
    assert packet.network == Ipv4(
        source=IPv4Address("10.0.0.1"),
        destination=IPv4Address("224.0.0.18"),
        ttl=255,
        tos=0xC0,
        identification=7,
        dont_fragment=False,
        more_fragments=False,
        fragment_offset=0,
        protocol=112,
        header_length=20,
        total_length=28,
    )
    assert packet.network_offset == len(header)
    assert (packet.payload_offset, packet.payload_length) == (len(header) + 20, 8)
    assert packet.payload == octets("2101640000010000")
    assert packet.protocol == 112
    assert packet.group is True


@pytest.mark.parametrize(
    ("linktype", "header"),
    [
        (1, MACS + octets("86dd")),
        (1, MACS + octets("8864 11 00 0001 0032 0057")),
        (1, MACS + octets("8847 000101ff")),
        (113, SLL + octets("86dd")),
        (101, b""),
        (229, b""),
        (0, octets("1c000000")),
        (0, octets("0000001e")),
        (0, octets("18000000")),
        (108, octets("0000000a")),
        (9, octets("ff03 0057")),
    ],
)
def test_ipv6_below_every_link(linktype: int, header: bytes) -> None:
    packet = dissect(header + IP6, linktype)
    assert packet.skipped is None
    assert isinstance(packet.network, Ipv6)
    assert str(packet.network.destination) == "ff02::12"
    assert (packet.network.traffic_class, packet.network.hop_limit, packet.network.flow_label) == (0xC0, 255, 0)
    assert packet.payload == octets("3101640000640000")
    assert packet.protocol == 112
    assert packet.group is True


def test_macs_of_ethernet() -> None:
    packet = dissect(MACS + octets("0800") + IP, 1)
    assert packet.source_mac == "02:00:00:00:00:0a"
    assert packet.destination_mac == "01:00:5e:00:00:12"


def test_cooked_frames_have_a_source_and_an_interface_at_most() -> None:
    cooked = dissect(SLL + octets("0800") + IP, 113)
    assert (cooked.source_mac, cooked.destination_mac, cooked.ifindex) == ("02:00:00:00:00:0a", None, None)
    cooked = dissect(octets("0800 0000 00000003 0001 02 06 02000000000a0000") + IP, 276)
    assert (cooked.source_mac, cooked.destination_mac, cooked.ifindex) == ("02:00:00:00:00:0a", None, 3)
    tunnel = dissect(octets("0800 0000 00000003 0308 02 04 0a00000100000000") + IP, 276)
    assert tunnel.source_mac is None


@pytest.mark.parametrize(
    ("packet_type", "ip", "group"),
    [(0, IP, False), (1, IP, True), (2, UNICAST_IP, True), (3, IP, False), (4, IP, True), (4, UNICAST_IP, False)],
)
def test_a_cooked_frame_tells_its_group_bit_by_packet_type(packet_type: int, ip: bytes, group: bool) -> None:
    head = octets("0001 0006 02000000000a0000 0800")
    assert dissect(packet_type.to_bytes(2) + head + ip, 113).group is group
    head = octets("0800 0000 00000003 0001") + bytes((packet_type,)) + octets("06 02000000000a0000")
    assert dissect(head + ip, 276).group is group


@pytest.mark.parametrize(
    ("destination", "group"),
    [("224.0.0.18", True), ("255.255.255.255", True), ("10.0.0.2", False), ("240.0.0.1", False)],
)
def test_a_link_without_addresses_tells_its_group_bit_by_ip(destination: str, group: bool) -> None:
    assert dissect(ipv4(b"12345678", destination=destination), 101).group is group


def test_a_link_without_addresses_tells_its_group_bit_by_ipv6() -> None:
    assert dissect(ipv6(b"12345678", destination="ff02::12"), 229).group is True
    assert dissect(ipv6(b"12345678", destination="fe80::2"), 229).group is False


def test_the_mac_and_not_ip_tells_the_group_bit_of_ethernet() -> None:
    frame = ethernet(IP, destination=octets("02000000000b"))
    assert dissect(frame, 1).group is False
    frame = ethernet(UNICAST_IP, destination=octets("ffffffffffff"))
    assert dissect(frame, 1).group is True


def test_arp_is_handed_on() -> None:
    packet = dissect(MACS + octets("8100 000a 0806 0001") + bytes(26), 1, 60)
    assert packet.skipped is None
    assert (packet.ethertype, packet.vlans, packet.network, packet.protocol) == (0x0806, (10,), None, None)
    assert packet.payload == octets("0001") + bytes(26)
    assert (packet.payload_offset, packet.payload_length) == (18, 42)


def test_high_bits_of_the_link_type_are_not_its_number() -> None:
    packet = dissect(MACS + octets("0800") + IP, 0x24000001)
    assert (packet.linktype, packet.skipped) == (1, None)


@pytest.mark.parametrize(
    ("linktype", "frame", "name"),
    [
        (9999, "00", "unknown link type 9999"),
        (1, "", "truncated ethernet"),
        (1, "01005e000012 02000000000a 08", "truncated ethernet"),
        (1, "01005e000012 02000000000a 8100 00", "truncated vlan"),
        (
            1,
            "01005e000012 02000000000a 8100 0001 8100 0002 8100 0003 8100 0004 8100 0005 0800",
            "more than four vlan tags",
        ),
        (1, "01005e000012 02000000000a 88cc 0207", "ethertype 0x88cc"),
        (1, "01005e000012 02000000000a 88e7 0207", "mac-in-mac"),
        (1, "0180c2000000 02000000000a 0026 424203 0000", "llc"),
        (1, "01000ccccccc 02000000000a 0026 aaaa03 00000c 2000", "llc"),
        (1, "01000ccccccc 02000000000a 0026", "llc"),
        (1, "01005e000012 02000000000a 8864 11", "truncated pppoe"),
        (1, "01005e000012 02000000000a 8864 11 a7 0001 0000", "pppoe without a session"),
        (1, "01005e000012 02000000000a 8864 21 00 0001 0002 0021", "pppoe without a session"),
        (1, "01005e000012 02000000000a 8864 11 00 0001 0002 00", "truncated ppp"),
        (1, "01005e000012 02000000000a 8864 11 00 0001 0002 c021", "ppp protocol"),
        (1, "01005e000012 02000000000a 8847 0001", "truncated mpls"),
        (1, "01005e000012 02000000000a 8847 000101ff", "truncated mpls"),
        (1, "01005e000012 02000000000a 8847 000101ff 00000000", "mpls pseudowire"),
        (1, "01005e000012 02000000000a 8847 000101ff 90", "mpls payload"),
        (1, "01005e000012 02000000000a 8847" + "000100ff" * 17, "mpls stack too deep"),
        (113, "0000", "truncated sll"),
        (276, "0800", "truncated sll2"),
        (101, "", "truncated ip"),
        (101, "50", "not ip"),
        (228, "60" + "00" * 19, "not ipv4"),
        (229, "40" + "00" * 39, "not ipv6"),
        (229, "60" + "00" * 38, "truncated ipv6"),
        (0, "0200", "truncated null"),
        (0, "07000000 45", "unknown address family"),
        (9, "", "truncated ppp"),
        (9, "ff03", "truncated ppp"),
        (50, "ff03 c021", "ppp protocol"),
    ],
)
def test_what_is_not_followed_has_a_name(linktype: int, frame: str, name: str) -> None:
    packet = dissect(octets(frame), linktype)
    assert packet.skipped == name
    assert packet.network is None
    assert packet.protocol is None


@pytest.mark.parametrize(
    ("protocol", "payload", "name"),
    [
        (47, "0000 0800", "gre"),
        (47, "1000 88be", "erspan"),
        (47, "1000 22eb", "erspan"),
        (4, "45", "ip-in-ip"),
        (41, "60", "ip-in-ip"),
        (17, "1234 12b5 0010 0000 0800000000000100", "vxlan"),
        (17, "1234 17c1 0010 0000 0000000000000100", "geneve"),
        (17, "12b5 1234 0010 0000 0800000000000100", None),
        (6, "12b5 12b5", None),
    ],
)
def test_tunnels_are_named_and_their_payload_kept(protocol: int, payload: str, name: str | None) -> None:
    packet = dissect(ethernet(ipv4(octets(payload), protocol)), 1)
    assert packet.skipped == name
    assert packet.protocol == protocol
    assert packet.payload == octets(payload)
