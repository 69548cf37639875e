"""Lines and objects of single packets, against what tcpdump prints of the same fields."""

from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest

from tests.report.sample import at
from vrrpwatch.report.decode_line import MASK, Message, TimeStyle, decode_line, message_text, timestamp
from vrrpwatch.report.decoded import record
from vrrpwatch.wire.values import (
    AuthenticationHeader,
    Carp,
    Conntrackd,
    Glbp,
    HmacTrailer,
    Hsrp,
    Ipv4,
    Ipv6,
    IpvsSync,
    Malformed,
    Packet,
    Pfsync,
    Vrrp,
)

IPV4 = Ipv4(IPv4Address("172.20.1.5"), IPv4Address("224.0.0.18"), 255, 0xC0, 7, False, False, 0, 112, 20, 40)
IPV6 = Ipv6(IPv6Address("fe80::1"), IPv6Address("ff02::12"), 255, 0, 0, 24, 112, (), False, 0)
PACKET = Packet(
    1,
    source_mac="02:42:ac:14:01:05",
    destination_mac="01:00:5e:00:00:12",
    vlans=(10,),
    group=True,
    network=IPV4,
    protocol=112,
    payload_length=20,
)
VRRP = Vrrp(2, 51, 104, 1, 1.0, 0xABCD, (IPv4Address("172.20.1.1"),), 0, bytes(8), length=20)
CARP = Carp(1, 0, 7, 0, 1, 0x1234, 1234605616436508552, bytes(range(20)))
AH = AuthenticationHeader(112, 0xAC140105, 3, bytes.fromhex("0102030405060708090a0b0c"))


@pytest.mark.parametrize(
    ("packet", "message", "text"),
    [
        (
            PACKET,
            VRRP,
            (
                "IP 172.20.1.5 > 224.0.0.18: VRRPv2, Advertisement, vrid 51, prio 104, authtype none, intvl 1s, "
                "length 20, addrs: 172.20.1.1"
            ),
        ),
        (
            PACKET._replace(authentication=AH),
            VRRP._replace(auth_type=2),
            (
                "IP 172.20.1.5 > 224.0.0.18: AH(spi=0xac140105,seq=0x3,icv=0x0102030405060708090a0b0c): VRRPv2, "
                "Advertisement, vrid 51, prio 104, authtype ah, intvl 1s, length 20, addrs: 172.20.1.1"
            ),
        ),
        (
            PACKET._replace(network=IPV6),
            Vrrp(3, 9, 0, 2, 0.2, 0, (IPv6Address("fe80::9"), IPv6Address("2001:db8::9")), length=40),
            (
                "IP6 fe80::1 > ff02::12: VRRPv3, Advertisement, vrid 9, prio 0, intvl 20cs, length 40, "
                "addrs(2): fe80::9,2001:db8::9"
            ),
        ),
        (
            PACKET._replace(network=IPV4._replace(ttl=254)),
            VRRP._replace(auth_type=254, count=0, addresses=(), length=16),
            (
                "IP 172.20.1.5 > 224.0.0.18: VRRPv2, Advertisement, (ttl 254), vrid 51, prio 104, authtype #254, "
                "intvl 1s, length 16, addrs(0):"
            ),
        ),
        (
            PACKET._replace(network=IPV4._replace(ttl=64)),
            CARP._replace(demotion=240),
            (
                "IP 172.20.1.5 > 224.0.0.18: CARPv2-advertise 36: [ttl=64!] vhid=1 advbase=1 advskew=0 authlen=7 "
                "demotion=240 counter=1234605616436508552"
            ),
        ),
        (
            PACKET,
            Malformed("unknown type 2", version=2, type=2, id=1, priority=100, length=20),
            (
                "IP 172.20.1.5 > 224.0.0.18: VRRPv2, unknown type (2), vrid 1, prio 100, malformed (unknown type 2), "
                "length 20"
            ),
        ),
        (
            PACKET,
            Malformed("cut by the capture", length=20, cut=True),
            "IP 172.20.1.5 > 224.0.0.18: VRRP, incomplete (cut by the capture), length 20",
        ),
    ],
)
def test_lines(packet: Packet, message: Message, text: str) -> None:
    assert decode_line(at(0), packet, message, style=1) == text


def test_bad_checksums_are_told_in_tcpdumps_words() -> None:
    assert ", length 20, (bad vrrp cksum abcd), addrs: " in message_text(PACKET, VRRP, "bad")
    assert "authlen=7 (bad carp cksum 1234!) counter=" in message_text(PACKET, CARP, "bad")
    assert "cksum" not in message_text(PACKET, VRRP._replace(version=3), "plain")


def test_passwords_are_masked_unless_revealed() -> None:
    secret = VRRP._replace(auth_type=1, auth_data=b"s3\x1bcret\0")
    assert message_text(PACKET, secret).endswith(' auth "********"')
    assert message_text(PACKET, secret, reveal=True).endswith(' auth "s3\\x1bcret"')
    hsrp = Hsrp(1, 0, 16, 1, 100, 3.0, 10.0, (IPv4Address("10.0.0.1"),), "text", b"cisco\0\0\0")
    assert "cisco" not in message_text(PACKET, hsrp)
    assert record(1, at(0), "s", "f", PACKET, secret)["password"] == MASK
    assert "cisco" not in str(record(1, at(0), "s", "f", PACKET, hsrp))


def test_cut_messages_end_as_tcpdump_ends_them() -> None:
    assert message_text(PACKET, VRRP._replace(addresses=(), complete=False)).endswith("addrs: [|vrrp]")
    cut = CARP._replace(counter=None, digest=None, complete=False)
    assert message_text(PACKET, cut).endswith("authlen=7 [|carp]")


