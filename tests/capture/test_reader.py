"""Reading as a whole: pieces of any size, files and what is none, progress, bounds of batches and memory."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.capture import files, frames
from tests.fuzz.test_wire import mutated
from vrrpwatch.capture import reader, scan
from vrrpwatch.capture.errors import CaptureError
from vrrpwatch.capture.reader import CaptureReader
from vrrpwatch.core.frames import Kind

FRAME = frames.ethernet(frames.ipv4(frames.VRRP2))
FRAMES = [mutated(number)[0] for number in range(300)]
PCAP = files.pcap(FRAMES, step=6 * 10**8)
DROPPED = files.option(4, b"\1" + bytes(7))
PCAPNG = (
    files.section()
    + files.interface(options=files.option(9, b"\x09"))
    + b"".join(
        files.enhanced(frame, n * 10**8, options=files.option(4, bytes(7) + b"\1")) for n, frame in enumerate(FRAMES)
    )
    + files.statistics(0, 10**11, files.option(5, b"\5" + bytes(7)))
    + files.block(10, b"abcd" * 50)
    + files.section(">")
    + files.interface(101, order=">")
    + b"".join(files.enhanced(frame[14:], n, order=">") for n, frame in enumerate(FRAMES))
)


@pytest.mark.parametrize("data", [PCAP, PCAP[:-1], PCAPNG, PCAPNG[:-5]], ids=["pcap", "cut", "pcapng", "cut-pcapng"])
@pytest.mark.parametrize("size", [1, 7, 64, 4096, 65536])
def test_pieces_of_any_size_give_the_same(data: bytes, size: int) -> None:
    data = data if size > 1 else data[:20000] + data[-2000:]
    assert files.read(data, size=size).summary() == files.read(data).summary()


@given(cut=st.integers(0, len(PCAPNG)), size=st.integers(1, 5000))
def test_a_capture_cut_anywhere_gives_what_comes_before(cut: int, size: int) -> None:
    for data, least in ((PCAP, 24), (PCAPNG, 28)):
        if cut < least:
            continue
        whole, part = files.read(data), files.read(data[:cut], size=max(size, 100))
        assert part.packets <= whole.packets
        assert part.contents() == whole.contents()[: len(part.frames)]
        assert part.frames["fingerprint"].tolist() == whole.frames["fingerprint"].tolist()[: len(part.frames)]


def test_small_batches_hold_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = files.read(PCAP)
    monkeypatch.setattr(reader, "BATCH_BYTES", 1000)
    parts = files.read(PCAP, size=500)
    assert len(parts.batches) > 10
    assert parts.summary() == whole.summary()


def test_files_and_progress(tmp_path: Path) -> None:
    path = tmp_path / "one.pcap"
    path.write_bytes(PCAP)
    capture = CaptureReader(str(path), 3, wanted=frozenset((Kind.ADVERT,)))
    assert (capture.consumed, capture.offset) == (0, 0)
    batches = files.kept(capture.batches())
    assert {batch.source for batch in batches} == {3}
    assert {int(source) for batch in batches for source in batch.frames["source"]} == {3}
    assert (capture.consumed, capture.offset, capture.packets) == (len(PCAP), len(PCAP), 300)
    assert sum(batch.packets for batch in CaptureReader(str(path), wanted=frozenset()).batches()) == 300


def test_standard_input() -> None:
    program = (
        "from vrrpwatch.capture.reader import CaptureReader\n"
        "capture = CaptureReader('-', wanted=frozenset())\n"
        "print(sum(batch.packets for batch in capture.batches()), capture.format, capture.damage)\n"
    )
    result = subprocess.run([sys.executable, "-c", program], input=PCAPNG, capture_output=True, check=True)
    assert result.stdout.decode() == "600 pcapng None\n"


@pytest.mark.parametrize("name", ["", "missing.pcap", "with\0nul.pcap"])
def test_what_is_no_file(tmp_path: Path, name: str) -> None:
    path = str(tmp_path / name) if "\0" not in name else name
    with pytest.raises(CaptureError) as caught:
        list(CaptureReader(path, wanted=frozenset()).batches())
    message = str(caught.value)
    assert message.startswith(path)
    assert len(message.splitlines()) == 1
    assert ("is a directory" in message) == (name == "")


def test_a_file_that_may_not_be_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    path = str(tmp_path / "secret.pcap")
    with pytest.raises(CaptureError) as caught:
        list(CaptureReader(path, wanted=frozenset()).batches())
    assert str(caught.value) == f"{path}: cannot be opened (Permission denied); check its name and your rights"


class Failing(files.Pieces):
    """A stream that fails like a bad disk once it has given everything."""

    def readinto(self, view: memoryview, /) -> int:
        count = super().readinto(view)
        if not count:
            raise OSError(5, "Input/output error")
        return count


def test_a_disk_that_fails_is_damage_once_something_was_read() -> None:
    capture = CaptureReader("disk.pcap", wanted=frozenset(), stream=Failing(PCAP))
    assert sum(batch.packets for batch in capture.batches()) == 300
    message = f"disk.pcap: reading failed (Input/output error) at byte {len(PCAP)}; what comes before it was read"
    assert capture.damage == message
    with pytest.raises(CaptureError, match="cannot be read"):
        list(CaptureReader("disk.pcap", wanted=frozenset(), stream=Failing(b"")).batches())


def test_the_stream_is_closed_even_when_reading_stops_early() -> None:
    stream = files.Pieces(PCAP)
    batches = CaptureReader("x", wanted=frozenset(), stream=stream).batches()
    next(batches)
    batches.close()  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="closed file"):
        stream.readinto(memoryview(bytearray(1)))


def test_a_row_never_points_outside_the_batch() -> None:
    packets = [frames.ethernet(frames.ipv4(bytes(n % 1400), 240)) for n in range(30000)]
    result = files.read(files.pcap(packets))
    assert len(result.batches) > 1
    assert result.contents() == packets
    for batch in result.batches:
        assert len(batch.frames) <= scan.MAX_ROWS
        assert len(batch.data) <= scan.ARENA_SIZE


def test_a_pipe_gives_what_it_holds_before_it_waits_for_more() -> None:
    reading, writing = os.pipe()
    with open(writing, "wb", buffering=0) as writer:  # noqa: PTH123
        batches = CaptureReader("pipe", wanted=frozenset(), stream=io.FileIO(reading, "rb")).batches()
        writer.write(PCAP[:-1])
        # The writer is still there, so without giving up its packets the reader would wait for ever.
        assert next(batches).packets == 299
        writer.write(PCAP[-1:])
    assert sum(batch.packets for batch in batches) == 1
