"""Child processes of the agent: what needs much memory and time is done there, and the agent stays small and prompt.

They are programs of their own (fork and exec): nothing of the agent's locked memory or real-time priority is theirs.
Secrets reach them in anonymous memory (memfd_create(2)), never on a command line or a disk.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, Final

from vrrpwatch.core.model import Seconds

# A line tells of one finding or of all objections; a flood makes many lines, and no long ones.
MAX_LINE: Final = 8 << 20
_ROOT: Final = str(Path(__file__).resolve().parents[3])
# How systemd talks with the agent is no matter of its children.
_NOT_INHERITED: Final = ("NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES")


class Child:
    """One child process that runs ``python -m module``; starting it takes one or two milliseconds.

    Raises :class:`OSError` where it cannot be started.
    """

    def __init__(self, module: str, task: bytes) -> None:
        environment = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, (_ROOT, os.environ.get("PYTHONPATH"))))
        # numpy would start a thread per core for linear algebra, of which there is none here.
        environment["OPENBLAS_NUM_THREADS"] = "1"
        memory = os.memfd_create("task", os.MFD_CLOEXEC)
        try:
            with os.fdopen(memory, "wb", closefd=False) as file:
                file.write(task)
            os.lseek(memory, 0, os.SEEK_SET)
            self._process = subprocess.Popen(  # noqa: S603 - a fixed argument list, no shell
                (sys.executable, "-P", "-m", module, str(memory)),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                pass_fds=(memory,),
                env=environment,
                bufsize=0,
            )
        finally:
            os.close(memory)

    @property
    def pid(self) -> int:
        return self._process.pid

    async def lines(self) -> AsyncGenerator[dict[str, Any], None]:
        """What it says, until it ends; a line that is none of ours is left out."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=MAX_LINE)
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), self._process.stdout)
        try:
            while line := await reader.readline():
                try:
                    told = json.loads(line)
                except ValueError:
                    continue
                if isinstance(told, dict):
                    yield told
        finally:
            transport.close()

    async def end(self, patience: Seconds) -> int:
        """Has it end in good order within ``patience``, else by force; returns its exit status as ``subprocess`` does.

        Whatever becomes of the caller, the process is gone afterwards and has left nothing behind.
        """
        try:
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    pipe.close()
            if self._process.poll() is None:
                await self._ended(patience)
        finally:
            if self._process.poll() is None:
                self._process.kill()
            self._process.wait()
        return self._process.returncode

    async def _ended(self, patience: Seconds) -> None:
        loop = asyncio.get_running_loop()
        handle = os.pidfd_open(self._process.pid)
        ended = asyncio.Event()
        loop.add_reader(handle, ended.set)
        try:
            async with asyncio.timeout(patience):
                await ended.wait()
        except TimeoutError:
            return
        finally:
            loop.remove_reader(handle)
            os.close(handle)
