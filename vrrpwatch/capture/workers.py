"""Processes that read captures ahead of the analysis, and give the same batches in the same order as reading here.

A worker is a plain child process: its tasks come on its standard input, its batches go to its standard output.  So the
pipe's end tells at once that it died, and nothing has to be cleaned up after it.
"""

import os
import pickle
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from queue import Queue
from threading import Thread
from typing import IO, NoReturn, cast

from vrrpwatch.capture.errors import CaptureError
from vrrpwatch.capture.reader import SECRET, CaptureReader
from vrrpwatch.capture.sources import Facts, Told, read_here, told_batches
from vrrpwatch.core.frames import Batch, Kind

# Batches (of a few MB each) that a worker may be ahead of the analysis: this bounds its memory.
AHEAD = 4
PIPE_BYTES = 1 << 20
_LENGTH_BYTES = 8

Task = tuple[int, str]
# What a worker says: of which capture, a batch (``None``: its end) and what is known, or why it cannot be read.
Message = tuple[int, Batch | None, Facts | str]

_COMMAND = (sys.executable, "-P", "-c", "from vrrpwatch.capture.workers import serve; serve()")


class _Worker:
    """One child process, and which captures it is still to give."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self.process = process
        self.captures: deque[int] = deque()
        self.declined: set[int] = set()
        self._input = cast("IO[bytes]", process.stdin)
        self._output = cast("IO[bytes]", process.stdout)

    def send(self, data: bytes) -> None:
        try:
            self._input.write(data)
            self._input.flush()
        except BrokenPipeError:
            # It died; reading from it will tell.
            return

    def decline(self, source: int) -> None:
        """Says that a capture is read elsewhere."""
        self.declined.add(source)
        self.send(b"%d\n" % source)

    def receive(self) -> Message | None:
        """The next message; ``None``: the process died."""
        while True:
            try:
                message: Message = pickle.load(self._output)  # noqa: S301 - from our own child
            except (EOFError, pickle.UnpicklingError):
                return None
            if message[0] not in self.declined:
                return message

    def turn_of(self, source: int) -> bool:
        """Whether ``source`` comes next, but for what was declined."""
        while self.captures and self.captures[0] in self.declined:
            self.captures.popleft()
        return bool(self.captures) and self.captures[0] == source

    def fate(self) -> str:
        code = self.process.wait()
        return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._output.close()
        try:
            self._input.close()
        except BrokenPipeError:
            # What was left to send to a dead process.
            return


class Workers:
    """Up to ``count`` processes; each takes every so-many-th of ``tasks``, which come as they will be wanted."""

    def __init__(self, tasks: Sequence[Task], wanted: frozenset[Kind], count: int) -> None:
        self._paths = dict(tasks)
        self._wanted = wanted
        self._workers = [worker for worker in (_start() for _ in range(min(count, len(tasks)))) if worker is not None]
        self._reader: dict[int, _Worker] = {}
        for number, worker in enumerate(self._workers):
            mine = tasks[number :: len(self._workers)]
            worker.captures.extend(source for source, _ in mine)
            self._reader.update((source, worker) for source, _ in mine)
            order = pickle.dumps((mine, wanted, SECRET))
            worker.send(len(order).to_bytes(_LENGTH_BYTES) + order)

    def read(self, source: int, told: Told) -> Iterator[Batch]:
        """The batches of one capture, read here where its worker is busy or dead; raises :class:`CaptureError`."""
        worker = self._reader.get(source)
        if worker is None or not worker.turn_of(source):
            if worker is not None:
                worker.decline(source)
            yield from read_here(self._paths[source], source, self._wanted, told)
            return
        while (message := worker.receive()) is not None:
            _, batch, facts = message
            if isinstance(facts, str):
                worker.captures.popleft()
                raise CaptureError(facts)
            told(source, facts)
            if batch is None:
                worker.captures.popleft()
                return
            yield batch
        for other in worker.captures:
            self._reader.pop(other)
        raise CaptureError(
            f"{self._paths[source]}: the process that read it died ({worker.fate()}); what it gave before is analysed"
        )

    def close(self) -> None:
        for worker in self._workers:
            worker.close()


def _start() -> _Worker | None:
    """A child in a session of its own, so that Ctrl-C is not for it; ``None`` where there can be no more."""
    try:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter
            _COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            start_new_session=True,
            pipesize=PIPE_BYTES,
        )
    except OSError:
        return None
    return _Worker(process)


def serve() -> NoReturn:
    """What a worker process does: reads its captures in order and hands over what it finds, until nobody listens."""
    tasks, wanted, secret = pickle.loads(_take(int.from_bytes(_take(_LENGTH_BYTES))))  # noqa: S301 - from our own parent
    messages: Queue[Message | None] = Queue(AHEAD)
    declined: set[int] = set()
    Thread(target=_listen, args=(declined,), daemon=True).start()
    writer = Thread(target=_write, args=(messages,))
    writer.start()
    for source, path in tasks:
        try:
            for batch, facts in told_batches(CaptureReader(path, source, wanted=wanted, secret=secret)):
                if source in declined:
                    break
                messages.put((source, batch, facts))
        except CaptureError as error:
            messages.put((source, None, str(error)))
    messages.put(None)
    writer.join()
    os._exit(0)


def _take(count: int) -> bytes:
    """So many bytes of standard input and not one more: what follows is :func:`_listen`'s."""
    data = b""
    while len(data) < count:
        more = os.read(0, count - len(data))
        if not more:
            os._exit(1)
        data += more
    return data


def _listen(declined: set[int]) -> None:
    """Takes note of captures that are read elsewhere; ends the process when its parent is gone."""
    rest = b""
    while data := os.read(0, 1 << 12):
        *lines, rest = (rest + data).split(b"\n")
        declined.update(map(int, lines))
    os._exit(1)


def _write(messages: "Queue[Message | None]") -> None:
    try:
        while (message := messages.get()) is not None:
            sys.stdout.buffer.write(pickle.dumps(message, protocol=5))
            sys.stdout.buffer.flush()
    except BrokenPipeError:
        os._exit(1)
