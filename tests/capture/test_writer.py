"""Files of a live stream: rotation, numbers, and what happens when there is no room."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Literal

import pytest

from tests.capture import files, frames
from tests.lab.network import missing, run
from vrrpwatch.capture import live_blocks
from vrrpwatch.capture.rotation import Streams
from vrrpwatch.capture.writer import WriteError, Writer

SECOND = 10**9
START = 10**18
FRAME = frames.ethernet(frames.ipv4(frames.VRRP2))
# 14 + 20 + 20 octets are 56 with padding, and 32 around them.
SIZE = 88
HEADER = live_blocks.section_header()
ETH0 = live_blocks.interface_description("eth0", 1, 262144)
ETH1 = live_blocks.interface_description("eth1", 1, 262144)


def packet(at: float, number: int = 0) -> bytes:
    block = files.enhanced(FRAME, START + round(at * SECOND), number)
    assert len(block) == SIZE
    return block


def begin(writer: Writer) -> None:
    writer.header(HEADER)
    writer.header(ETH0)


def instants(path: Path) -> list[float]:
    read = files.read(path.read_bytes())
    assert read.damage is None
    return [(int(at) - START) / SECOND for at in read.frames["at"]]


def listed(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_one_file_holds_the_stream(tmp_path: Path) -> None:
    path = tmp_path / "all.pcapng"
    writer = Writer(str(path))
    begin(writer)
    writer.blocks(memoryview(packet(0) + packet(1)))
    writer.header(ETH1)
    writer.blocks(memoryview(packet(2, 1)))
    assert path.read_bytes() == HEADER + ETH0 + packet(0) + packet(1) + ETH1 + packet(2, 1)
    writer.close()
    assert writer.current == str(path)


def test_it_ends_with_how_far_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "w.pcapng"
    writer = Writer(str(path))
    begin(writer)
    writer.blocks(memoryview(packet(0) + packet(1)))
    writer.header(ETH1)
    writer.end(START + 7 * SECOND + 1)
    writer.close()
    data = path.read_bytes()
    assert data == HEADER + ETH0 + packet(0) + packet(1) + ETH1 + data[len(HEADER + ETH0 + ETH1) + 2 * SIZE :]
    read = files.read(data)
    assert (read.until, read.packets, read.dropped, read.damage) == (START + 7 * SECOND + 1, 2, (None, None), None)
    # Whoever takes anything out of it, or adds to it, does not know how far it is complete.
    start = len(HEADER + ETH0)
    for changed in (data[:start] + data[start + SIZE :], data[:start] + packet(0) + data[start:], data[: -SIZE // 2]):
        assert files.read(changed).until is None
    # As little as where one was put behind another.
    assert files.read(data + HEADER + ETH0 + packet(9)).until == START + 7 * SECOND + 1


@pytest.mark.skipif(shutil.which("capinfos") is None or shutil.which("tshark") is None, reason="needs tshark")
def test_others_understand_where_it_ends(tmp_path: Path) -> None:
    path, part = tmp_path / "w.pcapng", tmp_path / "part.pcapng"
    writer = Writer(str(path))
    begin(writer)
    writer.blocks(memoryview(packet(0) + packet(1)))
    writer.end(START + 7 * SECOND)
    writer.close()
    told = subprocess.run(["capinfos", "-c", str(path)], capture_output=True, check=True, text=True)
    assert "Number of packets:   2" in told.stdout
    # Read twice, what is chosen is written with the statistics of the whole.
    choose = ["tshark", "-2", "-r", str(path), "-Y", "frame.number == 1", "-w", str(part)]
    subprocess.run(choose, capture_output=True, check=True)
    read = files.read(part.read_bytes())
    assert (read.packets, read.until) == (1, None)


def test_only_the_last_file_of_a_rotation_ends_the_stream(tmp_path: Path) -> None:
    writer = Writer(str(tmp_path / "w.pcapng"), rotate_seconds=10)
    begin(writer)
    for at in (0, 11, 12):
        writer.blocks(memoryview(packet(at)))
    writer.end(START + 15 * SECOND)
    writer.close()
    assert [files.read((tmp_path / name).read_bytes()).until for name in listed(tmp_path)] == [
        None,
        START + 15 * SECOND,
    ]


def test_a_capture_without_packets_names_its_interfaces(tmp_path: Path) -> None:
    writer = Writer(str(tmp_path / "none.pcapng"))
    begin(writer)
    # Whether or not it is ended.
    assert [one.name for one in files.read((tmp_path / "none.pcapng").read_bytes()).interfaces] == ["eth0"]
    writer.close()


def test_rotation_by_size(tmp_path: Path) -> None:
    writer = Writer(str(tmp_path / "w.pcapng"), rotate_bytes=len(HEADER + ETH0) + 2 * SIZE)
    begin(writer)
    writer.blocks(memoryview(packet(0) + packet(1) + packet(2)))
    writer.blocks(memoryview(packet(3)))
    writer.blocks(memoryview(packet(4)))
    writer.close()
    names = listed(tmp_path)
    assert names == ["w-000001.pcapng", "w-000002.pcapng", "w-000003.pcapng"]
    assert [instants(tmp_path / name) for name in names] == [[0, 1], [2, 3], [4]]
    assert Streams([str(tmp_path / name) for name in names]).names() == ["w"] * 3


def test_no_file_is_empty_however_small_they_shall_be(tmp_path: Path) -> None:
    writer = Writer(str(tmp_path / "w.pcapng"), rotate_bytes=1)
    begin(writer)
    writer.blocks(memoryview(packet(0) + packet(1)))
    writer.close()
    assert [instants(path) for path in sorted(tmp_path.iterdir())] == [[0], [1]]


def test_rotation_by_time_and_a_number_of_files(tmp_path: Path) -> None:
    writer = Writer(str(tmp_path / "w.pcapng"), rotate_seconds=10, keep=2)
    begin(writer)
    for at in (0, 9.9, 10, 25, 36, 40):
        writer.blocks(memoryview(packet(at)))
        if at == 10:
            writer.header(ETH1)
    writer.blocks(memoryview(packet(41, 1)))
    writer.close()
    assert listed(tmp_path) == ["w-000003.pcapng", "w-000004.pcapng"]
    assert instants(tmp_path / "w-000003.pcapng") == [25]
    # The third file began with the second interface described.
    last = files.read((tmp_path / "w-000004.pcapng").read_bytes())
    assert [one.name for one in last.interfaces] == ["eth0", "eth1"]
    assert [int(number) for number in last.frames["interface"]] == [0, 0, 1]


def test_numbers_go_on_where_another_run_ended(tmp_path: Path) -> None:
    (tmp_path / "w-000041.pcapng").write_bytes(b"earlier")
    writer = Writer(str(tmp_path / "w.pcapng"), rotate_seconds=10)
    begin(writer)
    writer.blocks(memoryview(packet(0)))
    writer.close()
    assert listed(tmp_path) == ["w-000041.pcapng", "w-000042.pcapng"]


def test_names_by_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    writer = Writer(str(tmp_path / "w-%Y%m%d-%H%M%S.pcapng"), rotate_seconds=10, rotate_bytes=len(HEADER + ETH0) + SIZE)
    begin(writer)
    writer.blocks(memoryview(packet(0) + packet(0.5)))
    writer.close()
    # 10^9 s are 2001-09-09 01:46:40 UTC.
    names = ["w-20010909-014640-2.pcapng", "w-20010909-014640.pcapng"]
    assert listed(tmp_path) == names


def test_what_cannot_be_written_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="cannot be written"):
        Writer(str(tmp_path / "none" / "w.pcapng"))
    with pytest.raises(WriteError, match="cannot be written"):
        Writer(str(tmp_path / "none" / "w.pcapng"), rotate_bytes=1)
    with pytest.raises(WriteError, match="standard output"):
        Writer("-", rotate_seconds=1)


def test_a_device_that_cannot_be_cut_stops_nothing() -> None:
    alarms: list[str] = []
    writer = Writer("/dev/full", alarm=alarms.append)
    begin(writer)
    writer.blocks(memoryview(packet(0)))
    writer.close()
    assert writer.missing == SIZE
    assert alarms == ["/dev/full: cannot be written (No space left on device); it is watched on, and tried again"]


def test_an_old_file_that_cannot_be_removed_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alarms: list[str] = []
    writer = Writer(str(tmp_path / "w"), rotate_bytes=len(HEADER + ETH0) + SIZE, keep=1, alarm=alarms.append)
    begin(writer)
    writer.blocks(memoryview(packet(0)))

    def refuse(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(1, "Operation not permitted", str(path), missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    writer.blocks(memoryview(packet(1)))
    writer.close()
    assert (len(alarms), writer.missing) == (2, 0)
    assert instants(tmp_path / "w-000002") == [1.0]


def test_a_full_disk_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Writing ends in the middle of a block; what is in the file stays whole, and it goes on when there is room."""
    path = tmp_path / "w.pcapng"
    alarms: list[str] = []
    writer = Writer(str(path), alarm=alarms.append)
    begin(writer)
    writer.blocks(memoryview(packet(0)))
    whole = path.read_bytes()
    write = os.write

    def full(descriptor: int, data: bytes) -> int:
        if len(data) < SIZE:
            raise OSError(28, "No space left on device")
        return write(descriptor, data[:50])

    monkeypatch.setattr(os, "write", full)
    writer.blocks(memoryview(packet(1)))
    writer.header(ETH1)
    writer.blocks(memoryview(packet(2)))
    assert path.read_bytes() == whole
    assert (writer.failed, writer.missing) == (True, 2 * SIZE)
    assert alarms == [f"{path}: cannot be written (No space left on device); it is watched on, and tried again"]
    monkeypatch.undo()
    writer.blocks(memoryview(packet(3, 1)))
    assert path.read_bytes() == whole + ETH1 + packet(3, 1)
    assert alarms[1:] == [f"{path}: is written again; 176 bytes are missing in all"]
    # Nobody can say of it that all is in it.
    writer.end(START + 9 * SECOND)
    assert path.read_bytes() == whole + ETH1 + packet(3, 1)
    writer.close()


