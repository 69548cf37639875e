"""Ring blocks made by hand as linux/if_packet.h lays them out, and what becomes of them; then broken ones."""

import random
import struct
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import pytest

from tests.capture import files, frames
from vrrpwatch.capture import ring

AT = 10**18 + 123_456_789
FRAME = frames.ethernet(frames.ipv4(frames.VRRP2))
ETHER, LOOPBACK, TUNNEL = 1, 772, 768
HOST, MULTICAST, OUTGOING = 0, 2, 4
VLAN, TPID = 1 << 4, 1 << 6
FOREVER = 1 << 62
# tpacket3_hdr (48), sockaddr_ll (20), up to the next multiple of 16, and so that IP begins at one: packet_mmap.rst.
NETWORK = 96


class Sent(NamedTuple):
    """A frame as the kernel puts it into the ring."""

    data: bytes = FRAME
    at: int = AT
    ifindex: int = 3
    hatype: int = ETHER
    kind: int = MULTICAST
    status: int = 0
    tci: int = 0
    tpid: int = 0
    length: int | None = None
    link: int = 14


def record(sent: Sent, last: bool) -> bytes:
    mac = NETWORK - sent.link
    size = (mac + len(sent.data) + 15) // 16 * 16
    length = len(sent.data) if sent.length is None else sent.length
    seconds, nanoseconds = divmod(sent.at, 10**9)
    head = struct.pack(
        "=6I2H", 0 if last else size, seconds, nanoseconds, len(sent.data), length, sent.status, mac, NETWORK
    )
    head += struct.pack("=IIHH8x", 0, sent.tci, sent.tpid, 0)
    address = struct.pack("=HHiHBB", 17, 0x0008, sent.ifindex, sent.hatype, sent.kind, 6)
    return (head + address + b"\x02\0\0\0\0\x01\0\0").ljust(mac, b"\xee").__add__(sent.data).ljust(size, b"\xee")


def block(sent: Sequence[Sent], size: int = 1 << 14) -> bytearray:
    body = b"".join(record(one, place == len(sent)) for place, one in enumerate(sent, 1))
    head = struct.pack("=IIIIIIQIIII", 1, 48, 1, len(sent), 48, 48 + len(body), 1, 0, 0, 0, 0)
    assert len(head) == 48
    return bytearray((head + body).ljust(size, b"\0"))


@cache
def uncompiled() -> Any:
    return files.from_source("ring")


@pytest.fixture(params=["compiled", "uncompiled"])
def make(request: pytest.FixtureRequest) -> Any:
    return ring.Transcoder if request.param == "compiled" else uncompiled().Transcoder


def told(transcoder: Any, data: bytearray, *, room: int = 1 << 16, until: int = FOREVER, now: int = FOREVER) -> bytes:
    """The pcapng bytes of a block, of interfaces 3 and 4 (Ethernet), 5 (cooked) and 6 (ignored)."""
    for ifindex, number, form in ((3, 0, 0), (4, 1, 0), (5, 2, 1), (6, 3, 2)):
        transcoder.describe(ifindex, number, form)
    output = bytearray(b"\xaa" * room)
    transcoder.load(memoryview(data))
    end = transcoder.frames(memoryview(output), 0, until, now)
    # Nothing is written behind what was told.
    assert output[end:] == b"\xaa" * (room - end)
    return bytes(output[:end])


def test_frames_are_packet_blocks(make: Any) -> None:
    sent = [Sent(), Sent(FRAME + b"x", AT + 1, 4), Sent(b"", AT + 2, length=1514)]
    transcoder = make(262144)
    assert told(transcoder, block(sent)) == (
        files.enhanced(FRAME, AT, 0)
        + files.enhanced(FRAME + b"x", AT + 1, 1)
        + files.enhanced(b"", AT + 2, 0, length=1514)
    )
    assert (transcoder.status, transcoder.left, transcoder.damaged) == (ring.DONE, 0, 0)


