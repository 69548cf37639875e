"""One sitting over one or more captures: reads them as one time-ordered stream and feeds the engine."""

from collections.abc import Callable, Generator, Hashable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from vrrpwatch.capture.errors import CaptureError, DamagedError
from vrrpwatch.capture.interrupts import Interrupts
from vrrpwatch.capture.losses import condensed
from vrrpwatch.capture.merge import Concurrent, Feed, merged, reading_order
from vrrpwatch.capture.naming import Names, stem
from vrrpwatch.capture.rotation import Streams
from vrrpwatch.capture.sources import Facts, distinct, first_instant, read_here, reads_once, total_size
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
    from vrrpwatch.capture.workers import Workers
    from vrrpwatch.core.keys import Keys
    from vrrpwatch.core.policy import Policy

# Bytes read so far, and the total where it is known.
Progress = Callable[[int, int | None], None]

# What the engine takes apart; all else is counted as volume.
WANTED = frozenset((Kind.ADVERT, Kind.ARP, Kind.ND, Kind.IGMP, Kind.MLD, Kind.HSRP, Kind.GLBP))
# What ``decode`` prints, and what it prints when asked for everything.
ADVERTS = frozenset((Kind.ADVERT,))
COMPANIONS = frozenset((Kind.PFSYNC, Kind.CONNTRACKD, Kind.IPVS, Kind.HSRP, Kind.GLBP))
# Different messages and segments that ``decode`` remembers; both are forgeable.
MAX_UNDERSTOOD = 4096
UNREAD = Facts("", (), (), None, 0)
_COLUMNS = (
    "source", "packet", "at", "kind", "offset", "captured", "length", "linktype", "interface", "ifindex", "vlans"
)  # fmt: skip
Message = Vrrp | Carp | Malformed | Companion


class Options(NamedTuple):
    """What the user asked for; ``segment`` names the interface of captures that do not, ``budget`` is packets/s."""

    segment: str | None = None
    policy: "Policy | None" = None
    keys: "Keys | None" = None
    budget: float | None = None
    workers: int = 1
    reveal: bool = False


class Outcome(NamedTuple):
    """An analysis, the sources that could not be read (a line each), and whether the user cut it short."""

    analysis: Analysis
    errors: tuple[str, ...]
    interrupted: bool


class Decoded(NamedTuple):
    """One packet of ``decode``: where it was, the frame taken apart, and the message in it."""

    source: int
    path: str
    packet: int
    at: Instant
    segment: str
    frame: Packet
    message: Message
    checksum: Camp | None
    length: int


@dataclass(slots=True)
class _Source:
    """What one pass has learnt of one capture."""

    path: str
    facts: Facts = UNREAD
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


class _Meter:
    """Bytes read in all passes together, so that what it tells never goes back."""

    def __init__(self, progress: Progress | None, total: int | None) -> None:
        self._progress = progress
        self._size = total
        self._before = 0
        self._read = 0

    def next_pass(self) -> None:
        self._before += self._read
        self._read = 0

    def add(self, count: int) -> None:
        self._read += count
        if self._progress is not None:
            self._progress(self._before + self._read, None if self._size is None else self._before + self._size)


def analyse(paths: Sequence[str], options: Options, progress: Progress | None = None) -> Outcome:
    """Analyses captures as one stream, whatever order they are given in; one that is given twice is read once.

    A capture tells at its end that it lost packets, and files that look like one rotation may turn out to overlap: what
    a pass finds out so late, a further pass knows from its start.  What can be read only once (standard input, a pipe)
    is read in the last pass, so its own losses are known only as they are told.
    """
    session = _Session(distinct(paths), options, progress)
    if session.once and len(session.once) < len(session.paths):
        outcome = session.settle(leave_out=session.once)
        return outcome if outcome.interrupted else session.sit()
    return session.sit() if session.once else session.settle()


class _Session:
    """All passes over some captures, and what one tells the next."""

    def __init__(self, paths: tuple[str, ...], options: Options, progress: Progress | None) -> None:
        self.paths = paths
        self.once = frozenset(source for source, path in enumerate(paths) if reads_once(path))
        self.starts = [first_instant(path) for path in paths] if len(paths) > 1 else [None] * len(paths)
        self.streams = Streams(paths, self.once)
        self.losses: tuple[Loss, ...] = ()
        self.options = options
        self.meter = _Meter(progress, total_size(paths))

    def settle(self, leave_out: frozenset[int] = frozenset()) -> Outcome:
        """Reads until nothing is learnt that should have been known before."""
        while True:
            sitting = _Sitting(self, leave_out)
            try:
                outcome = sitting.run(self.streams.rotations)
            except Concurrent as news:
                self.streams.part(*news.sources)
                continue
            if self.losses or not sitting.engine.losses or outcome.interrupted:
                return outcome
            self.losses = tuple(sitting.engine.losses)

    def sit(self) -> Outcome:
        """Reads once, with what is known."""
        return _Sitting(self, frozenset()).run(())


