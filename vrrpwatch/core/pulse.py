"""The last minutes by whole seconds: advertisements of every group, packets and bytes of every destination."""

from collections import OrderedDict, deque
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from vrrpwatch.core.model import NANOSECONDS, GroupKey, Instant
from vrrpwatch.core.news import Second

# What a screen has room to draw.
SPAN: Final = 120
# Groups and destinations are named by forgeable fields: beyond this many the one quiet for longest goes.
MAX_BEATS: Final = 16_384
MAX_DESTINATIONS: Final = 16_384
# A packet from the future must not hold back the seconds of the present for ever.
MAX_PENDING: Final = 65_536

Place = tuple[str, str]
Key = TypeVar("Key", bound=Hashable)


@dataclass(slots=True)
class _Lane:
    """Counts by second, oldest first; what is older than ``SPAN`` seconds than the newest goes."""

    counts: deque[tuple[int, int, int]] = field(default_factory=deque)

    def add(self, second: int, packets: int, octets: int) -> None:
        if self.counts and second <= self.counts[-1][0]:
            # Seconds come in order, but for the last one or two.
            for place in range(len(self.counts) - 1, -1, -1):
                known, before, size = self.counts[place]
                if known == second:
                    self.counts[place] = (second, before + packets, size + octets)
                    return
                if known < second:
                    self.counts.insert(place + 1, (second, packets, octets))
                    return
            return
        self.counts.append((second, packets, octets))
        while self.counts[0][0] <= second - SPAN:
            self.counts.popleft()

    def until(self, end: int, span: int) -> list[tuple[int, int]]:
        """The ``span`` seconds before ``end``, with zeros where nothing came."""
        drawn = [(0, 0)] * span
        for second, packets, octets in self.counts:
            place = second - (end - span)
            if 0 <= place < span:
                drawn[place] = (packets, octets)
        return drawn


class Pulse:
    """Counts what is told of seconds, draws the last ``SPAN`` of them, and says which are over."""

    def __init__(self) -> None:
        self._beats: OrderedDict[GroupKey, _Lane] = OrderedDict()
        self._lanes: OrderedDict[Place, _Lane] = OrderedDict()
        self._segments: OrderedDict[str, _Lane] = OrderedDict()
        self._pending: dict[tuple[int, str, str], tuple[int, int]] = {}
        self.evicted = 0

    def beat(self, key: GroupKey, first: Instant, last: Instant, adverts: int) -> None:
        """A group was heard ``adverts`` times from ``first`` to ``last``, evenly as far as is known."""
        lane = self._lane(self._beats, key, MAX_BEATS)
        start, end = first // NANOSECONDS, last // NANOSECONDS
        if end - start >= SPAN:
            start = end - SPAN + 1
            adverts = max(adverts * SPAN * NANOSECONDS // (last - first), 1)
        seconds = end - start + 1
        for place in range(seconds):
            share = adverts * (place + 1) // seconds - adverts * place // seconds
            if share:
                lane.add(start + place, share, 0)

    def add(self, seconds: Iterator[Second]) -> None:
        """What was added to the seconds of destinations, by time."""
        for told in seconds:
            self._lane(self._lanes, (told.segment, told.destination), MAX_DESTINATIONS).add(
                told.second, told.packets, told.bytes
            )
            self._lane(self._segments, told.segment, MAX_DESTINATIONS).add(told.second, told.packets, told.bytes)
            key = (told.second, told.segment, told.destination)
            packets, octets = self._pending.get(key, (0, 0))
            self._pending[key] = (packets + told.packets, octets + told.bytes)

    def over(self, now: Instant | None) -> tuple[Second, ...]:
        """The seconds that ended a second or more before ``now`` (``None``: all), once; in order."""
        limit = None if now is None or len(self._pending) > MAX_PENDING else now // NANOSECONDS - 1
        ended = sorted(key for key in self._pending if limit is None or key[0] < limit)
        return tuple(Second(key[1], key[2], key[0], *self._pending.pop(key)) for key in ended)

    def beats(self, key: GroupKey, now: Instant, span: int = SPAN) -> Sequence[int]:
        """Advertisements in each of the last ``span`` whole seconds before ``now``."""
        lane = self._beats.get(key)
        return [] if lane is None else [packets for packets, _ in lane.until(now // NANOSECONDS, span)]

    def rates(self, segment: str, destination: str | None, now: Instant) -> Sequence[tuple[int, int]]:
        """Packets and bytes in each of the last ``SPAN`` whole seconds before ``now``."""
        lane = self._segments.get(segment) if destination is None else self._lanes.get((segment, destination))
        return [] if lane is None else lane.until(now // NANOSECONDS, SPAN)

    def _lane(self, lanes: "OrderedDict[Key, _Lane]", key: Key, most: int) -> _Lane:
        lane = lanes.get(key)
        if lane is None:
            if len(lanes) >= most:
                lanes.popitem(last=False)
                self.evicted += 1
            lane = lanes[key] = _Lane()
        else:
            lanes.move_to_end(key)
        return lane
