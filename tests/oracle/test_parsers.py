"""The oracles' output is read for what it says, no more and no less."""

from ipaddress import IPv4Address, IPv6Address

from tests.oracle import exceptions, tcpdump_text, tshark_table
from vrrpwatch.capture.second_opinion_reading import Reading, printable

TCPDUMP = """\
    1  2024-01-01 00:00:00.000000 00:00:5e:00:01:2a > 01:00:5e:00:00:12, ethertype 802.1Q-QinQ (0x88a8), length 70: \
vlan 200, p 0, ethertype 802.1Q (0x8100), vlan 100, p 0, ethertype IPv4 (0x0800), (tos 0x0, ttl 254, id 4660, offset 0,\
 flags [none], proto VRRP (112), length 48)
    10.0.0.91 > 224.0.0.18: VRRPv2, Advertisement, (ttl 254), vrid 42, prio 191, authtype simple, intvl 10s, length 28,\
 (bad vrrp cksum f11e), addrs(3): 10.4.42.1,10.4.42.2,10.4.42.3 auth "a"b^JM-^?"
    2  2024-01-01 00:00:00.020000 02:00:00:00:00:01 > 33:33:00:00:00:12, ethertype IPv6 (0x86dd), length 94: (hlim 255,\
 next-header VRRP (112) payload length: 40) fe80::1 > ff02::12: VRRPv3, Advertisement, vrid 45, prio 191, intvl 150cs,\
 length 40, addrs(2): fe80::2 [|vrrp]
    3  2024-01-01 00:00:00.040000 IP (0x0800), length 64: (tos 0xc0, ttl 255, id 1, offset 0, flags [none], proto AH\
 (51), length 64)
    10.9.0.1 > 224.0.0.18: AH(length=4(24-bytes),spi=0x0a090001,seq=0x4,icv=0x83f11f6ff24536397f09caa9): VRRPv2,\
 Advertisement, vrid 8, prio 0, authtype ah, intvl 1s, length 20, addrs: 10.9.0.100
    4  2024-01-01 00:00:00.060000 IP (0x0800), length 24: (tos 0x0, ttl 255, id 1, offset 0, flags [none], proto VRRP\
 (112), length 27)
    192.168.0.2 > 224.0.0.18: VRRPv8, unknown type (3)
    5  2024-01-01 00:00:00.080000 IP (0x0800), length 56: (tos 0x10, ttl 255, id 1, offset 0, flags [DF], proto VRRP\
 (112), length 56)
    10.9.0.2 > 224.0.0.18: CARPv2-advertise 36: vhid=42 advbase=1 advskew=50 authlen=7 counter=15303517150714175896
    6  2024-01-01 00:00:00.100000 02:00:00:00:00:01 > 01:00:5e:00:00:fb, ethertype IPv4 (0x0800), length 60: mdns
"""

TSHARK = (
    "frame.number\tframe.protocols\tip.src\tip.dst\tip.ttl\tvlan.id\tvrrp.version\tvrrp.type\tvrrp.virt_rtr_id"
    "\tvrrp.prio\tvrrp.addr_count\tvrrp.short_adver_int\tvrrp.checksum\tvrrp.checksum.status\tvrrp.ip_addr\n"
    "7\teth:ethertype:vlan:ethertype:ip:vrrp\t192.0.2.1,10.0.0.1\t192.0.2.2,224.0.0.18\t64,255\t0\t3\t1\t9\t100\t2\t150"
    "\t0x1048\t0\t10.0.0.8,10.0.0.9\n"
    "8\teth:ethertype:ip:ah:esp\t10.0.0.1\t10.0.0.2\t64\t\t\t\t\t\t\t\t\t\t\n"
    "9\teth:ethertype:ieee8021ad:ethertype:vlan:ethertype:ip:vrrp\t10.0.0.1\t224.0.0.18\t255\t5\t\t\t\t\t\t\t\t\t\n"
)


def test_tcpdump_says_every_field() -> None:
    found = tcpdump_text.readings(TCPDUMP)
    assert found == {
        1: Reading(
            protocol="vrrp",
            source=IPv4Address("10.0.0.91"),
            destination=IPv4Address("224.0.0.18"),
            ttl=254,
            vlans=(200, 100),
            version=2,
            type=1,
            id=42,
            priority=191,
            count=3,
            auth_type=1,
            auth='a"b^JM-^?',
            interval=10.0,
            checksum="bad",
            checksum_value=0xF11E,
            addresses=(IPv4Address("10.4.42.1"), IPv4Address("10.4.42.2"), IPv4Address("10.4.42.3")),
            length=28,
        ),
        2: Reading(
            protocol="vrrp",
            source=IPv6Address("fe80::1"),
            destination=IPv6Address("ff02::12"),
            ttl=255,
            version=3,
            type=1,
            id=45,
            priority=191,
            count=2,
            interval=1.5,
            addresses=(IPv6Address("fe80::2"),),
            length=40,
        ),
        3: Reading(
            protocol="vrrp",
            source=IPv4Address("10.9.0.1"),
            destination=IPv4Address("224.0.0.18"),
            ttl=255,
            spi=0x0A090001,
            sequence=4,
            icv="83f11f6ff24536397f09caa9",
            version=2,
            type=1,
            id=8,
            priority=0,
            count=1,
            auth_type=2,
            interval=1.0,
            checksum="good",
            addresses=(IPv4Address("10.9.0.100"),),
            length=20,
        ),
        4: Reading(
            protocol="vrrp",
            source=IPv4Address("192.168.0.2"),
            destination=IPv4Address("224.0.0.18"),
            ttl=255,
            version=8,
            type=3,
        ),
        5: Reading(
            protocol="carp",
            source=IPv4Address("10.9.0.2"),
            destination=IPv4Address("224.0.0.18"),
            ttl=255,
            version=2,
            type=1,
            id=42,
            checksum="good",
            length=36,
            advbase=1,
            advskew=50,
            authlen=7,
            counter=15303517150714175896,
        ),
    }


def test_tshark_says_what_the_innermost_header_says() -> None:
    found = tshark_table.readings(TSHARK)
    assert found == {
        7: Reading(
            protocol="vrrp",
            source=IPv4Address("10.0.0.1"),
            destination=IPv4Address("224.0.0.18"),
            ttl=255,
            vlans=None,
            version=3,
            type=1,
            id=9,
            priority=100,
            count=2,
            interval=1.5,
            checksum="bad",
            checksum_value=0x1048,
            addresses=(IPv4Address("10.0.0.8"), IPv4Address("10.0.0.9")),
        ),
        # The outer of the two tags is not in the table, so nothing is said of them.
        9: Reading(
            protocol="vrrp", source=IPv4Address("10.0.0.1"), destination=IPv4Address("224.0.0.18"), ttl=255, vlans=None
        ),
    }
    assert tshark_table.layers(TSHARK)[8] == ("eth", "ethertype", "ip", "ah", "esp")


def test_passwords_are_shown_as_tcpdump_shows_them() -> None:
    assert printable(b"pa\xff\n\x1b\x7f\0hidden") == "paM-^?^J^[^?"


def test_packet_numbers_may_be_spans() -> None:
    assert exceptions.numbers("1, 4-6,9") == [1, 4, 5, 6, 9]
