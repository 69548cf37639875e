"""The last minutes by whole seconds: advertisements of every group, packets and bytes of every destination."""

from array import array
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
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
Kept = TypeVar("Kept")


class _Lane:
    """Counts by second, none older than ``SPAN`` seconds than the newest: thousands of groups have one."""

    __slots__ = ("_counts", "_newest")

    def __init__(self) -> None:
        # Each second has the place that its remainder names; what is forged is heard in one second only.
        self._counts = array("Q", (0,))
        self._newest = 0

    def add(self, second: int, count: int) -> None:
        if second != self._newest and len(self._counts) < SPAN:
            self._widen(second)
        if second > self._newest:
            for passed in range(max(self._newest, second - SPAN) + 1, second):
                self._counts[passed % SPAN] = 0
            self._counts[second % SPAN] = count
            self._newest = second
        elif second > self._newest - len(self._counts):
            self._counts[second % len(self._counts)] += count

    def until(self, end: int, span: int) -> list[int]:
        """The ``span`` seconds before ``end``, with zeros where nothing came."""
        newest, size = self._newest, len(self._counts)
        return [
            self._counts[second % size] if newest - size < second <= newest else 0 for second in range(end - span, end)
        ]

    def _widen(self, second: int) -> None:
        (only,) = self._counts
        if only:
            self._counts = array("Q", bytes(8 * SPAN))
            self._counts[self._newest % SPAN] = only
        else:
            self._newest = second


class _Rate:
    """Packets and bytes by second."""

    __slots__ = ("octets", "packets")

    def __init__(self) -> None:
        self.packets = _Lane()
        self.octets = _Lane()

    def add(self, second: Second) -> None:
        self.packets.add(second.second, second.packets)
        self.octets.add(second.second, second.bytes)

    def until(self, end: int) -> list[tuple[int, int]]:
        return list(zip(self.packets.until(end, SPAN), self.octets.until(end, SPAN), strict=True))


class Pulse:
    """Counts what is told of seconds, draws the last ``SPAN`` of them, and says which are over."""

    def __init__(self) -> None:
        self._beats: OrderedDict[GroupKey, _Lane] = OrderedDict()
        self._flows: OrderedDict[Place, _Rate] = OrderedDict()
        self._segments: OrderedDict[str, _Rate] = OrderedDict()
        self._pending: dict[tuple[int, str, str], tuple[int, int]] = {}
        self.evicted = 0

    def beat(self, key: GroupKey, first: Instant, last: Instant, adverts: int) -> None:
        """A group was heard ``adverts`` times from ``first`` to ``last``, evenly as far as is known."""
        lane = self._kept(self._beats, key, MAX_BEATS, _Lane)
        start, end = first // NANOSECONDS, last // NANOSECONDS
        if end - start >= SPAN:
            start = end - SPAN + 1
            adverts = max(adverts * SPAN * NANOSECONDS // (last - first), 1)
        seconds = end - start + 1
        for place in range(seconds):
            share = adverts * (place + 1) // seconds - adverts * place // seconds
            if share:
                lane.add(start + place, share)

    def add(self, seconds: Iterator[Second]) -> None:
        """What was added to the seconds of destinations, by time."""
        for told in seconds:
            self._kept(self._flows, (told.segment, told.destination), MAX_DESTINATIONS, _Rate).add(told)
            self._kept(self._segments, told.segment, MAX_DESTINATIONS, _Rate).add(told)
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
        return [] if lane is None else lane.until(now // NANOSECONDS, span)

    def rates(self, segment: str, destination: str | None, now: Instant) -> Sequence[tuple[int, int]]:
        """Packets and bytes in each of the last ``SPAN`` whole seconds before ``now``."""
        rate = self._segments.get(segment) if destination is None else self._flows.get((segment, destination))
        return [] if rate is None else rate.until(now // NANOSECONDS)

    def _kept(self, table: "OrderedDict[Key, Kept]", key: Key, most: int, make: Callable[[], Kept]) -> Kept:
        kept = table.get(key)
        if kept is None:
            if len(table) >= most:
                table.popitem(last=False)
                self.evicted += 1
            kept = table[key] = make()
        else:
            table.move_to_end(key)
        return kept
