"""Captures as feeds of batches, read here or in worker processes; either way the same batches in the same order."""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.context import SpawnProcess
from multiprocessing.queues import Queue
from queue import Empty

from vrrpwatch.capture.errors import CaptureError
from vrrpwatch.capture.files import Stream, open_capture
from vrrpwatch.capture.reader import SECRET, CaptureReader
from vrrpwatch.core.frames import Batch, Interface, Kind
from vrrpwatch.core.model import Instant

# How much of a capture is read to learn when it begins.
PEEK_BYTES = 1 << 18
# Batches that a worker may be ahead of the analysis: this bounds its memory.
AHEAD = 8
# How often a worker that says nothing is asked whether it still lives.
PATIENCE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a capture so far, and at its end: ``damage`` is a line without the path."""

    format: str
    interfaces: tuple[Interface, ...]
    dropped: tuple[int | None, ...]
    damage: str | None
    consumed: int


@dataclass(frozen=True, slots=True)
class Failure:
    """A capture that cannot be read at all, and the line that says why."""

    message: str


class Interleaved(Exception):  # noqa: N818 - it is news, not an error
    """Captures that one worker reads one after the other are wanted at the same time."""


Told = Callable[[int, Facts], None]
Message = tuple[int, Batch | None, Facts | Failure]


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


def first_instant(path: str) -> Instant | None:
    """When a capture file begins, as far as its first packets tell; ``None`` where that cannot be known yet."""
    if path == "-":
        return None
    try:
        head = _Head(open_capture(path), PEEK_BYTES)
        firsts = [
            batch.first
            for batch in CaptureReader(path, 0, wanted=frozenset(), stream=head).batches()
            if batch.first is not None
        ]
    except CaptureError:
        return None
    return min(firsts, default=None)


def read_here(path: str, source: int, wanted: frozenset[Kind], told: Told) -> Iterator[Batch]:
    """Reads a capture in this process; raises :class:`CaptureError`."""
    reader = CaptureReader(path, source, wanted=wanted)
    for batch in reader.batches():
        told(source, _facts(reader, batch))
        yield batch
    told(source, _facts(reader, None))


def _facts(reader: CaptureReader, batch: Batch | None) -> Facts:
    damage = reader.damage.removeprefix(f"{reader.path}: ") if reader.damage is not None else None
    interfaces = batch.interfaces if batch is not None else reader.interfaces
    return Facts(reader.format, interfaces, reader.dropped, damage, reader.consumed)


class Workers:
    """Processes that read captures ahead of the analysis: the n-th takes every n-th capture, in order."""

    def __init__(self, paths: Sequence[str], wanted: frozenset[Kind], count: int) -> None:
        context = multiprocessing.get_context("spawn")
        count = min(count, len(paths))
        self._queues: list[Queue[Message]] = [context.Queue(AHEAD) for _ in range(count)]
        self._processes: list[SpawnProcess] = [
            context.Process(
                target=_work, args=(list(enumerate(paths))[number::count], wanted, SECRET, queue), daemon=True
            )
            for number, queue in enumerate(self._queues)
        ]
        for process in self._processes:
            process.start()

    def read(self, source: int, told: Told) -> Iterator[Batch]:
        """The batches of one capture; raises :class:`CaptureError`, and :class:`Interleaved` when
        another of the same worker is still unread."""
        number = source % len(self._queues)
        while True:
            origin, batch, facts = self._next(number)
            if origin != source:
                raise Interleaved
            if isinstance(facts, Failure):
                raise CaptureError(facts.message)
            told(source, facts)
            if batch is None:
                return
            yield batch

    def _next(self, number: int) -> Message:
        while True:
            try:
                return self._queues[number].get(timeout=PATIENCE_SECONDS)
            except Empty:
                if not self._processes[number].is_alive():
                    code = self._processes[number].exitcode
                    raise CaptureError(f"a worker process died (exit code {code}); try --workers 1") from None

    def close(self) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.join()
        for queue in self._queues:
            queue.close()
            queue.cancel_join_thread()


def _work(
    tasks: list[tuple[int, str]], wanted: frozenset[Kind], secret: tuple[int, int], queue: "Queue[Message]"
) -> None:
    """What a worker process does: reads its captures in order and puts their batches on its queue."""
    for source, path in tasks:
        reader = CaptureReader(path, source, wanted=wanted, secret=secret)
        try:
            for batch in reader.batches():
                queue.put((source, batch, _facts(reader, batch)))
            queue.put((source, None, _facts(reader, None)))
        except CaptureError as error:
            queue.put((source, None, Failure(str(error))))
