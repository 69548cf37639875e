"""Packets as numpy matrices: one row a frame, one column a byte, headers and checksums written by the column."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.uint8]
Numbers = NDArray[np.int64]

ETHERNET = 14
SHORTEST = 60  # an Ethernet frame without its FCS; what a card delivers is padded to this


@dataclass(frozen=True, slots=True)
class Frames:
    """Frames in the making: the bytes that matter in ``rows``; anything up to ``length`` is filled with noise.

    ``vlan`` is 0 for an untagged frame; the tag is not in ``rows`` nor in ``length``.
    """

    at: Numbers
    rows: Rows
    length: Numbers
    vlan: Numbers

    def __len__(self) -> int:
        return len(self.at)


def put(rows: Rows, start: int, width: int, values: Numbers | int) -> None:
    """Writes big-endian numbers of ``width`` bytes at column ``start``."""
    numbers = np.asarray(values)
    for index in range(width):
        rows[:, start + index] = (numbers >> (8 * (width - 1 - index))) & 0xFF


def put_bytes(rows: Rows, start: int, data: bytes) -> None:
    """Writes the same bytes into every row."""
    rows[:, start : start + len(data)] = np.frombuffer(data, np.uint8)


def word_sum(rows: Rows, start: int, end: int) -> Numbers:
    """The sum of the big-endian 16-bit words in columns ``start`` to ``end`` (an even distance)."""
    high = rows[:, start:end:2].sum(axis=1, dtype=np.int64)
    low = rows[:, start + 1 : end : 2].sum(axis=1, dtype=np.int64)
    total: Numbers = (high << 8) + low
    return total


def put_checksum(rows: Rows, at: int, start: int, end: int, extra: Numbers | int = 0) -> None:
    """Writes the Internet checksum (RFC 1071) of columns ``start`` to ``end`` plus ``extra`` at column ``at``."""
    put(rows, at, 2, 0)
    total = word_sum(rows, start, end) + extra
    for _ in range(3):
        total = (total & 0xFFFF) + (total >> 16)
    put(rows, at, 2, 0xFFFF - total)


def ethernet(count: int, size: int, ethertype: int) -> Rows:
    """Blank frames of ``size`` bytes with their EtherType."""
    rows = np.zeros((count, size), np.uint8)
    put(rows, 12, 2, ethertype)
    return rows


def ipv4(
    rows: Rows,
    source: Numbers | int,
    destination: Numbers | int,
    protocol: int,
    length: Numbers | int,
    identification: Numbers | int,
    *,
    ttl: int = 64,
    tos: int = 0,
    dont_fragment: bool = False,
) -> None:
    """Writes a 20-byte IPv4 header after the Ethernet header; ``length`` is its total length."""
    put(rows, 14, 2, 0x4500 | tos)
    put(rows, 16, 2, length)
    put(rows, 18, 2, np.asarray(identification) & 0xFFFF)
    put(rows, 20, 2, 0x4000 if dont_fragment else 0)
    put(rows, 22, 2, ttl << 8 | protocol)
    put(rows, 26, 4, source)
    put(rows, 30, 4, destination)
    put_checksum(rows, 24, 14, 34)


def ipv6(rows: Rows, destination: bytes, next_header: int, length: Numbers | int, *, hop_limit: int = 64) -> None:
    """Writes an IPv6 header after the Ethernet header, but for the source; ``length`` is its payload length."""
    put(rows, 14, 4, 0x60000000)
    put(rows, 18, 2, length)
    put(rows, 20, 2, next_header << 8 | hop_limit)
    put_bytes(rows, 38, destination)


def link_local(rows: Rows, start: int, segment: Numbers, host: Numbers) -> None:
    """Writes fe80::segment:host at column ``start``."""
    put(rows, start, 2, 0xFE80)
    put(rows, start + 12, 2, segment)
    put(rows, start + 14, 2, host)
