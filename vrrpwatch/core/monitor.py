"""An engine that is still listening, as others want to see it: the news for stores and alerts, the view for screens.

A monitor belongs to one thread at a time; who shares it guards it with a lock.
"""

from bisect import insort
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from vrrpwatch.core.analysis import Analysis, GroupInfo, SourceInfo, Totals, VolumeInfo
from vrrpwatch.core.engine import Engine, EngineOptions
from vrrpwatch.core.frames import Batch, Kind, frame_of
from vrrpwatch.core.hearing import hear
from vrrpwatch.core.mastership import MAX_GROUPS
from vrrpwatch.core.model import NANOSECONDS, Advert, Event, Finding, GroupKey, Instant, Seconds, Severity, SpeakerKey
from vrrpwatch.core.news import GroupRow, Member, Neighbour, News, QuerierInfo, RecentPacket
from vrrpwatch.core.pulse import Pulse
from vrrpwatch.core.runs import Piece

if TYPE_CHECKING:
    from vrrpwatch.core.policy import Policy

# A group of which nothing changes is told anew this often, for its counts.
REFRESH: Final = 10 * NANOSECONDS
# So many of them at a time, for telling of one costs: more than the engine follows are told of within that time.
MAX_REFRESHED: Final = 2_048
# What is known and only goes on is told this often: a network with many faults shall not keep everybody busy, and what
# is merely worth knowing is in no hurry.
GROWTH: Final[Mapping[Severity, Instant]] = {
    Severity.CRITICAL: 2 * NANOSECONDS,
    Severity.WARNING: 2 * NANOSECONDS,
    Severity.INFO: REFRESH,
}
# Events that a screen can show; a store keeps them all.
MAX_EVENTS: Final = 10_000
# Advertisements that are kept whole, of all groups together, and how many of them are looked through for those of one.
MAX_RECENT: Final = 4_096
MAX_LOOKED_AT: Final = 1_024
SHOWN: Final = 32
# A finding that has not grown for so long no longer colours its group.
ACTIVE: Final = 300 * NANOSECONDS
# The weight of the newest gap (RFC 3550 §6.4.1 smooths jitter so).
SMOOTHING: Final = 16
# Speakers of a group whose rhythm is followed; who forges more of them makes the one quiet for longest go.
MAX_RHYTHMS: Final = 4


@dataclass(slots=True)
class _Rhythm:
    """How regularly a speaker advertises."""

    last: Instant
    jitter: Seconds | None = None


@dataclass(frozen=True, slots=True)
class _Recent:
    """The advertisements of one batch, whole."""

    rows: NDArray[np.void]
    data: NDArray[np.uint8]


