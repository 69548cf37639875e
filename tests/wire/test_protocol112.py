"""Protocol 112 told apart by the length that IP announces: VRRPv2, VRRPv3, CARP, and why something is none of them."""

from ipaddress import IPv4Address, IPv6Address

import pytest

from tests.wire.frames import advert, advert6, ethernet, ipv4, octets
from vrrpwatch.wire.link import dissect
from vrrpwatch.wire.protocol112 import decode_advert
from vrrpwatch.wire.values import Carp, HmacTrailer, Malformed, Packet, Vrrp

V2 = "21 33 64 01 00 01 6fcc 0a0000fe 0000000000000000"
V3 = "31 33 64 01 0064 7b4f 0a0000fe"
CARP = "21 2a 00 07 00 01 63a2 0000000000000001 bed06b842dc2fcede38f5139bf18d984f1276796"
TRAILER = "01 05 0000 68000000 8000 0003 000102030405060708090a0b0c0d0e0f"
V6_ADDRESSES = "fe80000000000000 0000000000000001 20010db800000000 0000000000000001"
SEVEN = "0a000001 0a000002 0a000003 0a000004 0a000005 0a000006 0a000007"


def vrrp(packet: Packet) -> Vrrp:
    message = decode_advert(packet)
    assert isinstance(message, Vrrp)
    return message


def malformed(packet: Packet) -> Malformed:
    message = decode_advert(packet)
    assert isinstance(message, Malformed)
    return message


def test_vrrp2() -> None:
    assert decode_advert(advert(octets(V2))) == Vrrp(
        version=2,
        vrid=51,
        priority=100,
        count=1,
        interval=1.0,
        checksum=0x6FCC,
        addresses=(IPv4Address("10.0.0.254"),),
        auth_type=0,
        auth_data=bytes(8),
        length=20,
    )


def test_vrrp2_with_a_password() -> None:
    message = vrrp(advert(octets("21 33 ff 02 01 0a 0000 0a0000fe 0a0000fd 70610073ff0a1b00")))
    assert (message.auth_type, message.auth_data) == (1, b"pa\0s\xff\n\x1b\0")
    assert message.interval == 10.0
    assert [str(address) for address in message.addresses] == ["10.0.0.254", "10.0.0.253"]


def test_vrrp2_without_an_address() -> None:
    message = vrrp(advert(octets("21 33 64 00 02 01 0000 0000000000000000")))
    assert (message.count, message.addresses, message.auth_type, message.length) == (0, (), 2, 16)


def test_cisco_md5_has_a_longer_body() -> None:
    message = vrrp(advert(octets("21 33 64 01 fe 01 0000 0a0000fe") + bytes(range(30))))
    assert (message.auth_type, message.auth_data, message.length) == (254, bytes(range(30)), 42)
    assert message.trailer is None


def test_vrrp2_with_the_hmac_trailer() -> None:
    message = vrrp(advert(octets(V2 + TRAILER)))
    assert message.trailer == HmacTrailer(1, 5, 0x68000000, 0x8000, 3, bytes(range(16)))
    assert (message.addresses, message.auth_data) == ((IPv4Address("10.0.0.254"),), bytes(8))
    assert message.length == 48


def test_vrrp3() -> None:
    assert decode_advert(advert(octets(V3))) == Vrrp(
        version=3,
        vrid=51,
        priority=100,
        count=1,
        interval=1.0,
        checksum=0x7B4F,
        addresses=(IPv4Address("10.0.0.254"),),
        length=12,
    )


@pytest.mark.parametrize(("field", "seconds"), [("0001", 0.01), ("0fff", 40.95), ("f064", 1.0), ("a00a", 0.1)])
def test_the_interval_of_vrrp3_is_twelve_bits_of_centiseconds(field: str, seconds: float) -> None:
    assert vrrp(advert(octets(f"31 33 64 01 {field} 0000 0a0000fe"))).interval == seconds


def test_vrrp3_for_ipv6() -> None:
    message = vrrp(advert6(octets(f"31 33 64 02 0064 0000 {V6_ADDRESSES}")))
    assert message.addresses == (IPv6Address("fe80::1"), IPv6Address("2001:db8::1"))
    assert (message.length, message.trailer) == (40, None)


def test_vrrp3_with_the_hmac_trailer() -> None:
    four = vrrp(advert(octets(V3 + TRAILER)))
    six = vrrp(advert6(octets(f"31 33 64 02 0064 0000 {V6_ADDRESSES} {TRAILER}")))
    assert four.trailer == six.trailer == HmacTrailer(1, 5, 0x68000000, 0x8000, 3, bytes(range(16)))
    assert four.addresses == (IPv4Address("10.0.0.254"),)
    assert (four.length, six.length) == (40, 68)


