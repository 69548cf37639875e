"""The pcap file header (IETF draft-ietf-opsawg-pcap; libpcap sf-pcap.c); records are the scan's."""

from typing import Literal, NamedTuple

from vrrpwatch.capture.errors import CaptureError

HEADER_SIZE = 24
RECORD_SIZE = 16
# Kuznetzov's patch (libpcap sf-pcap.c) adds interface index, protocol and packet type to the record's header.
PATCHED_RECORD_SIZE = 24

# Magic numbers as a big-endian reader sees them: (nanoseconds, record header size).
_MAGICS = {
    0xA1B2C3D4: (False, RECORD_SIZE),
    0xA1B23C4D: (True, RECORD_SIZE),
    0xA1B2CD34: (False, PATCHED_RECORD_SIZE),
}


class Header(NamedTuple):
    """What a pcap file says of all its packets."""

    big: bool
    nanoseconds: bool
    record_size: int
    minor: int
    snaplen: int
    linktype: int


def is_pcap(start: bytes) -> bool:
    """Whether a file that begins with these octets (four or more) is a pcap file."""
    return int.from_bytes(start[:4], "big") in _MAGICS or int.from_bytes(start[:4], "little") in _MAGICS


def read_header(data: bytes, name: str) -> Header:
    """The file header at the start of ``data``; raises :class:`CaptureError` where it is cut or of another version."""
    if len(data) < HEADER_SIZE:
        raise CaptureError(
            f"{name}: the pcap file header is cut after {len(data)} of {HEADER_SIZE} bytes; copy the file again"
        )
    big = int.from_bytes(data[:4], "big") in _MAGICS
    order: Literal["big", "little"] = "big" if big else "little"
    nanoseconds, record_size = _MAGICS[int.from_bytes(data[:4], order)]
    major, minor = int.from_bytes(data[4:6], order), int.from_bytes(data[6:8], order)
    if major != 2:
        raise CaptureError(
            f"{name}: pcap version {major}.{minor} is not supported, only version 2; convert it with editcap"
        )
    # The upper half of the last field tells of a frame check sequence, which IP's own length leaves out anyway.
    linktype = int.from_bytes(data[20:24], order) & 0xFFFF
    return Header(big, nanoseconds, record_size, minor, int.from_bytes(data[16:20], order), linktype)