def test_a_tag_is_put_back(make: Any) -> None:
    sent = [
        Sent(status=VLAN | TPID, tci=0x600A, tpid=0x88A8),
        Sent(status=VLAN, tci=0x0014, tpid=0xFFFF, length=100),
        Sent(status=TPID, tci=0x0014, tpid=0x8100),
    ]
    assert told(make(262144), block(sent)) == (
        files.enhanced(FRAME[:12] + bytes.fromhex("88a8600a") + FRAME[12:], AT)
        + files.enhanced(FRAME[:12] + bytes.fromhex("81000014") + FRAME[12:], AT, length=104)
        + files.enhanced(FRAME, AT)
    )


def test_no_more_than_the_snap_length(make: Any) -> None:
    data = FRAME + bytes(100)
    sent = [Sent(data), Sent(data, status=VLAN, tci=10)]
    assert told(make(64), block(sent)) == (
        files.enhanced(data[:64], AT, length=len(data))
        + files.enhanced(data[:12] + bytes.fromhex("8100000a") + data[12:60], AT, length=len(data) + 4)
    )


def test_other_links_get_a_cooked_header(make: Any) -> None:
    packet = frames.ipv4(frames.VRRP2)
    header = bytes.fromhex("0004 0300 0006 020000000001 0000 0800")
    sent = [Sent(packet, ifindex=5, hatype=TUNNEL, kind=OUTGOING, link=0)]
    assert told(make(262144), block(sent)) == files.enhanced(header + packet, AT, 2)
    # A link header of its own is left out.
    sent = [Sent(b"four" + packet, ifindex=5, hatype=TUNNEL, kind=OUTGOING, link=4, length=1000)]
    assert told(make(262144), block(sent)) == files.enhanced(header + packet, AT, 2, length=1012)


def test_what_loops_back_is_taken_once_and_what_is_ours_elsewhere_is_taken(make: Any) -> None:
    sent = [
        Sent(hatype=LOOPBACK, kind=OUTGOING),
        Sent(hatype=LOOPBACK, kind=HOST),
        Sent(kind=OUTGOING),
        Sent(ifindex=6),
    ]
    assert told(make(262144), block(sent)) == files.enhanced(FRAME, AT) * 2


def test_later_frames_wait_but_not_those_of_a_clock_that_was_set_back(make: Any) -> None:
    transcoder = make(262144)
    data = block([Sent(), Sent(at=AT + 5), Sent(at=AT + 100)])
    assert told(transcoder, data, until=AT + 1, now=AT + 50) == files.enhanced(FRAME, AT)
    assert (transcoder.status, transcoder.left, transcoder.at) == (ring.LATER, 2, AT + 5)
    output = memoryview(bytearray(1 << 10))
    end = transcoder.frames(output, 0, AT + 5, AT + 50)
    assert bytes(output[:end]) == files.enhanced(FRAME, AT + 5) + files.enhanced(FRAME, AT + 100)


def test_an_unknown_interface_is_asked_about(make: Any) -> None:
    transcoder = make(262144)
    assert told(transcoder, block([Sent(), Sent(ifindex=9, hatype=TUNNEL)])) == files.enhanced(FRAME, AT)
    assert (transcoder.status, transcoder.ifindex, transcoder.hatype) == (ring.UNKNOWN, 9, TUNNEL)
    transcoder.describe(9, 7, ring.ETHERNET)
    output = memoryview(bytearray(200))
    assert bytes(output[: transcoder.frames(output, 0, FOREVER, FOREVER)]) == files.enhanced(FRAME, AT, 7)
    transcoder.undescribe(9)
    assert told(transcoder, block([Sent(ifindex=9)])) == b""


