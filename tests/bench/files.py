"""Lays frames out as records of a capture file: pcap with microseconds or nanoseconds, or pcapng."""

import struct
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tests.bench.columns import ETHERNET, Frames, Numbers

Format = Literal["pcap", "nspcap", "pcapng"]

SNAPLEN = 262144
NANOSECONDS = 1_000_000_000


def preamble(form: Format) -> bytes:
    """What comes before the first record: a file header, or a section and an interface (``eth0``, nanoseconds)."""
    if form != "pcapng":
        magic = 0xA1B2C3D4 if form == "pcap" else 0xA1B23C4D
        return struct.pack("<IHHiIII", magic, 2, 4, 0, 0, SNAPLEN, 1)
    section = struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28)
    options = struct.pack("<HH4sHHB3xHH", 2, 4, b"eth0", 9, 1, 9, 0, 0)
    length = 20 + len(options)
    return section + struct.pack("<IIHHI", 1, length, 1, 0, SNAPLEN) + options + struct.pack("<I", length)


def _put_little(buffer: NDArray[np.uint8], start: Numbers, words: list[Numbers]) -> None:
    """Writes little-endian 32-bit words one after the other at every ``start``."""
    table = np.stack([word.astype("<u4") for word in words], axis=1)
    raw = np.ascontiguousarray(table).view(np.uint8).reshape(len(start), -1)
    buffer[start[:, None] + np.arange(raw.shape[1])] = raw


def _headers(buffer: NDArray[np.uint8], start: Numbers, at: Numbers, length: Numbers, form: Format) -> None:
    if form == "pcapng":
        total = 32 + (length + 3) // 4 * 4
        # Padding belongs to the format, not to the noise.
        _put_little(buffer, start + total - 8, [np.zeros_like(total)])
        six, zero = np.full_like(total, 6), np.zeros_like(total)
        _put_little(buffer, start, [six, total, zero, at >> 32, at & 0xFFFFFFFF, length, length])
        _put_little(buffer, start + total - 4, [total])
    else:
        fraction = at % NANOSECONDS // (1000 if form == "pcap" else 1)
        _put_little(buffer, start, [at // NANOSECONDS, fraction, length, length])


def layout(frames: list[Frames], began: int, noise: NDArray[np.uint8], form: Format) -> NDArray[np.uint8]:
    """The records of all ``frames`` in order of time, counted from ``began``; what they leave open is ``noise``."""
    at = np.concatenate([part.at for part in frames]) + began
    tagged = np.concatenate([part.vlan > 0 for part in frames]).astype(np.int64)
    length = np.concatenate([part.length for part in frames]) + 4 * tagged
    order = np.argsort(at, kind="stable")
    header = 28 if form == "pcapng" else 16
    size = 32 + (length + 3) // 4 * 4 if form == "pcapng" else 16 + length
    ends = np.cumsum(size[order])
    start = np.empty(len(at), np.int64)
    start[order] = ends - size[order]
    buffer = np.resize(noise, int(ends[-1]))
    _headers(buffer, start, at, length, form)
    done = 0
    for part in frames:
        here = start[done : done + len(part)] + header
        shift = 4 * tagged[done : done + len(part)]
        done += len(part)
        columns = np.arange(part.rows.shape[1])
        buffer[here[:, None] + columns[: ETHERNET - 2]] = part.rows[:, : ETHERNET - 2]
        buffer[(here + shift)[:, None] + columns[ETHERNET - 2 :]] = part.rows[:, ETHERNET - 2 :]
        (tags,) = np.nonzero(part.vlan)
        vids = part.vlan[tags]
        raw = np.stack([np.full_like(vids, 0x81), np.zeros_like(vids), vids >> 8, vids & 0xFF], axis=1)
        buffer[here[tags][:, None] + np.arange(ETHERNET - 2, ETHERNET + 2)] = raw
    return buffer
