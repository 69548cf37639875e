"""Compressed captures: every format, broken and cut streams, several members, and bombs."""

import bz2
import gzip
import io
import lzma
import os
import random
import tracemalloc
import zlib
from collections.abc import Callable
from typing import Any

import pytest
import zstandard

from tests.capture import files, frames
from vrrpwatch.capture.compression import MAX_WINDOW, unpack
from vrrpwatch.capture.errors import CaptureError, DamageError
from vrrpwatch.capture.files import Source

FRAME = frames.ethernet(frames.ipv4(frames.VRRP2))
DICE = random.Random(1)
# Frames that do not compress away, so that streams have many blocks.
NOISE = [frames.ethernet(frames.ipv4(DICE.randbytes(1400), 17), destination=bytes(6)) for _ in range(300)]
CAPTURE = files.pcap([FRAME, *NOISE, FRAME])


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: gzip.compress(data, mtime=0),
    # Blocks of 100 kB: nothing of a block comes out before all of it is there.
    "bzip2": lambda data: bz2.compress(data, 1),
    "xz": lzma.compress,
    "zstd": zstd,
}


@pytest.fixture(params=COMPRESS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("size", [1, 1000, 1 << 20])
def test_every_format_is_told_by_its_magic(name: str, size: int) -> None:
    data = CAPTURE if size > 1 else files.pcap([FRAME] * 9)
    assert files.read(COMPRESS[name](data), size=size).summary() == files.read(data).summary()


def test_members_one_after_the_other(name: str) -> None:
    parts = (CAPTURE[:1000], b"", CAPTURE[1000:200000], CAPTURE[200000:])
    data = b"".join(COMPRESS[name](part) for part in parts)
    assert files.read(data, size=997).summary() == files.read(CAPTURE).summary()


@pytest.mark.parametrize("part", [2, 3, 10])
def test_a_cut_stream_gives_all_before_the_cut(name: str, part: int) -> None:
    packed = COMPRESS[name](CAPTURE)
    result = files.read(packed[: -len(packed) // part])
    assert result.damage is not None
    assert f"the {name} stream is cut at unpacked byte" in result.damage
    assert result.packets < 302
    if name in ("gzip", "zstd"):
        # What was unpacked is about the share of what is left.
        assert result.octets > len(CAPTURE) * (1 - 1 / part) - (1 << 17)


def test_a_broken_stream_gives_all_before_the_break(name: str) -> None:
    packed = bytearray(COMPRESS[name](CAPTURE))
    packed[len(packed) // 2 : len(packed) // 2 + 8] = b"\xff" * 8
    result = files.read(bytes(packed))
    assert result.damage is not None
    assert f"the {name} stream breaks" in result.damage or "impossible length" in result.damage


def test_a_wrong_check_sum_at_the_end_loses_nothing() -> None:
    for packed in (bytearray(COMPRESS["gzip"](CAPTURE)), bytearray(COMPRESS["zstd"](CAPTURE))):
        packed[-5 if packed[0] == 0x1F else -1] ^= 0xFF
        result = files.read(bytes(packed))
        assert result.packets == 302
        assert "stream breaks" in str(result.damage)


def test_zeros_after_a_stream_are_padding_and_anything_else_is_not() -> None:
    packed = COMPRESS["gzip"](CAPTURE)
    assert files.read(packed + bytes(5000)).damage is None
    assert "the gzip stream is followed by something else" in str(files.read(packed + b"rubbish").damage)
    assert "the zstd stream is followed by something else" in str(files.read(zstd(CAPTURE) + b"rubbish").damage)


def test_zstd_frames_to_be_skipped() -> None:
    skipped = b"\x5a\x2a\x4d\x18" + (100_000).to_bytes(4, "little") + bytes(100_000)
    assert files.read(skipped + zstd(CAPTURE) + skipped).packets == 302
    assert "the zstd stream is cut" in str(files.read(zstd(CAPTURE) + skipped[:-1]).damage)


def test_a_zstd_block_of_no_kind() -> None:
    # Magic, a frame header for one segment of one byte, then a last block of the reserved type.
    with pytest.raises(CaptureError, match="no such block"):
        files.read(b"\x28\xb5\x2f\xfd\x20\x01" + b"\x07\0\0" + bytes(20))


def test_a_zstd_window_beyond_the_bound() -> None:
    parameters = zstandard.ZstdCompressionParameters.from_level(3, window_log=27)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    packed = compressor.compress(CAPTURE) + compressor.flush()
    assert MAX_WINDOW < 1 << 27
    with pytest.raises(CaptureError, match="zstd stream breaks"):
        files.read(packed)


def test_one_layer_only() -> None:
    with pytest.raises(CaptureError, match="is not a capture"):
        files.read(gzip.compress(gzip.compress(CAPTURE)))


def test_compressed_nothing() -> None:
    with pytest.raises(CaptureError, match="is empty"):
        files.read(gzip.compress(b""))
    with pytest.raises(CaptureError, match="the gzip stream is cut"):
        files.read(b"\x1f\x8b\x08")


def bomb(name: str, size: int) -> bytes:
    """``size`` zeros, compressed piece by piece."""
    piece = bytes(1 << 20)
    compressors: dict[str, Callable[[], Any]] = {
        "gzip": lambda: zlib.compressobj(9, wbits=31),
        "bzip2": bz2.BZ2Compressor,
        "xz": lzma.LZMACompressor,
        "zstd": lambda: zstandard.ZstdCompressor().compressobj(),
    }
    compressor = compressors[name]()
    return b"".join([compressor.compress(piece) for _ in range(size >> 20)]) + bytes(compressor.flush())


def test_a_bomb_costs_no_memory(name: str) -> None:
    size = 64 << 20
    packed = bomb(name, size)
    assert len(packed) < size // 500
    stream = unpack(Source(files.Pieces(packed)))
    view = memoryview(bytearray(1 << 18))
    tracemalloc.start()
    total = 0
    while count := stream.readinto(view):
        total += count
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert total == size
    # lzma's history is the greatest of them, 8 MB.
    assert peak < 10 << 20


def test_what_breaks_is_always_damage(name: str) -> None:
    packed = COMPRESS[name](files.pcap([FRAME] * 200))
    for number in range(int(os.environ.get("VRRPWATCH_FUZZ", "20000")) // 100):
        dice = random.Random(number)
        broken = bytearray(packed)
        for _ in range(dice.randrange(1, 5)):
            broken[dice.randrange(6, len(broken))] = dice.randrange(256)
        stream = unpack(Source(files.Pieces(bytes(broken[: dice.randrange(7, len(broken) + 1)]))))
        unpacked = io.BytesIO()
        view = memoryview(bytearray(4096))
        message = f"the {name} stream "
        try:
            while count := stream.readinto(view):
                unpacked.write(view[:count])
        except DamageError as error:
            message = str(error)
        assert message.startswith(f"the {name} stream ")
