"""Runs programs for the agent, by a small process of its own that starts them, limits them and ends them.

To start a program takes its parent several milliseconds, in which an event loop with the agent's libraries stands
still and advertisements would be late.  The process does not share the agent's priority, nor its capabilities that
programs inherit, and outlives no agent: when that has gone, it kills what it has started.
"""

import asyncio
import json
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple

from vrrpwatch.agent.offspring import spawn
from vrrpwatch.alerts.programs import Identity
from vrrpwatch.core.model import Seconds

# A command has at most 64 arguments of 4,096 characters (config.fields.Command), each six in JSON at worst.
MAX_MESSAGE: Final = 2 * 1024 * 1024
_GONE: Final = "the process that runs programs has ended"
# How often, and every how many seconds, it is looked whether the process has ended as it should.
_PATIENCE, _POLL = 500, 0.01
_MODULE: Final = "vrrpwatch.agent.launcher_process"


class Program(NamedTuple):
    """A command without a shell, whom it runs as (``None``: the agent's own user), and for how long at most.

    With ``explain`` the end of what it writes to its standard error is kept; otherwise the agent's log takes that.
    With ``network`` it may configure the network as the agent may (CAP_NET_ADMIN).
    """

    command: Sequence[str]
    who: Identity | None
    timeout: Seconds
    explain: bool = False
    network: bool = False


class Ending(NamedTuple):
    """How a program ended: ``trouble`` is empty for status 0, else a line; ``said`` what it wrote, if that was asked.

    ``status`` is ``None`` where it did not come to one: it could not be started, or was killed.
    """

    status: int | None
    trouble: str = ""
    said: str = ""


class Launcher:
    """To be started before anything of the agent must be on time; each program is waited for in a task of its own."""

    def __init__(self) -> None:
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._waiting: dict[int, asyncio.Future[Ending]] = {}
        self._last = 0
        self._starting = asyncio.Lock()

    async def start(self) -> None:
        """Starts the process where none runs; raises :class:`OSError`."""
        async with self._starting:
            if self._writer is None:
                await self._start()

    async def _start(self) -> None:
        ours, process = spawn(_MODULE)
        reader, self._writer = await asyncio.open_unix_connection(sock=ours, limit=MAX_MESSAGE)
        self._reading = asyncio.create_task(self._read(reader, self._writer, process))

    async def run(self, program: Program) -> Ending:
        """Waits for the program's end; a program whose waiting task is cancelled is killed."""
        try:
            await self.start()
        except OSError as error:
            return Ending(None, f"cannot be run ({error.strerror or error})")
        self._last += 1
        number = self._last
        ending: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self._waiting[number] = ending
        self._send(
            {
                "run": number,
                "command": list(program.command),
                "who": program.who,
                "timeout": program.timeout,
                "explain": program.explain,
                "network": program.network,
            }
        )
        try:
            return await ending
        except asyncio.CancelledError:
            self._send({"kill": number})
            raise
        finally:
            self._waiting.pop(number, None)

    async def close(self) -> None:
        """Kills what still runs."""
        if self._writer is not None:
            self._writer.close()
        if self._reading is not None:
            await self._reading

    def _send(self, message: dict[str, Any]) -> None:
        if self._writer is not None:
            self._writer.write(json.dumps(message).encode() + b"\n")

    async def _read(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, process: subprocess.Popen[bytes]
    ) -> None:
        # Who is killed in the middle of a word leaves half a line.
        with suppress(OSError, ValueError):
            while line := await reader.readline():
                told = json.loads(line)
                future = self._waiting.get(told["ended"])
                if future is not None and not future.done():
                    future.set_result(Ending(told["status"], told["trouble"], told["said"]))
        # The next program starts it anew.
        self._writer = None
        writer.close()
        for future in self._waiting.values():
            if not future.done():
                future.set_result(Ending(None, _GONE))
        # When nobody is at the other end it kills what runs, and ends.
        for _ in range(_PATIENCE):
            if process.poll() is not None:
                return
            await asyncio.sleep(_POLL)
        process.kill()
        process.wait()
