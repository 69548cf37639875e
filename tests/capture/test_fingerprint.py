"""What makes two frames say the same, and what makes one the copy of another."""

import struct
import subprocess
import sys
from collections.abc import Sequence

import pytest

from tests.capture import files, frames
from vrrpwatch.capture.fingerprint import siphash

SOURCE6, GROUP6 = frames.A6, frames.VRRP_GROUP6


def hashes(first: bytes, second: bytes, linktype: int = 1) -> tuple[bool, bool]:
    """Whether two frames have one fingerprint, and one identity."""
    one, two = files.read(files.pcap([first, second], linktype)).frames
    return bool(one["fingerprint"] == two["fingerprint"]), bool(one["identity"] == two["identity"])


def vrrp(**changes: object) -> bytes:
    return frames.ethernet(frames.ipv4(frames.VRRP2, **changes))  # type: ignore[arg-type]


def carp(payload: bytes, **changes: object) -> bytes:
    return frames.ethernet(frames.ipv4(payload, **changes))  # type: ignore[arg-type]


def checksum(data: bytes) -> bytes:
    """The octets that make the one's complement sum of ``data`` come out even (RFC 1071)."""
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!H", total ^ 0xFFFF)


def test_siphash_against_the_interpreters_own() -> None:
    """CPython hashes octets by SipHash-1-3 with a key of zeros under PYTHONHASHSEED=0 (PEP 456, from 3.11)."""
    if sys.hash_info.algorithm != "siphash13":
        pytest.skip(f"this interpreter hashes by {sys.hash_info.algorithm}")
    program = "print(*(hash(bytes(range(size))) for size in range(8, 80, 8)))"
    expected = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONHASHSEED": "0"}, capture_output=True, text=True, check=True
    ).stdout
    got = []
    for size in range(8, 80, 8):
        words = [int.from_bytes(range(at, at + 8), "little") for at in range(0, size, 8)]
        got.append(siphash(0, 0, [*words, size << 56]))
    assert got == [int(value) % 2**64 for value in expected.split()]


def test_the_same_again() -> None:
    assert hashes(vrrp(), vrrp()) == (True, True)


def test_only_the_identification_differs() -> None:
    assert hashes(vrrp(identification=7), vrrp(identification=8)) == (True, False)


def test_padding_says_nothing() -> None:
    assert hashes(vrrp() + b"\0" * 6, vrrp() + b"\xff" * 6) == (True, True)


@pytest.mark.parametrize(
    "other",
    [
        vrrp(source=frames.B),
        vrrp(destination=frames.B),
        vrrp(ttl=254),
        vrrp(tos=0),
        vrrp(flags=0x4000),
        vrrp(flags=0x2000),
        vrrp(options=b"\x94\x04\0\0"),
        frames.ethernet(frames.ipv4(frames.VRRP2), source=bytes(6)),
        frames.ethernet(frames.ipv4(frames.VRRP2), destination=b"\xff" * 6),
        frames.tagged(frames.ipv4(frames.VRRP2), (0x8100, 10)),
        frames.ethernet(frames.ipv4(frames.VRRP2[:-1] + b"\1")),
        frames.ethernet(frames.ipv4(frames.VRRP2[:-4])),
        frames.ethernet(frames.ipv4(frames.VRRP2 + bytes(4))),
        frames.ethernet(frames.ipv4(frames.VRRP2))[:-1],
    ],
)
def test_whatever_else_differs_says_something_else(other: bytes) -> None:
    assert hashes(vrrp(), other)[0] is False


def test_vlans_and_link_types_apart() -> None:
    inner = frames.ipv4(frames.VRRP2)
    assert hashes(frames.tagged(inner, (0x8100, 10)), frames.tagged(inner, (0x8100, 11))) == (False, False)
    assert hashes(frames.tagged(inner, (0x8100, 10)), frames.tagged(inner, (0x8100, 0xE00A))) == (True, True)


def test_carp_counts_on_and_says_the_same() -> None:
    first = frames.CARP
    body = first[:6] + b"\0\0" + bytes(7) + b"\2" + b"\x5a" * 20
    second = body[:6] + checksum(body) + body[8:]
    assert hashes(carp(first), carp(second)) == (True, False)
    broken = first[:6] + b"\0\1" + first[8:]
    assert hashes(carp(first), carp(broken)) == (False, False)
    assert hashes(carp(first), carp(first[:2] + b"\1" + first[3:]))[0] is False
    # Cut off by the snap length, the checksum cannot be judged.
    assert hashes(carp(first)[:54], carp(second)[:54]) == (True, False)
    assert hashes(carp(first), carp(first)[:54])[0] is False


def test_ah_counts_on_and_says_the_same() -> None:
    def authenticated(**changes: object) -> bytes:
        return frames.ethernet(frames.ipv4(frames.ah(frames.VRRP2, **changes), 51))  # type: ignore[arg-type]

    assert hashes(authenticated(sequence=1), authenticated(sequence=2, icv=b"\x55" * 12)) == (True, True)
    assert hashes(authenticated(), authenticated(spi=7)) == (False, True)
    assert hashes(authenticated(), authenticated(icv=bytes(16))) == (False, True)


