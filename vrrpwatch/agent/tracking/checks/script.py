"""Does a program end with status 0?  And, by systemctl(1), is a unit of systemd active?"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import Executor
from contextlib import suppress
from functools import partial
from typing import Final

from vrrpwatch.agent.config.trackers import ScriptTracker, UnitTracker
from vrrpwatch.agent.launcher import Ending, Launcher, Program
from vrrpwatch.agent.tracking.checks.base import Aside, CheckError, Result, heeded
from vrrpwatch.alerts.programs import Identity, IdentityError, identity
from vrrpwatch.core.model import Seconds

SYSTEMCTL: Final = "/usr/bin/systemctl"
# systemctl(1), exit status; also for a unit that there is not.
_NOT_ACTIVE: Final = 3


class Running:
    """One program, never twice at once: where the kernel does not let go of one that was killed, the next waits.

    The launcher kills it at the end of its time, or when this is closed.
    """

    def __init__(self, command: Sequence[str], timeout: Seconds, launcher: Launcher) -> None:
        self._command = tuple(command)
        self._timeout = timeout
        self._launcher = launcher
        self._task: asyncio.Task[Ending] | None = None

    async def run(self, who: Identity | None) -> Ending:
        if self._task is not None and not self._task.done():
            await asyncio.wait({self._task})
        program = Program(self._command, who, self._timeout, explain=True)
        self._task = asyncio.create_task(self._launcher.run(program))
        self._task.add_done_callback(heeded)
        await asyncio.wait({self._task})
        return self._task.result()

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task


class ScriptCheck:
    """Looks its user up until there is one, and no more after that."""

    def __init__(self, tracker: ScriptTracker, pool: Executor, launcher: Launcher) -> None:
        self._aside = Aside(pool)
        self._find = partial(identity, tracker.user)
        self._who: Identity | None = None
        self._found = False
        self._running = Running(tracker.command, tracker.timeout, launcher)

    async def run(self) -> Result:
        if not self._found:
            try:
                self._who = await self._aside.call(self._find)
            except IdentityError as error:
                raise CheckError(str(error)) from None
            self._found = True
        ending = await self._running.run(self._who)
        if ending.status == 0:
            return Result(True, "exit status 0")
        last = _last_line(ending.said)
        return Result(False, f"{ending.trouble}: {last}" if last else ending.trouble)

    async def close(self) -> None:
        await self._running.close()


class UnitCheck:
    """Status 0 is for units that are active, or reload (systemctl(1), *is-active*); it takes no rights to ask."""

    def __init__(self, tracker: UnitTracker, launcher: Launcher, program: str = SYSTEMCTL) -> None:
        self._running = Running((program, "is-active", "--quiet", "--", tracker.unit), tracker.timeout, launcher)

    async def run(self) -> Result:
        ending = await self._running.run(None)
        if ending.status == 0:
            return Result(True, "active")
        why = _last_line(ending.said) or ("" if ending.status == _NOT_ACTIVE else ending.trouble)
        return Result(False, f"not active ({why})" if why else "not active")

    async def close(self) -> None:
        await self._running.close()


def _last_line(text: str) -> str:
    """Which is mostly the reason."""
    return text.strip().rpartition("\n")[2]
