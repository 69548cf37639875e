"""A packet in tcpdump's words and as a hex dump; what is a password on the wire is not one on the screen."""

from typing import Final

from vrrpwatch.core.news import RecentPacket
from vrrpwatch.dashboard.paint import Line
from vrrpwatch.report.decode_line import decode_line
from vrrpwatch.wire.companions import decode_companion
from vrrpwatch.wire.link import dissect
from vrrpwatch.wire.protocol112 import decode_advert
from vrrpwatch.wire.values import Glbp, Hsrp, Malformed, Packet, Vrrp

# An advertisement with a dozen addresses takes less, and a screen shows no more.
MAX_OCTETS: Final = 256
# Offset, sixteen octets in two halves, the text.
WIDE: Final = 75
_GLBP_HEADER: Final = 12
_GLBP_AUTH: Final = 3


def in_words(packet: RecentPacket, reveal: bool = False) -> str:
    """An advertisement as ``decode`` tells it."""
    taken = dissect(packet.frame, packet.linktype)
    message = decode_advert(taken) if taken.protocol == 112 else decode_companion(taken)
    return "not an advertisement" if message is None else decode_line(packet.at, taken, message, reveal=reveal)


def hex_dump(packet: RecentPacket, width: int, reveal: bool = False) -> list[Line]:
    """Sixteen octets a line, or eight where there is no room; passwords are dots unless ``reveal``."""
    frame = packet.frame[:MAX_OCTETS]
    secret = set() if reveal else secrets(packet)
    step = 16 if width >= WIDE else 8
    lines: list[Line] = []
    for start in range(0, len(frame), step):
        octets = frame[start : start + step]
        digits = ["··" if start + at in secret else f"{octet:02x}" for at, octet in enumerate(octets)]
        letters = [
            "·" if start + at in secret else chr(octet) if 0x20 <= octet < 0x7F else "."
            for at, octet in enumerate(octets)
        ]
        halves = "  ".join(" ".join(digits[half : half + 8]) for half in range(0, len(digits), 8))
        lines.append(
            [(f"{start:04x}  ", "dim"), (f"{halves:<{step * 3 + step // 8 - 2}}  ", ""), ("".join(letters), "dim")]
        )
    if len(packet.frame) > MAX_OCTETS:
        lines.append([(f"… {len(packet.frame) - MAX_OCTETS} octets more", "dim")])
    return lines


def secrets(packet: RecentPacket) -> set[int]:
    """Where in the frame passwords stand."""
    taken = dissect(packet.frame, packet.linktype)
    message = decode_advert(taken) if taken.protocol == 112 else decode_companion(taken)
    start, end = taken.payload_offset, len(packet.frame)
    match message:
        case Malformed(auth_type=1):
            # Where its password begins is anyone's guess.
            return set(range(start + 8, end))
        case Vrrp(auth_type=1, count=addresses):
            return set(range(min(end, start + 8 + 4 * addresses), end))
        case Hsrp(auth="text", auth_data=password):
            return _all_of(packet.frame, password, start)
        case Glbp():
            return _glbp(packet.frame, taken)
    return set()


def _all_of(frame: bytes, password: bytes, start: int) -> set[int]:
    found: set[int] = set()
    at = frame.find(password, start) if password.strip(b"\0") else -1
    while at >= 0:
        found.update(range(at, at + len(password)))
        at = frame.find(password, at + 1)
    return found


def _glbp(frame: bytes, packet: Packet) -> set[int]:
    """The authentication TLVs of a GLBP message, in UDP's payload."""
    found: set[int] = set()
    at = packet.payload_offset + 8 + _GLBP_HEADER
    while at + 2 <= len(frame):
        kind, length = frame[at], frame[at + 1]
        if kind == _GLBP_AUTH:
            found.update(range(at + 2, min(len(frame), at + max(length, 2))))
        at += max(length, 2)
    return found
