"""The agent from its start to its end: listens, makes everything ready, runs, reloads, and leaves nothing behind."""

import asyncio
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AsyncExitStack
from errno import EPERM
from os import environ
from pathlib import Path
from typing import Final, get_args

from vrrpwatch.agent.admitting import Admission, objections
from vrrpwatch.agent.auditing.concerns import Concern, Concerns, Healing, heal
from vrrpwatch.agent.auditing.listening import Listened, listen
from vrrpwatch.agent.auditing.stations import Station
from vrrpwatch.agent.auditing.tasks import WatchingTask
from vrrpwatch.agent.auditing.watching import Watcher
from vrrpwatch.agent.balancing.balancer import Balancer
from vrrpwatch.agent.config.agent import AgentSettings, load
from vrrpwatch.agent.failing import LastResort, described
from vrrpwatch.agent.holding.holder import Holder, HoldingError
from vrrpwatch.agent.launcher import Launcher
from vrrpwatch.agent.ports import Change
from vrrpwatch.agent.reporting import Reporting
from vrrpwatch.agent.routers import Routers
from vrrpwatch.agent.serving import Serving
from vrrpwatch.agent.telling.conntrackd import ConnectionTracking
from vrrpwatch.agent.telling.control import Control, ControlError
from vrrpwatch.agent.telling.fifo import Fifo
from vrrpwatch.agent.telling.hooks import Hooks, HooksError, Plan, plan
from vrrpwatch.agent.telling.requests import RequestError
from vrrpwatch.agent.telling.status import Status
from vrrpwatch.agent.timer import now
from vrrpwatch.agent.tracking.told import Kind
from vrrpwatch.agent.tracking.trackers import Trackers
from vrrpwatch.agent.urgency import hurry
from vrrpwatch.alerts.pipe import PipeError
from vrrpwatch.core.model import NANOSECONDS, Instant, Seconds
from vrrpwatch.core.notice import Notice
from vrrpwatch.service.systemd import Supervisor
from vrrpwatch.settings import SettingsError

Told = Callable[[str], None]

# What hooks and companions have to end after a stop, before they are killed.
FAREWELL: Final[Seconds] = 5.0
# As every command of the program does (docs: exit codes).
_OBJECTED, _UNUSABLE, _FAILED, _FORBIDDEN = 1, 2, 3, 5
_CAPABILITIES: Final = {"CAP_NET_ADMIN": 12, "CAP_NET_RAW": 13}
# Of these, what changes takes effect at the next start.
_FIXED: Final = ("socket", "socket_group", "state", "realtime", "lock_memory", "fifo", "handover", "handover_time")


class AgentError(Exception):
    """The agent cannot run: a line for each reason, and the exit status that says which kind of reason it is."""

    def __init__(self, *lines: str, status: int = _FAILED) -> None:
        super().__init__("\n".join(lines))
        self.lines, self.status = lines, status


def run(path: str, *, force: bool, told: Told) -> int:
    """Runs until SIGTERM or SIGINT; ``told`` gets a line at a time.  Returns what the command is to exit with.

    With ``force`` it runs in spite of what it hears before it speaks.
    """
    try:
        settings = load(path)
    except SettingsError as error:
        return _told(told, error.lines, _UNUSABLE)
    lacking = _lacking()
    if lacking:
        return _told(told, (f"the agent needs {' and '.join(lacking)}: start it as root",), _FORBIDDEN)
    try:
        asyncio.run(_Daemon(path, settings, told).run(force=force))
    except AgentError as error:
        return _told(told, error.lines, error.status)
    return 0


def _told(told: Told, lines: Iterable[str], status: int) -> int:
    for line in lines:
        told(line)
    return status


