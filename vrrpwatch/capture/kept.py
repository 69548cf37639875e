"""The frames that firewall rules are about, in the order of time, each with its segment: for whoever replays them."""

from collections.abc import Generator, Sequence
from contextlib import ExitStack, closing
from typing import NamedTuple

from vrrpwatch.capture.errors import CaptureError
from vrrpwatch.capture.merge import Concurrent, Feed, merged, reading_order
from vrrpwatch.capture.naming import Names
from vrrpwatch.capture.rotation import Streams
from vrrpwatch.capture.session import COMPANIONS, WANTED
from vrrpwatch.capture.sources import Facts, Told, distinct, first_instant, read_here, reads_once
from vrrpwatch.core.frames import Batch, Kind, frame_of, segment_id, unpack_vlans
from vrrpwatch.core.model import Instant

# What is confined, and what must not be: neighbours and memberships.
RULED = WANTED | COMPANIONS | {Kind.AH_OTHER, Kind.CARP}


class Kept(NamedTuple):
    """One frame; ``length`` is its length on the wire, ``packet`` its number in the capture, from 1."""

    source: int
    packet: int
    at: Instant
    segment: str
    linktype: int
    frame: bytes
    length: int


def kept_frames(paths: Sequence[str], segment: str | None = None) -> Generator[Kept]:
    """Frames of redundancy and state protocols, neighbours and memberships; segments are named as by an analysis.

    Raises :class:`CaptureError` for what cannot be read, and for what can be read only once.
    """
    paths = distinct(paths)
    once = next((path for path in paths if reads_once(path)), None)
    if once is not None:
        raise CaptureError(f"{once}: can be read only once, and is needed twice: save it to a file")
    streams = Streams(paths, frozenset())
    while len(paths) > 1:
        try:
            for _ in _batches(paths, streams, Names(streams.names(), segment)):
                pass
            break
        except Concurrent as news:
            streams.part(*news.sources)
    names = Names(streams.names(), segment)
    for batch in _batches(paths, streams, names):
        for row in batch.frames:
            source, interface, ifindex = int(row["source"]), int(row["interface"]), int(row["ifindex"])
            where = segment_id(names.interface(source, interface, ifindex), unpack_vlans(int(row["vlans"])))
            frame = frame_of(row, batch.data)
            packet, at, linktype, length = (int(row[name]) for name in ("packet", "at", "linktype", "length"))
            yield Kept(source, packet, at, where, linktype, frame, length)


def _batches(paths: Sequence[str], streams: Streams, names: Names) -> Generator[Batch]:
    starts = [first_instant(path) for path in paths]

    def told(number: int, facts: Facts) -> None:
        names.describe(number, facts.format, facts.interfaces)

    with ExitStack() as stack:
        feeds = [
            Feed(source, starts[source], stack.enter_context(closing(_read(paths[source], source, told))))
            for source in sorted(range(len(paths)), key=lambda source: reading_order(starts[source], source))
        ]
        yield from merged(feeds, streams.rotations)


def _read(path: str, source: int, told: Told) -> Generator[Batch]:
    yield from read_here(path, source, RULED, told)
