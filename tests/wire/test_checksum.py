"""Checksums worked out by hand or published, and the rule that fits."""

from ipaddress import IPv4Address, IPv6Address

import pytest

from tests.wire.frames import advert, advert6, ethernet, ipv4, octets
from vrrpwatch.wire.checksum import camp, internet_checksum, pseudo_header
from vrrpwatch.wire.link import dissect
from vrrpwatch.wire.protocol112 import decode_advert
from vrrpwatch.wire.values import Camp, Carp, Packet, Vrrp


def judge(packet: Packet) -> Camp | None:
    message = decode_advert(packet)
    assert isinstance(message, Vrrp | Carp)
    return camp(message, packet)


def over(payload: str, source: str, destination: str) -> Packet:
    return dissect(ethernet(ipv4(octets(payload), source=source, destination=destination)), 1)


@pytest.mark.parametrize(
    ("data", "checksum"),
    [
        # RFC 1071 §3 sums this to ddf2.
        ("0001 f203 f4f5 f6f7", 0xFFFF - 0xDDF2),
        ("", 0xFFFF),
        ("ffff", 0),
        ("01", 0xFEFF),
        ("0001 f203 f4f5 f6f7 220d", 0),
        # 2133 + 6401 + 0001 + 0a00 + 00fe = 9033
        ("2133 6401 0001 0000 0a00 00fe", 0x6FCC),
    ],
)
def test_internet_checksum(data: str, checksum: int) -> None:
    assert internet_checksum(octets(data)) == checksum


def test_pseudo_headers() -> None:
    four = pseudo_header(IPv4Address("10.0.0.1"), IPv4Address("224.0.0.18"), 12)
    assert four == octets("0a000001 e0000012 00 70 000c")
    six = pseudo_header(IPv6Address("fe80::1"), IPv6Address("ff02::12"), 24)
    assert six == IPv6Address("fe80::1").packed + IPv6Address("ff02::12").packed + octets("00000018 00000070")


@pytest.mark.parametrize(
    ("checksum", "destination", "expected"),
    [
        # FRR's message: 0x1048 with the pseudo-header of its multicast, 0x7be5 without any.
        ("1048", "224.0.0.18", "pseudo-header"),
        ("7be5", "224.0.0.18", "plain"),
        ("1048", "192.168.202.102", "pseudo-header-multicast"),
        # Instead of e000 + 0012 the destination adds c0a8 + ca66, aafc more: 1048 - aafc = -9ab4, and so 654b.
        ("654b", "192.168.202.102", "pseudo-header"),
        ("7be5", "192.168.202.102", "plain"),
        ("1049", "224.0.0.18", "bad"),
        ("654b", "224.0.0.18", "bad"),
    ],
)
def test_the_three_camps_of_vrrp3_on_ipv4(checksum: str, destination: str, expected: Camp) -> None:
    assert judge(over(f"3101c801000a {checksum} c0a8ca64", "192.168.202.101", destination)) == expected


def test_vrrp2_is_plain_or_bad() -> None:
    assert judge(advert(octets("21 33 64 01 00 01 6fcc 0a0000fe 0000000000000000"))) == "plain"
    assert judge(advert(octets("21 33 64 01 00 01 6fcd 0a0000fe 0000000000000000"))) == "bad"


def test_the_authentication_data_is_covered() -> None:
    # 9033 + 0100 for authentication type 1 + 6162 for "ab" = f295
    assert judge(advert(octets("21 33 64 01 01 01 0d6a 0a0000fe 6162000000000000"))) == "plain"
    assert judge(advert(octets("21 33 64 01 01 01 0d6a 0a0000fe 6163000000000000"))) == "bad"


def test_vrrp3_on_ipv6_needs_the_pseudo_header() -> None:
    # fe80::1 > ff02::12, 24 octets: fe80 + 1 + ff02 + 12 + 18 + 70 = 1fe1d; 3133 + 6401 + 0064 + fe80 + 1 = 19419.
    # Together 39236, folded 9239, and so 6dc6; plain 19419 folds to 941a, and so 6be5.
    head = "31 33 64 01 0064"
    address = "fe80000000000000 0000000000000001"
    assert judge(advert6(octets(f"{head} 6dc6 {address}"))) == "pseudo-header"
    assert judge(advert6(octets(f"{head} 6be5 {address}"))) == "bad"


def test_ipv4_leaves_the_hmac_trailer_out_and_ipv6_covers_it() -> None:
    # The wire images in the appendix of the draft that keepalived implements.
    four = "3133c80100644402c0000264 010100006800000080000000 1b84bc4e8e43892dc6d98448f8ee2265"
    assert judge(over(four, "198.51.100.10", "224.0.0.18")) == "plain"
    six = octets(
        """3133c8010064a2e9 fe800000000000000000000000000100
        010100006800000080000000 c8c56146ebfd66ee10ec4d8186461b78"""
    )
    addresses = IPv6Address("fe80::10").packed + IPv6Address("fe80::20").packed
    assert judge(dissect(octets("60000000 0034 70 ff") + addresses + six, 229)) == "pseudo-header"


def test_carp_is_plain_even_on_ipv6() -> None:
    carp = octets("212a0007000163a20000000000000001bed06b842dc2fcede38f5139bf18d984f1276796")
    assert judge(advert(carp)) == "plain"
    assert judge(advert6(carp)) == "plain"
    assert judge(advert(carp[:35] + b"\x97")) == "bad"


def test_carp_with_a_pseudo_header_is_named() -> None:
    # As above, fe80 + 1 + ff02 + 12 and now 24 + 70 add 1fe29, folded fe2a; 63a2 - fe2a = -9a88, and so 6577.
    carp = octets("212a000700016577 0000000000000001bed06b842dc2fcede38f5139bf18d984f1276796")
    assert judge(advert6(carp)) == "pseudo-header"


def test_a_cut_message_is_not_judged() -> None:
    assert judge(advert(octets("21 33 64 01 00 01 0000 0a0000fe 0000000000000000"), cut=1)) is None
    assert judge(advert(octets("31 33 64 01 0064 0000 0a0000fe 0a000001"), flags=0x2000)) is None
