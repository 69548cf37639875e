"""Has conntrackd(8) hand the connections over when a router or sync group changes its state.

The commands are those that its own documentation runs from keepalived's notify scripts (doc/sync/primary-backup.sh of
conntrack-tools), except that the two caches are flushed one by one: conntrackd 1.4.7 ignores a flush of both, and of
the external one, after a commit ("commit still in progress"), and says so in its own log only.
"""

import asyncio
import re
from collections.abc import Callable
from typing import Final

from vrrpwatch.agent.config.companions import Conntrackd
from vrrpwatch.agent.launcher import Launcher, Program
from vrrpwatch.agent.ports import Change, RouterState
from vrrpwatch.agent.telling.status import CompanionStatus
from vrrpwatch.core.model import Seconds
from vrrpwatch.wire.text import safe_text

Step = tuple[tuple[str, ...], str]
# What the daemon is told in which state, and what for.
STEPS: Final[dict[RouterState, tuple[Step, ...]]] = {
    "master": (
        (("-c",), "commit the external cache to the kernel"),
        (("-f", "internal"), "flush the internal cache"),
        (("-f", "external"), "flush the external cache"),
        (("-R",), "fill the internal cache from the kernel"),
        (("-B",), "send all states to the backups"),
    ),
    "backup": (
        (("-t",), "shorten the timers of the kernel's connections"),
        (("-n",), "ask the master for its states"),
    ),
    "fault": ((("-t",), "shorten the timers of the kernel's connections"),),
    # The agent's own end says nothing about connections.
    "stop": (),
}
_ASK: Final = ("-s",)
# What its messages begin with: "[Mon Nov 23 02:03:19 2026] (pid=7700) [ERROR] ".
_STAMP: Final = re.compile(r"^\[[^\]]{1,40}\] \(pid=\d+\) (?:\[\w+\] )?")


class ConnectionTracking:
    """One transition after the other; those that have become out of date before their turn came are left out.

    ``told`` is given one line for each transition that did not fully succeed.
    """

    def __init__(self, settings: Conntrackd, launcher: Launcher, told: Callable[[str], None]) -> None:
        self._settings, self._launcher, self._told = settings, launcher, told
        self._next: RouterState | None = None
        self._done: RouterState | None = None
        self._good: bool | None = None
        self._detail = ""
        self._task: asyncio.Task[None] | None = None

    async def check(self) -> bool:
        """Asks whether the daemon answers, and tells if it does not."""
        trouble = await self._run(_ASK)
        self._good = not trouble
        self._detail = trouble or "answers"
        if trouble:
            self._told(f"conntrackd does not answer: {trouble}; connections will not be handed over: start it")
        return not trouble

    def tell(self, change: Change) -> None:
        """Heeds the changes of whom it follows; returns at once."""
        if change.name != self._settings.follows or not STEPS[change.state]:
            return
        self._next = change.state
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._work())

    def status(self) -> CompanionStatus:
        state = "" if self._done is None else f"told {self._done}"
        detail = "; ".join(filter(None, (state, self._detail)))
        return CompanionStatus("conntrackd", self._settings.follows, self._good, detail)

    async def close(self, at_most: Seconds) -> None:
        """Lets the transition that is under way end, for this long."""
        self._next = None
        if self._task is None:
            return
        _, pending = await asyncio.wait((self._task,), timeout=at_most)
        for task in pending:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            self._told(f"conntrackd: still busy {at_most:g} s after the stop: it may not have been told all")

    async def _work(self) -> None:
        while (state := self._next) is not None:
            self._next = None
            faults = []
            for options, purpose in STEPS[state]:
                if trouble := await self._run(options):
                    faults.append((f"{purpose} ({' '.join(options)})", trouble))
            self._done = state
            self._good = not faults
            self._detail = ""
            if faults:
                what, why = faults[0]
                others = f", and {len(faults) - 1} more of its {len(STEPS[state])} steps" if len(faults) > 1 else ""
                self._detail = f"could not {what}: {why}"
                self._told(f"conntrackd, for {state.upper()}: could not {what}{others}: {why}")
        self._task = None

    async def _run(self, options: tuple[str, ...]) -> str:
        """What went wrong, if anything."""
        config = self._settings.config
        command = (*self._settings.command, *(() if config is None else ("-C", str(config))), *options)
        ending = await self._launcher.run(Program(command, None, self._settings.timeout, explain=True))
        if not ending.trouble:
            return ""
        said = _STAMP.sub("", (ending.said.strip().splitlines() or [""])[-1])
        return safe_text(f"{ending.trouble}: {said}" if said else ending.trouble, 300)
