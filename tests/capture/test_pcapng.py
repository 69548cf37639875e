"""pcapng: every block type, several sections and interfaces, clocks of any resolution, drop counts and damage."""

import struct

import pytest

from tests.capture import files, frames
from vrrpwatch.capture.errors import CaptureError
from vrrpwatch.core.frames import Interface, Kind, Loss

FRAME = frames.ethernet(frames.ipv4(frames.VRRP2))
START = files.section() + files.interface()
COUNT = struct.pack("<Q", 3)


@pytest.mark.parametrize("order", ["<", ">"])
def test_every_packet_block(order: files.Order) -> None:
    data = (
        files.section(order)
        + files.interface(snaplen=50, order=order)
        + files.enhanced(FRAME, 5, order=order, length=90)
        + files.obsolete(FRAME, 7, 0, 0, order)
        + files.simple(FRAME, 54, order)
        + files.simple(FRAME[:20], 20, order)
    )
    result = files.read(data)
    assert (result.format, result.packets, result.octets, result.damage) == ("pcapng", 4, 218, None)
    # A simple block has no time and is cut to the snap length.
    columns = ("at", "packet", "captured", "length", "kind")
    advert = int(Kind.ADVERT)
    assert files.rows(data, columns) == [
        (5000, 1, 54, 90, advert),
        (7000, 2, 54, 54, advert),
        (7000, 3, 50, 54, advert),
    ]
    assert result.skipped == {"truncated ipv4": 1}


def test_other_blocks_are_stepped_over_and_numbered_as_wireshark_does() -> None:
    others = b"".join(files.block(kind, bytes(20)) for kind in (4, 10, 0x0BAD, 0x40000BAD, 9, 0x7777))
    data = START + files.enhanced(FRAME) + others + files.enhanced(FRAME)
    result = files.read(data)
    assert (result.packets, result.damage) == (2, None)
    assert [int(row["packet"]) for row in result.frames] == [1, 5]


def test_a_block_longer_than_the_buffer_is_stepped_over() -> None:
    data = START + files.block(10, bytes(3_000_000)) + files.enhanced(FRAME)
    for size in (1 << 20, 1000):
        result = files.read(data, size=size)
        assert (result.packets, result.damage) == (1, None)
    broken = data[: len(START) + 3_000_008] + b"\0\0\0\0" + files.enhanced(FRAME)
    assert "a block whose two lengths differ" in str(files.read(broken).damage)
    assert "cut in the middle of a block" in str(files.read(data[:2_000_000]).damage)


def test_sections_of_either_byte_order_and_their_interfaces() -> None:
    data = (
        files.section(">")
        + files.interface(113, files.option(2, b"any", ">"), order=">")
        + files.interface(1, order=">")
        + files.enhanced(FRAME, 1, 1, order=">")
        + files.section("<")
        + files.interface(1, files.option(2, b"eth7\0"), snaplen=99)
        + files.enhanced(FRAME, 2, 0)
    )
    result = files.read(data)
    assert result.interfaces == (Interface("any", 113), Interface(None, 1), Interface("eth7", 1, 99))
    assert files.rows(data, ("interface", "at")) == [(1, 1000), (2, 2000)]


