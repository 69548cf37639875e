"""Routers on a virtual clock: runs one schedule against a step function and watches that every promise is kept."""

import heapq
from collections.abc import Callable
from itertools import count
from random import Random

from tests.model import rules
from tests.model.hosts import Host
from tests.model.promises import BrokenPromiseError, Failure, Promises
from tests.model.script import Crash, Cut, Happening, Link, Rank, Resume, Script, Stall, Start, Stop, Weather
from vrrpwatch.core.machine.settings import Advert, CarpSettings
from vrrpwatch.core.machine.step import deadline
from vrrpwatch.core.machine.values import (
    AcquireAddresses,
    AdvertReceived,
    Announce,
    Backup,
    DemotionChanged,
    Initialize,
    Input,
    InterfaceDown,
    InterfaceUp,
    JoinGroup,
    LeaveGroup,
    Master,
    Outcome,
    PriorityChanged,
    ReleaseAddresses,
    Send,
    Shutdown,
    Startup,
    State,
    TimerFired,
)
from vrrpwatch.core.model import NANOSECONDS, Instant, nanoseconds

Step = Callable[[State, Input, Instant], Outcome]

# What a host's socket holds while the host is stalled; the rest is lost, as it would be.
MAX_QUEUE = 64
# Two roundings to whole nanoseconds.
ROUNDING = 2


