"""What authentication must say, against messages that keepalived and ucarp sent under known keys."""

from ipaddress import IPv4Address, IPv6Address

import pytest

from tests.wire.frames import octets
from vrrpwatch.wire.auth import ah_icv, carp_digest, trailer_digest

# keepalived 2.2.7, auth_type AH: multicast under "k3yab", unicast under "k3yabcde".
MULTICAST = octets(
    """45c0004000010000ff33d0530a630001e0000012 700400000a63000100000001 1e96accbdb22a61d1061d1cb
    21336801020169690a6300fe0000000000000000"""
)
UNICAST = octets(
    """45c0004000010000ff33a6010a6300010a630002 700400000a63000100000001 f5b456ff4fe07458466e4435
    21346801020169690a6300fd0000000000000000"""
)
# The wire images in the appendix of the draft that keepalived 2.4 implements, under the key 00 01 … 1f.
KEY = bytes(range(32))
SIGNED = octets("3133c80100644402c0000264 010100006800000080000000 1b84bc4e8e43892dc6d98448f8ee2265")
SIGNED6 = octets(
    """3133c8010064a2e9 fe800000000000000000000000000100
    010100006800000080000000 c8c56146ebfd66ee10ec4d8186461b78"""
)


def changed(data: bytes, at: int, value: int) -> bytes:
    return data[:at] + bytes((value,)) + data[at + 1 :]


def test_the_icv_of_keepalived() -> None:
    assert ah_icv(MULTICAST, b"k3yab") == octets("1e96accbdb22a61d1061d1cb")
    assert ah_icv(UNICAST, b"k3yabcde") == octets("f5b456ff4fe07458466e4435")


def test_a_key_counts_up_to_eight_octets() -> None:
    assert ah_icv(UNICAST, b"k3yabcdefgh") == octets("f5b456ff4fe07458466e4435")
    assert ah_icv(UNICAST, b"k3yabcd") != octets("f5b456ff4fe07458466e4435")


@pytest.mark.parametrize("at", [1, 6, 7, 10, 11, 32, 43])
def test_what_routers_may_change_is_not_covered(at: int) -> None:
    assert ah_icv(changed(MULTICAST, at, 0x99), b"k3yab") == octets("1e96accbdb22a61d1061d1cb")


@pytest.mark.parametrize("at", [4, 9 + 4, 19, 24, 31, 44, 63])
def test_everything_else_is_covered(at: int) -> None:
    assert ah_icv(changed(MULTICAST, at, 0x99), b"k3yab") != octets("1e96accbdb22a61d1061d1cb")


def test_the_ttl_is_covered_in_multicast_only() -> None:
    assert ah_icv(changed(UNICAST, 8, 64), b"k3yabcde") == octets("f5b456ff4fe07458466e4435")
    assert ah_icv(changed(MULTICAST, 8, 64), b"k3yab") != octets("1e96accbdb22a61d1061d1cb")


def test_link_padding_is_not_covered() -> None:
    assert ah_icv(MULTICAST + bytes(6), b"k3yab") == octets("1e96accbdb22a61d1061d1cb")


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        MULTICAST[:-1],
        MULTICAST[:30],
        changed(MULTICAST, 0, 0x65),
        changed(MULTICAST, 0, 0x44),
        changed(MULTICAST, 9, 112),
        changed(MULTICAST, 21, 5),
        changed(MULTICAST, 21, 255),
        changed(MULTICAST, 3, 0x2B),
    ],
)
def test_no_icv_for_what_holds_none(packet: bytes) -> None:
    assert ah_icv(packet, b"k3yab") is None


def test_the_digest_of_ucarp() -> None:
    digest = carp_digest(b"s3cretpassphrase123", 77, [IPv4Address("10.99.0.254")], 0xC66BB3234A4AA6B8)
    assert digest == octets("ef26afe9e9820a20ec70fe1a4604d11e92db1d7f")


def test_the_published_digest_of_carp() -> None:
    digest = carp_digest(b"love", 42, [IPv4Address("10.1.1.252")], 1)
    assert digest == octets("bed06b842dc2fcede38f5139bf18d984f1276796")


def test_carp_sorts_its_addresses_ipv4_first() -> None:
    low, high, six = IPv4Address("10.0.0.9"), IPv4Address("192.0.2.1"), IPv6Address("::1")
    expected = carp_digest(b"love", 1, [low, high, six], 7)
    assert carp_digest(b"love", 1, [six, high, low], 7) == expected
    assert carp_digest(b"love", 1, [low, high], 7) != expected


def test_a_passphrase_counts_up_to_twenty_octets() -> None:
    address = [IPv4Address("10.0.0.9")]
    assert carp_digest(b"12345678901234567890x", 1, address, 7) == carp_digest(b"12345678901234567890", 1, address, 7)
    assert carp_digest(b"1234567890123456789", 1, address, 7) != carp_digest(b"12345678901234567890", 1, address, 7)


def test_the_trailer_of_the_draft() -> None:
    assert trailer_digest(KEY, SIGNED, IPv4Address("198.51.100.10")) == SIGNED[-16:]
    assert trailer_digest(KEY, SIGNED6, IPv6Address("fe80::10")) == SIGNED6[-16:]


def test_the_trailer_covers_all_but_the_checksum() -> None:
    source = IPv6Address("fe80::10")
    assert trailer_digest(KEY, changed(SIGNED6, 6, 1), source) == SIGNED6[-16:]
    for at in (1, 2, 4, 23, 24, 25, 26, 28, 35):
        assert trailer_digest(KEY, changed(SIGNED6, at, 0x99), source) != SIGNED6[-16:]
    assert trailer_digest(KEY, SIGNED6, IPv6Address("fe80::20")) != SIGNED6[-16:]
    assert trailer_digest(KEY[:-1], SIGNED6, source) != SIGNED6[-16:]


def test_no_trailer_where_there_is_no_room_for_one() -> None:
    assert trailer_digest(KEY, bytes(35), IPv4Address("10.0.0.1")) is None
