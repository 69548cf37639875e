"""The stage on which scripts of a segment's life are played: what hosts send becomes the bytes of a capture file."""

import struct
from dataclasses import dataclass
from typing import Any

from tests.conformance.stage_frames import Line, frame
from vrrpwatch.core.model import nanoseconds

START = 1_000_000_000 * 10**9
ETHERNET = 1
Case = dict[str, Any]


@dataclass(frozen=True)
class Sent:
    """One packet: when (ns on the capture's clock), by whom and when in the script, what, and on which interface."""

    at: int
    who: str
    moment: float
    frame: bytes
    interface: int


def play(case: Case) -> list[Sent]:
    """Every packet of the script, in the order of the capture.

    A line of ``hear`` is sent at each of ``at``, or ``count`` times from ``from`` on, ``every`` so many (default:
    as announced).  Each packet is followed by ``copies`` of itself, ``lag`` seconds apart.  From
    ``step.from`` on, the capture's clock shows ``step.by`` more than it should.
    """
    identification: dict[str, int] = {}
    sent: list[Sent] = []
    for moment, line in sorted(_moments(case), key=lambda entry: entry[0]):
        who = str(line["who"])
        number = identification[who] = identification.get(who, 0) + 1
        for copy in range(line.get("copies", 0) + 1):
            for destination in _listed(line.get("to")):
                when = round(moment + copy * line.get("lag", 0.001), 6)
                octets = frame(line, int(line.get("identification", number)), destination)
                sent.append(Sent(START + nanoseconds(when), who, when, octets, line.get("interface", 0)))
    sent.sort(key=lambda packet: packet.at)
    step = case.get("step")
    if step is None:
        return sent
    by = nanoseconds(step["by"])
    return [Sent(packet.at + (by if packet.moment >= step["from"] else 0), *_rest(packet)) for packet in sent]


def _rest(packet: Sent) -> tuple[str, float, bytes, int]:
    return packet.who, packet.moment, packet.frame, packet.interface


def _moments(case: Case) -> list[tuple[float, Line]]:
    moments: list[tuple[float, Line]] = []
    for heard in case["hear"]:
        line = {**case.get("hosts", {}).get(heard["who"], {}), **heard}
        if "at" in heard:
            times = [float(at) for at in heard["at"]]
        else:
            every = heard["every"] if "every" in heard else _announced(line)
            times = [heard["from"] + number * every for number in range(heard["count"])]
        moments.extend((round(at, 6), line) for at in times)
    return moments


def _announced(line: Line) -> float:
    if "advbase" in line:
        return float(line["advbase"] + line.get("advskew", 0) / 256)
    return float(line.get("interval", 1.0))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def pcap(sent: list[Sent]) -> bytes:
    """A little-endian microsecond pcap file of Ethernet frames."""
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, ETHERNET)
    return head + b"".join(
        struct.pack("<IIII", packet.at // 10**9, packet.at % 10**9 // 1000, len(packet.frame), len(packet.frame))
        + packet.frame
        for packet in sent
    )


def pcapng(sent: list[Sent], interfaces: list[str], drops: list[dict[str, Any]]) -> bytes:
    """A little-endian pcapng file; ``drops`` are its statistics: by ``at`` so many in all (``total``) were lost."""
    blocks = [_block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))]
    # Without an if_tsresol the clock counts microseconds.
    blocks += [
        _block(1, struct.pack("<HHI", ETHERNET, 0, 0) + _option(2, name.encode()) + _option(0, b""))
        for name in interfaces
    ]
    timed = [(packet.at, 0, _packet(packet)) for packet in sent]
    timed += [(START + nanoseconds(drop["at"]), 1, _statistics(drop)) for drop in drops]
    timed.sort(key=lambda entry: entry[:2])
    return b"".join(blocks) + b"".join(block for _, _, block in timed)


def _packet(packet: Sent) -> bytes:
    size = len(packet.frame)
    head = struct.pack("<IIIII", packet.interface, *_ticks(packet.at), size, size)
    return _block(6, head + _padded(packet.frame))


def _statistics(drop: dict[str, Any]) -> bytes:
    at = START + nanoseconds(drop["at"])
    head = struct.pack("<III", drop.get("interface", 0), *_ticks(at))
    return _block(5, head + _option(5, struct.pack("<Q", drop["total"])) + _option(0, b""))


def _ticks(at: int) -> tuple[int, int]:
    return at // 1000 >> 32, at // 1000 & 0xFFFFFFFF


def _block(kind: int, body: bytes) -> bytes:
    total = 12 + len(body)
    return struct.pack("<II", kind, total) + body + struct.pack("<I", total)


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + _padded(value)


def _padded(data: bytes) -> bytes:
    return data.ljust((len(data) + 3) // 4 * 4, b"\0")