@pytest.mark.parametrize(
    ("resolution", "ticks", "at"),
    [
        (0, 3, 3 * 10**9),
        (3, 1234, 1_234_000_000),
        (6, 1234, 1_234_000),
        (9, 1234, 1234),
        (12, 1_234_999, 1234),
        (27, 0xFFFFFFFFFFFFFFFF, 18),
        (28, 0xFFFFFFFFFFFFFFFF, 0),
        (127, 0xFFFFFFFFFFFFFFFF, 0),
        (0x80, 7, 7 * 10**9),
        (0x80 | 20, 3 << 20 | 1 << 19, 3_500_000_000),
        (0x80 | 34, 1 << 33, 500_000_000),
        (0x80 | 40, 1 << 38, 250_000_000),
        (0x80 | 63, 1 << 62, 500_000_000),
        (0x80 | 64, 1 << 63, 500_000_000),
        (0x80 | 127, 0xFFFFFFFFFFFFFFFF, 0),
        (6, 0xFFFFFFFFFFFFFFFF, (1 << 62) - 1),
        (9, 0xFFFFFFFFFFFFFFFF, (1 << 62) - 1),
        (0x80, 0xFFFFFFFFFFFFFFFF, (1 << 62) - 1),
    ],
)
def test_clock_resolutions(resolution: int, ticks: int, at: int) -> None:
    options = files.option(9, bytes((resolution,)))
    data = files.section() + files.interface(options=options) + files.enhanced(FRAME, ticks)
    assert files.rows(data, ("at",)) == [(at,)]


@pytest.mark.parametrize(
    ("offset", "at"),
    [(2, 2_000_001_000), (-1, 0), (0x7FFFFFFFFFFFFFFF, (1 << 62) - 1), (-0x8000000000000000, 0)],
)
def test_clock_offsets(offset: int, at: int) -> None:
    options = files.option(14, struct.pack("<q", offset))
    assert files.rows(files.section() + files.interface(options=options) + files.enhanced(FRAME, 1), ("at",)) == [(at,)]


def test_drop_counts_of_statistics_are_losses_since_the_last_ones() -> None:
    def drops(missed: int, system: int) -> bytes:
        return files.option(5, struct.pack("<Q", missed)) + files.option(7, struct.pack("<Q", system))

    data = (
        START
        + files.enhanced(FRAME, 1)
        + files.statistics(0, 10, drops(2, 1))
        + files.statistics(0, 20, drops(2, 1))
        + files.statistics(0, 30, drops(5, 1))
    )
    result = files.read(data)
    assert result.batches[0].losses == (Loss(0, 0, 1000, 10000, 3), Loss(0, 0, 20000, 30000, 3))
    assert result.dropped == (6,)


def test_statistics_tell_of_outages_in_a_comment() -> None:
    def said(comment: bytes) -> bytes:
        return files.option(5, struct.pack("<Q", 0)) + files.option(1, comment)

    data = (
        START
        + files.enhanced(FRAME, 1)
        + files.statistics(0, 10, said(b"not heard since the last statistics of this interface"))
        + files.statistics(0, 20, said(b"not heard"))
        + files.statistics(0, 30, said(b"not heard since the last statistics of this interface"))
    )
    result = files.read(data)
    assert result.batches[0].losses == (Loss(0, 0, 1000, 10000, 0, True), Loss(0, 0, 20000, 30000, 0, True))
    assert result.dropped == (0,)


def test_statistics_without_drop_counts_say_nothing() -> None:
    result = files.read(START + files.interface() + files.statistics(1, 10, files.option(4, COUNT)))
    assert (result.dropped, result.batches[0].losses) == ((None, None), ())


@pytest.mark.parametrize("order", ["<", ">"])
def test_drop_counts_of_packet_blocks_are_losses_since_the_last_packet(order: files.Order) -> None:
    options = files.option(2, b"\0\0\0\0", order) + files.option(4, struct.pack(order + "Q", 3), order)
    data = (
        files.section(order)
        + files.interface(order=order)
        + files.enhanced(FRAME, 5, order=order)
        + files.enhanced(FRAME, 9, options=options, order=order)
        + files.obsolete(FRAME, 12, 0, 4, order)
        + files.obsolete(FRAME, 13, 0, 0xFFFF, order)
    )
    result = files.read(data)
    assert result.batches[0].losses == (Loss(0, 0, 5000, 9000, 3), Loss(0, 0, 9000, 12000, 4))
    assert result.dropped == (7,)


