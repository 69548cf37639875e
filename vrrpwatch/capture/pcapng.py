"""The pcapng blocks that hold no packets (IETF draft-ietf-opsawg-pcapng): sections, interfaces and drop counts.

Names, decryption secrets, journal entries, custom and unknown blocks are stepped over; packet blocks are the scan's.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from vrrpwatch.core.frames import Interface

ByteOrder = Literal["big", "little"]

SECTION_HEADER, INTERFACE_DESCRIPTION, INTERFACE_STATISTICS = 0x0A0D0D0A, 1, 5
MAGIC = SECTION_HEADER.to_bytes(4)
BYTE_ORDER_MAGIC = 0x1A2B3C4D
# The least a block of each type takes: fixed fields, both lengths and the type.
LEAST = {SECTION_HEADER: 28, INTERFACE_DESCRIPTION: 20, INTERFACE_STATISTICS: 24}

# Journal entries and custom blocks hold no packets, but Wireshark numbers them as if they did.
NUMBERED = (9, 0x0BAD, 0x40000BAD)

# libpcap's bound on a block (sf-pcapng.c, INITIAL_MAX_BLOCKSIZE): a longer one is a damaged length.
MAX_BLOCK_SIZE = 16 << 20
# A name is shown to people; Linux names an interface in 15 octets, Windows in some 60.
MAX_NAME = 128
MAX_OPTIONS = 1000
# No file has a length of more.
MAX_DIGITS = 20
# The finest power of ten whose ticks a nanosecond fit 63 bits.
FINEST_DECIMAL = 27

_IF_NAME, _IF_TSRESOL, _IF_TSOFFSET = 2, 9, 14
_OPT_COMMENT, _ISB_ENDTIME, _ISB_IFDROP, _ISB_OSDROP = 1, 3, 5, 7
# What our own last block says in a comment, before its number.  Who takes packets out of a file moves the block, and
# with it goes the claim; of others' isb_endtime nobody knows what was taken out since, or was still in their buffers.
COMPLETE = b"complete up to isb_endtime; this block begins at byte "
# What our own statistics say in a comment of an outage, for which the format has no field; nothing was dropped in it.
UNHEARD = b"not heard since the last statistics of this interface"
UNHEARD_STILL = UNHEARD + b", nor from here on"

_LAST_INSTANT = (1 << 62) - 1


class Clock(NamedTuple):
    """An interface's timestamps in the words that the scan wants.

    ``most`` ticks fit an instant; ``multiplier`` is nanoseconds a tick, ``divisor`` ticks a nanosecond (0: none),
    ``exponent`` the power of two that divides a second (-1: a power of ten does); ``offset`` is nanoseconds.
    """

    most: int
    multiplier: int
    divisor: int
    exponent: int
    offset: int


class Statistics(NamedTuple):
    """What an interface statistics block says; ``dropped`` counts from the start of the capture, ``None``: not said.

    ``ticks`` is its time in the interface's own units, ``end`` that of the capture's end and ``begins`` where the block
    is in the file that is complete up to then (``None``: not said).  ``unheard``: since its last statistics nothing
    could be heard on the interface for a while, and where that ``goes_on`` not from then on either.
    """

    interface: int
    ticks: int
    dropped: int | None
    end: int | None = None
    begins: int | None = None
    unheard: bool = False
    goes_on: bool = False


def byte_order(block: bytes) -> ByteOrder | None:
    """The byte order that a section header block (12 octets of it or more) sets; ``None`` where it sets none."""
    if int.from_bytes(block[8:12], "big") == BYTE_ORDER_MAGIC:
        return "big"
    return "little" if int.from_bytes(block[8:12], "little") == BYTE_ORDER_MAGIC else None


def length_fault(kind: int, total: int) -> str | None:
    """What is wrong with the length of a block that holds no packet."""
    if total % 4:
        return f"block length {total} is no multiple of 4"
    if total < LEAST.get(kind, 12):
        return f"block length {total} is too small for a block of type {kind:#x}"
    return f"block length {total} is beyond {MAX_BLOCK_SIZE}" if total > MAX_BLOCK_SIZE else None


def interface(body: bytes, order: ByteOrder) -> tuple[Interface, Clock]:
    """An interface description block, from its link type on to the end of its options."""
    name: str | None = None
    resolution, offset = 6, 0
    for code, value in _options(body[8:], order):
        if code == _IF_NAME:
            name = value[:MAX_NAME].decode("utf-8", "replace").rstrip("\0") or None
        elif code == _IF_TSRESOL and len(value) == 1:
            resolution = value[0]
        elif code == _IF_TSOFFSET and len(value) == 8:
            offset = int.from_bytes(value, order, signed=True)
    described = Interface(name, int.from_bytes(body[:2], order), int.from_bytes(body[4:8], order))
    return described, clock(resolution, offset)


def clock(resolution: int, offset: int) -> Clock:
    """The clock of if_tsresol ``resolution`` and if_tsoffset ``offset`` (seconds)."""
    nanoseconds = max(-_LAST_INSTANT, min(offset * 1_000_000_000, _LAST_INSTANT))
    if resolution & 0x80:
        return Clock(0, 0, 0, resolution & 0x7F, nanoseconds)
    if resolution > FINEST_DECIMAL:
        # All that 64 bits of such ticks can say is less than 2 ns.
        return Clock(0, 0, 0, 127, nanoseconds)
    if resolution > 9:
        return Clock(0, 0, 10 ** (resolution - 9), -1, nanoseconds)
    multiplier = 10 ** (9 - resolution)
    return Clock(_LAST_INSTANT // multiplier, multiplier, 0, -1, nanoseconds)


def statistics(body: bytes, order: ByteOrder) -> Statistics:
    """An interface statistics block, from its interface number on to the end of its options."""
    dropped: int | None = None
    end: int | None = None
    begins: int | None = None
    unheard = goes_on = False
    for code, value in _options(body[12:], order):
        if code in (_ISB_IFDROP, _ISB_OSDROP) and len(value) == 8:
            dropped = (dropped or 0) + int.from_bytes(value, order)
        elif code == _ISB_ENDTIME and len(value) == 8:
            end = _ticks(value, order)
        elif code == _OPT_COMMENT and value.startswith(COMPLETE):
            number = value.removeprefix(COMPLETE)
            begins = int(number) if number.isdigit() and len(number) < MAX_DIGITS else None
        elif code == _OPT_COMMENT and value in (UNHEARD, UNHEARD_STILL):
            unheard, goes_on = True, value == UNHEARD_STILL
    ticks = _ticks(body[4:12], order)
    return Statistics(int.from_bytes(body[:4], order), ticks, dropped, end, begins, unheard, goes_on)


def _ticks(data: bytes, order: ByteOrder) -> int:
    """A time, whose two halves are words of their own."""
    return int.from_bytes(data[:4], order) << 32 | int.from_bytes(data[4:], order)


def _options(data: bytes, order: ByteOrder) -> Iterator[tuple[int, bytes]]:
    """The options up to the end mark, to the first one that runs over the block, or to MAX_OPTIONS."""
    at = 0
    for _ in range(MAX_OPTIONS):
        if at + 4 > len(data):
            return
        code, size = int.from_bytes(data[at : at + 2], order), int.from_bytes(data[at + 2 : at + 4], order)
        if code == 0 or at + 4 + size > len(data):
            return
        yield code, data[at + 4 : at + 4 + size]
        at += 4 + (size + 3) // 4 * 4
