"""Run-length encoding: from columns of advertisements to runs, and from touching runs to longer ones.

A healthy master says the same thing again and again; only where that changes is there anything to judge.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vrrpwatch.core.dialect import own_down
from vrrpwatch.core.model import Advert, Evidence, Instant, Run, nanoseconds

NARROW = 1 << 16
# A gap is late when it exceeds one and a half announced intervals.
LATE_RATIO = 1.5


@dataclass(slots=True)
class Content:
    """One thing that a speaker says, at ``index`` in the table of contents, with the run that is saying it.

    ``last`` is when it was last said.
    """

    index: int
    advert: Advert
    down: int
    late_after: int
    line: "Line"
    run: Run | None = None
    last: Instant | None = None


@dataclass(slots=True)
class Line:
    """All that one speaker says to one destination: ``content`` is what it said last."""

    content: Content | None = None


class Contents:
    """All contents heard, as objects and as columns (nanoseconds) that whole batches are compared with.

    ``identity`` is that of the first frame of a content, and ``varied`` whether another has been seen since: only then
    does an equal identity mean the very same packet.  ``voice`` numbers the speakers and ``saying`` what each of them
    says, to whatever destination; ``mark`` tells groups apart, of which the identity knows nothing.
    """

    def __init__(self) -> None:
        self.items: list[Content] = []
        # How many addresses all of them list together.
        self.addresses = 0
        self._voices: dict[tuple[object, ...], int] = {}
        self._sayings: dict[tuple[object, ...], int] = {}
        self._lines: dict[tuple[object, ...], Line] = {}
        self.mark = np.empty(64, dtype=np.uint64)
        self.voice = np.empty(64, dtype=np.int64)
        self.saying = np.empty(64, dtype=np.int64)
        self.down = np.empty(64, dtype=np.int64)
        self.late_after = np.empty(64, dtype=np.int64)
        self.half_interval = np.empty(64, dtype=np.int64)
        self.identity = np.empty(64, dtype=np.uint64)
        self.varied = np.zeros(64, dtype=np.bool_)

    def add(self, advert: Advert, identity: int) -> Content:
        index = len(self.items)
        if index == len(self.down):
            for name in ("mark", "voice", "saying", "down", "late_after", "half_interval", "identity", "varied"):
                column = getattr(self, name)
                setattr(self, name, np.concatenate((column, np.zeros_like(column))))
        group, speaker, destination, *rest = advert.claim
        line = self._lines.setdefault((group, speaker, destination), Line())
        content = Content(index, advert, nanoseconds(own_down(advert)), nanoseconds(LATE_RATIO * advert.interval), line)
        self.items.append(content)
        self.addresses += len(advert.addresses or ())
        self.mark[index] = hash(group) & 0xFFFF_FFFF_FFFF_FFFF
        self.voice[index] = self._voices.setdefault((group, speaker), len(self._voices))
        self.saying[index] = self._sayings.setdefault((group, speaker, *rest), len(self._sayings))
        self.down[index] = content.down
        self.late_after[index] = content.late_after
        self.half_interval[index] = nanoseconds(advert.interval / 2)
        self.identity[index] = identity
        self.varied[index] = False
        return content

    def halve(self) -> tuple["Contents", list[Content]]:
        """A table of the half that spoke last, and the contents left out of it."""
        ranked = sorted(self.items, key=lambda content: content.last or 0)
        middle = len(ranked) // 2
        kept = Contents()
        for content in ranked[middle:]:
            moved = kept.add(content.advert, int(self.identity[content.index]))
            moved.run, moved.last = content.run, content.last
            if content.line.content is content:
                moved.line.content = moved
            kept.varied[moved.index] = self.varied[content.index]
        return kept, ranked[:middle]


class Piece(NamedTuple):
    """A stretch of one content inside one batch, without a late gap and without anything else said by its speaker."""

    content: Content
    source: int
    first: Instant
    last: Instant
    adverts: int
    first_packet: int
    last_packet: int
    greatest_gap: int


def cut_pieces(
    contents: Contents,
    index: NDArray[np.int64],
    at: NDArray[np.int64],
    packet: NDArray[np.int64],
    source: NDArray[np.int64],
) -> list[Piece]:
    """The pieces that rows in stream order make up, ordered by their first rows.

    The arrays have one element a row: position in ``contents``, instant, packet number and source.
    """
    if not len(index):
        return []
    # A stable sort of 16-bit numbers is a radix sort, several times as fast.
    narrow = index.astype(np.uint16) if len(contents.items) <= NARROW else index
    order = np.argsort(narrow, kind="stable")
    which, when = index[order], at[order]
    gap = np.maximum(np.diff(when), 0)
    same = which[1:] == which[:-1]
    ended = ~same | (gap > contents.late_after[which[1:]])
    turns = _turns(contents, index)
    if turns is not None:
        ended |= np.diff(turns[order]) != 0
    starts = np.flatnonzero(np.concatenate(([True], ended)))
    ends = np.append(starts[1:], len(which)) - 1
    inside = np.concatenate((gap, [0]))
    inside[ends] = 0
    greatest = np.maximum.reduceat(inside, starts)
    last = np.maximum.reduceat(when, starts)
    rows = order[starts]
    pieces = [
        Piece(contents.items[content], origin, begin, end, count, number, last_number, widest)
        for content, origin, begin, end, count, number, last_number, widest in zip(
            which[starts].tolist(),
            source[rows].tolist(),
            when[starts].tolist(),
            last.tolist(),
            (ends - starts + 1).tolist(),
            packet[rows].tolist(),
            packet[order[ends]].tolist(),
            greatest.tolist(),
            strict=True,
        )
    ]
    ranking = np.argsort(rows, kind="stable")
    return [pieces[position] for position in ranking.tolist()]


def _turns(contents: Contents, index: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """Numbers for each row what its speaker says anew: a change and a change back differ; ``None``: nobody changes."""
    present = np.flatnonzero(np.bincount(index, minlength=len(contents.items)))
    if len(set(contents.voice[present].tolist())) == len(set(contents.saying[present].tolist())):
        return None
    order = np.argsort(contents.voice[index], kind="stable")
    said = contents.saying[index[order]]
    turns = np.empty(len(index), dtype=np.int64)
    turns[order] = np.concatenate(([0], np.cumsum(said[1:] != said[:-1])))
    return turns


def join(piece: Piece) -> tuple[Run, bool, Run | None]:
    """Adds ``piece`` to its content's open run, or opens one.

    Returns the run, whether its content is new (not said within the master-down time before), and the run it closed.
    """
    content = piece.content
    run, before = content.run, content.line.content
    gap = max(piece.first - before.last, 0) if before is not None and before.last is not None else None
    said, content.last = content.last, piece.last if content.last is None else max(content.last, piece.last)
    if run is not None and before is content and gap is not None and gap <= content.late_after:
        run.last = max(run.last, piece.last)
        run.last_packet = piece.last_packet
        run.count += piece.adverts
        run.greatest_gap = max(run.greatest_gap, gap, piece.greatest_gap)
        return run, False, None
    late = gap if gap is not None and before is not None and _is_late(gap, before, content) else 0
    opened = Run(
        content.advert,
        piece.source,
        piece.first,
        piece.last,
        piece.adverts,
        piece.first_packet,
        piece.last_packet,
        max(piece.greatest_gap, late),
        int(late > 0),
    )
    closed = None
    if before is not None:
        closed, before.run = before.run, None
    if closed is not None and before is not None and gap is not None and _keeps_pace(gap, before, content):
        closed.continued = True
        opened.earlier = closed.earlier + closed.count
        opened.since = closed.since or (closed.first, Evidence(closed.source, closed.first_packet))
    content.run, content.line.content = opened, content
    return opened, said is None or piece.first - said > content.down, closed


def _is_late(gap: int, before: Content, content: Content) -> bool:
    """Whether an advertisement that came ``gap`` after ``before`` was due earlier; one that resigned owes none."""
    return before.late_after < gap < before.down and not before.advert.resigns and not content.advert.resigns


def _keeps_pace(gap: int, before: Content, content: Content) -> bool:
    """Whether a speaker that changed what it says advertises on as before."""
    resigns = before.advert.resigns or content.advert.resigns
    return gap <= before.late_after and before.advert.interval == content.advert.interval and not resigns
