"""IPv4 and IPv6: lengths, options, fragments, extension headers and AH, whole and damaged."""

import pytest

from tests.wire.frames import advert, ethernet, ipv4, ipv6, octets
from vrrpwatch.wire.ah import decode_ah, encode_ah
from vrrpwatch.wire.link import dissect
from vrrpwatch.wire.values import AuthenticationHeader, Ipv4, Ipv6, Packet

PAYLOAD = octets("2133640100010000 0a0000fe 0000000000000000")
AH = octets("70 04 0000 0a000001 00000007 0102030405060708090a0b0c")
ROUTER_ALERT = octets("94040000")


def six(payload: bytes, protocol: int, length: int | None = None) -> Packet:
    return dissect(ethernet(ipv6(payload, protocol, length=length), 0x86DD), 1)


def test_ethernet_padding_is_no_payload() -> None:
    packet = dissect(ethernet(ipv4(PAYLOAD)) + bytes(6) + b"\xff" * 6, 1)
    assert packet.payload == PAYLOAD
    assert packet.payload_length == 20
    assert packet.overlong is False


def test_options_are_stepped_over() -> None:
    packet = dissect(ethernet(ipv4(PAYLOAD, options=ROUTER_ALERT)), 1)
    assert isinstance(packet.network, Ipv4)
    assert packet.network.header_length == 24
    assert packet.payload_offset == 14 + 24
    assert packet.payload == PAYLOAD


def test_a_length_of_zero_means_the_rest_of_the_frame() -> None:
    packet = advert(PAYLOAD, total=0)
    assert packet.payload == PAYLOAD
    assert (packet.payload_length, packet.overlong) == (20, False)


def test_a_cut_capture_is_no_lie() -> None:
    packet = advert(PAYLOAD, cut=12)
    assert packet.payload == PAYLOAD[:8]
    assert (packet.payload_length, packet.overlong, packet.skipped) == (20, False, None)


def test_a_length_beyond_the_wire_is_a_lie() -> None:
    packet = advert(PAYLOAD, total=60)
    assert packet.payload == PAYLOAD
    assert (packet.payload_length, packet.overlong) == (40, True)


def test_an_original_length_below_the_captured_one_is_not_believed() -> None:
    frame = ethernet(ipv4(PAYLOAD))
    packet = dissect(frame, 1, 20)
    assert packet.payload == PAYLOAD
    assert packet.overlong is False


@pytest.mark.parametrize(
    ("flags", "fragment", "offset", "skipped"),
    [
        (0x0000, None, 0, None),
        (0x4000, None, 0, None),
        (0x2000, "first", 0, None),
        (0x2001, "later", 8, "later fragment"),
        (0x1FFF, "later", 65528, "later fragment"),
    ],
)
def test_ipv4_fragments(flags: int, fragment: str | None, offset: int, skipped: str | None) -> None:
    packet = advert(PAYLOAD, flags=flags)
    assert (packet.fragment, packet.skipped) == (fragment, skipped)
    assert isinstance(packet.network, Ipv4)
    assert packet.network.fragment_offset == offset
    assert packet.network.dont_fragment is (flags == 0x4000)
    assert packet.network.more_fragments is (flags & 0x2000 != 0)
    assert packet.payload == PAYLOAD


@pytest.mark.parametrize(
    ("frame", "name"),
    [
        ("45c0 001c 0007 0000 ff70 0000 0a000001 e00000", "truncated ipv4"),
        ("44c0 001c 0007 0000 ff70 0000 0a000001 e0000012", "bad ipv4 header length"),
        ("45c0 0013 0007 0000 ff70 0000 0a000001 e0000012", "bad ipv4 total length"),
        ("46c0 001c 0007 0000 ff70 0000 0a000001 e0000012", "truncated ipv4"),
    ],
)
def test_damaged_ipv4_headers(frame: str, name: str) -> None:
    packet = dissect(octets(frame), 228)
    assert packet.skipped == name
    assert packet.payload in (b"", octets(frame))


def test_ipv6_extension_headers_are_walked() -> None:
    hop_by_hop = octets("3c 00 05020000 0100")
    destination = octets("2b 01 01040000000001080000000000 00")
    routing = octets("33 00 00 00 00000000")
    packet = six(hop_by_hop + destination + routing + AH + PAYLOAD, 0)
    assert isinstance(packet.network, Ipv6)
    assert packet.network.next_header == 0
    assert packet.network.extensions == (0, 60, 43)
    assert packet.network.payload_length == 8 + 16 + 8 + 24 + 20
    assert packet.authentication == AuthenticationHeader(112, 0x0A000001, 7, bytes(range(1, 13)))
    assert packet.protocol == 112
    assert packet.payload == PAYLOAD
    assert (packet.payload_offset, packet.payload_length) == (14 + 40 + 56, 20)


