"""Keeps the newest packets in memory, and writes those around a finding's into a file of their own."""

import itertools
import re
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from vrrpwatch.capture.live_blocks import Baselines, is_statistics
from vrrpwatch.capture.writer import SECOND, instant
from vrrpwatch.core.model import Instant

# How much is kept around a finding's packets (ns).
BEFORE, AFTER = 10 * SECOND, 2 * SECOND
# Findings come as a sender likes: beyond this many files in one run, and so many that wait, no more are made.
MAX_FILES = 1000
MAX_WAITING = 100
# Findings without a file that are known by name, so that each counts once: as many as an engine raises.
MAX_LEFT_OUT = 10_000
# The name of a file, whatever the finding's id holds; what is cut off is cut at both ends of what Linux allows.
MAX_NAME = 200
# The same trouble may come back in another run, and what an earlier one kept stays: up to so many files of one name.
MAX_SAME = 100
# What a chunk takes beside its octets: where little comes in at a time, that is most.
OVERHEAD = 200
_ODD = re.compile(r"[^A-Za-z0-9._-]+")


class _Chunk(NamedTuple):
    """Whole blocks as they came, with the time of the first; they are in order, but for what several rings mix up."""

    first: Instant
    blocks: bytes


class _Wanted(NamedTuple):
    name: str
    first: Instant
    last: Instant


class Evidence:
    """A :class:`~vrrpwatch.capture.live.Sink` that takes ``size`` octets of memory and writes files into ``folder``.

    ``alarm`` is given one line where a file cannot be written.
    """

    def __init__(self, folder: str, size: int, alarm: Callable[[str], None] = lambda _: None) -> None:
        self._folder = Path(folder)
        self._size = size
        self._alarm = alarm
        self._headers: list[bytes] = []
        self._chunks: deque[_Chunk] = deque()
        self._held = 0
        self._waiting: list[_Wanted] = []
        self._known: set[str] = set()
        self._left_out: set[str] = set()

    @property
    def left_out(self) -> int:
        """How many findings have no file for want of room (MAX_FILES, MAX_WAITING), MAX_LEFT_OUT at most."""
        return len(self._left_out)

    def header(self, block: bytes) -> None:
        self._headers.append(block)

    def blocks(self, blocks: memoryview) -> None:
        self._chunks.append(_Chunk(instant(blocks), bytes(blocks)))
        self._held += len(blocks) + OVERHEAD
        while self._held > self._size and len(self._chunks) > 1:
            self._held -= len(self._chunks.popleft().blocks) + OVERHEAD

    def end(self, until: Instant) -> None:
        """What is kept are stretches, which say nothing of the end."""

    def keep(self, finding: str, first: Instant, last: Instant) -> None:
        """Asks for a file ``FINDING.pcapng`` with what came from BEFORE ``first`` to AFTER ``last``, once a finding.

        Where an earlier run has left one of that name, it is ``FINDING-2.pcapng`` and so on.
        """
        name = _ODD.sub("_", finding)[:MAX_NAME]
        if name in self._known:
            return
        if len(self._known) >= MAX_FILES or len(self._waiting) >= MAX_WAITING:
            if len(self._left_out) < MAX_LEFT_OUT:
                self._left_out.add(name)
            return
        self._left_out.discard(name)
        self._known.add(name)
        self._waiting.append(_Wanted(name, first - BEFORE, last + AFTER))

    def settle(self, now: Instant) -> list[Path]:
        """Writes the files for which everything until ``now`` is enough, and returns them."""
        due = [wanted for wanted in self._waiting if wanted.last <= now]
        self._waiting = [wanted for wanted in self._waiting if wanted.last > now]
        return [path for wanted in due if (path := self._write(wanted)) is not None]

    def close(self) -> list[Path]:
        """Writes what was asked for with what there is."""
        due, self._waiting = self._waiting, []
        return [path for wanted in due if (path := self._write(wanted)) is not None]

    def _write(self, wanted: _Wanted) -> Path | None:
        path = self._path(wanted.name)
        partial = path.with_suffix(".part")
        try:
            # Under another name at first, so that whoever looks for evidence finds it whole.
            with partial.open("wb") as file:
                file.writelines(self._headers)
                file.writelines(self._around(wanted))
            partial.replace(path)
        except OSError as error:
            self._alarm(f"{path}: the evidence cannot be written ({error.strerror})")
            return None
        return path

    def _path(self, name: str) -> Path:
        path = self._folder / f"{name}.pcapng"
        for number in range(2, MAX_SAME + 1):
            if not path.exists():
                break
            path = self._folder / f"{name}-{number}.pcapng"
        return path

    def _around(self, wanted: _Wanted) -> Iterator[bytes]:
        chunks = tuple(self._chunks)
        baselines = Baselines()
        for chunk, following in itertools.zip_longest(chunks, chunks[1:]):
            # Where a chunk ends, the next begins; only those at the borders are taken apart.
            end = following.first if following is not None else None
            if is_statistics(chunk.blocks):
                if wanted.first <= chunk.first <= wanted.last:
                    yield baselines.rebased(chunk.blocks)
            elif chunk.first >= wanted.first and end is not None and end <= wanted.last:
                yield chunk.blocks
            elif chunk.first <= wanted.last and (end is None or end >= wanted.first):
                yield from _between(chunk.blocks, wanted.first, wanted.last)


def _between(blocks: bytes, first: Instant, last: Instant) -> Iterator[bytes]:
    """The blocks made in that time."""
    view = memoryview(blocks)
    words = view.cast("I")
    start = 0
    while start < len(blocks):
        total = words[start // 4 + 1]
        if first <= instant(view[start:]) <= last:
            yield blocks[start : start + total]
        start += total
