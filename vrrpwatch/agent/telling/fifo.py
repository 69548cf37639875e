"""Changes of state as lines in a named pipe, which is what keepalived's vrrp_notify_fifo gives to scripts."""

import asyncio
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

from vrrpwatch.agent.config.agent import MAX_ROUTERS
from vrrpwatch.agent.ports import Change
from vrrpwatch.alerts.pipe import NamedPipe, UnwrittenError, line
from vrrpwatch.core.model import Seconds
from vrrpwatch.core.notice import Notice

# Lines that wait for a reader: one for each router and each sync group that there can be, and as many again.
MAX_WAITING: Final = 4 * MAX_ROUTERS
# How often it is looked whether lines that wait can be written.
RETRY: Final[Seconds] = 0.5


class Fifo:
    """Lines that cannot be written wait, and when too many do, only the newest of each router and sync group are kept.

    ``told`` is given a line when lines begin to wait, when some are dropped, and when all is well again.  Raises
    :class:`vrrpwatch.alerts.pipe.PipeError` where there can be no pipe at ``path``.
    """

    def __init__(self, path: Path, told: Callable[[str], None], *, most: int = MAX_WAITING) -> None:
        self._path, self._told, self._most = path, told, most
        self._pipe = NamedPipe(path)
        self._waiting: deque[Change] = deque()
        self._retry: asyncio.TimerHandle | None = None

    def tell(self, change: Change) -> None:
        """Writes a line or has it wait; returns at once."""
        if self._waiting or not self._write(change):
            self._wait(change)

    def close(self) -> None:
        """Writes what can be written, and lets go of the rest."""
        self._write_waiting()
        if self._retry is not None:
            self._retry.cancel()
        if self._waiting:
            self._told(f"{self._path}: {len(self._waiting)} lines for its readers are lost with the end of the agent")
        self._pipe.close()

    def _write(self, change: Change) -> bool:
        text = line(change.kind, change.name, change.state.upper(), change.priority)
        try:
            self._pipe.write(text)
        except UnwrittenError as error:
            if not self._waiting:
                self._told(f"{self._path}: lines wait for a reader: {error}")
            return False
        return True

    def _wait(self, change: Change) -> None:
        if len(self._waiting) >= self._most:
            newest = {(one.kind, one.name): one for one in (*self._waiting, change)}
            kept = [one for one in self._waiting if newest[one.kind, one.name] is one]
            # Names that are no more may be among them: then the oldest go.
            kept = kept[-(self._most - 1) :]
            gone = len(self._waiting) - len(kept)
            self._told(f"{self._path}: nobody reads the lines, and {gone} that are out of date are dropped")
            self._waiting = deque(kept)
        self._waiting.append(change)
        if self._retry is None:
            self._retry = asyncio.get_running_loop().call_later(RETRY, self._try_again)

    def _try_again(self) -> None:
        self._retry = None
        self._write_waiting()
        if self._waiting:
            self._retry = asyncio.get_running_loop().call_later(RETRY, self._try_again)
        else:
            self._told(Notice(f"{self._path}: its readers have all lines"))

    def _write_waiting(self) -> None:
        while self._waiting and self._write(self._waiting[0]):
            self._waiting.popleft()