@pytest.mark.parametrize("room", [0, 1, 87, 88, 89, 175, 176, 1000])
def test_only_whole_blocks_are_written(make: Any, room: int) -> None:
    transcoder = make(262144)
    whole = files.enhanced(FRAME, AT)
    assert len(whole) == 88
    assert told(transcoder, block([Sent()] * 3), room=room) == whole * min(room // 88, 3)
    assert transcoder.status == (ring.FULL if room < 264 else ring.DONE)
    assert transcoder.left == 3 - min(room // 88, 3)


def test_a_block_that_makes_no_sense_is_left_where_it_does_not(make: Any) -> None:
    good = files.enhanced(FRAME, AT)
    for place, word in ((20, 1 << 15), (16, 1 << 31), (16, 0), (16, 1 << 14)):
        data = block([Sent()] * 3)
        struct.pack_into("=I", data, place, word)
        transcoder = make(262144)
        assert told(transcoder, data) == b""
        assert (transcoder.left, transcoder.damaged) == (0, 1)
    # The second frame: no step, a step to nowhere, more octets than there are; the number of frames.
    second = 48 + len(record(Sent(), False))
    for place, word in ((second + 12, 1 << 20), (48, 0), (48, 4), (48, 1 << 30), (12, 1 << 31)):
        data = block([Sent()] * 3)
        struct.pack_into("=I", data, place, word)
        transcoder = make(262144)
        assert told(transcoder, data) == good * (3 if place == 12 else 1)
        assert (transcoder.left, transcoder.damaged) == (0, 1)
    transcoder = make(262144)
    assert told(transcoder, bytearray(47)) == b""
    assert transcoder.damaged == 1


def broken(number: int) -> bytearray:
    dice = random.Random(number)
    sent = [
        Sent(
            dice.randbytes(dice.choice((0, 10, 12, 13, 60, 200))),
            AT + step * dice.choice((0, 10**6)),
            dice.choice((3, 3, 4, 5, 6, 9)),
            dice.choice((ETHER, LOOPBACK, TUNNEL)),
            dice.randrange(6),
            dice.choice((0, VLAN, VLAN | TPID)),
            dice.randrange(1 << 16),
            dice.choice((0x8100, 0x88A8)),
        )
        for step in range(dice.randrange(1, 6))
    ]
    data = block(sent, 1 << 11)
    for _ in range(dice.choice((0, 2, 4, 8))):
        place = dice.choice((dice.randrange(32), dice.randrange(48, 90), dice.randrange(300)))
        match dice.randrange(3):
            case 0:
                data[place] = dice.choice((0, 1, 0x7F, 0x80, 0xFF))
            case 1:
                struct.pack_into(
                    "=I", data, place & ~3, dice.choice((0, 1, 48, 68, 2047, 2048, 1 << 31, (1 << 32) - 1))
                )
            case _:
                struct.pack_into("=H", data, place & ~1, dice.choice((0, 66, 68, 82, 0xFFFF)))
    return data


def test_broken_blocks_are_read_alike_and_never_beyond() -> None:
    """What is told is whole packet blocks of the ring block's own octets, whichever build tells it."""
    damaged = 0
    for number in range(1500):
        data = broken(number)
        outcomes = []
        for module in (ring, uncompiled()):
            transcoder = module.Transcoder(262144 if number % 2 else 64)
            result = told(transcoder, data, room=4096, until=AT + 10**6 if number % 3 else FOREVER)
            outcomes.append((result, *(getattr(transcoder, name) for name in ("status", "left", "damaged", "at"))))
        assert outcomes[0] == outcomes[1], number
        result = outcomes[0][0]
        damaged += outcomes[0][3]
        place = 0
        while place < len(result):
            kind, total = struct.unpack_from("=II", result, place)
            assert (kind, total % 4) == (6, 0)
            assert struct.unpack_from("=I", result, place + total - 4) == (total,)
            place += total
        assert place == len(result)
    assert damaged > 300


def test_the_other_build_comes_from_its_source() -> None:
    assert uncompiled().Transcoder.__module__ == "uncompiled_ring"
