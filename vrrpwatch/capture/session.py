"""One sitting over one or more captures: reads them as one time-ordered stream and feeds the engine."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vrrpwatch.capture.errors import CaptureError, DamagedError
from vrrpwatch.capture.merge import Concurrent, Feed, merged
from vrrpwatch.capture.naming import Names, rotations, stem
from vrrpwatch.capture.sources import Facts, Interleaved, Workers, first_instant, read_here
from vrrpwatch.core.analysis import Analysis, InterfaceInfo, SourceInfo
from vrrpwatch.core.engine import Engine, EngineOptions
from vrrpwatch.core.frames import Batch, Kind, Loss, segment_id, unpack_vlans
from vrrpwatch.core.model import Instant
from vrrpwatch.wire.checksum import camp
from vrrpwatch.wire.companions import decode_companion
from vrrpwatch.wire.link import dissect
from vrrpwatch.wire.protocol112 import decode_advert
from vrrpwatch.wire.values import Camp, Carp, Companion, Malformed, Packet, Vrrp

if TYPE_CHECKING:
    from vrrpwatch.core.keys import Keys
    from vrrpwatch.core.policy import Policy

# Bytes read so far, and the total where it is known.
Progress = Callable[[int, int | None], None]

# What the engine takes apart; all else is counted as volume.
WANTED = frozenset((Kind.ADVERT, Kind.ARP, Kind.ND, Kind.IGMP, Kind.MLD, Kind.HSRP, Kind.GLBP))
# What ``decode`` prints, and what it prints when asked for everything.
ADVERTS = frozenset((Kind.ADVERT,))
COMPANIONS = frozenset((Kind.PFSYNC, Kind.CONNTRACKD, Kind.IPVS, Kind.HSRP, Kind.GLBP))


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for; ``segment`` names the interface of captures that do not, ``budget`` is packets/s."""

    segment: str | None = None
    policy: "Policy | None" = None
    keys: "Keys | None" = None
    budget: float | None = None
    workers: int = 1
    reveal: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """An analysis, the sources that could not be read (a line each), and whether the user cut it short."""

    analysis: Analysis
    errors: tuple[str, ...]
    interrupted: bool


@dataclass(frozen=True, slots=True)
class Decoded:
    """One packet of ``decode``: where it was, the frame taken apart, and the message in it."""

    source: int
    path: str
    packet: int
    at: Instant
    segment: str
    frame: Packet
    message: Vrrp | Carp | Malformed | Companion
    checksum: Camp | None
    length: int


@dataclass(slots=True)
class _Source:
    """What one pass has learnt of one capture."""

    path: str
    facts: Facts | None = None
    packets: int = 0
    bytes: int = 0
    first: Instant | None = None
    last: Instant | None = None
    error: str | None = None

    def count(self, batch: Batch) -> None:
        self.packets += batch.packets
        self.bytes += batch.bytes
        if batch.first is not None and batch.last is not None:
            self.first = batch.first if self.first is None else min(self.first, batch.first)
            self.last = batch.last if self.last is None else max(self.last, batch.last)


@dataclass(frozen=True, slots=True)
class _Knowledge:
    """What a former pass has found out that the next must know from the start."""

    losses: tuple[Loss, ...] = ()
    concurrent: frozenset[frozenset[int]] = frozenset()
    interleaved: bool = False


def analyse(paths: Sequence[str], options: Options, progress: Progress | None = None) -> Outcome:
    """Analyses captures as one stream.

    A capture tells at its end that it lost packets, and files that look like one rotation may turn out to overlap: what
    a pass finds out so late, a second pass knows from its start (standard input can be read only once).
    """
    knowledge = _Knowledge()
    starts = [first_instant(path) for path in paths] if len(paths) > 1 else [None] * len(paths)
    while True:
        sitting = _Sitting(paths, starts, options, knowledge, progress)
        try:
            outcome = sitting.run()
        except Concurrent as news:
            knowledge = replace(knowledge, losses=(), concurrent=knowledge.concurrent | {news.sources})
            continue
        except Interleaved:
            knowledge = replace(knowledge, losses=(), interleaved=True)
            continue
        losses = tuple(sitting.engine.losses)
        if losses == knowledge.losses or outcome.interrupted or "-" in paths:
            return outcome
        knowledge = replace(knowledge, losses=losses)