class _Sitting:
    """One pass over the captures, but for those to ``leave_out``."""

    def __init__(self, session: _Session, leave_out: frozenset[int]) -> None:
        self._session = session
        self._sources = [_Source(path) for path in session.paths]
        self._chosen = sorted(
            (source for source in range(len(self._sources)) if source not in leave_out),
            key=lambda source: reading_order(session.starts[source], source),
        )
        options = session.options
        self._names = Names(session.streams.names(), options.segment)
        self.engine = Engine(
            EngineOptions(
                self._names.interface, options.policy, options.keys, options.budget, options.reveal, session.losses
            )
        )
        session.meter.next_pass()

    def run(self, rotations: Iterable[frozenset[int]]) -> Outcome:
        """Reads all; raises :class:`Concurrent` where the files of one of ``rotations`` overlap."""
        interrupted = False
        with ExitStack() as stack, Interrupts() as interrupts:
            try:
                workers = self._workers()
                if workers is not None:
                    stack.callback(workers.close)
                feeds = []
                for source in self._chosen:
                    batches = stack.enter_context(closing(self._guarded(source, workers)))
                    feeds.append(Feed(source, self._session.starts[source], batches))
                for batch in merged(feeds, rotations):
                    interrupts.whole(self.engine.feed, batch)
                until = self._session.streams.complete(
                    [source.last for source in self._sources], [source.facts.until for source in self._sources]
                )
                if until is not None:
                    interrupts.whole(self.engine.tick, until)
            except KeyboardInterrupt:
                interrupted = True
        infos = [self._info(source) for source in range(len(self._sources))]
        analysis = self.engine.finish(infos)
        errors = tuple(source.error for source in self._sources if source.error is not None)
        return Outcome(analysis, errors, interrupted)

    def _workers(self) -> "Workers | None":
        tasks = [(source, self._session.paths[source]) for source in self._chosen if source not in self._session.once]
        count = self._session.options.workers
        if count == 1 or len(tasks) < 2:
            return None
        # What it takes to start processes is loaded only by who asks for them.
        from vrrpwatch.capture.workers import Workers

        return Workers(tasks, WANTED, count)

    def _guarded(self, number: int, workers: "Workers | None") -> Generator[Batch]:
        """A source's batches; one that cannot be read at all is noted and the others go on."""
        source = self._sources[number]
        if workers is None or number in self._session.once:
            batches = read_here(source.path, number, WANTED, self._told)
        else:
            batches = workers.read(number, self._told)
        try:
            for batch in batches:
                source.count(batch)
                yield batch._replace(losses=condensed(batch.losses)) if len(batch.losses) > 1 else batch
        except CaptureError as error:
            source.error = str(error)

    def _told(self, number: int, facts: Facts) -> None:
        source = self._sources[number]
        before, source.facts = source.facts.consumed, facts
        self._names.describe(number, facts.format, facts.interfaces)
        self._session.meter.add(facts.consumed - before)

    def _info(self, number: int) -> SourceInfo:
        source, facts = self._sources[number], self._sources[number].facts
        interfaces = tuple(
            InterfaceInfo(
                self._names.interface(number, index, 0),
                interface.linktype,
                facts.dropped[index] if index < len(facts.dropped) else None,
            )
            for index, interface in enumerate(facts.interfaces)
        )
        return SourceInfo(
            source.path, facts.format, source.packets, source.bytes, source.first, source.last, facts.damage, interfaces
        )


def decode(paths: Sequence[str], options: Options, everything: bool = False) -> Iterator[Decoded]:
    """Yields every VRRP and CARP advertisement (``everything``: companions too) of the captures, one after the other.

    Raises :class:`CaptureError` for a capture that cannot be read, and :class:`DamagedError` after all that could be
    read of a damaged one; captures after it are left unread, so who wants them gives one at a time.
    """
    names = Names([stem(path) for path in paths], options.segment)
    for source, path in enumerate(paths):
        known = UNREAD

        def told(number: int, facts: Facts) -> None:
            nonlocal known
            known = facts
            names.describe(number, facts.format, facts.interfaces)

        decoder = _Decoder(path, names)
        for batch in read_here(path, source, ADVERTS | COMPANIONS if everything else ADVERTS, told):
            yield from decoder.batch(batch)
        if known.damage is not None:
            raise DamagedError(f"{path}: {known.damage}")


class _Decoder:
    """Takes apart the frames of one capture; what is said again and again is understood once."""

    def __init__(self, path: str, names: Names) -> None:
        self._path = path
        self._names = names
        self._segments: dict[tuple[int, int, int], str] = {}
        self._understood: dict[Hashable, tuple[Message | None, Camp | None]] = {}

    def batch(self, batch: Batch) -> Iterator[Decoded]:
        data = batch.data.tobytes()
        columns = (batch.frames[name].tolist() for name in _COLUMNS)
        for source, number, at, kind, start, size, length, linktype, interface, ifindex, vlans in zip(
            *columns, strict=True
        ):
            packet = dissect(data[start : start + size], linktype, length)
            message, checksum = self._message(packet, kind)
            if message is not None and packet.skipped is None:
                segment = self._segment(source, interface, ifindex, vlans)
                yield Decoded(source, self._path, number, at, segment, packet, message, checksum, length)

    def _message(self, packet: Packet, kind: int) -> tuple[Message | None, Camp | None]:
        if kind != Kind.ADVERT:
            return decode_companion(packet), None
        network = packet.network
        ends = (network.source, network.destination) if network is not None else None
        # All that decode_advert and camp look at.
        key = (ends, packet.payload, packet.payload_length, packet.fragment, packet.overlong)
        known = self._understood.get(key)
        if known is None:
            message = decode_advert(packet)
            known = message, camp(message, packet) if isinstance(message, Vrrp | Carp) else None
            if len(self._understood) >= MAX_UNDERSTOOD:
                self._understood.clear()
            self._understood[key] = known
        return known

    def _segment(self, source: int, interface: int, ifindex: int, vlans: int) -> str:
        key = (interface, ifindex, vlans)
        segment = self._segments.get(key)
        if segment is None:
            segment = segment_id(self._names.interface(source, interface, ifindex), unpack_vlans(vlans))
            if len(self._segments) < MAX_UNDERSTOOD:
                self._segments[key] = segment
        return segment
