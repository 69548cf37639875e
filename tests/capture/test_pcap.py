"""pcap files: headers in every byte order and precision, odd ones, and records that cannot be."""

import struct

import pytest

from tests.capture import files, frames
from vrrpwatch.capture.errors import CaptureError
from vrrpwatch.core.frames import ClockStep, Interface, Kind, unpack_vlans

FRAME = frames.ethernet(frames.ipv4(frames.VRRP2))
LINK_TYPES = "0, 1, 9, 12, 14, 50, 51, 101, 108, 113, 228, 229, 276"
AT = 1_700_000_000_123_456_789


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("magic", "unit", "at"), [(0xA1B2C3D4, 1000, AT - 789), (0xA1B23C4D, 1, AT)])
def test_byte_orders_and_precisions(order: files.Order, magic: int, unit: int, at: int) -> None:
    data = files.pcap_header(magic=magic, order=order) + files.record(FRAME, AT, unit=unit, order=order, length=100)
    result = files.read(data)
    assert (result.format, result.packets, result.octets, result.damage) == ("pcap", 1, 100, None)
    (row,) = result.frames
    assert (row["at"], row["packet"], row["captured"], row["length"]) == (at, 1, 54, 100)
    assert (row["kind"], row["network"], row["payload"], row["payload_length"]) == (Kind.ADVERT, 14, 34, 20)
    assert result.contents() == [FRAME]
    assert result.interfaces == (Interface(None, 1, 262144),)
    assert result.dropped == (None,)


def test_the_patched_format_has_longer_record_headers() -> None:
    header = struct.pack("<IIIIIHBB", 1, 5, len(FRAME), len(FRAME), 3, 0x0800, 2, 0)
    data = files.pcap_header(magic=0xA1B2CD34) + (header + FRAME) * 2
    assert files.rows(data, ("at", "packet")) == [(1_000_005_000, 1), (1_000_005_000, 2)]


@pytest.mark.parametrize("minor", [2, 3])
def test_old_versions_have_their_lengths_the_other_way_round(minor: int) -> None:
    data = bytearray(files.pcap_header() + struct.pack("<IIII", 1, 0, 70, len(FRAME)) + FRAME)
    data[6] = minor
    assert files.rows(bytes(data), ("captured", "length")) == [(54, 70)]


def test_frame_check_bits_of_the_link_type_are_not_part_of_it() -> None:
    assert files.rows(files.pcap([FRAME + bytes(4)], 0x4400_0001), ("kind", "linktype")) == [(Kind.ADVERT, 1)]


def test_a_snap_length_of_zero_says_nothing() -> None:
    assert files.read(files.pcap_header(snaplen=0) + files.record(FRAME)).packets == 1


def test_batch_figures_come_from_every_packet() -> None:
    unicast = frames.ethernet(frames.ipv4(bytes(20), 6), destination=bytes(6))
    result = files.read(files.pcap([unicast, FRAME, unicast], first=5 * 10**9, step=10**9))
    (batch,) = result.batches
    assert (batch.packets, batch.bytes, batch.first, batch.last) == (3, 3 * 54, 5 * 10**9, 7 * 10**9)
    assert (batch.multicast_packets, batch.multicast_bytes) == (1, 54)
    assert [int(row["packet"]) for row in batch.frames if row["kind"] == Kind.ADVERT] == [2]


def test_a_capture_without_packets() -> None:
    result = files.read(files.pcap_header())
    (batch,) = result.batches
    assert (batch.packets, batch.first, batch.last, len(batch.frames), result.damage) == (0, None, None, 0, None)


def test_only_wanted_kinds_are_kept() -> None:
    question = frames.ethernet(frames.arp(1), 0x0806, destination=b"\xff" * 6)
    result = files.read(files.pcap([question, FRAME]), wanted=frozenset((Kind.ARP,)))
    assert [int(row["kind"]) for row in result.frames] == [Kind.ARP]
    assert result.batches[0].multicast_packets == 2


