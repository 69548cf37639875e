"""The agent's end of the process that keeps IPVS, which is started again whenever it ends or falls silent.

Checks of real servers and requests for a thousand virtual servers take long: not in a loop that has to be on time.
"""

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import Final

from vrrpwatch.agent.auditing.children import Child
from vrrpwatch.agent.balancing.ledger import beside
from vrrpwatch.agent.balancing.messages import (
    Become,
    Configure,
    End,
    Judged,
    Line,
    Order,
    State,
    decode_news,
    encode_order,
)
from vrrpwatch.agent.balancing.values import Role
from vrrpwatch.agent.config.companions import Ipvs
from vrrpwatch.agent.ports import Change
from vrrpwatch.agent.telling.status import CompanionStatus
from vrrpwatch.alerts.backoff import Backoff
from vrrpwatch.core.model import Seconds

# Bad real servers that the status names.
_NAMED: Final = 3
_MODULE: Final = "vrrpwatch.agent.balancing.keeper_process"
# It gives a sign of life each second; a busy host takes some seconds to start Python.
MAX_SILENCE: Final[Seconds] = 30.0
# What it may take to put the sync daemon into its backup role, where the agent leaves it in the lurch.
_PATIENCE: Final[Seconds] = 2.0
# One that has run for so long ends for another reason than the last one did.
_STEADY: Final[Seconds] = 60.0


class Balancer:
    """``state`` is the agent's state file, beside which another one is kept; ``told`` gets lines for people.

    Nothing here waits but :meth:`close`: what is asked for is done by the process.
    """

    def __init__(
        self,
        state: Path,
        told: Callable[[str], None],
        *,
        clock: Callable[[], Seconds] = time.monotonic,
        backoff: Backoff | None = None,
        module: str = _MODULE,
    ) -> None:
        """``clock`` gives seconds that never step back."""
        self._ledger = beside(state)
        self._told, self._clock, self._module = told, clock, module
        self._backoff = backoff or Backoff(random.random, first=1.0, cap=60.0)
        self._settings: Ipvs | None = None
        self._masters: set[str] = set()
        self._health: dict[str, Judged] = {}
        self._state: State | None = None
        self._task: asyncio.Task[None] | None = None
        self._child: Child | None = None
        self._dismissed = False

    @property
    def pid(self) -> int | None:
        """The process's number while one runs."""
        return None if self._child is None else self._child.pid

    def configure(self, settings: Ipvs | None) -> None:
        """From now on; ``None`` takes everything away that is the agent's, also what one that crashed has left."""
        self._settings = settings
        # What still holds is told anew.
        self._health.clear()
        if self._task is not None:
            self._order(Become(self._role()))
            self._order(End() if settings is None else Configure(settings, self._ledger))
        elif settings is not None or self._ledger.exists():
            self._task = asyncio.get_running_loop().create_task(self._run())

    def changed(self, change: Change) -> None:
        """A router or sync group is in another state."""
        before = self._role()
        (self._masters.add if change.state == "master" else self._masters.discard)(change.name)
        if self._role() != before:
            self._order(Become(self._role()))

    def status(self) -> CompanionStatus | None:
        """``None`` where there is nothing to tell of."""
        settings, state = self._settings, self._state
        if settings is None:
            return None
        bad = [judged for judged in self._health.values() if not judged.good]
        some = "; ".join(f"{judged.name}: {judged.detail}" for judged in bad[:_NAMED])
        if len(bad) > _NAMED:
            some += f"; and {len(bad) - _NAMED} more"
        reals = sum(len(virtual.real) for virtual in settings.virtual)
        parts = [
            f"{len(settings.virtual)} virtual servers",
            f"{len(bad)} of {reals} real servers bad" + (f" ({some})" if bad else ""),
        ]
        if settings.sync is not None:
            parts.append(f"sync daemon: {'not running' if state is None else state.role or 'not running'}")
        if state is not None and state.trouble:
            parts.append(state.trouble)
        return CompanionStatus("ipvs", settings.follows, None if state is None else not state.trouble, "; ".join(parts))

    async def close(self, at_most: Seconds) -> None:
        """Takes everything away that is the agent's; called when the routers have let go of their addresses."""
        self._settings = None
        if self._task is None:
            return
        self._order(End())
        if self._child is not None:
            await asyncio.wait((self._task,), timeout=at_most)
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._told("IPVS: virtual servers may be left in the kernel: the next agent here takes them over")

    def _role(self) -> Role:
        return "master" if self._settings is not None and self._settings.follows in self._masters else "backup"

    def _order(self, order: Order) -> None:
        if self._child is None or self._dismissed:
            # Who is started is told all that is wanted then.
            return
        self._dismissed = isinstance(order, End)
        self._child.send(encode_order(order))

    async def _run(self) -> None:
        while True:
            began = self._clock()
            why = await self._live()
            if self._dismissed:
                if self._settings is None:
                    self._task = None
                    return
                # It was wanted again before it had ended.
                continue
            self._state = State(None, f"the process that keeps IPVS has ended ({why})")
            if self._clock() - began >= _STEADY:
                self._backoff.succeeded()
            wait = self._backoff.failed()
            self._told(f"IPVS: the process that keeps it has ended ({why}): it is started again in {wait:.0f} s")
            await asyncio.sleep(wait)

    async def _live(self) -> str:
        """One life of the process; returns why it ended."""
        self._dismissed = False
        try:
            child = self._child = await Child.start(self._module)
        except OSError as error:
            return error.strerror or str(error)
        # The role first, lest the other one is taken on for a moment.
        self._order(Become(self._role()))
        self._order(Configure(self._settings or Ipvs(), self._ledger))
        if self._settings is None:
            self._order(End())
        silent = False
        try:
            async with aclosing(child.lines()) as lines:
                while True:
                    async with asyncio.timeout(MAX_SILENCE):
                        self._hear(await anext(lines))
        except StopAsyncIteration:
            pass
        except TimeoutError:
            silent = True
        finally:
            self._child = None
            status = await child.end(_PATIENCE)
        if silent:
            return f"silent for {MAX_SILENCE:.0f} s"
        return f"signal {-status}" if status < 0 else f"exit status {status}"

    def _hear(self, line: dict[str, object]) -> None:
        match decode_news(line):
            case Line(text):
                self._told(text)
            case Judged(target, _, _) as judged:
                self._health[target] = judged
            case State() as state:
                self._state = state