def test_the_hmac_trailer_counts_on_and_says_the_same() -> None:
    def signed(trailer: bytes, spoil: int = 0) -> bytes:
        body = b"\x31\x33\x64\x01\x00\x64\0\0" + SOURCE6 + trailer
        pseudo = SOURCE6 + GROUP6 + struct.pack("!II", len(body), 112)
        (fitting,) = struct.unpack("!H", checksum(pseudo + body))
        body = body[:6] + struct.pack("!H", fitting ^ spoil) + body[8:]
        return frames.ethernet(frames.ipv6(body), 0x86DD)

    one, two = frames.trailer(1000, 1), frames.trailer(1001, 9)
    assert hashes(signed(one), signed(two)) == (True, False)
    assert hashes(signed(one), signed(two, spoil=0x0100)) == (False, False)
    other_key = bytearray(two)
    other_key[1] = 2
    assert hashes(signed(one), signed(bytes(other_key))) == (False, False)
    # Without a trailer the same octets are part of the message.
    assert hashes(signed(one[:-4]), signed(two[:-4]))[0] is False


def test_the_trailer_on_ipv4_is_not_under_the_checksum() -> None:
    message = b"\x31\x33\x64\x01\x00\x64\0\0" + frames.VIP
    message = message[:6] + checksum(message) + message[8:]
    one, two = message + frames.trailer(1000, 1), message + frames.trailer(1001, 9)
    assert hashes(carp(one), carp(two)) == (True, False)


def test_ipv6_flow_labels_say_nothing_and_extension_headers_do() -> None:
    message = b"\x31\x33\x64\x01\x00\x64\0\0" + SOURCE6

    def advert(*, extension: bytes = b"", **changes: object) -> bytes:
        packet = frames.ipv6(extension + message, 0 if extension else 112, **changes)  # type: ignore[arg-type]
        return frames.ethernet(packet, 0x86DD)

    assert hashes(advert(flow=1), advert(flow=2)) == (True, True)
    assert hashes(advert(), advert(traffic_class=0xC1))[0] is False
    assert hashes(advert(), advert(hop_limit=1))[0] is False
    assert hashes(advert(extension=b"\x70\0\5\2\0\0\1\0"), advert(extension=b"\x70\0\1\4\0\0\0\0")) == (False, True)


def question(**changes: object) -> bytes:
    return frames.ethernet(frames.arp(1, **changes), 0x0806, destination=b"\xff" * 6)  # type: ignore[arg-type]


def test_whom_an_arp_request_asks_for_says_nothing() -> None:
    assert hashes(question(target=frames.B), question(target=frames.VIP, asked=b"\1" * 6)) == (True, True)
    assert hashes(question(), question(sender=frames.VIP))[0] is False
    assert hashes(question(), question(mac=bytes(6)))[0] is False


def test_whom_an_arp_reply_answers_says_nothing() -> None:
    def reply(target: bytes, asked: bytes = frames.SOURCE_MAC, **changes: object) -> bytes:
        body = frames.arp(2, target=target, **changes)  # type: ignore[arg-type]
        return frames.ethernet(body, 0x0806, destination=asked)

    assert hashes(reply(frames.B), reply(frames.VIP, b"\2" * 6)) == (True, True)
    assert hashes(reply(frames.B), question(target=frames.B))[0] is False
    assert hashes(reply(frames.B), reply(frames.B, sender=frames.VIP))[0] is False
    assert hashes(reply(frames.B), reply(frames.A))[0] is False


def test_what_an_announcement_says_counts_in_full() -> None:
    announced = question(target=frames.A)
    assert hashes(announced, question())[0] is False
    assert hashes(announced, question(target=frames.A, asked=b"\xff" * 6))[0] is False
    assert hashes(announced + b"\0" * 18, announced + b"\1" * 18)[0] is True
    assert hashes(announced, announced[:-1])[0] is False


def cooked(packet_type: int, address: bytes) -> bytes:
    return struct.pack("!HHH", packet_type, 1, 6) + address.ljust(8, b"\0") + b"\x08\0" + frames.ipv4(frames.VRRP2)


def cooked2(ifindex: int, address: bytes) -> bytes:
    head = struct.pack("!HHIHBB", 0x0800, 0, ifindex, 1, 2, 6)
    return head + address.ljust(8, b"\0") + frames.ipv4(frames.VRRP2)


@pytest.mark.parametrize(
    ("linktype", "first", "second"),
    [
        (113, cooked(2, b"\1" * 6), cooked(2, b"\2" * 6)),
        (113, cooked(2, b"\1" * 6), cooked(4, b"\1" * 6)),
        (276, cooked2(1, b"\1" * 6), cooked2(1, b"\2" * 6)),
        (276, cooked2(1, b"\1" * 6), cooked2(2, b"\1" * 6)),
    ],
)
def test_cooked_headers_tell_speakers_apart(linktype: int, first: bytes, second: bytes) -> None:
    assert hashes(first, first, linktype) == (True, True)
    assert hashes(first, second, linktype) == (False, True)


def test_interfaces_and_keys_apart() -> None:
    data = files.section() + files.interface() * 2 + files.enhanced(vrrp(), 0, 0) + files.enhanced(vrrp(), 0, 1)
    one, two = files.read(data).frames
    assert (one["fingerprint"] == two["fingerprint"], one["identity"] == two["identity"]) == (False, False)
    (other, _) = files.read(data, secret=(1, 2)).frames
    assert (one["fingerprint"] == other["fingerprint"], one["identity"] == other["identity"]) == (False, False)


@pytest.mark.parametrize("lengths", [range(40)])
def test_every_octet_of_a_payload_counts(lengths: Sequence[int]) -> None:
    for length in lengths:
        payload = bytes(length)
        packets = [frames.ethernet(frames.ipv4(payload, 240))]
        packets += [frames.ethernet(frames.ipv4(payload[:at] + b"\1" + payload[at + 1 :], 240)) for at in range(length)]
        rows = files.read(files.pcap(packets)).frames
        assert len(set(rows["fingerprint"].tolist())) == length + 1
        assert len(set(rows["identity"].tolist())) == length + 1
