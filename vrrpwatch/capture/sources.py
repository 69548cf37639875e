"""Captures as batches: where they begin, what is known of them, and reading one in this process."""

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from vrrpwatch.capture.errors import CaptureError
from vrrpwatch.capture.files import Stream, open_capture
from vrrpwatch.capture.reader import CaptureReader
from vrrpwatch.core.frames import Batch, Interface, Kind
from vrrpwatch.core.model import Instant

# How much of a capture file is read to learn when it begins.
PEEK_BYTES = 1 << 16


class Facts(NamedTuple):
    """What is known of a capture so far, and at its end: ``damage`` is a line without the path.

    ``until`` is when it says it ends, all up to then being in it.
    """

    format: str
    interfaces: tuple[Interface, ...]
    dropped: tuple[int | None, ...]
    damage: str | None
    consumed: int
    until: Instant | None = None


Told = Callable[[int, Facts], None]


class _Head:
    """The beginning of a stream, as if it ended there."""

    def __init__(self, stream: Stream, size: int) -> None:
        self._stream = stream
        self._left = size

    def readinto(self, view: memoryview, /) -> int:
        count = self._stream.readinto(view[: self._left])
        self._left -= count
        return count

    def close(self) -> None:
        self._stream.close()


def reads_once(path: str) -> bool:
    """Whether what ``path`` gives can be read only once: standard input, a named pipe, a process substitution."""
    if path == "-":
        return True
    status = _status(path)
    return status is not None and not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode)


def distinct(paths: Sequence[str]) -> tuple[str, ...]:
    """The captures without those that were named before, under whatever name: one capture is no two witnesses."""
    known: dict[object, str] = {}
    for path in paths:
        status = _status(path) if path != "-" else None
        known.setdefault(path if status is None else (status.st_dev, status.st_ino), path)
    return tuple(known.values())


def total_size(paths: Sequence[str]) -> int | None:
    """Bytes to be read; ``None`` where a pipe is among the captures."""
    if any(map(reads_once, paths)):
        return None
    return sum(status.st_size for status in map(_status, paths) if status is not None)


def _status(path: str) -> os.stat_result | None:
    try:
        return Path(path).stat()
    except (OSError, ValueError):
        return None


def first_instant(path: str) -> Instant | None:
    """When a capture file begins, as far as its first packets tell; ``None`` where that cannot be known beforehand."""
    if reads_once(path):
        return None
    try:
        head = _Head(open_capture(path), PEEK_BYTES)
        with closing(head):
            batches = CaptureReader(path, 0, wanted=frozenset(), stream=head).batches()
            return next((batch.first for batch in batches if batch.first is not None), None)
    except CaptureError:
        return None


def read_here(path: str, source: int, wanted: frozenset[Kind], told: Told) -> Iterator[Batch]:
    """Reads a capture in this process; raises :class:`CaptureError`."""
    for batch, facts in told_batches(CaptureReader(path, source, wanted=wanted)):
        told(source, facts)
        if batch is not None:
            yield batch


def told_batches(reader: CaptureReader) -> Iterator[tuple[Batch | None, Facts]]:
    """A reader's batches with what was known of the capture by then; at the end no batch, and all that is known."""
    for batch in reader.batches():
        yield batch, _facts(reader, batch.interfaces)
    yield None, _facts(reader, reader.interfaces)


def _facts(reader: CaptureReader, interfaces: tuple[Interface, ...]) -> Facts:
    damage = reader.damage.removeprefix(f"{reader.path}: ") if reader.damage is not None else None
    return Facts(reader.format, interfaces, reader.dropped, damage, reader.consumed, reader.until)
