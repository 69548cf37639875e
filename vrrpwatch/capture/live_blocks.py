"""The pcapng blocks of a live capture that hold no packets (IETF draft-ietf-opsawg-pcapng), in this machine's order."""

import platform
import struct
from typing import Literal

from vrrpwatch import __version__
from vrrpwatch.capture.pcapng import (
    BYTE_ORDER_MAGIC,
    COMPLETE,
    INTERFACE_DESCRIPTION,
    INTERFACE_STATISTICS,
    SECTION_HEADER,
    UNHEARD,
    UNHEARD_STILL,
)

# LINKTYPE_ETHERNET and LINKTYPE_LINUX_SLL (https://www.tcpdump.org/linktypes.html).
ETHERNET, LINUX_SLL = 1, 113
_OS, _USER_APPLICATION = 3, 4
_IF_NAME, _IF_TSRESOL = 2, 9
_OPT_COMMENT, _ISB_ENDTIME, _ISB_IFDROP = 1, 3, 5
# if_tsresol: a power of ten.
_NANOSECONDS = 9


def section_header() -> bytes:
    """Begins a section of unknown length."""
    options = _option(_OS, f"{platform.system()} {platform.release()}".encode())
    options += _option(_USER_APPLICATION, f"vrrpwatch {__version__}".encode())
    return _block(SECTION_HEADER, struct.pack("=IHHq", BYTE_ORDER_MAGIC, 1, 0, -1) + options + _option(0, b""))


def interface_description(name: str, linktype: int, snaplen: int) -> bytes:
    """Describes the next interface, whose clock ticks in nanoseconds."""
    options = _option(_IF_NAME, name.encode(errors="surrogateescape")) + _option(_IF_TSRESOL, bytes((_NANOSECONDS,)))
    return _block(INTERFACE_DESCRIPTION, struct.pack("=HHI", linktype, 0, snaplen) + options + _option(0, b""))


def interface_statistics(number: int, at: int, dropped: int, outage: Literal["begun", "over"] | None = None) -> bytes:
    """Says that interface ``number`` had lost ``dropped`` packets in all at ``at`` (nanoseconds since the epoch).

    With an ``outage`` it could not be heard for a while since its last statistics; one that has only ``begun`` goes on.
    """
    comment = b"" if outage is None else _option(_OPT_COMMENT, UNHEARD_STILL if outage == "begun" else UNHEARD)
    body = struct.pack("=III", number, at >> 32, at & 0xFFFFFFFF) + _option(_ISB_IFDROP, struct.pack("=Q", dropped))
    return _block(INTERFACE_STATISTICS, body + comment + _option(0, b""))


def end_of_capture(number: int, until: int, begins: int) -> bytes:
    """Says that a file holds all up to ``until`` (nanoseconds), in a block for interface ``number`` at byte ``begins``.

    No packet follows in the file.
    """
    time = struct.pack("=II", until >> 32, until & 0xFFFFFFFF)
    options = _option(_ISB_ENDTIME, time) + _option(_OPT_COMMENT, COMPLETE + str(begins).encode())
    return _block(INTERFACE_STATISTICS, struct.pack("=I", number) + time + options + _option(0, b""))


class Baselines:
    """What was lost before a file began is not its loss: its counts start from the first that it holds."""

    def __init__(self) -> None:
        self._first: dict[int, int] = {}

    def rebased(self, block: bytes | memoryview) -> bytes:
        """One block of :func:`interface_statistics` as a file has it that begins with this or one before."""
        rebased = bytearray(block)
        (number,) = struct.unpack_from("=I", block, 8)
        (dropped,) = struct.unpack_from("=Q", block, 24)
        struct.pack_into("=Q", rebased, 24, dropped - self._first.setdefault(number, dropped))
        return bytes(rebased)


def is_statistics(block: bytes | memoryview) -> bool:
    """Whether what begins here are an interface's statistics."""
    return bool(struct.unpack_from("=I", block)[0] == INTERFACE_STATISTICS)


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("=HH", code, len(value)) + value + bytes(-len(value) % 4)


def _block(kind: int, body: bytes) -> bytes:
    total = 12 + len(body)
    return struct.pack("=II", kind, total) + body + struct.pack("=I", total)
