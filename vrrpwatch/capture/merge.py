"""Makes one time-ordered stream of several: captures one after the other as they are, concurrent ones interleaved."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from vrrpwatch.core.frames import FRAME, Batch
from vrrpwatch.core.model import NANOSECONDS, Instant


@dataclass(slots=True)
class Feed:
    """A capture's batches, and how far they have been passed on.  ``first`` is when it begins, as far as is known."""

    source: int
    first: Instant | None
    batches: Iterator[Batch]
    batch: Batch | None = None
    ordered: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    until: Instant = 0

    def advance(self) -> bool:
        """Takes the next batch; false at the end."""
        self.batch = next(self.batches, None)
        if self.batch is None:
            return False
        floor = self.until
        if self.batch.last is not None:
            self.until = max(self.until, self.batch.last)
        # Small disorder and stepped clocks must not reorder a capture in itself: it advances with its running maximum.
        self.ordered = np.maximum(np.maximum.accumulate(self.batch.frames["at"]), floor)
        return True

    def split(self, horizon: Instant) -> Batch:
        """Cuts off what lies up to ``horizon``; the counts of the whole batch go with its first part."""
        batch = self.batch
        if batch is None:
            raise ValueError("nothing to split")
        here = int(np.searchsorted(self.ordered, horizon, side="right"))
        seconds = batch.volume["second"] * NANOSECONDS <= horizon
        part = replace(batch, frames=batch.frames[:here], volume=batch.volume[seconds], last=min(self.until, horizon))
        self.batch = replace(
            batch,
            packets=0,
            bytes=0,
            multicast_packets=0,
            multicast_bytes=0,
            frames=batch.frames[here:],
            volume=batch.volume[~seconds],
            steps=(),
            losses=(),
            skipped={},
        )
        self.ordered = self.ordered[here:]
        return part


class Concurrent(Exception):  # noqa: N818 - it is news, not an error
    """Captures that were taken for one rotation turn out to overlap in time."""

    def __init__(self, sources: frozenset[int]) -> None:
        super().__init__(sources)
        self.sources = sources


def merged(feeds: Iterable[Feed], rotations: Iterable[frozenset[int]] = ()) -> Iterator[Batch]:
    """Yields the feeds' batches in time order; raises :class:`Concurrent` where files of one rotation overlap."""
    waiting = sorted(feeds, key=lambda feed: (feed.first is not None, feed.first or 0, feed.source))
    exclusive = {source: rotation for rotation in rotations for source in rotation}
    active: list[Feed] = []
    while waiting or active:
        if not active:
            _admit(waiting.pop(0), active, exclusive)
            continue
        horizon = min(feed.until for feed in active)
        if waiting and (waiting[0].first is None or waiting[0].first <= horizon):
            _admit(waiting.pop(0), active, exclusive)
            continue
        if len(active) == 1:
            feed = active[0]
            if feed.batch is not None:
                yield feed.batch
        else:
            yield _joined([feed.split(horizon) for feed in active])
        active = [feed for feed in active if feed.until > horizon or feed.advance()]


def _admit(feed: Feed, active: list[Feed], exclusive: dict[int, frozenset[int]]) -> None:
    rotation = exclusive.get(feed.source, frozenset())
    if not feed.advance():
        return
    first = feed.first if feed.first is not None else feed.until
    for other in active:
        if other.source in rotation and other.until > first:
            raise Concurrent(rotation)
    active.append(feed)


def _joined(parts: list[Batch]) -> Batch:
    """One batch of several, its frames in time order."""
    offset, shifted, ordered = 0, [], []
    for part in parts:
        frames = part.frames.copy()
        frames["offset"] += offset
        offset += len(part.data)
        shifted.append(frames)
        ordered.append(np.maximum.accumulate(frames["at"]))
    order = np.argsort(np.concatenate(ordered), kind="stable")
    skipped: dict[str, int] = {}
    for part in parts:
        for name, count in part.skipped.items():
            skipped[name] = skipped.get(name, 0) + count
    firsts = [part.first for part in parts if part.first is not None]
    lasts = [part.last for part in parts if part.last is not None]
    return Batch(
        source=-1,
        interfaces=(),
        packets=sum(part.packets for part in parts),
        bytes=sum(part.bytes for part in parts),
        multicast_packets=sum(part.multicast_packets for part in parts),
        multicast_bytes=sum(part.multicast_bytes for part in parts),
        first=min(firsts, default=None),
        last=min(lasts, default=None),
        frames=np.concatenate(shifted)[order] if shifted else np.empty(0, dtype=FRAME),
        data=np.concatenate([part.data for part in parts]),
        volume=np.concatenate([part.volume for part in parts]),
        steps=tuple(step for part in parts for step in part.steps),
        losses=tuple(loss for part in parts for loss in part.losses),
        skipped=skipped,
    )