@pytest.mark.parametrize(
    ("tail", "reason"),
    [
        (struct.pack("<II", 6, 33) + bytes(40), "a block length that is no multiple of 4"),
        (struct.pack("<II", 6, 28) + bytes(40), "a block length too small for its type"),
        (struct.pack("<II", 6, 0xFFFFFFFC) + bytes(40), "a packet block longer than 524288 bytes"),
        (struct.pack("<II", 10, 13) + bytes(40), "block length 13 is no multiple of 4"),
        (struct.pack("<II", 10, 8) + bytes(40), "block length 8 is too small for a block of type 0xa"),
        (struct.pack("<II", 10, 0xFFFFFFFC) + bytes(40), "block length 4294967292 is beyond 16777216"),
        (struct.pack("<II", 1, 1 << 20) + bytes(40), "a block of type 0x1 longer than 524288 bytes"),
        (files.block(10, bytes(8))[:-1] + b"\1", "a block whose two lengths differ"),
        (files.enhanced(FRAME)[:-1] + b"\1", "a block whose two lengths differ"),
        (files.enhanced(FRAME, number=1), "a packet of an interface that was not described"),
        (files.statistics(1, 0, b""), "statistics of an interface that was not described"),
        (files.enhanced(FRAME, length=1 << 31), "a packet length beyond 2147483647"),
        (struct.pack("<IIIIIIII", 6, 36, 0, 0, 0, 5, 5, 0) + b"\x24\0\0\0", "a captured length beyond its block"),
        (struct.pack("<III", 0x0A0D0D0A, 28, 7) + bytes(40), "a section without a byte order"),
    ],
)
def test_damage(tail: bytes, reason: str) -> None:
    good = START + files.enhanced(FRAME)
    result = files.read(good + tail)
    assert result.packets == 1
    assert result.damage is not None
    assert result.damage.startswith(f"made.pcap: {reason}")
    assert f"at byte {len(good)};" in result.damage


@pytest.mark.parametrize("cut", [1, 11, 12, 40, 87])
def test_a_cut_block_is_damage_where_it_begins(cut: int) -> None:
    good = START + files.enhanced(FRAME)
    result = files.read(good + files.enhanced(FRAME)[:cut])
    assert result.packets == 1
    assert f"cut in the middle of a block at byte {len(good)};" in str(result.damage)


def test_a_packet_before_any_interface_is_damage() -> None:
    result = files.read(files.section() + files.enhanced(FRAME))
    assert (result.packets, result.interfaces) == (0, ())
    assert "a packet of an interface that was not described at byte 28;" in str(result.damage)


def test_more_interfaces_than_are_counted() -> None:
    result = files.read(files.section() + files.interface() * 5000)
    assert len(result.interfaces) == 4096
    assert "more than 4096 interfaces" in str(result.damage)


def test_hostile_options_end_where_they_run_over() -> None:
    options = struct.pack("<HH", 2, 0xFFFF) + b"eth0"
    assert files.read(files.section() + files.interface(options=options)).interfaces == (Interface(None, 1),)
    endless = files.option(0x7777, b"") * 2000 + files.option(2, b"late")
    assert files.read(files.section() + files.interface(options=endless)).interfaces == (Interface(None, 1),)
    long = files.option(2, b"n" * 500)
    assert files.read(files.section() + files.interface(options=long)).interfaces == (Interface("n" * 128, 1),)


def test_unknown_link_types_are_counted_and_fatal_only_alone() -> None:
    odd = files.interface(147) + files.enhanced(FRAME, 0, 1)
    assert files.read(START + odd).skipped == {"unknown link type 147": 1}
    with pytest.raises(CaptureError, match="link type 147 is not supported"):
        files.read(files.section() + files.interface(147) + files.enhanced(FRAME))


def test_a_broken_byte_order_magic() -> None:
    with pytest.raises(CaptureError, match="its byte-order magic is broken"):
        files.read(b"\x0a\x0d\x0d\x0a" + bytes(40))
