"""Child processes of the agent: what needs much memory and time is done there, and the agent stays small and prompt.

Secrets reach them by the socket that ties them to the agent, never on a command line or a disk.
"""

import asyncio
import json
import os
import subprocess
from collections.abc import AsyncGenerator
from typing import Any, Final

from vrrpwatch.agent.offspring import spawn
from vrrpwatch.core.model import Seconds

# A line tells of one finding or objection; a flood makes many lines, and no long ones.
MAX_LINE: Final = 256 * 1024


class Child:
    """A process, and the socket that ties it to the agent."""

    def __init__(
        self, process: "subprocess.Popen[bytes]", reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer

    @classmethod
    async def start(cls, module: str, task: bytes | None = None) -> "Child":
        """Runs ``python -m module`` and gives it its task, if it is to have one; raises :class:`OSError`."""
        ours, process = spawn(module)
        try:
            reader, writer = await asyncio.open_unix_connection(sock=ours, limit=MAX_LINE)
        except BaseException:
            ours.close()
            process.kill()
            process.wait()
            raise
        if task is not None:
            writer.write(len(task).to_bytes(8) + task)
        return cls(process, reader, writer)

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, data: bytes) -> None:
        """Tells it something more; returns at once."""
        self._writer.write(data)

    async def lines(self) -> AsyncGenerator[dict[str, Any], None]:
        """What it says, until it ends."""
        try:
            while line := await self._reader.readline():
                yield json.loads(line)
        except (ConnectionError, ValueError):
            # It was killed in the middle of a word.
            return

    async def end(self, patience: Seconds) -> int:
        """Has it end in good order within ``patience``, else by force; returns its exit status as ``subprocess`` does.

        Whatever becomes of the caller, the process is gone afterwards.
        """
        self._writer.close()
        try:
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
