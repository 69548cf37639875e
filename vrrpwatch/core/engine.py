"""The engine: batches of frames in, groups, events, findings and volume out.  Its only clock is the packets'.

Frames are told apart by fingerprint and taken apart once per content; their repetitions are counted in columns.  What
follows from them is delivered in time order to the observers: trackers (mastership), checks (what speakers say),
neighbours (ARP and ND), membership (IGMP and MLD) and volume.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vrrpwatch.core.analysis import Analysis, GroupInfo, Listener, Segment, SourceInfo, Totals, VolumeInfo
from vrrpwatch.core.census import Census, Witnesses, describe
from vrrpwatch.core.checks import Checks
from vrrpwatch.core.findings import Findings
from vrrpwatch.core.frames import Batch, ClockStep, Loss, segment_id, unpack_vlans
from vrrpwatch.core.intake import Copy, Delivery, Intake, RefusedPiece, Signed
from vrrpwatch.core.leaks import Leaks
from vrrpwatch.core.losses import Losses
from vrrpwatch.core.mastership import Mastership
from vrrpwatch.core.membership import Membership
from vrrpwatch.core.model import Event, Evidence, GroupKey, GroupState, Instant, Run, Seconds, SpeakerKey
from vrrpwatch.core.neighbours import Neighbours
from vrrpwatch.core.news import Member, Neighbour, QuerierInfo, Second
from vrrpwatch.core.reflection import Returns
from vrrpwatch.core.runs import Piece, join
from vrrpwatch.core.sightings import Answers, Sighting
from vrrpwatch.core.unjoined import Unjoined
from vrrpwatch.core.volume import Volume
from vrrpwatch.wire.values import Arp, IPAddress, MembershipQuery, MembershipReport

if TYPE_CHECKING:
    from vrrpwatch.core.authenticity import Authenticity
    from vrrpwatch.core.keys import Keys
    from vrrpwatch.core.policy import Policy

# VLAN tags are forgeable; beyond this many segments names are made anew each time.
MAX_SEGMENTS = 4096

InterfaceName = Callable[[int, int, int], str]


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """``interface_name`` maps (source, interface, cooked ifindex) to a name; ``losses`` come from a former pass.

    A ``live`` engine also tells what goes on while it does; reports from the hosts in ``own`` are left unheard: they
    are those of the observer itself.
    """

    interface_name: InterfaceName
    policy: "Policy | None" = None
    keys: "Keys | None" = None
    budget: float | None = None
    reveal: bool = False
    losses: tuple[Loss, ...] = ()
    live: bool = False
    own: frozenset[IPAddress] = frozenset()


class Standing(NamedTuple):
    """How a group stands: its master with priority and interval, if it has one, and when and how often it was heard."""

    state: GroupState
    master: IPAddress | None
    priority: int | None
    interval: Seconds | None
    last: Instant
    adverts: int


class Engine:
    """Feed it batches in time order, then :meth:`finish`; what it returns depends on the traffic alone."""

    def __init__(self, options: EngineOptions) -> None:
        self._options = options
        self.findings = Findings()
        self._neighbours = Neighbours(self.findings)
        self._membership = Membership(self.findings)
        self._checks = Checks(self.findings, options.policy, reveal=options.reveal)
        self._losses = Losses(self.findings, self._interface_of, options.losses, live=options.live)
        self._mastership = Mastership(self.findings, self._neighbours, self._losses, self._checks.takes_turns)
        self._volume = Volume(self.findings, options.budget, options.policy, live=options.live)
        self._unjoined = Unjoined(self.findings, self._membership, self._volume.flow)
        self._volume.listener = self._unjoined.closed
        self._authenticity = _authenticity(options, self.findings)
        self._leaks = Leaks(self.findings)
        self._returns = Returns(self.findings)
        self._census = Census()
        self._intake = Intake(self.segment_of, signed=options.keys is not None)
        self._segments: dict[tuple[int, int, int, int], Segment] = {}
        self._skipped: dict[str, int] = {}
        self._now: Instant | None = None
        self._packets = self._bytes = self._multicast_packets = self._multicast_bytes = 0
        # Who is told of every piece of a run, as it is heard.
        self.listener: Callable[[Piece], None] | None = None

    def feed(self, batch: Batch) -> None:
        """Takes in the next stretch of traffic, from wherever it is: one source, or several merged by time."""
        self._packets += batch.packets
        self._bytes += batch.bytes
        self._multicast_packets += batch.multicast_packets
        self._multicast_bytes += batch.multicast_bytes
        for name, count in batch.skipped.items():
            self._skipped[name] = self._skipped.get(name, 0) + count
        for loss in batch.losses:
            self._losses.add(loss)
            if loss.unheard and not loss.goes_on:
                self._mastership.over(loss)
        self._volume.add(batch.flows, batch.seconds, self.segment_of)
        rows = batch.frames
        for step in batch.steps:
            before = (rows["source"] != step.source) | (rows["packet"] < step.packet)
            self._take_in(rows[before], batch.data)
            rows = rows[~before]
            self._stepped(step)
        self._take_in(rows, batch.data)
        if batch.last is not None and not batch.steps:
            self._advance(batch.last)
        elif len(rows):
            # The batch's greatest instant may be from before the step.
            self._advance(int(rows["at"].max()))
        self._checks.settle()
        self._volume.settle()

    def tick(self, now: Instant) -> None:
        """All packets before ``now`` have been fed: silence until then takes effect, and its seconds are over."""
        if self._now is not None and now > self._now:
            self._advance(now)
            self._volume.close(now)

    def catch_up(self) -> None:
        """Has findings count all that was heard: those that only go on are brought up to date seldom, for it costs."""
        for content in self._intake.contents.items:
            if content.run is not None:
                self._count(content.run)

    def obey(self, policy: "Policy | None") -> None:
        """From now on another policy says what belongs where."""
        self.catch_up()
        self._checks.obey(policy)
        self._volume.obey(policy)

    def take_events(self) -> tuple[Event, ...]:
        """What was decided since this was asked last, in the order of the decisions; it is told only once."""
        return self._mastership.take_events()

    def take_seconds(self) -> Iterator[Second]:
        """What was added to the seconds of each destination since this was asked last; only of a live engine."""
        return self._volume.take_fresh()

    @property
    def now(self) -> Instant:
        """The latest instant heard of, 0 before there was any."""
        return self._now or 0

    @property
    def losses(self) -> Sequence[Loss]:
        """What the capture says that it missed, a live one lately."""
        return self._losses.told

    @property
    def dropped(self) -> int:
        """All packets that the capture says it lost."""
        return self._losses.dropped

    @property
    def totals(self) -> Totals:
        return Totals(
            self._packets, self._bytes, self._multicast_packets, self._multicast_bytes, self._census.adverts()
        )

    @property
    def evicted(self) -> dict[str, int]:
        """What was forgotten because there was too much of it, by name."""
        return {name: count for name, count in self._evictions() if count}

    def group(self, key: GroupKey) -> GroupInfo | None:
        """A group as it is now."""
        record = self._census.groups.get(key)
        if record is None:
            return None
        witnesses = Witnesses(self._listeners, self._neighbours.learnt, self._authentic)
        return describe(key, record, self._mastership.trackers.get(key), witnesses, self.now)

    def standing(self, key: GroupKey) -> Standing | None:
        """The same in short."""
        record, tracker = self._census.groups.get(key), self._mastership.trackers.get(key)
        if record is None or tracker is None:
            return None
        state, master = tracker.state(), tracker.master
        voice = None if master is None or master.ended == "resigned" else master
        if voice is None:
            return Standing(state, None, None, None, record.last, record.adverts)
        advert = voice.advert
        return Standing(state, voice.key.ip, advert.priority, advert.interval, record.last, record.adverts)

    def multicast(self) -> tuple[VolumeInfo, ...]:
        return self._volume.results()

    def budget(self, segment: str) -> float:
        return self._volume.budget(segment)

    def neighbours(self, key: GroupKey) -> tuple[Neighbour, ...]:
        return tuple(self._neighbours.pointing(key))

    def members(self) -> tuple[Member, ...]:
        return tuple(self._membership.members())

    def queriers(self) -> tuple[QuerierInfo, ...]:
        return tuple(self._membership.queriers())

    def finish(self, sources: Sequence[SourceInfo]) -> Analysis:
        """Judges what is left as of the last packet or tick; ``sources`` go into the result as they are."""
        now = self._now or 0
        self._mastership.finish(now)
        self._neighbours.finish(now)
        for content in self._intake.contents.items:
            if content.run is not None:
                self._close(content.run)
        self._volume.finish()
        self._membership.finish(now)
        self._unjoined.finish()
        groups = (self.group(key) for key in self._census.groups)
        return Analysis(
            sources=tuple(sources),
            segments=tuple(sorted(set(self._segments.values()), key=lambda s: (s.interface, s.vlans))),
            groups=tuple(sorted((group for group in groups if group is not None), key=lambda group: group.key)),
            events=tuple(self._mastership.events),
            findings=self.findings.all(),
            multicast=self._volume.results(),
            totals=self.totals,
            skipped=self._all_skipped(),
            evicted=self.evicted,
            until=now,
        )

    def _all_skipped(self) -> dict[str, int]:
        """By name and count, what was not understood: by the scan, and by the decoders of what it picked."""
        total = dict(self._skipped)
        for name, count in self._intake.skipped.items():
            total[name] = total.get(name, 0) + count
        return dict(sorted(total.items()))

    def _evictions(self) -> Iterator[tuple[str, int]]:
        yield "findings", self.findings.evicted
        yield "groups", self._mastership.evicted_groups
        yield "events", self._mastership.evicted_events
        yield "speakers", self._census.evicted_speakers
        yield "contents", self._intake.forgotten
        yield "neighbours", self._neighbours.evicted
        yield "memberships", self._membership.evicted
        yield "checks", sum(self._checks.evicted.values())
        yield "leaks", self._leaks.evicted
        yield "volume", self._volume.evicted

    def _listeners(self, group: GroupKey) -> tuple[Listener, ...]:
        if group.scope.startswith("unicast") or group.scope == "broadcast":
            return ()
        return self._membership.joined(group.segment, ip_address(group.scope))

    def _authentic(self, group: GroupKey, speaker: SpeakerKey) -> tuple[bool | None, tuple[IPAddress, ...] | None]:
        if self._authenticity is None:
            return None, None
        return self._authenticity.verdict(group, speaker), self._authenticity.addresses(group, speaker)

    def segment_of(self, source: int, interface: int, ifindex: int, vlans: int) -> str:
        key = (source, interface, ifindex, vlans)
        segment = self._segments.get(key)
        if segment is None:
            name, tags = self._options.interface_name(source, interface, ifindex), unpack_vlans(vlans)
            segment = Segment(segment_id(name, tags), name, tags)
            if len(self._segments) < MAX_SEGMENTS:
                self._segments[key] = segment
        return segment.id

    def _interface_of(self, loss: Loss) -> str:
        return self._options.interface_name(loss.source, loss.interface, 0)

    def _stepped(self, step: ClockStep) -> None:
        name = self._options.interface_name(step.source, 0, 0)
        self.findings.add(
            "clock-step",
            segment=name,
            group=None,
            subject=name,
            first=min(step.before, step.after),
            last=max(step.before, step.after),
            summary="capture time runs backwards by more than a second: no silence is judged across the step",
            evidence=(Evidence(step.source, step.packet),),
        )
        self._now = step.after
        for content in self._intake.clock_stepped(step.after):
            if content.run is not None:
                self._close(content.run)
                content.run = None
        self._checks.resynchronise(step.after)
        self._mastership.resynchronise(step.after)
        self._neighbours.resynchronise(step.after)

    def _advance(self, now: Instant) -> None:
        if self._now is None or now > self._now:
            self._now = now
        self._mastership.advance(now)
        self._neighbours.advance(now)
        self._membership.advance(now)

    def _take_in(self, rows: NDArray[np.void], data: NDArray[np.uint8]) -> None:
        for portion in self._intake.portions(rows):
            for at, _, _, _, delivery in self._intake.take_in(portion, data):
                self._deliver(delivery, at)
            for content in self._intake.forget():
                if content.run is not None:
                    self._close(content.run)

    def _deliver(self, delivery: Delivery, at: Instant) -> None:
        self._advance(at)
        match delivery:
            case Piece():
                self._deliver_piece(delivery)
            case RefusedPiece():
                self._deliver_refusal(delivery)
            case Sighting():
                self._deliver_sighting(delivery, at)
            case Answers():
                self._neighbours.answered(delivery)
            case Copy():
                self._returns.came_back(delivery.advert, at, delivery.evidence)
            case Signed():
                self._deliver_signed(delivery, at)

    def _deliver_signed(self, signed: Signed, at: Instant) -> None:
        if self._authenticity is None:
            return
        group = signed.advert.group
        self._authenticity.learn(group, self._neighbours.learnt(group))
        self._authenticity.verify(signed.advert, signed.packet, signed.frame, at, signed.evidence)

    def _deliver_piece(self, piece: Piece) -> None:
        run, fresh, closed = join(piece)
        advert = piece.content.advert
        if closed is not None:
            self._close(closed)
        self._census.count(piece)
        if self.listener is not None:
            self.listener(piece)
        if fresh:
            self._checks.started(run)
            self._neighbours.advertised(advert, piece.first)
        self._checks.heard(run, piece.first, piece.last)
        run.uncounted += piece.adverts
        if run.uncounted == run.count:
            # What begins may show at once.
            self._count(run)
        self._leaks.heard(run, piece.adverts, piece.first, piece.last)
        self._mastership.hear(
            advert,
            piece.first,
            piece.last,
            Evidence(piece.source, piece.first_packet),
            Evidence(piece.source, piece.last_packet),
        )

    def _count(self, run: Run) -> None:
        if run.uncounted:
            self._checks.counted(run, run.uncounted, run.last)
            run.uncounted = 0

    def _close(self, run: Run) -> None:
        self._count(run)
        if not self._losses.touch(run.advert.group.segment, run.first, run.last):
            self._checks.late(run)

    def _deliver_refusal(self, piece: RefusedPiece) -> None:
        refused = piece.refused
        for fault in refused.faults:
            self.findings.add(
                fault.rule,
                segment=refused.segment,
                group=refused.group,
                subject=refused.subject,
                first=piece.first,
                last=piece.last,
                count=piece.adverts,
                summary=fault.summary,
                evidence=piece.evidence,
            )

    def _deliver_sighting(self, sighting: Sighting, at: Instant) -> None:
        observation, evidence = sighting
        segment, packet, message = observation.segment, observation.packet, observation.message
        match message:
            case Arp():
                self._neighbours.arp(segment, at, evidence, packet.source_mac, message)
            case MembershipQuery() if packet.network is not None:
                self._membership.query(segment, at, evidence, packet.network.source, message)
            case MembershipReport() if packet.network is not None and packet.network.source not in self._options.own:
                self._membership.report(segment, at, evidence, packet.network.source, packet.source_mac, message)
            case MembershipQuery() | MembershipReport():
                pass
            case _:
                self._neighbours.neighbour(segment, at, evidence, packet, message)


def _authenticity(options: EngineOptions, findings: Findings) -> "Authenticity | None":
    if options.keys is None:
        return None
    # Few analyses have keys, and all would pay for importing what verifies them.
    from vrrpwatch.core.authenticity import Authenticity

    return Authenticity(options.keys, findings)