class Monitor:
    """Feeds an engine and tells what comes of it; implements :class:`vrrpwatch.core.news.View`."""

    def __init__(self, options: EngineOptions) -> None:
        self._engine = Engine(replace(options, live=True))
        self._engine.listener = self._heard
        self._pulse = Pulse()
        self._rhythms: dict[GroupKey, dict[SpeakerKey, _Rhythm]] = {}
        self._rows: dict[GroupKey, GroupRow] = {}
        self._keys: list[GroupKey] = []
        # Heard or changed since the rows were asked for, since a group was told of, and changed since then.
        self._dirty: set[GroupKey] = set()
        self._looked: Instant = 0
        self._stale: dict[GroupKey, None] = {}
        self._told: dict[GroupKey, Instant] = {}
        self._changed: set[GroupKey] = set()
        self._events: deque[Event] = deque(maxlen=MAX_EVENTS)
        self._fresh: list[Event] = []
        self._worst: dict[GroupKey, dict[str, Finding]] = {}
        # Findings that have not been told as they are now, those that were told, and when growth was, by severity.
        self._grown: dict[str, Finding] = {}
        self._found: set[str] = set()
        self._grew: dict[Severity, Instant] = {}
        self._recent: deque[_Recent] = deque()
        self._kept = 0

    # What comes in.

    def feed(self, batch: Batch) -> None:
        """The next stretch of traffic."""
        self._engine.feed(batch)
        self._keep(batch)
        self._digest()

    def tick(self, now: Instant) -> None:
        """All packets before ``now`` have been fed."""
        self._engine.tick(now)
        self._digest()

    def obey(self, policy: "Policy | None") -> None:
        """From now on another policy says what belongs where."""
        self._engine.obey(policy)

    def finish(self, sources: Sequence[SourceInfo]) -> tuple[News, Analysis]:
        """The traffic is over: the last news, and what an analysis gives of the whole but for events told before."""
        analysis = self._engine.finish(sources)
        self._events.extend(analysis.events)
        self._fresh.extend(analysis.events)
        self._changed.update(group.key for group in analysis.groups)
        self._note(self._engine.findings.grown())
        return self._news(None), analysis

    # What goes out.

    def news(self) -> News:
        """All that became certain since this was asked last."""
        return self._news(self._engine.now)

    def _news(self, now: Instant | None) -> News:
        findings = self._due_findings(now)
        stale = (key for key in self._stale if self._engine.now - self._told.get(key, -REFRESH) >= REFRESH)
        due = set(islice(stale, MAX_REFRESHED)) | self._changed
        groups = tuple(group for key in sorted(due) if (group := self._engine.group(key)) is not None)
        for group in groups:
            self._told[group.key] = self._engine.now
        for key in due:
            self._stale.pop(key, None)
        self._changed.clear()
        told = News(
            now=self._engine.now,
            events=tuple(self._fresh),
            findings=findings,
            groups=groups,
            seconds=self._pulse.over(now),
            totals=self._engine.totals,
            dropped=self.dropped,
            evicted=self._evicted(),
        )
        self._fresh.clear()
        return told

    def _evicted(self) -> dict[str, int]:
        own = {"pulses": self._pulse.evicted} if self._pulse.evicted else {}
        return self._engine.evicted | own

    def _due_findings(self, now: Instant | None) -> tuple[Finding, ...]:
        """What was not told of yet, and what grew where it is time to tell that; all with ``None``."""
        at = self._engine.now
        growth = {
            severity
            for severity, pause in GROWTH.items()
            if now is None or not 0 <= at - self._grew.get(severity, -pause) < pause
        }
        if growth:
            self._grew.update(dict.fromkeys(growth, at))
            self._engine.catch_up()
            self._note(self._engine.findings.grown())
        due = {
            name: finding
            for name, finding in self._grown.items()
            if finding.severity in growth or name not in self._found
        }
        for name in due:
            del self._grown[name]
        self._found.update(due)
        return tuple(due.values())

    def _digest(self) -> None:
        events = self._engine.take_events()
        self._events.extend(events)
        self._fresh.extend(events)
        self._changed.update(event.group for event in events)
        self._dirty.update(event.group for event in events)
        self._note(self._engine.findings.grown())
        self._pulse.add(self._engine.take_seconds())

    def _note(self, grown: Sequence[Finding]) -> None:
        for finding in grown:
            name = finding.id
            self._grown[name] = finding
            if finding.group is not None:
                self._worst.setdefault(finding.group, {})[name] = finding
                self._dirty.add(finding.group)
                if name not in self._found:
                    self._changed.add(finding.group)

    def _heard(self, piece: Piece) -> None:
        advert = piece.content.advert
        key = advert.group
        self._stale[key] = None
        self._dirty.add(key)
        if key not in self._rows:
            self._admit(key, advert.interval)
        self._pulse.beat(key, piece.first, piece.last, piece.adverts)
        # Where several speak they are followed one by one: between two voices there is no interval.
        rhythms = self._rhythms.setdefault(key, {})
        rhythm = rhythms.get(advert.speaker)
        if rhythm is None:
            if len(rhythms) >= MAX_RHYTHMS:
                del rhythms[min(rhythms, key=lambda speaker: rhythms[speaker].last)]
            rhythm = rhythms[advert.speaker] = _Rhythm(piece.first)
            if piece.adverts == 1:
                return
        gap = max(piece.greatest_gap, piece.first - rhythm.last) / NANOSECONDS
        strayed = abs(gap - advert.interval)
        rhythm.jitter = strayed if rhythm.jitter is None else rhythm.jitter + (strayed - rhythm.jitter) / SMOOTHING
        rhythm.last = max(rhythm.last, piece.last)

    def _admit(self, key: GroupKey, interval: Seconds) -> None:
        if len(self._rows) >= 2 * MAX_GROUPS:
            self._forget()
        insort(self._keys, key)
        self._changed.add(key)
        self._rows[key] = GroupRow(key, "lost", None, None, interval, None, 0, 0, None)

    def _forget(self) -> None:
        """Drops what is held of groups that the engine has forgotten."""
        for key in [key for key in self._keys if self._engine.standing(key) is None]:
            self._rows.pop(key)
            self._rhythms.pop(key, None)
            self._told.pop(key, None)
            self._worst.pop(key, None)
            self._stale.pop(key, None)
            for marked in (self._dirty, self._changed):
                marked.discard(key)
        self._keys = [key for key in self._keys if key in self._rows]

    def _keep(self, batch: Batch) -> None:
        """Keeps the batch's newest advertisements, and as few older ones as there is room for."""
        rows = batch.frames[np.flatnonzero(batch.frames["kind"] == Kind.ADVERT)[-MAX_RECENT:]]
        if not len(rows):
            return
        start = int(rows["offset"].min())
        end = int((rows["offset"] + rows["captured"]).max())
        rows["offset"] -= start
        self._recent.append(_Recent(rows, batch.data[start:end].copy()))
        self._kept += len(rows)
        while self._kept > MAX_RECENT and len(self._recent) > 1:
            self._kept -= len(self._recent.popleft().rows)

    # vrrpwatch.core.news.View

    @property
    def now(self) -> Instant:
        return self._engine.now

    @property
    def totals(self) -> Totals:
        return self._engine.totals

    @property
    def dropped(self) -> int:
        return self._engine.dropped

    def rows(self) -> Sequence[GroupRow]:
        if self.now - self._looked >= REFRESH:
            # Findings grow old without anything being heard.
            self._looked = self.now
            self._forget()
            self._dirty.update(self._keys)
        for key in self._dirty:
            self._refresh(key)
        self._dirty.clear()
        return [self._rows[key] for key in self._keys]

    def row(self, key: GroupKey) -> GroupRow | None:
        if key in self._rows:
            self._refresh(key)
        return self._rows.get(key)

    def _refresh(self, key: GroupKey) -> None:
        standing, before = self._engine.standing(key), self._rows.get(key)
        if standing is None or before is None:
            return
        # The master's; of two hosts with its address, the one heard last.
        own = [rhythm for speaker, rhythm in self._rhythms.get(key, {}).items() if speaker.ip == standing.master]
        rhythm = max(own, key=lambda rhythm: rhythm.last, default=None)
        self._rows[key] = GroupRow(
            key,
            standing.state,
            standing.master,
            standing.priority,
            before.interval if standing.interval is None else standing.interval,
            None if rhythm is None else rhythm.jitter,
            standing.last,
            standing.adverts,
            max(
                (f.severity for f in self._worst.get(key, {}).values() if self.now - f.last < ACTIVE),
                key=lambda severity: severity.rank,
                default=None,
            ),
        )

    def group(self, key: GroupKey) -> GroupInfo | None:
        return self._engine.group(key)

    def events(self, key: GroupKey | None = None) -> Sequence[Event]:
        return [event for event in self._events if key is None or event.group == key]

    def findings(self) -> Sequence[Finding]:
        self._engine.catch_up()
        return self._engine.findings.all()

    def multicast(self) -> Sequence[VolumeInfo]:
        return self._engine.multicast()

    def rates(self, segment: str, destination: str | None = None) -> Sequence[tuple[int, int]]:
        return self._pulse.rates(segment, destination, self.now)

    def budget(self, segment: str) -> float:
        return self._engine.budget(segment)

    def heartbeat(self, key: GroupKey) -> Sequence[int]:
        return self._pulse.beats(key, self.now)

    def neighbours(self, key: GroupKey) -> Sequence[Neighbour]:
        return self._engine.neighbours(key)

    def members(self) -> Sequence[Member]:
        return self._engine.members()

    def queriers(self) -> Sequence[QuerierInfo]:
        return self._engine.queriers()

    def packets(self, key: GroupKey) -> Sequence[RecentPacket]:
        found: list[RecentPacket] = []
        looked_at = 0
        for kept in reversed(self._recent):
            for row in kept.rows[::-1]:
                looked_at += 1
                if looked_at > MAX_LOOKED_AT or len(found) == SHOWN:
                    return found[::-1]
                frame = frame_of(row, kept.data)
                if self._is_of(key, frame, row):
                    found.append(
                        RecentPacket(
                            int(row["at"]), int(row["source"]), int(row["packet"]), int(row["linktype"]), frame
                        )
                    )
        return found[::-1]

    def _is_of(self, key: GroupKey, frame: bytes, row: np.void) -> bool:
        segment = self._engine.segment_of(
            int(row["source"]), int(row["interface"]), int(row["ifindex"]), int(row["vlans"])
        )
        if segment != key.segment:
            return False
        heard = hear(frame, int(row["linktype"]), int(row["length"]), Kind.ADVERT, segment, lambda *_: key.scope)
        return isinstance(heard, Advert) and heard.group == key