def test_trailer() -> None:
    trailer = HmacTrailer(1, 5, 1_700_000_000, 0, 9, bytes(15) + b"\x01")
    text = message_text(PACKET, VRRP._replace(trailer=trailer))
    assert text.endswith(" hmac(key=5,time=1700000000,counter=9,digest=00000000000000000000000000000001)")


@pytest.mark.parametrize(
    ("style", "text"),
    [
        (0, "10:00:01.500000 "),
        (1, ""),
        (2, "1772359201.500000 "),
        (3, " 00:00:01.500000 "),
        (4, "2026-03-01 10:00:01.500000 "),
        (5, " 00:00:01.500000 "),
    ],
)
def test_timestamps(style: TimeStyle, text: str) -> None:
    assert timestamp(at(1.5), style, at(0)) == text


def test_time_that_runs_backwards() -> None:
    assert timestamp(at(0), 3, at(1.5)) == "-00:00:01.500000 "


def test_link_header() -> None:
    line = decode_line(at(0), PACKET, VRRP, style=1, link=True, length=64)
    assert line.startswith("02:42:ac:14:01:05 > 01:00:5e:00:00:12, vlan 10, length 64: IP 172.20.1.5 > ")


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (Pfsync(6, 60, 2, 3), "PFSYNCv6, action 2, count 3, length 20"),
        (Conntrackd(1, 0, 40, 20, 77), "conntrackd v1, type 0, flags [ack,hello], seq 77, length 20"),
        (IpvsSync(1, 7, 60, 2), "IPVS-sync v1, syncid 7, connections 2, length 60"),
        (
            Hsrp(2, 0, 6, 300, 110, 3.0, 10.0, (IPv4Address("10.0.0.1"),), "md5"),
            "HSRPv2-hello: state=active group=300 addr=10.0.0.1 hellotime=3s holdtime=10s priority=110 auth=md5",
        ),
        (
            Glbp(1, 4, 32, 100, 3.0, 10.0, (IPv4Address("10.0.0.1"),)),
            "GLBPv1: group=4 state=active addr=10.0.0.1 hellotime=3s holdtime=10s priority=100",
        ),
    ],
)
def test_companions(message: Message, text: str) -> None:
    assert message_text(PACKET, message) == text


def test_udp_ports_stand_behind_addresses() -> None:
    packet = PACKET._replace(protocol=17, payload=bytes.fromhex("0ec40ec4001c0000"))
    line = decode_line(at(0), packet, Conntrackd(1, 0, 0, 20, 1), style=1)
    assert line.startswith("IP 172.20.1.5.3780 > 224.0.0.18.3780: conntrackd v1")


def fields(message: Message, packet: Packet = PACKET, **options: Any) -> dict[str, Any]:
    return record(12, at(1.5), "eth0/10", "a.pcap", packet, message, **options)


def test_vrrp_fields() -> None:
    assert fields(VRRP, checksum="plain") == {
        "packet": 12,
        "at": "2026-03-01T10:00:01.500000Z",
        "segment": "eth0/10",
        "source": "172.20.1.5",
        "destination": "224.0.0.18",
        "source_mac": "02:42:ac:14:01:05",
        "ttl": 255,
        "protocol": "vrrp",
        "version": 2,
        "id": 51,
        "priority": 104,
        "interval": 1.0,
        "addresses": ["172.20.1.1"],
        "auth": "none",
        "checksum": "plain",
        "length": 20,
        "destination_mac": "01:00:5e:00:00:12",
        "capture": "a.pcap",
    }


def test_carp_fields() -> None:
    found = fields(CARP._replace(advskew=128), checksum="plain")
    assert (found["protocol"], found["version"], found["id"], found["auth"]) == ("carp", 2, 1, "carp")
    # advbase 1 and advskew 128: a second and 128/256.
    assert (found["advbase"], found["advskew"], found["interval"], found["priority"]) == (1, 128, 1.5, None)
    assert found["counter"] == 1234605616436508552
    assert found["digest"] == "000102030405060708090a0b0c0d0e0f10111213"
    assert found["addresses"] is None
    assert {"spi", "sequence", "icv", "error", "password"}.isdisjoint(found)


def test_carp_that_the_capture_cut_says_what_is_missing() -> None:
    found = fields(CARP._replace(counter=None, digest=None, complete=False))
    assert (found["counter"], found["digest"]) == (None, None)


def test_ah_fields() -> None:
    found = fields(VRRP._replace(auth_type=2), PACKET._replace(authentication=AH))
    assert (found["auth"], found["spi"], found["sequence"]) == ("ah", 0xAC140105, 3)
    assert found["icv"] == "0102030405060708090a0b0c"


def test_malformed_fields() -> None:
    found = fields(Malformed("unknown version 8", version=8, type=1, id=3, length=20))
    assert (found["protocol"], found["version"], found["id"], found["error"]) == ("vrrp", 8, 3, "unknown version 8")


@pytest.mark.parametrize(
    ("message", "protocol"),
    [
        (Pfsync(6, 60, 2, 3), "pfsync"),
        (Conntrackd(1, 0, 40, 20, 77), "conntrackd"),
        (IpvsSync(1, 7, 60, 2), "ipvs"),
        (Hsrp(2, 0, 6, 300, 110, 3.0, 10.0, (), "md5"), "hsrp"),
        (Glbp(1, 4, 32, 100, 3.0, 10.0), "glbp"),
    ],
)
def test_companion_fields_name_their_protocol(message: Message, protocol: str) -> None:
    assert fields(message)["protocol"] == protocol
    assert fields(message)["version"] is not None
