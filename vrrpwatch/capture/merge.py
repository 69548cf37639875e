"""Makes one time-ordered stream of several: captures one after the other as they are, concurrent ones interleaved."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vrrpwatch.core.frames import FRAME, Batch
from vrrpwatch.core.model import NANOSECONDS, Instant

# Processors of one host deliver packets in slight disorder, also where one file of a rotation ends and the next begins.
DISORDER = NANOSECONDS // 100
_EARLIEST = int(np.iinfo(np.int64).min)


@dataclass(slots=True, eq=False)
class Feed:
    """A capture's batches, and how far they have been passed on.

    ``first`` is when it begins as far as is known beforehand, ``begun`` when it did.
    """

    source: int
    first: Instant | None
    batches: Iterator[Batch]
    batch: Batch | None = None
    ordered: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    until: Instant = _EARLIEST
    begun: Instant | None = None

    def advance(self) -> bool:
        """Takes the next batch; false at the end."""
        self.batch = next(self.batches, None)
        if self.batch is None:
            return False
        floor = self.until
        if self.batch.last is not None:
            self.until = max(self.until, self.batch.last)
        if self.begun is None:
            self.begun = self.batch.first
        # Small disorder and stepped clocks must not reorder a capture in itself: it advances with its running maximum.
        self.ordered = np.maximum(np.maximum.accumulate(self.batch.frames["at"]), floor)
        return True

    def split(self, horizon: Instant, *, inclusive: bool) -> tuple[Batch, NDArray[np.int64]]:
        """Cuts off what lies before ``horizon`` (``inclusive``: or at it), with the instants it is ordered by.

        The counts of the whole batch go with its first part.
        """
        batch = self.batch
        if batch is None:
            raise ValueError("nothing to split")
        here = int(np.searchsorted(self.ordered, horizon, side="right" if inclusive else "left"))
        seconds = batch.seconds["second"] * NANOSECONDS <= horizon
        next_packet = batch.frames["packet"][here] if here < len(batch.frames) else None
        steps = [step for step in batch.steps if next_packet is None or step.packet < next_packet]
        part = batch._replace(
            frames=batch.frames[:here],
            seconds=batch.seconds[seconds],
            steps=tuple(steps),
            last=horizon if horizon > _EARLIEST else None,
        )
        ordered, self.ordered = self.ordered[:here], self.ordered[here:]
        self.batch = batch._replace(
            packets=0,
            bytes=0,
            multicast_packets=0,
            multicast_bytes=0,
            frames=batch.frames[here:],
            flows=batch.flows[:0],
            seconds=batch.seconds[~seconds],
            steps=batch.steps[len(steps) :],
            losses=(),
            skipped={},
        )
        return part, ordered


class Concurrent(Exception):  # noqa: N818 - it is news, not an error
    """Two captures that were taken for parts of one rotation turn out to overlap in time."""

    def __init__(self, one: int, other: int) -> None:
        super().__init__(one, other)
        self.sources = one, other


def reading_order(first: Instant | None, source: int) -> tuple[bool, Instant, int]:
    """Sorts captures as they will be wanted: first those whose beginning is unknown."""
    return first is not None, first or 0, source


def merged(feeds: Iterable[Feed], rotations: Iterable[frozenset[int]] = ()) -> Iterator[Batch]:
    """Yields the feeds' batches in time order, packets of one instant in the order of their sources (as mergecap does).

    Raises :class:`Concurrent` where files of one rotation overlap.
    """
    waiting = sorted(feeds, key=lambda feed: reading_order(feed.first, feed.source), reverse=True)
    rotation_of = {source: rotation for rotation in rotations for source in rotation}
    active: list[Feed] = []
    while waiting or active:
        horizon = min((feed.until for feed in active), default=None)
        if waiting and (horizon is None or waiting[-1].first is None or waiting[-1].first <= horizon):
            feed = waiting.pop()
            if feed.advance():
                active.append(feed)
                _check(feed, active, rotation_of)
            continue
        if horizon is None:
            return
        leader = min((feed for feed in active if feed.until == horizon), key=lambda feed: feed.source)
        if len(active) == 1:
            if leader.batch is not None:
                yield leader.batch
        else:
            # The leader may have more of this very instant, which comes before that of later sources.
            active.sort(key=lambda feed: feed.source)
            yield _joined([feed.split(horizon, inclusive=feed.source <= leader.source) for feed in active])
        if leader.advance():
            _check(leader, active, rotation_of)
        else:
            active.remove(leader)


def _check(feed: Feed, active: list[Feed], rotation_of: dict[int, frozenset[int]]) -> None:
    for other in active:
        if other is feed or other.source not in rotation_of.get(feed.source, ()):
            continue
        if feed.begun is None or other.begun is None:
            continue
        earlier, later = (feed, other.begun) if feed.begun <= other.begun else (other, feed.begun)
        if earlier.until > later + DISORDER:
            raise Concurrent(feed.source, other.source)


def _joined(parts: list[tuple[Batch, NDArray[np.int64]]]) -> Batch:
    """One batch of several, its frames in time order."""
    position = 0
    shifted: list[NDArray[np.void]] = []
    data: list[NDArray[np.uint8]] = []
    skipped: dict[str, int] = {}
    batches = [batch for batch, _ in parts]
    for batch in batches:
        for name, count in batch.skipped.items():
            skipped[name] = skipped.get(name, 0) + count
        if not len(batch.frames):
            continue
        frames = batch.frames.copy()
        start = int(frames["offset"].min())
        # Only the bytes of this part: the batch may be split many times.
        data.append(batch.data[start : int((frames["offset"] + frames["captured"]).max())])
        frames["offset"] += position - start
        position += len(data[-1])
        shifted.append(frames)
    order = np.argsort(np.concatenate([ordered for _, ordered in parts]), kind="stable")
    return Batch(
        source=-1,
        interfaces=(),
        packets=sum(batch.packets for batch in batches),
        bytes=sum(batch.bytes for batch in batches),
        multicast_packets=sum(batch.multicast_packets for batch in batches),
        multicast_bytes=sum(batch.multicast_bytes for batch in batches),
        first=min((batch.first for batch in batches if batch.first is not None), default=None),
        last=min((batch.last for batch in batches if batch.last is not None), default=None),
        frames=np.concatenate(shifted)[order] if shifted else np.empty(0, dtype=FRAME),
        data=np.concatenate(data) if data else np.empty(0, dtype=np.uint8),
        flows=np.concatenate([batch.flows for batch in batches]),
        seconds=np.concatenate([batch.seconds for batch in batches]),
        steps=tuple(step for batch in batches for step in batch.steps),
        losses=tuple(loss for batch in batches for loss in batch.losses),
        skipped=skipped,
    )
