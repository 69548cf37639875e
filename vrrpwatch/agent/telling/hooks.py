"""Runs the programs of the settings at each change of state, as keepalived runs its notify scripts.

Each router and each sync group has a queue of its own, in which one program runs at a time and none overtakes another.
A router's own hooks come first, its ``any`` after the one of the state, and then the hooks for every router.  Those of
a sync group run at the group's changes, after what was told of its routers before.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from vrrpwatch.agent.config.agent import AgentSettings
from vrrpwatch.agent.config.routers import Hooks as HookSettings
from vrrpwatch.agent.launcher import Launcher, Program
from vrrpwatch.agent.ports import Change, RouterState
from vrrpwatch.alerts.programs import IdentityError, identity
from vrrpwatch.core.model import Seconds

# Changes of one router that wait for its hooks to end; whoever falls behind by more is told the newest only.
MAX_WAITING: Final = 16

Subject = tuple[str, str]
STATES: Final[tuple[RouterState, ...]] = ("master", "backup", "fault", "stop")


class HooksError(Exception):
    """Hooks that cannot be run as they are set up; one line for each fault."""

    def __init__(self, lines: tuple[str, ...]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


class Hook(NamedTuple):
    """A program, and whether it is given the arguments that say what has changed."""

    program: Program
    given: bool = True


class Plan(NamedTuple):
    """Which programs are run at which change of whom, and the sync groups' routers."""

    programs: Mapping[Subject, Mapping[RouterState, tuple[Hook, ...]]]
    syncs: Mapping[str, tuple[str, ...]]


def plan(settings: AgentSettings) -> Plan:
    """What the settings ask for, with the users looked up; raises :class:`HooksError` with every fault.

    To be called where waiting is no harm: users may come from a directory service.
    """
    faults: list[str] = []
    told: dict[Subject, dict[str, HookSettings]] = {}
    for router in settings.router:
        told["INSTANCE", router.name] = {f"router {router.name}": router.notify, "notify": settings.notify}
    for sync in settings.sync:
        told["GROUP", sync.name] = {f"sync {sync.name}": sync.notify}
    programs: dict[Subject, dict[RouterState, tuple[Hook, ...]]] = {}
    for subject, tables in told.items():
        found: dict[RouterState, tuple[Hook, ...]] = dict.fromkeys(STATES, ())
        for place, hooks in tables.items():
            try:
                for state, more in _programs(hooks).items():
                    found[state] += more
            except IdentityError as error:
                faults.append(f"{place}: hooks: {error}")
        programs[subject] = found
    if faults:
        raise HooksError(tuple(dict.fromkeys(faults)))
    return Plan(programs, {sync.name: sync.routers for sync in settings.sync})


def _programs(hooks: HookSettings) -> dict[RouterState, tuple[Hook, ...]]:
    by_state = {"master": hooks.master, "backup": hooks.backup, "fault": hooks.fault, "stop": hooks.stop}
    if hooks.any is None and not any(by_state.values()):
        return {}
    who = identity(hooks.user)
    always = hooks.arguments == "always"
    return {
        state: tuple(
            Hook(Program(command, who, hooks.timeout), given)
            for command, given in ((by_state[state], always), (hooks.any, True))
            if command is not None
        )
        for state in STATES
    }


def arguments(change: Change) -> tuple[str, ...]:
    """What a hook is told, as keepalived's notify scripts are: ``INSTANCE web MASTER 150``."""
    return (change.kind, change.name, change.state.upper(), str(change.priority))


@dataclass(slots=True)
class _Told:
    """A change that waits for its turn, and those of its sync group's routers that come before it."""

    change: Change
    after: tuple[asyncio.Event, ...]
    done: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True)
class _Queue:
    waiting: deque[_Told] = field(default_factory=deque)
    task: asyncio.Task[None] | None = None
    # When the last change that was queued is through.
    last: asyncio.Event | None = None


class Hooks:
    """``told`` is given a line for each hook that fails, and for changes that are passed over."""

    def __init__(self, plan: Plan, launcher: Launcher, told: Callable[[str], None]) -> None:
        self._plan, self._launcher, self._told = plan, launcher, told
        self._queues: dict[Subject, _Queue] = {}

    def replace(self, plan: Plan) -> None:
        """What is told from now on runs the programs of another plan; what waits does as well."""
        self._plan = plan

    def tell(self, change: Change) -> None:
        """Queues what is to be run; returns at once."""
        subject = (change.kind, change.name)
        queue = self._queues.get(subject)
        if queue is None:
            if not self._for(change):
                return
            queue = self._queues[subject] = _Queue()
        if len(queue.waiting) >= MAX_WAITING:
            self._pass_over(queue, change)
        told = _Told(change, self._before(change))
        queue.waiting.append(told)
        queue.last = told.done
        if queue.task is None:
            queue.task = asyncio.get_running_loop().create_task(self._work(subject, queue))

    async def close(self, at_most: Seconds) -> None:
        """Gives what was told of this long to end, and kills the rest."""
        tasks = [queue.task for queue in self._queues.values() if queue.task is not None]
        if not tasks:
            return
        _, pending = await asyncio.wait(tasks, timeout=at_most)
        if pending:
            names = ", ".join(sorted(name for (_, name), queue in self._queues.items() if queue.task in pending))
            self._told(f"hooks of {names}: not all had ended {at_most:g} s after the stop; the rest is killed")
            for task in pending:
                task.cancel()
            await asyncio.gather(*pending, return_exceptions=True)

    def _for(self, change: Change) -> tuple[Hook, ...]:
        return self._plan.programs.get((change.kind, change.name), {}).get(change.state, ())

    def _before(self, change: Change) -> tuple[asyncio.Event, ...]:
        if change.kind != "GROUP":
            return ()
        queues = (self._queues.get(("INSTANCE", name)) for name in self._plan.syncs.get(change.name, ()))
        return tuple(queue.last for queue in queues if queue is not None and queue.last is not None)

    def _pass_over(self, queue: _Queue, change: Change) -> None:
        self._told(
            f"hooks of {change.name} take longer than its state lasts: {len(queue.waiting)} changes are passed over, "
            f"and the newest, {change.state.upper()}, is told"
        )
        for told in queue.waiting:
            told.done.set()
        queue.waiting.clear()

    async def _work(self, subject: Subject, queue: _Queue) -> None:
        while queue.waiting:
            told = queue.waiting.popleft()
            for event in told.after:
                await event.wait()
            for hook in self._for(told.change):
                await self._run(hook, told.change)
            told.done.set()
        # With nothing left to do there is nothing to remember either.
        del self._queues[subject]

    async def _run(self, hook: Hook, change: Change) -> None:
        program = hook.program
        command = (*program.command, *arguments(change)) if hook.given else program.command
        ending = await self._launcher.run(program._replace(command=command))
        if ending.trouble:
            self._told(f"{change.name}: hook {program.command[0]} for {change.state.upper()}: {ending.trouble}")