class World:
    """One run.  ``seen`` counts what happened, by the name of the rule, input or change."""

    def __init__(self, script: Script, step: Step, *, trace: bool = False) -> None:
        self.script, self.step = script, step
        self.random = Random(script.seed)
        self.weather = Weather(0, 0.0, 0.0, script.delay)
        self.calm_delay = nanoseconds(script.delay)
        self.hosts = [Host(number, router, Initialize(router)) for number, router in enumerate(script.routers)]
        self.cut: frozenset[tuple[int, int]] = frozenset()
        self.promises = Promises(script, self.hosts)
        self.agenda: list[tuple[Instant, int, Host | None, object]] = []
        self.order = count()
        self.now: Instant = 0
        self.steps = 0
        self.seen = self.promises.seen
        self.trace: list[str] | None = [] if trace else None

    def run(self) -> Failure | None:
        """Plays the schedule to its end, or until a promise is broken."""
        for happening in self.script.happenings:
            self._plan(nanoseconds(happening.at), None, happening)
        end = nanoseconds(self.script.until)
        agenda = self.agenda
        try:
            while agenda and agenda[0][0] <= end:
                self.now, _, host, what = heapq.heappop(agenda)
                self.promises.check(self.now)
                if host is None:
                    self._happen(what)
                elif what is None:
                    self._tick(host)
                else:
                    assert isinstance(what, AdvertReceived)
                    self._deliver(host, what)
            self.now = end
            self.promises.check(self.now)
        except BrokenPromiseError as broken:
            return Failure(broken.rule, self.now, str(broken))
        return None

    def _plan(self, at: Instant, host: Host | None, what: object) -> None:
        heapq.heappush(self.agenda, (at, next(self.order), host, what))

    # What hosts do.

    def _feed(self, host: Host, event: Input) -> None:
        """One step of one router, and what its effects do."""
        before, now = host.state, self.now
        state, effects = self.step(before, event, now)
        self.steps += 1
        host.state = state
        if self.trace is not None:
            self._note(host, before, event, effects)
        for effect in effects:
            self._perform(host, effect)
        if isinstance(state, Master) != host.held:
            self._break("addresses", f"{host.name} is {_name(state)} and holds them: {host.held}")
        if isinstance(state, Initialize) == host.joined:
            self._break("membership", f"{host.name} is {_name(state)} and listens: {host.joined}")
        if type(before) is not type(state):
            self.seen[f"{_name(before)} to {_name(state)}"] += 1
            self.promises.recount(now)
            if isinstance(before, Initialize) and isinstance(state, Master) and rules.rank(host.settings) != (255,):
                self._break("patience", f"{host.name} starts as master")
            if isinstance(state, Backup):
                self._wait(host, rules.interval(host.settings))
        self._set_timer(host)

    def _set_timer(self, host: Host) -> None:
        due = deadline(host.state)
        if due is not None and (host.timer is None or due < host.timer):
            host.timer = due
            self._plan(due, host, None)

    def _perform(self, host: Host, effect: object) -> None:
        match effect:
            case Send(advert):
                if not isinstance(host.state, Master) and not rules.resigns(advert):
                    self._break("speech", f"{host.name} advertises and is {_name(host.state)}")
                host.spoke = self.now
                self._broadcast(host, advert)
            case AcquireAddresses():
                if host.held:
                    self._break("addresses", f"{host.name} acquires what it holds")
                host.held = True
            case ReleaseAddresses():
                if not host.held:
                    self._break("addresses", f"{host.name} releases what it does not hold")
                host.held = False
            case Announce():
                self.seen["announcement"] += 1
                if not host.held:
                    self._break("announcement", f"{host.name} announces what it does not hold")
            case JoinGroup():
                host.joined = True
            case LeaveGroup():
                host.joined = False

    def _tick(self, host: Host) -> None:
        host.timer = None
        if not host.alive or host.frozen:
            return
        if self._is_due(host):
            self._fire(host)
        # Or it was set anew since.
        self._set_timer(host)

    def _fire(self, host: Host) -> None:
        was_backup, until = isinstance(host.state, Backup), host.patient_until
        self._feed(host, TimerFired())
        if was_backup and isinstance(host.state, Master) and until is not None and self.now < until - ROUNDING:
            self._break("patience", f"{host.name} takes over {until - self.now} ns early")

    def _hear(self, host: Host, heard: AdvertReceived) -> None:
        """A router hears an advert; what it must make of it is known from the rules."""
        before, settings, advert = host.state, host.settings, heard.advert
        self._feed(host, heard)
        if isinstance(before, Master):
            yields = not rules.resigns(advert) and rules.beats(settings, advert, heard.source)
            if yields == isinstance(host.state, Master):
                self._break("election", f"{host.name} heard {advert} of {heard.source}: {_name(host.state)}")
            if yields:
                self._wait(host, rules.sender_interval(advert))
        elif isinstance(before, Backup):
            if rules.resigns(advert):
                host.patient_until = None
            elif rules.heeds(settings, advert):
                self._wait(host, rules.sender_interval(advert))

    def _wait(self, host: Host, master_interval: float) -> None:
        host.patient_until = self.now + nanoseconds(rules.silence(host.settings, master_interval))

    # What the network does.

    def _broadcast(self, sender: Host, advert: Advert) -> None:
        if not sender.linked:
            return
        random, weather, now, number = self.random.random, self.weather, self.now, sender.number
        packet = AdvertReceived(sender.settings.address, advert)
        delay = nanoseconds(weather.delay)
        for host in self.hosts:
            if host is sender or (self.cut and (number, host.number) in self.cut):
                continue
            if weather.loss and random() < weather.loss:
                self.promises.deafen(now)
                continue
            for _ in range(2 if weather.duplication and random() < weather.duplication else 1):
                lag = int(delay * random())
                self._plan(now + lag, host, packet)
                if lag > self.calm_delay:
                    self.promises.deafen(now + lag)

    def _deliver(self, host: Host, heard: AdvertReceived) -> None:
        if not host.alive or not host.linked:
            return
        if not host.frozen:
            self._hear(host, heard)
        elif len(host.queue) < MAX_QUEUE:
            host.queue.append(heard)

    # What happens to hosts and network.

    def _happen(self, happening: object) -> None:
        assert isinstance(happening, Happening)
        if self.trace is not None:
            self.trace.append(f"{self.now / NANOSECONDS:14.6f}  {happening!r}")
        self.promises.disturb(self.now)
        match happening:
            case Weather():
                self.weather = happening
            case Cut(_, pairs):
                self.cut = frozenset(pairs)
                self.promises.reconnect(self.cut, self.now)
            case Start() | Stop() | Crash() | Stall() | Resume() | Rank() | Link():
                if happening.router < len(self.hosts):
                    self._happen_to(self.hosts[happening.router], happening)

    def _happen_to(self, host: Host, happening: Happening) -> None:
        running = host.alive and not host.frozen
        match happening:
            case Start() if not host.alive:
                self._boot(host)
            case Start() if running:
                self._feed(host, Startup())
            case Stop() if running:
                self.promises.resigning(host, self.now)
                self._feed(host, Shutdown())
            case Crash() if host.alive:
                self._die(host)
            case Stall() if running:
                host.frozen = True
                self.seen["stall"] += 1
                self.promises.reconnect(self.cut, self.now)
            case Resume(timers_first=timers_first) if host.alive and host.frozen:
                self._resume(host, timers_first=timers_first)
            case Rank(value=value) if running:
                self._rank(host, value)
            case Link(up=up) if running and up != host.linked:
                host.linked = up
                self._feed(host, InterfaceUp() if up else InterfaceDown())
            case _:
                pass

    def _boot(self, host: Host) -> None:
        host.settings = self.script.routers[host.number]
        host.state, host.alive, host.linked, host.frozen = Initialize(host.settings), True, True, False
        self._feed(host, Startup())

    def _die(self, host: Host) -> None:
        was_master = isinstance(host.state, Master)
        host.state, host.alive, host.frozen = Initialize(host.settings), False, False
        host.held = host.joined = False
        host.queue.clear()
        self.seen["crash of a master" if was_master else "crash"] += 1
        self.promises.reconnect(self.cut, self.now)

    def _resume(self, host: Host, *, timers_first: bool) -> None:
        host.frozen = False
        queue, host.queue = host.queue, []
        if (timers_first or not queue) and self._is_due(host):
            self._wake(host, TimerFired())
        for heard in queue:
            self._wake(host, heard)
        if self._is_due(host):
            self._wake(host, TimerFired())
        self._set_timer(host)
        self.promises.reconnect(self.cut, self.now)

    def _is_due(self, host: Host) -> bool:
        due = deadline(host.state)
        return due is not None and due <= self.now

    def _wake(self, host: Host, event: AdvertReceived | TimerFired) -> None:
        """A step of a host that was stalled until now: what it knew may be long out of date."""
        state, settings = host.state, host.settings
        due = deadline(state)
        interval = state.master_interval if isinstance(state, Backup) else rules.interval(settings)
        if due is None or self.now - due <= nanoseconds(rules.stall(settings, interval)):
            if isinstance(event, AdvertReceived):
                self._hear(host, event)
            else:
                self._fire(host)
            return
        self._feed(host, event)
        self.seen[f"{_name(state)} stalled for long"] += 1
        if isinstance(host.state, Master) and not isinstance(state, Initialize):
            self._break("stall", f"{host.name} was stalled for long, as {_name(state)}, and is master")

    def _rank(self, host: Host, value: int) -> None:
        if isinstance(host.settings, CarpSettings):
            host.settings = host.settings._replace(demotion=value)
            self._feed(host, DemotionChanged(value))
        elif host.settings.priority != 255:
            host.settings = host.settings._replace(priority=value)
            self._feed(host, PriorityChanged(value))

    def _break(self, rule: str, text: str) -> None:
        raise BrokenPromiseError(rule, text)

    def _note(self, host: Host, before: State, event: Input, effects: tuple[object, ...]) -> None:
        assert self.trace is not None
        change = _name(before) if type(before) is type(host.state) else f"{_name(before)} → {_name(host.state)}"
        done = ", ".join(repr(effect) for effect in effects)
        self.trace.append(f"{self.now / NANOSECONDS:14.6f}  {host.name}: {event!r}: {change}  {done}")


def _name(state: State) -> str:
    return type(state).__name__