class _Daemon:
    """Everything that lives as long as the agent does."""

    def __init__(self, path: str, settings: AgentSettings, told: Told) -> None:
        self._path, self._settings, self._told = path, settings, told
        self._supervisor = Supervisor(environ)
        self._launcher = Launcher()
        self._concerns = Concerns()
        self._healings: dict[str, Healing] = {}
        self._watcher = Watcher(self._worry, told)
        self._watching: asyncio.Task[None] | None = None
        self._conntrackd: ConnectionTracking | None = None
        self._balancer = Balancer(settings.agent.state, told)
        self._fifo: Fifo | None = None
        self._reloading = asyncio.Lock()
        self._hung_up = False
        self._heeding: asyncio.Task[None] | None = None
        self._admission: Admission | None = None
        self._routers: Routers
        self._trackers: Trackers
        self._hooks: Hooks
        self._reporting: Reporting
        self._serving: Serving

    async def run(self, *, force: bool) -> None:
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        last_resort = LastResort(ended.set, self._told)
        loop.set_exception_handler(last_resort)
        async with AsyncExitStack() as stack:
            stack.callback(_complain_of, last_resort)
            await self._open(stack)
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, ended.set)
            self._admission = Admission(
                self._routers, self._listen, self._watch_anew, self._told, self._reloading, force=force
            )
            # Who changes the settings meanwhile need not know that it listens: they are read when it has.
            loop.add_signal_handler(signal.SIGHUP, self._hang_up)
            stations = self._routers.stations()
            async with self._reloading:
                if not await self._listened(stations, force, ended):
                    return
            for line in hurry(realtime=self._settings.agent.realtime, lock_memory=self._settings.agent.lock_memory):
                self._told(line)
            self._admission.begin(stations, all_may=self._settings.agent.listen == 0)
            stack.push_async_callback(self._farewell)
            self._watch()
            following = asyncio.create_task(self._admission.follow())
            stack.callback(following.cancel)
            stack.push_async_callback(self._unwatch)
            self._supervisor.ready()
            self._beat()
            await ended.wait()
            self._supervisor.stopping()

    async def _open(self, stack: AsyncExitStack) -> None:
        """Makes everything ready, short of speaking."""
        settings = self._settings
        try:
            hooks = plan(settings)
            await self._launcher.start()
            stack.push_async_callback(self._launcher.close)
            self._hooks = Hooks(hooks, self._launcher, self._told)
            holder = Holder(settings.agent.state, self._told)
            stack.callback(holder.close)
            self._routers = Routers(
                settings,
                holder,
                self._launcher.run,
                self._changed,
                self._network_changed,
                lambda: self._admission.attached() if self._admission is not None else None,
                self._told,
            )
            stack.push_async_callback(self._routers.close)
            if settings.agent.fifo is not None:
                self._fifo = Fifo(settings.agent.fifo, self._told)
                stack.callback(self._fifo.close)
            self._reporting = Reporting(self._path, self._routers)
            self._serving = Serving(self._routers, lambda: self._settings, self._status, self._reload)
            control = Control(settings.agent.socket, settings.agent.socket_group, self._serving)
            await control.open()
            stack.push_async_callback(control.close)
            self._trackers = Trackers(settings.tracker, self._routers.judge, self._routers, self._told)
            self._routers.attach(self._routers.node.members)
            await self._trackers.start()
            stack.push_async_callback(self._trackers.stop)
        except (HoldingError, ControlError, HooksError, PipeError) as error:
            raise AgentError(*str(error).split("\n")) from None
        except OSError as error:
            raise AgentError(
                error.strerror or str(error), status=_FORBIDDEN if error.errno == EPERM else _FAILED
            ) from None
        if settings.conntrackd is not None:
            self._conntrackd = ConnectionTracking(settings.conntrackd, self._launcher, self._told)
            await self._conntrackd.check()
        # Its virtual servers wait for the address on a backup too.
        self._balancer.configure(settings.ipvs)
        stack.push_async_callback(self._balancer.close, FAREWELL)

    async def _listened(self, stations: tuple[Station, ...], force: bool, ended: asyncio.Event) -> bool:
        """Whether the routers may speak, after what is heard of others; false when the agent is ended meanwhile."""
        listening = asyncio.create_task(self._listen(stations))
        waiting = asyncio.create_task(ended.wait())
        await asyncio.wait((listening, waiting), return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if not listening.done():
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
            return False
        lines = tuple(line for _, line in objections(listening.result()))
        if lines and not force:
            raise AgentError(*lines, "nothing was said: correct it, or start with --force", status=_OBJECTED)
        for line in lines:
            self._told(f"{line} (--force: it runs all the same)")
        return True

    async def _listen(self, stations: tuple[Station, ...]) -> Listened:
        heard = await listen(stations, self._settings.agent.listen, self._told)
        for trouble in heard.troubles:
            self._told(trouble)
        for master in heard.masters:
            self._told(Notice(f"{master.router}: {master.ip} is master"))
        for one in heard.objections:
            if not one.stops:
                self._told(Notice(f"{one.router}: {one.heard}: {one.remedy}"))
        return heard

    async def _farewell(self) -> None:
        """Masters resign; then hooks and companions are given some time."""
        if self._heeding is not None:
            self._heeding.cancel()
        self._routers.stop()
        await self._hooks.close(FAREWELL)
        if self._conntrackd is not None:
            await self._conntrackd.close(FAREWELL)

    # What happens while it runs.

    def _changed(self, change: Change) -> None:
        self._trackers.changed(change)
        self._hooks.tell(change)
        if self._fifo is not None:
            self._fifo.tell(change)
        if self._conntrackd is not None:
            self._conntrackd.tell(change)
        self._balancer.changed(change)
        self._reporting.heed(change)
        self._serving.heed(change)
        if change.state == "master":
            self._healings.pop(change.name, None)
        kind = "sync group " if change.kind == "GROUP" else ""
        self._told(Notice(f"{kind}{change.name}: {change.was} to {change.state}: {change.why}"))

    def _network_changed(self, kind: Kind) -> None:
        self._trackers.heard(kind)

    def _worry(self, concern: Concern) -> None:
        """The sniffer has found something wrong with a router of ours."""
        member = self._routers.node.members.get(concern.router)
        if member is None:
            return
        self._concerns.add(concern, now())
        self._told(f"{concern.router}: {concern.severity.value} {concern.rule}: {concern.summary}")
        history = self._healings.get(concern.router, Healing())
        when, self._healings[concern.router] = heal(concern, member.role, history, now())
        for at in when:
            self._later(at, concern.router)

    def _later(self, at: Instant, router: str) -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(max(0, at - now()) / NANOSECONDS, self._routers.announce, router)

    def _status(self) -> Status:
        conntrackd = None if self._conntrackd is None else self._conntrackd.status()
        companions = tuple(one for one in (conntrackd, self._balancer.status()) if one is not None)
        return self._reporting.status(
            self._settings, self._trackers.verdicts, companions, audited=self._watcher.watching
        )

    def _watch(self) -> None:
        running, stations = self._settings.agent, self._routers.stations()
        if self._admission is not None:
            self._admission.watched(stations)
        if running.audit:
            task = WatchingTask(
                stations,
                None if running.policy is None else str(running.policy),
                None if running.alerts is None else str(running.alerts),
                str(running.state.with_name("agent-outbox.db")),
            )
            self._watching = asyncio.create_task(self._watcher.run(task))
            self._watching.add_done_callback(self._watched_last)

    def _watched_last(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._told(f"the sniffer is not started again, until a reload: {described(error)}")

    async def _watch_anew(self) -> None:
        await self._unwatch()
        self._watch()

    async def _unwatch(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
            self._watching = None

    def _beat(self) -> None:
        if self._supervisor.watchdog is not None:
            self._supervisor.alive()
            asyncio.get_running_loop().call_later(self._supervisor.watchdog / 2, self._beat)

    def _hang_up(self) -> None:
        """SIGHUP has come: where the settings are being read already, they are read once more, and once is enough."""
        self._hung_up = True
        if self._heeding is None or self._heeding.done():
            self._heeding = asyncio.get_running_loop().create_task(self._heed_signals())

    async def _heed_signals(self) -> None:
        while self._hung_up:
            self._hung_up = False
            async with self._reloading:
                await self._reload_by_signal()

    async def _reload_by_signal(self) -> None:
        self._supervisor.reloading(time.monotonic_ns() // 1000)
        try:
            for line in await self._read_again():
                self._told(Notice(line))
        except RequestError as error:
            for line in (*error.lines, "nothing is changed"):
                self._told(line)
        finally:
            self._supervisor.ready()

    async def _reload(self) -> tuple[str, ...]:
        if self._reloading.locked():
            raise RequestError("busy", "the settings are being read already: try again in a moment")
        async with self._reloading:
            return await self._read_again()

    async def _read_again(self) -> tuple[str, ...]:
        try:
            wanted = load(self._path)
            hooks = plan(wanted)
        except (SettingsError, HooksError) as error:
            raise RequestError("failed", *error.lines) from None
        return await self._take_on(wanted, hooks)

    async def _take_on(self, wanted: AgentSettings, hooks: Plan) -> tuple[str, ...]:
        before, self._settings = self._settings, wanted
        lines = list(_differences(before, wanted))
        self._hooks.replace(hooks)
        fresh = self._routers.replace(wanted)
        await self._trackers.reload(wanted.tracker)
        # What happened between the old view of the host and the new one has been told to nobody.
        for kind in get_args(Kind):
            self._trackers.heard(kind)
        if wanted.conntrackd != before.conntrackd:
            await self._replace_conntrackd(wanted)
        if wanted.ipvs != before.ipvs:
            self._balancer.configure(wanted.ipvs)
        self._concerns.keep(router.name for router in wanted.router)
        await self._unwatch()
        if self._admission is not None:
            lines += await self._admission.admit(fresh, before.router)
        self._watch()
        return tuple(lines) or ("nothing has changed",)

    async def _replace_conntrackd(self, wanted: AgentSettings) -> None:
        if self._conntrackd is not None:
            await self._conntrackd.close(FAREWELL)
        self._conntrackd = None
        if wanted.conntrackd is not None:
            self._conntrackd = ConnectionTracking(wanted.conntrackd, self._launcher, self._told)
            await self._conntrackd.check()


def _complain_of(last_resort: LastResort) -> None:
    if last_resort.trouble is not None:
        # It was told.
        raise AgentError


def _differences(before: AgentSettings, after: AgentSettings) -> Iterator[str]:
    """A line for each thing that is another in new settings."""
    for what in ("router", "sync", "tracker"):
        old = {one.name: one for one in getattr(before, what)}
        new = {one.name: one for one in getattr(after, what)}
        for name in old.keys() | new.keys():
            if old.get(name) != new.get(name):
                verb = "added" if name not in old else "removed" if name not in new else "changed"
                yield f"{what} {name}: {verb}"
    for what in ("notify", "conntrackd", "ipvs"):
        if getattr(before, what) != getattr(after, what):
            yield f"{what}: changed"
    for what, old_value in before.agent:
        if getattr(after.agent, what) != old_value:
            yield f"agent.{what}: " + ("takes effect at the next start" if what in _FIXED else "changed")


def _lacking() -> list[str]:
    status = Path("/proc/self/status").read_text()
    held = int(next(line.split()[1] for line in status.splitlines() if line.startswith("CapEff:")), 16)
    return [name for name, number in _CAPABILITIES.items() if not held >> number & 1]