@pytest.mark.parametrize(
    ("word", "fragment", "offset", "more"),
    [("0000", None, 0, False), ("0001", "first", 0, True), ("0009", "later", 8, True), ("fff8", "later", 65528, False)],
)
def test_ipv6_fragments(word: str, fragment: str | None, offset: int, more: bool) -> None:
    packet = six(octets(f"70 00 {word} 00000001") + PAYLOAD, 44)
    assert packet.fragment == fragment
    assert isinstance(packet.network, Ipv6)
    assert (packet.network.fragment_offset, packet.network.more_fragments) == (offset, more)
    assert packet.network.extensions == (44,)
    assert packet.protocol == 112
    assert packet.payload == PAYLOAD
    assert packet.skipped == ("later fragment" if fragment == "later" else None)


def test_the_headers_of_a_later_fragment_are_payload() -> None:
    packet = six(octets("00 00 0008 00000001") + PAYLOAD, 44)
    assert packet.protocol == 0
    assert packet.payload == PAYLOAD


@pytest.mark.parametrize(
    ("payload", "name"),
    [
        (octets("70"), "ipv6 extension cut"),
        (octets("70 02 0000 00000000"), "ipv6 extension cut"),
        (octets("00 00 0000 00000000") * 20, "too many ipv6 extensions"),
    ],
)
def test_damaged_ipv6_extensions(payload: bytes, name: str) -> None:
    packet = six(payload, 60)
    assert packet.skipped == name
    assert isinstance(packet.network, Ipv6)


def test_an_extension_header_ends_where_ipv6_ends_and_not_in_the_padding() -> None:
    assert six(octets("70 00 0000 00000000") + PAYLOAD, 60, length=7).skipped == "ipv6 extension cut"


def test_an_ipv6_length_of_zero_is_believed_where_nothing_may_follow() -> None:
    assert six(PAYLOAD, 112, length=0).payload == b""
    packet = six(PAYLOAD, 6, length=0)
    assert packet.payload == PAYLOAD
    assert packet.payload_length == 20


def test_an_ipv6_length_beyond_the_wire_is_a_lie() -> None:
    packet = six(PAYLOAD, 112, length=21)
    assert (packet.payload_length, packet.overlong) == (21, True)


def test_ah_in_ipv4() -> None:
    packet = dissect(ethernet(ipv4(AH + PAYLOAD, 51)), 1)
    assert packet.authentication == AuthenticationHeader(112, 0x0A000001, 7, bytes(range(1, 13)))
    assert (packet.protocol, packet.payload) == (112, PAYLOAD)
    assert (packet.payload_offset, packet.payload_length) == (14 + 20 + 24, 20)
    assert isinstance(packet.network, Ipv4)
    assert packet.network.protocol == 51


def test_ah_without_an_icv_is_twelve_octets() -> None:
    header = decode_ah(octets("70 01 0000 00000001 00000002") + PAYLOAD)
    assert header == AuthenticationHeader(112, 1, 2, b"")


@pytest.mark.parametrize(
    "data",
    [
        octets("70 00 0000 0a000001 00000007") + bytes(32),
        octets("70 ff 0000 0a000001 00000007") + bytes(32),
        octets("70 04 0000 0a000001"),
        AH[:-1],
        b"",
    ],
)
def test_ah_that_does_not_hold_what_it_says(data: bytes) -> None:
    assert decode_ah(data) is None
    packet = dissect(ethernet(ipv4(data, 51)), 1)
    assert packet.skipped == "truncated or malformed ah"
    assert (packet.protocol, packet.payload) == (51, data)


def test_ah_that_the_capture_cut() -> None:
    frame = ethernet(ipv4(AH + PAYLOAD, 51))
    packet = dissect(frame[: 14 + 20 + 23], 1, len(frame))
    assert (packet.skipped, packet.protocol, packet.payload_length) == ("truncated or malformed ah", 51, 44)


def test_encode_ah() -> None:
    assert encode_ah(AuthenticationHeader(112, 0x0A000001, 7, bytes(range(1, 13)))) == AH
    with pytest.raises(ValueError, match="an ICV of 5 octets is no multiple of 4"):
        encode_ah(AuthenticationHeader(112, 1, 1, b"12345"))