def test_seven_addresses_more_are_no_trailer() -> None:
    message = vrrp(advert(octets(f"31 33 64 08 0064 0000 0a0000fe {SEVEN}")))
    assert (message.count, len(message.addresses), message.trailer) == (8, 8, None)


def test_255_addresses() -> None:
    message = vrrp(advert(octets("31 33 64 ff 0064 0000") + b"".join(bytes((10, 0, 1, n)) for n in range(255))))
    assert (message.count, message.length) == (255, 1028)
    assert message.addresses[254] == IPv4Address("10.0.1.254")


def test_carp() -> None:
    digest = octets("bed06b842dc2fcede38f5139bf18d984f1276796")
    carp = Carp(42, 0, 7, 0, 1, 0x63A2, counter=1, digest=digest, length=36, complete=True)
    assert decode_advert(advert(octets(CARP))) == carp
    assert decode_advert(advert6(octets(CARP))) == carp
    assert decode_advert(dissect(ethernet(ipv4(octets(CARP), destination="10.0.0.2")), 1)) == carp


def test_carp_has_its_own_fields_where_vrrp_has_others() -> None:
    message = decode_advert(advert(octets("21 2a f0 07 50 03 0000") + bytes(28)))
    assert isinstance(message, Carp)
    assert (message.vhid, message.advskew, message.authlen, message.demotion, message.advbase) == (42, 240, 7, 80, 3)


def test_seven_addresses_are_vrrp_with_their_authentication_data_and_carp_without() -> None:
    body = f"21 07 64 07 00 01 0000 {SEVEN}"
    assert len(vrrp(advert(octets(body) + bytes(8))).addresses) == 7
    assert isinstance(decode_advert(advert(octets(body))), Carp)
    assert len(vrrp(advert(octets(body) + bytes(8) + octets(TRAILER))).addresses) == 7


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ("", "empty payload"),
        ("21 33 64 01 00 01 00", "length 7 is below the header's 8"),
        ("01 33 64 01 00 01 0000", "unknown version 0"),
        ("11 33 64 01 00 01 0000", "unknown version 1"),
        ("41 33 64 01 00 01 0000", "unknown version 4"),
        ("f1 33 64 01 00 01 0000", "unknown version 15"),
        ("20 33 64 01 00 01 0000", "unknown type 0"),
        ("32 33 64 01 00 01 0000", "unknown type 2"),
        ("21 00 64 01 00 01 0000 0a0000fe 0000000000000000", "VRID 0"),
        ("31 00 64 01 0064 0000 0a0000fe", "VRID 0"),
        ("21 33 64 01 00 00 0000 0a0000fe 0000000000000000", "advertisement interval 0"),
        ("31 33 64 01 f000 0000 0a0000fe", "advertisement interval 0"),
        ("21 33 64 01 03 01 0000 0a0000fe 0000000000000000", "unknown authentication type 3"),
        ("21 33 64 01 00 01 0000 0a0000fe 00000000000000", "VRRPv2 length 19 does not fit 1 address"),
        ("21 33 64 02 00 01 0000 0a0000fe 0000000000000000", "VRRPv2 length 20 does not fit 2 addresses"),
        ("21 33 64 02 fe 01 0000 0a0000fe", "VRRPv2 length 12 does not fit 2 addresses"),
        ("31 33 64 00 0064 0000", "VRRPv3 without an address"),
        ("31 33 64 05 0064 0000 0a0000fe", "VRRPv3 length 12 does not fit 5 addresses"),
        ("31 33 64 01 0064 0000 0a0000fe 00", "VRRPv3 length 13 does not fit 1 address"),
        ("21 00 00 07 00 01 0000" + "00" * 28, "CARP with vhid 0"),
        ("21 2a 00 07 00 01 0000" + "00" * 25, "length 33 fits neither CARP (36) nor VRRPv2 with 7 addresses"),
        ("21 2a 00 07 00 01 0000" + "00" * 34, "length 42 fits neither CARP (36) nor VRRPv2 with 7 addresses"),
        ("21 2a 00 06 00 01 0000" + "00" * 28, "VRRPv2 length 36 does not fit 6 addresses"),
    ],
)
def test_the_reason_of_a_malformed_message(payload: str, reason: str) -> None:
    message = malformed(advert(octets(payload)))
    assert message.reason == reason
    assert message.length == len(octets(payload))
    assert message.cut is False