def test_what_was_lost_before_a_file_began_is_not_its_loss(tmp_path: Path) -> None:
    writer = Writer(str(tmp_path / "w.pcapng"), rotate_seconds=10)
    begin(writer)
    for at, dropped in ((1, 0), (2, 5), (13, 5), (14, 12)):
        writer.blocks(memoryview(packet(at - 0.5)))
        writer.blocks(memoryview(live_blocks.interface_statistics(0, START + at * SECOND, dropped)))
    writer.close()
    found = [files.read((tmp_path / name).read_bytes()) for name in listed(tmp_path)]
    assert [read.dropped for read in found] == [(5,), (7,)]
    losses = [loss for read in found for batch in read.batches for loss in batch.losses]
    assert [(loss.first, loss.last, loss.count) for loss in losses] == [
        (START + SECOND, START + 2 * SECOND, 5),
        (START + 13 * SECOND, START + 14 * SECOND, 7),
    ]


def test_an_outage_is_one_in_every_file_and_no_loss_of_packets(tmp_path: Path) -> None:
    writer = Writer(str(tmp_path / "w.pcapng"), rotate_seconds=10)
    begin(writer)
    writer.blocks(memoryview(packet(0)))
    said: list[tuple[int, int, Literal["begun", "over"] | None]]
    said = [(1, 5, None), (2, 5, "begun"), (15, 5, "over"), (16, 5, None), (17, 7, "over")]
    for at, dropped, outage in said:
        writer.blocks(memoryview(live_blocks.interface_statistics(0, START + at * SECOND, dropped, outage)))
        if at == 2:
            writer.blocks(memoryview(packet(12)))
    writer.close()
    found = [files.read((tmp_path / name).read_bytes()) for name in listed(tmp_path)]
    assert [read.dropped for read in found] == [(0,), (2,)]
    losses = [loss for read in found for batch in read.batches for loss in batch.losses]
    assert [((loss.first - START) // SECOND, (loss.last - START) // SECOND, *loss[4:]) for loss in losses] == [
        (1, 2, 0, True, True),
        # As far as this file goes back.
        (12, 15, 0, True, False),
        (16, 17, 2, True, False),
    ]


def test_standard_output() -> None:
    script = """
from tests.capture.test_writer import Writer, begin, packet
writer = Writer("-")
begin(writer)
writer.blocks(memoryview(packet(0)))
writer.close()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert done.stdout == HEADER + ETH0 + packet(0)


@pytest.mark.skipif(missing() is not None, reason=str(missing()))
def test_a_disk_that_is_full_and_then_is_not(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=64k", "none", str(disk))
    try:
        (disk / "other").write_bytes(bytes(32 << 10))
        alarms: list[str] = []
        writer = Writer(str(disk / "w.pcapng"), alarm=alarms.append)
        begin(writer)
        for second in range(60):
            writer.blocks(memoryview(packet(second) * 10))
            if second == 50:
                (disk / "other").unlink()
        writer.close()
        fit = ((32 << 10) - len(HEADER + ETH0)) // (10 * SIZE)
        assert instants(disk / "w.pcapng") == [at for at in range(60) for _ in range(10) if at < fit or at > 50]
        assert writer.missing == (51 - fit) * 10 * SIZE
        assert len(alarms) == 2
    finally:
        run("umount", str(disk))
