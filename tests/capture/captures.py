"""Small captures of routers that advertise, written to files: what the tests of whole sessions read."""

import struct
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from tests.capture.files import enhanced, interface, option, pcap_header, record, section, statistics
from tests.capture.frames import VRRP2, ethernet, ipv4
from vrrpwatch.capture.pcapng import COMPLETE
from vrrpwatch.capture.session import Options, Outcome, analyse

SECOND = 10**9
# 2001-09-09 01:46:40 UTC.
START = 10**18
OTHER_ROUTER = bytes((10, 0, 0, 2))


class Sent(NamedTuple):
    """An advertisement, ``at`` seconds after START."""

    at: float
    source: bytes = bytes((10, 0, 0, 1))
    identification: int = 1

    @property
    def instant(self) -> int:
        return START + round(self.at * SECOND)

    @property
    def frame(self) -> bytes:
        return ethernet(ipv4(VRRP2, source=self.source, identification=self.identification))


def beats(count: int, first: float = 0.0, source: bytes = bytes((10, 0, 0, 1))) -> list[Sent]:
    """A router's advertisements, a second apart."""
    return [Sent(first + number, source, (int(first) + number) & 0xFFFF) for number in range(count)]


def pcap(sent: Iterable[Sent]) -> bytes:
    return pcap_header() + b"".join(record(one.frame, one.instant) for one in sent)


def pcapng(sent: Iterable[Sent], name: bytes | None = b"eth0", lost: tuple[float, float, int] | None = None) -> bytes:
    """``lost`` is when statistics are written before and after a loss, and how many packets it took."""
    options = b"" if name is None else option(2, name)
    blocks = section() + interface(1, options)
    blocks += b"".join(enhanced(one.frame, one.instant // 1000) for one in sent)
    if lost is not None:
        before, after, count = lost
        for at, dropped in ((before, 0), (after, count)):
            blocks += statistics(0, (START + round(at * SECOND)) // 1000, option(5, dropped.to_bytes(8, "little")))
    return blocks


def complete(blocks: bytes, until: float, *, ours: bool = True) -> bytes:
    """``blocks`` of :func:`pcapng`, and one that says how far they are complete, in our words or without."""
    ticks = (START + round(until * SECOND)) // 1000
    options = option(3, struct.pack("<II", ticks >> 32, ticks & 0xFFFFFFFF))
    if ours:
        options += option(1, COMPLETE + str(len(blocks)).encode())
    return blocks + statistics(0, ticks, options)


def write(folder: Path, name: str, content: bytes) -> str:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return str(path)


def outcome(*paths: str, segment: str | None = None, workers: int = 1) -> Outcome:
    return analyse(paths, Options(segment=segment, workers=workers))


def segments(found: Outcome) -> list[str]:
    return [segment.id for segment in found.analysis.segments]