def test_time_that_runs_back_by_more_than_a_second() -> None:
    times = (10**10, 9 * 10**9, 8 * 10**9 - 1000, 10**10)
    result = files.read(files.pcap_header() + b"".join(files.record(FRAME, at) for at in times))
    assert result.batches[0].steps == (ClockStep(0, 3, 10**10, 8 * 10**9 - 1000),)
    assert (result.batches[0].first, result.batches[0].last) == (8 * 10**9 - 1000, 10**10)


def test_time_that_runs_back_little_by_little() -> None:
    # 0.4 s a packet: the fourth is 1.2 s behind the first, and the seventh 1.2 s behind the fourth.
    times = [10**10 - n * 4 * 10**8 for n in range(8)]
    result = files.read(files.pcap_header() + b"".join(files.record(FRAME, at) for at in times))
    assert [(step.packet, step.before) for step in result.batches[0].steps] == [(4, 10**10), (7, 88 * 10**8)]


def test_clock_steps_are_told_up_to_a_bound() -> None:
    data = files.pcap_header() + b"".join(files.record(FRAME, n % 2 * 10**10) for n in range(4000))
    assert len(files.read(data).batches[0].steps) == 1000


def test_the_latest_time_a_record_can_hold() -> None:
    data = files.pcap_header() + struct.pack("<IIII", 0xFFFFFFFF, 0xFFFFFFFF, len(FRAME), len(FRAME)) + FRAME
    assert files.rows(data, ("at",)) == [(4294967295 * 10**9 + 4294967295 * 1000,)]


def test_tags_outer_to_inner_without_priority_tags() -> None:
    packet = frames.tagged(frames.ipv4(frames.VRRP2), (0x88A8, 0x6064), (0x8100, 0x0000), (0x9100, 0x0FFE))
    (row,) = files.read(files.pcap([packet])).frames
    assert unpack_vlans(int(row["vlans"])) == (100, 4094)
    assert int(row["vlans"]) == 2 << 60 | 100 << 12 | 4094


@pytest.mark.parametrize(
    ("captured", "length"), [(0xFFFFFFFF, 60), (262145, 262145), (0x7FFFFFFF, 60), (54, 0xFFFFFFFF), (54, 0x80000000)]
)
def test_impossible_lengths_are_damage_and_all_before_stands(captured: int, length: int) -> None:
    good = files.pcap([FRAME, FRAME])
    result = files.read(good + struct.pack("<IIII", 1, 0, captured, length) + bytes(300000))
    assert result.packets == 2
    assert result.damage is not None
    assert result.damage.startswith("made.pcap: a record of impossible length")
    assert f"at byte {len(good)};" in result.damage


def test_the_longest_record_that_is_read() -> None:
    frame = FRAME + bytes(262144 - len(FRAME))
    result = files.read(files.pcap([frame] * 40))
    assert (result.packets, result.damage) == (40, None)
    assert result.contents() == [frame] * 40


@pytest.mark.parametrize("cut", [1, 15, 16, 17, 69])
def test_a_cut_record_is_damage_where_it_begins(cut: int) -> None:
    whole = files.pcap([FRAME] * 3)
    result = files.read(whole[: 24 + 2 * 70 + cut])
    assert result.packets == 2
    assert (
        result.damage
        == "made.pcap: the capture is cut in the middle of a record at byte 164; what comes before it was read"
    )


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "made.pcap: is empty; nothing was captured, or the copy failed"),
        (b"\xd4\xc3\xb2\xa1\x02", "made.pcap: the pcap file header is cut after 5 of 24 bytes; copy the file again"),
        (b"<html><body>", "made.pcap: is not a capture (pcap or pcapng); it begins with 3c 68 74 6d"),
        (b"x", "made.pcap: is not a capture (pcap or pcapng); it begins with 78"),
        (
            b"\xa1\xb2\xc3\xd4\0\x01\0\x04" + bytes(16),
            "made.pcap: pcap version 1.4 is not supported, only version 2; convert it with editcap",
        ),
        (
            files.pcap([FRAME], 9999),
            "made.pcap: link type 9999 is not supported; capture on one of these: " + LINK_TYPES,
        ),
    ],
)
def test_what_cannot_be_read_at_all(data: bytes, message: str) -> None:
    with pytest.raises(CaptureError) as caught:
        files.read(data)
    assert str(caught.value) == message
