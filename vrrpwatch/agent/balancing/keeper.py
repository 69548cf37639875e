"""Keeps IPVS as the settings and the real servers' health want it; lives in a process of its own.

Whatever changes, the kernel is asked what it has and told what is missing: so also what somebody else has changed is
put right, every few seconds.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from itertools import count
from typing import Final, NamedTuple, Protocol, assert_never

from vrrpwatch.agent.balancing.plan import Target, key, real_key, targets
from vrrpwatch.agent.balancing.programmer import Outcome, Programmer
from vrrpwatch.agent.balancing.values import Role, ServiceKey, place
from vrrpwatch.agent.config.companions import Ipvs, RealCheck, VirtualServer
from vrrpwatch.agent.config.trackers import HttpTracker, Polled, ScriptTracker, TcpTracker
from vrrpwatch.agent.tracking.checks.base import Result
from vrrpwatch.core.model import Seconds
from vrrpwatch.core.notice import Notice

# Seconds between two looks whether the kernel still has what it was told.
INTERVAL: Final[Seconds] = 10.0
# Lines about one look: of a thousand virtual servers all may be refused for one reason.
MAX_LINES: Final = 8


class Listener(Protocol):
    """What is told of the keeper's work."""

    def line(self, text: str) -> None:
        """For people; a :class:`~vrrpwatch.core.notice.Notice` where all is well."""

    def judged(self, target: Target, result: Result) -> None:
        """A real server's check has a verdict, its first or another one."""

    def state(self, role: Role | None, trouble: str) -> None:
        """Which sync daemon runs as it is wanted, and what is wrong (empty: nothing is)."""


class _Checked(NamedTuple):
    target: Target
    check: RealCheck