def test_vrrp2_is_for_ipv4_only() -> None:
    assert malformed(advert6(octets(V2))).reason == "VRRPv2 over IPv6"
    seven = malformed(advert6(octets("21 2a 00 07 00 01 0000") + bytes(25)))
    assert seven.reason == "length 33 fits neither CARP (36) nor VRRPv2 with 7 addresses"
    assert seven.addresses == ()


def test_a_malformed_message_keeps_every_field_that_can_be_read() -> None:
    assert malformed(advert(octets("21 33 64 03 01 05 1234 0a0000fe 0a0000fd 0a00"))) == Malformed(
        reason="VRRPv2 length 18 does not fit 3 addresses",
        version=2,
        type=1,
        id=51,
        priority=100,
        count=3,
        auth_type=1,
        interval=5.0,
        checksum=0x1234,
        addresses=(IPv4Address("10.0.0.254"), IPv4Address("10.0.0.253")),
        length=18,
    )
    assert malformed(advert(octets("81 33 64"))) == Malformed(
        "unknown version 8", version=8, type=1, id=51, priority=100, length=3
    )
    assert malformed(advert(octets("31 33 64 02 f0c8 1234 0a0000fe"))).interval == 2.0


def test_carp_without_a_vhid_has_no_made_up_addresses() -> None:
    message = malformed(advert(octets("21 00 05 07 50 01 0000") + bytes(28)))
    assert (message.id, message.priority, message.interval) == (0, 5, 1.0)
    assert (message.addresses, message.auth_type) == ((), None)


def test_an_ip_length_beyond_the_frame_is_the_senders_fault() -> None:
    message = malformed(advert(octets(V2), total=60))
    assert (message.reason, message.cut, message.id) == ("IP length exceeds the frame", False, 51)


@pytest.mark.parametrize(("cut", "held"), [(1, 1), (8, 1), (9, 0), (12, 0)])
def test_what_the_capture_cut_from_vrrp2(cut: int, held: int) -> None:
    message = vrrp(advert(octets(V2), cut=cut))
    assert (message.complete, message.length, message.count) == (False, 20, 1)
    assert len(message.addresses) == held
    assert message.auth_data == bytes(8 - cut if cut < 8 else 0)


def test_what_the_capture_cut_from_vrrp3_with_a_trailer() -> None:
    message = vrrp(advert(octets(V3 + TRAILER), cut=1))
    assert (message.complete, message.trailer, len(message.addresses)) == (False, None, 1)


@pytest.mark.parametrize(
    ("cut", "counter", "digest"), [(1, 1, None), (20, 1, None), (21, None, None), (28, None, None)]
)
def test_what_the_capture_cut_from_carp(cut: int, counter: int | None, digest: bytes | None) -> None:
    message = decode_advert(advert(octets(CARP), cut=cut))
    assert isinstance(message, Carp)
    assert (message.vhid, message.advbase, message.complete, message.length) == (42, 1, False, 36)
    assert (message.counter, message.digest) == (counter, digest)


@pytest.mark.parametrize("cut", [13, 16, 19, 20])
def test_less_than_a_header_is_the_captures_fault(cut: int) -> None:
    message = malformed(advert(octets(V2), cut=cut))
    assert (message.reason, message.cut, message.length) == ("cut by the capture", True, 20)
    assert message.id == (51 if cut < 19 else None)


def test_a_cut_capture_does_not_hide_a_length_that_does_not_fit() -> None:
    assert malformed(advert(octets("21 33 64 02 00 01 0000 0a0000fe 0000000000000000"), cut=8)).cut is False


def test_a_first_fragment_is_decoded_as_far_as_it_goes() -> None:
    message = vrrp(advert(octets(f"31 33 64 07 0064 0000 {SEVEN}")[:24], flags=0x2000))
    assert (message.complete, message.count, len(message.addresses)) == (False, 7, 4)
    carp = decode_advert(advert(octets(CARP)[:24], flags=0x2000))
    assert isinstance(carp, Carp)
    assert (carp.complete, carp.counter, carp.digest) == (False, 1, None)
    longer = vrrp(advert(octets(f"21 33 64 07 00 01 0000 {SEVEN} 00000000"), flags=0x2000))
    assert (longer.complete, len(longer.addresses)) == (False, 7)


def test_a_later_fragment_says_nothing() -> None:
    message = malformed(advert(octets(V2), flags=0x0001))
    assert (message.reason, message.cut, message.version) == ("later fragment of an advertisement", True, None)
