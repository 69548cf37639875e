"""Pairs of speakers that both act as master of one group, and when that has lasted long enough to be a contest."""

from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from vrrpwatch.core.model import GroupKey, Instant, SpeakerKey
from vrrpwatch.core.voices import MAX_TENURES, Span, Voice

# Pairs of speakers that act as master at one time; beyond, only those with the group's master are followed.
MAX_OVERLAPS = 64


@dataclass(slots=True, eq=False)
class Overlap:
    """A stretch in which two speakers both act as master; confirmed (``span``) when it outlasts ``threshold`` (ns).

    ``collision`` is whether their addresses were known and had nothing in common when it began.
    """

    pair: tuple[Voice, Voice]
    since: Instant
    threshold: int
    collision: bool
    until: Instant
    span: Span | None = None

    @property
    def confirmed(self) -> bool:
        return self.span is not None


class Onlooker(Protocol):
    """Who hears of contests."""

    def contested(self, group: GroupKey, overlap: Overlap, *, fresh: bool) -> None: ...

    def settled(self, group: GroupKey, since: Instant, until: Instant) -> None: ...


@dataclass(slots=True)
class Overlaps:
    """The overlaps of one group that go on, and its contests."""

    key: GroupKey
    onlooker: Onlooker
    pairs: dict[frozenset[SpeakerKey], Overlap] = field(default_factory=dict)
    contests: deque[Span] = field(default_factory=lambda: deque(maxlen=MAX_TENURES))

    @property
    def confirmed(self) -> bool:
        """Whether one of them is a contest."""
        return any(overlap.confirmed for overlap in self.pairs.values())

    def of(self, voice: Voice) -> Iterator[Overlap]:
        return (overlap for overlap in self.pairs.values() if voice in overlap.pair)

    def begin(self, voice: Voice, voices: Collection[Voice], master: Voice | None) -> None:
        """Sets ``voice`` against all others that act as master; those against the group's master are never left out."""
        others = [v for v in voices if v.ended is None and v is not voice]
        others.sort(key=lambda v: v is not master)
        # All of this is what was known when it began, so that nothing heard later can change a verdict.
        threshold = max(v.patience.silent for v in voices)
        mine = set(voice.advert.addresses or ())
        for other in others:
            if len(self.pairs) >= MAX_OVERLAPS and master not in (voice, other):
                return
            both = frozenset((voice.key, other.key))
            if both in self.pairs:
                continue
            since = max(voice.since, other.since)
            theirs = set(other.advert.addresses or ())
            collision = bool(mine) and bool(theirs) and not mine & theirs
            self.pairs[both] = overlap = Overlap((voice, other), since, threshold, collision, since)
            self._check(overlap)

    def check(self, voice: Voice) -> None:
        """``voice`` was heard again."""
        for overlap in self.of(voice):
            self._check(overlap)

    def leave(self, voice: Voice, at: Instant) -> None:
        """``voice`` acts as master no longer from ``at`` on; pieces of others' runs may reach beyond, or end before."""
        for overlap in self.of(voice):
            self._check(overlap, min(v.last if v is voice else v.until(at) for v in overlap.pair))

    def drop(self, voice: Voice) -> None:
        """``voice`` acts as master no longer: its overlaps are over, and the contest with the last confirmed one."""
        gone = list(self.of(voice))
        for overlap in gone:
            del self.pairs[frozenset(v.key for v in overlap.pair)]
            if overlap.span is not None:
                overlap.span.last = max(overlap.until, overlap.since)
        ended = [overlap for overlap in gone if overlap.confirmed]
        if ended and not self.confirmed:
            first, last = min(overlap.since for overlap in ended), max(overlap.until for overlap in ended)
            self.onlooker.settled(self.key, first, last)

    def _check(self, overlap: Overlap, until: Instant | None = None) -> None:
        one, other = overlap.pair
        overlap.until = min(one.last, other.last) if until is None else until
        if overlap.until - overlap.since <= overlap.threshold:
            return
        fresh = overlap.span is None
        if fresh:
            overlap.span = Span(overlap.since, None, tuple(sorted((one.key, other.key), key=str)))
            self.contests.append(overlap.span)
        self.onlooker.contested(self.key, overlap, fresh=fresh)
