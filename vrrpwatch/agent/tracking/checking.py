"""The agent's end of the process that makes the checks, which is started again whenever it ends or falls silent.

Checks may take long (a TLS handshake, a scan of /proc, a file on a lost server): not in a loop that has to be on time.
"""

import asyncio
import socket
import subprocess
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

from vrrpwatch.agent.config.trackers import Polled
from vrrpwatch.agent.offspring import spawn
from vrrpwatch.agent.tracking.checks.base import Result
from vrrpwatch.agent.tracking.messages import MAX_RESULT_LINE, decode_result, encode_tracker, trackers_line
from vrrpwatch.core.model import Seconds

_MODULE: Final = "vrrpwatch.agent.tracking.checker_process"
# Seconds between two looks.  They are counted, and time is not: if the host stood still, both processes did.
TICK: Final[Seconds] = 1.0
# So many looks without a sign of life, of which there is one a second, and it is killed; a busy host takes some to
# start Python.
MAX_SILENT: Final = 15
# So many, and nothing is known of what it checks any more: it could not be started anew in time either.
MAX_UNKNOWING: Final = 30
# Looks until it is started again, after each time that it ended at once; the first time follows at the next look.
_PAUSES: Final = (1, 2, 5, 10)
# Who has lived for so long is not one that ends at once.
_SOUND: Final = 60
# A few dozen results: other things have their turn in between.
_READ: Final = 4096
_PATIENCE: Final[Seconds] = 5.0
_POLL: Final[Seconds] = 0.01


class Checking:
    """Reports each first result and each that changes a verdict, of trackers that go by numbers, never used again.

    ``lost`` is called again and again while for half a minute nothing could be checked.  ``warn``
    gets a line for people.  There is no process while there is nothing to check.
    """

    def __init__(
        self,
        report: Callable[[int, Result], None],
        lost: Callable[[], None],
        warn: Callable[[str], None],
        module: str = _MODULE,
    ) -> None:
        self._report = report
        self._lost = lost
        self._warn = warn
        self._module = module
        self._encoded: dict[int, bytes] = {}
        self._socket: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._ended: list[subprocess.Popen[bytes]] = []
        self._unsent: deque[memoryview] = deque()
        self._unread = b""
        self._timer: asyncio.TimerHandle | None = None
        self._age = 0
        self._silent = 0
        self._unknowing = 0
        self._pause = 0
        self._failures = 0

    @property
    def pid(self) -> int | None:
        """The process's number while one runs."""
        return None if self._process is None else self._process.pid

    def set(self, wanted: Mapping[int, Polled]) -> None:
        """What is to be checked from now on."""
        old = self._encoded
        self._encoded = {
            number: old.get(number) or encode_tracker(number, tracker) for number, tracker in wanted.items()
        }
        if self._encoded.keys() == old.keys():
            return
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(TICK, self._tick)
        if not old:
            self._unknowing = 0
        if not self._encoded:
            self._hang_up()
        elif self._socket is not None:
            self._send()
        elif self._pause <= 0:
            self._start()

    async def close(self) -> None:
        """Has it end what it has started, and end."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._hang_up()
        for _ in range(int(_PATIENCE / _POLL)):
            self._reap()
            if not self._ended:
                return
            await asyncio.sleep(_POLL)
        for process in self._ended:
            process.kill()

    def _start(self) -> None:
        self._age = self._silent = 0
        try:
            self._socket, self._process = spawn(self._module)
        except OSError as error:
            self._failed(f"cannot be started ({error.strerror or error})")
            return
        asyncio.get_running_loop().add_reader(self._socket, self._read)
        self._send()

    def _send(self) -> None:
        self._unsent.append(memoryview(trackers_line(self._encoded)))
        self._write()

    def _write(self) -> None:
        loop = asyncio.get_running_loop()
        if self._socket is None:
            return
        while self._unsent:
            line = self._unsent.popleft()
            try:
                sent = self._socket.send(line)
            except BlockingIOError:
                sent = 0
            except OSError:
                # It has ended: reading says so too.
                return
            if sent < len(line):
                self._unsent.appendleft(line[sent:])
                loop.add_writer(self._socket, self._write)
                return
        loop.remove_writer(self._socket)

    def _read(self) -> None:
        if self._socket is None:
            return
        try:
            data = self._socket.recv(_READ)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._failed("has ended")
            return
        self._silent = self._unknowing = 0
        *lines, self._unread = (self._unread + data).split(b"\n")
        try:
            results = [decode_result(line) for line in lines]
            if len(self._unread) > MAX_RESULT_LINE:
                raise ValueError("a line without an end")
        except ValueError as error:
            self._failed(f"talks nonsense ({error})")
            return
        for result in results:
            if result is not None and result[0] in self._encoded:
                self._report(*result)

    def _tick(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(TICK, self._tick)
        self._reap()
        if not self._encoded:
            return
        self._unknowing += 1
        if self._unknowing >= MAX_UNKNOWING:
            self._lost()
        if self._socket is None:
            self._pause -= 1
            if self._pause <= 0:
                self._start()
            return
        self._age += 1
        self._silent += 1
        if self._silent >= MAX_SILENT:
            self._failed(f"has been silent for {MAX_SILENT} s and is killed")

    def _reap(self) -> None:
        self._ended = [process for process in self._ended if process.poll() is None]

    def _failed(self, what: str) -> None:
        self._failures = 1 if self._age >= _SOUND else self._failures + 1
        self._pause = _PAUSES[min(self._failures, len(_PAUSES)) - 1]
        self._warn(f"the process that makes the trackers' checks {what}; another one is started")
        if self._process is not None:
            self._process.kill()
        self._hang_up()

    def _hang_up(self) -> None:
        if self._socket is not None:
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._socket)
            loop.remove_writer(self._socket)
            self._socket.close()
        if self._process is not None:
            # When nobody is at the other end it ends what it has started, and itself.
            self._ended.append(self._process)
        self._socket = self._process = None
        self._unsent.clear()
        self._unread = b""