class _Sitting:
    """One pass over all captures."""

    def __init__(
        self,
        paths: Sequence[str],
        starts: Sequence[Instant | None],
        options: Options,
        knowledge: _Knowledge,
        progress: Progress | None,
    ) -> None:
        self._starts = starts
        self._options = options
        self._progress = progress
        self._sources = [_Source(path) for path in paths]
        self._interleaved = knowledge.interleaved
        self._total = _total_size(paths)
        sets = rotations(paths)
        self._rotations = [
            frozenset(members) for members in sets.values() if frozenset(members) not in knowledge.concurrent
        ]
        streams = [stem(path) for path in paths]
        for name, members in sets.items():
            if frozenset(members) not in knowledge.concurrent:
                for member in members:
                    streams[member] = name
        self._names = Names(streams, options.segment)
        self.engine = Engine(
            EngineOptions(
                self._names.interface, options.policy, options.keys, options.budget, options.reveal, knowledge.losses
            )
        )

    def run(self) -> Outcome:
        interrupted = False
        paths = [source.path for source in self._sources]
        # Captures of the same time are read together, so only those that follow each other gain from workers.
        workers = Workers(paths, WANTED, self._options.workers) if self._worth_workers() else None
        try:
            feeds = [Feed(number, self._starts[number], self._guarded(number, workers)) for number in range(len(paths))]
            for batch in merged(feeds, self._rotations):
                self.engine.feed(batch)
        except KeyboardInterrupt:
            interrupted = True
        finally:
            if workers is not None:
                workers.close()
        infos = [self._info(number) for number in range(len(paths))]
        analysis = self.engine.finish(infos)
        errors = tuple(source.error for source in self._sources if source.error is not None)
        return Outcome(analysis, errors, interrupted)

    def _worth_workers(self) -> bool:
        several = self._options.workers > 1 and len(self._sources) > 1
        named = all(source.path != "-" for source in self._sources)
        return (
            several
            and named
            and not self._interleaved
            and sorted(self._starts, key=lambda start: start or 0) == list(self._starts)
        )

    def _guarded(self, number: int, workers: Workers | None) -> Iterator[Batch]:
        """A source's batches; one that cannot be read at all is noted and the others go on."""
        source = self._sources[number]
        batches = (
            read_here(source.path, number, WANTED, self._told) if workers is None else workers.read(number, self._told)
        )
        try:
            for batch in batches:
                source.count(batch)
                yield batch
        except CaptureError as error:
            source.error = str(error)

    def _told(self, number: int, facts: Facts) -> None:
        self._sources[number].facts = facts
        self._names.describe(number, facts.format, facts.interfaces)
        if self._progress is not None:
            consumed = sum(source.facts.consumed for source in self._sources if source.facts is not None)
            self._progress(consumed, self._total)

    def _info(self, number: int) -> SourceInfo:
        source = self._sources[number]
        facts = source.facts or Facts("", (), (), None, 0)
        dropped = facts.dropped or (None,) * len(facts.interfaces)
        interfaces = tuple(
            InterfaceInfo(self._names.interface(number, index, 0), interface.linktype, lost)
            for index, (interface, lost) in enumerate(zip(facts.interfaces, dropped, strict=True))
        )
        return SourceInfo(
            source.path, facts.format, source.packets, source.bytes, source.first, source.last, facts.damage, interfaces
        )


def _total_size(paths: Sequence[str]) -> int | None:
    try:
        return sum(Path(path).stat().st_size for path in paths)
    except OSError:
        return None


def decode(paths: Sequence[str], options: Options, everything: bool = False) -> Iterator[Decoded]:
    """Yields every VRRP and CARP advertisement (``everything``: companions too) of the captures, one after the other.

    Raises :class:`CaptureError` for a capture that cannot be read, and :class:`DamagedError` after all that could be read
    of a damaged one.
    """
    names = Names([stem(path) for path in paths], options.segment)
    for source, path in enumerate(paths):
        facts: list[Facts] = []

        def told(number: int, known: Facts, facts: list[Facts] = facts) -> None:
            facts[:] = [known]
            names.describe(number, known.format, known.interfaces)

        for batch in read_here(path, source, ADVERTS | COMPANIONS if everything else ADVERTS, told):
            for row in batch.frames:
                decoded = _decode(path, row, batch.data, names)
                if decoded is not None:
                    yield decoded
        if facts and facts[0].damage is not None:
            raise DamagedError(f"{path}: {facts[0].damage}")


def _decode(path: str, row: np.void, data: NDArray[np.uint8], names: Names) -> Decoded | None:
    offset, length, source = int(row["offset"]), int(row["length"]), int(row["source"])
    frame = data[offset : offset + int(row["captured"])].tobytes()
    packet = dissect(frame, int(row["linktype"]), length)
    message = decode_advert(packet) if int(row["kind"]) == Kind.ADVERT else decode_companion(packet)
    if message is None or packet.skipped is not None:
        return None
    name = names.interface(source, int(row["interface"]), int(row["ifindex"]))
    return Decoded(
        source=source,
        path=path,
        packet=int(row["packet"]),
        at=int(row["at"]),
        segment=segment_id(name, unpack_vlans(int(row["vlans"]))),
        frame=packet,
        message=message,
        checksum=camp(message, packet) if isinstance(message, Vrrp | Carp) else None,
        length=length,
    )