class Keeper:
    """``check`` is given all trackers that are to be polled, by number; :meth:`judge` takes their results.

    ``aside`` is how calls that block are made.
    """

    def __init__(
        self,
        programmer: Programmer,
        listener: Listener,
        check: Callable[[Mapping[int, Polled]], None],
        aside: Callable[[Callable[[], Outcome]], Awaitable[Outcome]] = asyncio.to_thread,
    ) -> None:
        self._programmer, self._listener, self._check, self._aside = programmer, listener, check, aside
        self._settings = Ipvs()
        self._role: Role = "backup"
        self._numbers = count(1)
        self._checked: dict[int, _Checked] = {}
        self._results: dict[Target, Result] = {}
        self._virtual: dict[ServiceKey, VirtualServer] = {}
        self._deserted: set[ServiceKey] = set()
        self._changed = asyncio.Event()
        self._last = Outcome()
        self._stopping = False

    def configure(self, settings: Ipvs) -> None:
        """Takes settings on; what is as it was is not touched, nor are its checks, and known verdicts are told anew."""
        self._settings = settings
        self._virtual = {key(virtual): virtual for virtual in settings.virtual}
        running = {checked: number for number, checked in self._checked.items()}
        self._checked = {}
        for target, real in targets(settings):
            if real.check is not None:
                checked = _Checked(target, real.check)
                self._checked[running.get(checked) or next(self._numbers)] = checked
        there = {checked.target for checked in self._checked.values()}
        self._results = {target: result for target, result in self._results.items() if target in there}
        for target, result in self._results.items():
            self._listener.judged(target, result)
        self._deserted &= self._virtual.keys()
        self._check({number: tracker(*checked) for number, checked in self._checked.items()})
        self._changed.set()

    def become(self, role: Role) -> None:
        """The sync daemon's role from now on."""
        self._role = role
        self._changed.set()

    def judge(self, number: int, result: Result) -> None:
        """A check has a verdict, its first or another one."""
        checked = self._checked.get(number)
        if checked is None:
            return
        target = checked.target
        before = self._results.get(target)
        self._results[target] = result
        self._listener.judged(target, result)
        if before is not None and result.good is before.good:
            return
        if not result.good:
            self._listener.line(f"IPVS: real server {target.real} of {target.of} is bad: {result.detail}")
        elif before is not None:
            self._listener.line(Notice(f"IPVS: real server {target.real} of {target.of} is good: {result.detail}"))
        self._look_for_loss(target.of)
        self._changed.set()

    async def run(self) -> None:
        """Until :meth:`stop`, and the end of a look that has begun; not to be cancelled, since a thread cannot be."""
        while True:
            asked = True
            try:
                async with asyncio.timeout(INTERVAL):
                    await self._changed.wait()
            except TimeoutError:
                asked = False
            self._changed.clear()
            if self._stopping:
                return
            self._tell(await self._aside(self._make_so()), asked=asked)

    def stop(self) -> None:
        """Ends :meth:`run`; what is programmed stays."""
        self._stopping = True
        self._changed.set()

    async def end(self) -> None:
        """Removes all that is ours; after :meth:`run`."""
        self._tell(await self._aside(self._programmer.finish), asked=True)

    async def abandon(self) -> None:
        """The agent has died: this host is master no more, and the rest waits for the next agent; after :meth:`run`."""
        self._role = "backup"
        self._tell(await self._aside(self._make_so()), asked=True)

    def _make_so(self) -> Callable[[], Outcome]:
        # Made of what is so now: it runs in a thread.
        return partial(self._programmer.make_so, self._settings, self._role, self._health())

    def _health(self) -> dict[Target, bool]:
        return {target: result.good for target, result in self._results.items()}

    def _tell(self, outcome: Outcome, *, asked: bool) -> None:
        before, self._last = self._last, outcome
        if not asked:
            # What was refused before may have become possible by itself.
            self._tell_some(
                [f"IPVS: somebody has changed it: {one}" for one in outcome.done if one not in before.refused]
            )
        self._tell_some(outcome.notes)
        self._tell_some([line for line in outcome.troubles if line not in before.troubles])
        if before.troubles and not outcome.troubles:
            self._listener.line(Notice("IPVS: all is programmed as it is wanted again"))
        self._listener.state(outcome.role, next(iter(outcome.troubles), ""))

    def _tell_some(self, lines: Sequence[str]) -> None:
        for line in lines[:MAX_LINES]:
            self._listener.line(line)
        if len(lines) > MAX_LINES:
            self._listener.line(f"IPVS: and {len(lines) - MAX_LINES} more of that kind")

    def _look_for_loss(self, of: ServiceKey) -> None:
        virtual = self._virtual[of]
        results = (self._results.get(Target(of, real_key(real, virtual))) for real in virtual.real)
        # What is not checked has no result, and what has none yet may be good.
        lost = all(result is not None and not result.good for result in results)
        if lost and of not in self._deserted:
            self._deserted.add(of)
            instead = "new connections are refused"
            if virtual.sorry is not None:
                instead = f"connections go to {real_key(virtual.sorry, virtual)}"
            self._listener.line(f"IPVS: virtual server {of} has no real server that is good: {instead}")
        elif not lost:
            self._deserted.discard(of)


def tracker(target: Target, check: RealCheck) -> Polled:
    """The check as a tracker makes it."""
    host, port = target.real.address, check.port or target.real.port
    common = {
        "name": "real",
        "interval": check.interval,
        "timeout": check.timeout,
        "rise": check.rise,
        "fall": check.fall,
    }
    match check.type:
        case "tcp":
            return TcpTracker.model_validate({"type": "tcp", "host": str(host), "port": port, **common})
        case "http" | "https":
            url = f"{check.type}://{place(host, port)}{check.path}"
            return HttpTracker.model_validate(
                {"type": "http", "url": url, "status": check.status, "verify": False, **common}
            )
        case "script":
            return ScriptTracker.model_validate({"type": "script", "command": check.command, **common})
        case _:
            assert_never(check.type)
