"""Guesses at implementations: the habit that gives each away, silence where several share it, and the corpus."""

from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import pytest

from vrrpwatch.core.implementation import guess
from vrrpwatch.wire.link import dissect
from vrrpwatch.wire.protocol112 import decode_advert
from vrrpwatch.wire.values import (
    AuthenticationHeader,
    Carp,
    HmacTrailer,
    Ipv4,
    Ipv6,
    Malformed,
    Packet,
    Vrrp,
)

CARD, VIRTUAL = "02:00:00:00:00:01", "00:00:5e:00:01:33"
SOURCE = IPv4Address("10.0.0.1")


def packet(mac: str | None, tos: int, dont_fragment: bool = False, spi: int | None = None) -> Packet:
    network = Ipv4(SOURCE, IPv4Address("224.0.0.18"), 255, tos, 1, dont_fragment, False, 0, 112, 20, 40)
    header = None if spi is None else AuthenticationHeader(112, spi, 1, bytes(12))
    return Packet(1, source_mac=mac, network=network, authentication=header, protocol=112)


def packet6(mac: str, traffic_class: int) -> Packet:
    network = Ipv6(IPv6Address("fe80::1"), IPv6Address("ff02::12"), 255, traffic_class, 0, 40, 112, (), False, 0)
    return Packet(1, source_mac=mac, network=network, protocol=112)


def vrrp(auth_type: int | None = 0, trailer: HmacTrailer | None = None) -> Vrrp:
    return Vrrp(2, 51, 100, 1, 1.0, 0, (IPv4Address("10.0.0.100"),), auth_type, trailer=trailer)


def carp(demotion: int = 0) -> Carp:
    return Carp(51, 0, 7, demotion, 1, 0, 1, bytes(20))


TRAILER = HmacTrailer(1, 1, 0, 0, 0, bytes(16))
CASES: dict[str, tuple[Packet, Vrrp | Carp, str | None]] = {
    "HMAC trailer": (packet(VIRTUAL, 0), vrrp(trailer=TRAILER), "keepalived"),
    "AH with its own address for SPI": (packet(VIRTUAL, 0, spi=int(SOURCE)), vrrp(2), "keepalived"),
    "AH with an SPI": (packet(VIRTUAL, 0xC0, spi=256), vrrp(2), None),
    "the card's MAC": (packet(CARD, 0xC0), vrrp(), "keepalived"),
    "the card's MAC, IPv6": (packet6(CARD, 0xC0), vrrp(None), "keepalived"),
    "the card's MAC, other TOS": (packet(CARD, 0), vrrp(), None),
    "no MAC in the capture": (packet(None, 0xC0), vrrp(), None),
    "virtual MAC and DF": (packet(VIRTUAL, 0xC0, True), vrrp(), "FRR"),
    "virtual MAC: any router": (packet(VIRTUAL, 0xC0), vrrp(), None),
    "virtual MAC, IPv6: any router": (packet6("00:00:5e:00:02:33", 0xC0), vrrp(None), None),
    "Cisco's MD5": (packet(VIRTUAL, 0xC0), vrrp(254), "Cisco"),
    "ucarp's MAC": (packet("00:00:5e:00:00:33", 0x10, True), carp(), "ucarp"),
    "ucarp's MAC of another vhid": (packet("00:00:5e:00:00:34", 0x10, True), carp(), None),
    "low delay: several": (packet(VIRTUAL, 0x10, True), carp(), None),
    "demotion": (packet(VIRTUAL, 0x10, True), carp(2), "OpenBSD"),
    "FreeBSD's DSCP": (packet(VIRTUAL, 0xE0), carp(), "FreeBSD"),
}


@pytest.mark.parametrize("case", CASES)
def test_habits(case: str) -> None:
    frame, message, expected = CASES[case]
    assert guess(frame, message) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ka-v2-ah", "keepalived"),
        ("ka-v2-noauth-failover", "keepalived"),
        ("ka-v2-pass-mismatch", "keepalived"),
        ("ka-v3-v4v6-subsecond", "keepalived"),
        ("ka-20vips", "keepalived"),
        ("frr-vrrp-v2", "FRR"),
        ("ucarp-failover", "ucarp"),
    ],
)
def test_recorded_daemons(name: str, expected: str, corpus: Path) -> None:
    data = (corpus / "generated-local-daemons" / f"{name}.pcap").read_bytes()
    guesses = set()
    offset = 24
    while offset < len(data):
        captured = int.from_bytes(data[offset + 8 : offset + 12], "little")
        frame = dissect(data[offset + 16 : offset + 16 + captured], 1)
        offset += 16 + captured
        if frame.protocol == 112:
            message = decode_advert(frame)
            assert not isinstance(message, Malformed)
            guesses.add(guess(frame, message))
    assert guesses == {expected}
