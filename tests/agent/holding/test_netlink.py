"""Netlink messages: what is packed and read, cut and hostile ones included."""

import struct

from vrrpwatch.agent.holding.netlink import (
    HEADER,
    Message,
    Refusal,
    attribute,
    attributes,
    message,
    messages,
    numbered,
    refusal,
)


def test_an_attribute_is_padded_to_four_octets_and_says_its_length_without() -> None:
    assert attribute(3, b"eth0\0") == bytes.fromhex("0900 0300 65746830 00 000000")


def test_a_request_has_the_flag_that_makes_it_one() -> None:
    assert message(20, 0x600, b"\2\x18") == bytes.fromhex("12000000 1400 0106 00000000 00000000 0218")


def test_requests_for_one_send_are_aligned_and_numbered_from_0() -> None:
    joined = numbered([message(20, 0, b"\1"), message(21, 0, b"")])
    assert joined == bytes.fromhex(
        "11000000 1400 0100 00000000 00000000 01 000000 10000000 1500 0100 01000000 00000000"
    )


def test_what_is_damaged_ends_the_messages_of_a_read() -> None:
    whole = HEADER.pack(20, 16, 0, 7, 9) + b"abcd"
    assert list(messages(whole + HEADER.pack(21, 17, 0, 0, 0) + b"abcd")) == [Message(16, 0, 7, 9, b"abcd")]
    assert list(messages(HEADER.pack(15, 16, 0, 0, 0))) == []
    assert list(messages(HEADER.pack(2**32 - 1, 16, 0, 0, 0))) == []
    assert list(messages(whole[:15])) == []


def test_what_is_damaged_ends_the_attributes_and_flags_are_no_part_of_a_kind() -> None:
    body = attribute(0x8003, b"ab") + struct.pack("=HH", 3, 4) + attribute(5, b"")
    assert attributes(body, 0) == {3: b"ab"}
    assert attributes(attribute(3, b"ab")[:6] + b"\xff", 0) == {3: b"ab"}
    assert attributes(b"\x08\0\1\0abc", 0) == {}


def test_a_refusal_gives_the_kernels_own_words() -> None:
    said = HEADER.pack(100, 24, 1, 7, 0)
    words = attribute(1, b"Nexthop has invalid gateway\0")
    capped = Message(2, 0x300, 7, 1, struct.pack("=i", -101) + said + words)
    assert refusal(capped) == Refusal(7, 101, "Nexthop has invalid gateway")
    assert refusal(capped) == refusal(
        Message(2, 0x200, 7, 1, struct.pack("=i", -101) + HEADER.pack(20, 24, 1, 7, 0) + b"abcd" + words)
    )
    assert Refusal(7, 101, "Nexthop has invalid gateway").reason == (
        "Network is unreachable (Nexthop has invalid gateway)"
    )


def test_an_acknowledgement_refuses_nothing_and_a_stump_says_that_it_is_one() -> None:
    assert refusal(Message(2, 0, 7, 1, bytes(20))) is None
    assert refusal(Message(2, 0, 7, 1, b"\xff")) == Refusal(7, 0, "an error without a number")
