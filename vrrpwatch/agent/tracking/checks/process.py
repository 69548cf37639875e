"""Do enough processes of a name run?  One scan of /proc serves all who ask at about the same time."""

import asyncio
import os
import re
from collections import Counter
from pathlib import Path
from typing import Final, NamedTuple

from vrrpwatch.agent.config.trackers import ProcessTracker
from vrrpwatch.agent.tracking.checks.base import Lasting, Result
from vrrpwatch.core.model import Seconds

# pid_max may be 4 million; beyond this a scan would take longer than people wait for it.
MAX_PROCESSES: Final = 65_536
# Some tens of µs each: others get their turn in between.
_AT_ONCE: Final = 128
# proc(5): the state, what is not of interest, the flags, …, the start time.
_STAT: Final = re.compile(
    rb"[0-9]+ \((?P<comm>.*)\) (?P<state>.) (?:-?[0-9]+ ){5}(?P<flags>[0-9]+) (?:-?[0-9]+ ){12}(?P<start>[0-9]+) ",
    re.DOTALL,
)
# Ended, but not yet waited for.
_DEAD: Final = b"ZXx"
# linux/sched.h: PF_KTHREAD, a kernel thread, which has no arguments.
_KERNEL: Final = 0x0020_0000
_MOST_STAT: Final = 1024
_MOST_NAME: Final = 4096


class _Known(NamedTuple):
    """A process, as long as neither another has taken its number nor it has executed something else."""

    started: bytes
    comm: bytes
    name: bytes


class Processes:
    """How many processes of each name run, as of the last scan."""

    def __init__(self, root: Path = Path("/proc")) -> None:
        self._root = str(root)
        self._known: dict[int, _Known] = {}
        self._counts: Counter[bytes] = Counter()
        self._at: Seconds = float("-inf")
        self._scanning = asyncio.Lock()

    async def count(self, name: str, no_older: Seconds) -> int:
        """How many have this name, according to a scan that began no longer ago than that."""
        loop = asyncio.get_running_loop()
        asked = loop.time()
        async with self._scanning:
            if self._at < asked - no_older:
                began = loop.time()
                self._counts = await self._scan()
                self._at = began
        return self._counts[os.fsencode(name)]

    async def _scan(self) -> Counter[bytes]:
        counts: Counter[bytes] = Counter()
        known: dict[int, _Known] = {}
        numbers = [int(name) for name in os.listdir(self._root) if name.isdigit()]  # noqa: PTH208  # no objects for thousands
        for index, number in enumerate(numbers[:MAX_PROCESSES]):
            if index % _AT_ONCE == _AT_ONCE - 1:
                await asyncio.sleep(0)
            process = self._look(number)
            if process is not None:
                known[number] = process
                counts.update({process.comm, process.name})
        self._known = known
        return counts

    def _look(self, number: int) -> _Known | None:
        folder = f"{self._root}/{number}"
        found = _STAT.match(_beginning(f"{folder}/stat", _MOST_STAT))
        if found is None or found["state"] in _DEAD:
            return None
        comm, started = found["comm"], found["start"]
        before = self._known.get(number)
        if before is not None and before.started == started and before.comm == comm and before.name:
            return before
        if int(found["flags"]) & _KERNEL:
            return _Known(started, comm, comm)
        # Empty for a moment while it executes something: then it is read again at the next scan.
        first = _beginning(f"{folder}/cmdline", _MOST_NAME).split(b"\0", 1)[0]
        return _Known(started, comm, first.rsplit(b"/", 1)[-1])


class ProcessCheck(Lasting):
    """Asks a table that all these checks share."""

    def __init__(self, tracker: ProcessTracker, processes: Processes) -> None:
        self._tracker = tracker
        self._processes = processes

    async def run(self) -> Result:
        tracker = self._tracker
        count = await self._processes.count(tracker.process, tracker.interval / 2)
        running = f"{count} process{'' if count == 1 else 'es'} of {tracker.process}"
        return Result(count >= tracker.count, running if count else f"no process of {tracker.process}")


def _beginning(path: str, most: int) -> bytes:
    """What the file holds, or nothing where its process has ended or is hidden."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(descriptor, most)
    except OSError:
        return b""
    finally:
        os.close(descriptor)
