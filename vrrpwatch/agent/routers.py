"""The routers at work: their logic, their sockets, their addresses and the kernel's news, on one event loop."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import NamedTuple

from vrrpwatch.agent.announcer import Announcer
from vrrpwatch.agent.auditing.stations import Station
from vrrpwatch.agent.config.agent import AgentSettings
from vrrpwatch.agent.config.fields import Network
from vrrpwatch.agent.config.trackers import RouteTracker
from vrrpwatch.agent.handing.over import Handover, Place, Run
from vrrpwatch.agent.handing.rules import Served
from vrrpwatch.agent.holding.facts import Link
from vrrpwatch.agent.holding.holder import Holder
from vrrpwatch.agent.holding.monitor import AddressChange, LinkChange, Monitor, RouteChange, RuleGone
from vrrpwatch.agent.node import Node
from vrrpwatch.agent.ports import Attachment, Change, Discarded, Heard, Verdict
from vrrpwatch.agent.recurring import Recurring
from vrrpwatch.agent.speaking.sockets import Sockets
from vrrpwatch.agent.timer import Timer, now
from vrrpwatch.agent.tracking.told import Kind
from vrrpwatch.core.model import Instant
from vrrpwatch.wire.values import IPAddress

Told = Callable[[str], None]

# The shortest interval there is (RFC 9568 §5.2.7): what is late by less stands still for nobody.
_SHORTEST = 10_000_000
# Seconds until what could not be put on the host is tried again.
_MEND = 1.0


class _Watched(NamedTuple):
    """What the kernel's news are asked for, beside links and addresses."""

    routes: frozenset[tuple[Network, int]]
    rules: bool


class Routers:
    """Connects a :class:`Node` with the host.  ``changed`` is told of every change of state.

    ``network_changed`` is told what kind of thing has changed on the host; ``attached`` is called where a router has
    got an interface, or another one.  Raises :class:`OSError` where raw sockets or the kernel's news are not to be had.
    """

    def __init__(
        self,
        settings: AgentSettings,
        holder: Holder,
        run: Run,
        changed: Callable[[Change], None],
        network_changed: Callable[[Kind], None],
        attached: Callable[[], None],
        told: Told,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._holder, self._told, self._network_changed = holder, told, network_changed
        self._attached = attached
        self._robbed = Recurring(told)
        self._now = now()
        self._watched = _watched(settings)
        self.monitor = _monitor(self._watched)
        self._mending: asyncio.TimerHandle | None = None
        self._timer = Timer()
        self.sockets = Sockets(told, self._refused, opened=self._opened, closing=self._closing)
        self._handover = Handover(holder, run, settings.agent.handover_time, told)
        self._announcer = Announcer(self.sockets, self._in_place, self.announce, now)
        self.node = Node(settings, self._announcer, holder, self._handover, changed, self._now)
        self._to_look_at: deque[str] = deque()
        self._loop.add_reader(self._timer, self._wake)
        self._loop.add_reader(self.monitor, self._hear_kernel)
        self._loop.add_reader(holder.janitor, self._revive)

    # What others ask for.

    def stations(self) -> tuple[Station, ...]:
        """The routers that have an interface."""
        return tuple(
            Station(member.config, member.attachment)
            for member in self.node.members.values()
            if member.attachment is not None
        )

    def attach(self, names: Iterable[str]) -> None:
        """Makes everything ready for the routers, as far as their interfaces are."""
        for name in names:
            self._look_at(name)
        self._settle()

    def start(self, names: Iterable[str] | None = None) -> None:
        """They, or those named, may run."""
        self.node.start(self._moment(), names)
        self._settle()

    def judge(self, verdict: Verdict) -> None:
        self.node.judge(verdict, self._moment())
        self._settle()

    def drain(self, names: Iterable[str]) -> None:
        self.node.drain(names, self._moment())
        self._settle()

    def undrain(self, names: Iterable[str]) -> None:
        self.node.undrain(names, self._moment())
        self._settle()

    def hold_back(self, names: Iterable[str], why: str | None) -> None:
        """They must not run for that reason, or may again (``None``); those that are not known are passed over."""
        self.node.hold_back([name for name in names if name in self.node.members], why, self._moment())
        self._settle()

    def announce(self, name: str) -> None:
        self.node.announce(name)

    def lingers(self, name: str) -> bool:
        """Whether the router, which was relieved, still serves the connections that it had."""
        return self._handover.lingers(name)

    def replace(self, settings: AgentSettings) -> frozenset[str]:
        """Takes new settings on; returns the routers that are new or begin anew: attached by now, but not started."""
        replaced = self.node.replace(settings, self._moment())
        for name in replaced.gone:
            self._handover.place(name, None)
            self.sockets.forget(name)
            self._holder.detach(name)
        watched = _watched(settings)
        if watched != self._watched:
            # What there is on the host is listed anew, which nobody needs where nothing else is watched.
            monitor = _monitor(watched)
            self._loop.remove_reader(self.monitor)
            self.monitor.close()
            self.monitor, self._watched = monitor, watched
            self._loop.add_reader(self.monitor, self._hear_kernel)
        self.attach(replaced.fresh)
        return replaced.fresh

    def stop(self) -> None:
        """Masters resign, and all let go."""
        self.node.stop(self._moment())
        self._settle()

    async def close(self) -> None:
        """After :meth:`stop`: leaves nothing behind."""
        if self._mending is not None:
            self._mending.cancel()
        for reader in (self._timer, self.monitor, self._holder.janitor):
            self._loop.remove_reader(reader)
        await self._handover.close()
        self.sockets.close()
        self.monitor.close()
        self._timer.close()

    # The host as trackers see it.

    def link(self, name: str) -> Link | None:
        """The interface of that name."""
        return self.monitor.link(name)

    def has(self, address: IPAddress, interface: str | None) -> bool:
        """Whether the address is configured: on that interface, or on any."""
        return self.monitor.has(address, interface)

    def has_route(self, to: Network, table: int, via: IPAddress | None, interface: str | None) -> bool:
        """Whether the table has that route; it must be one that the settings' trackers are about."""
        return self.monitor.has_route(to, table, via, interface)

    def _in_place(self, name: str) -> bool:
        """Whether the kernel has told of all IPv6 addresses of a router; those of IPv4 are there at once."""
        member = self.node.members.get(name)
        if member is None or member.attachment is None or member.config.family == 4:
            return True
        for one in member.config.addresses:
            link = None if one.interface is None else self.monitor.link(one.interface)
            index = member.attachment.device_index if link is None else link.index
            if one.address.version == 6 and (index, one.address.ip, one.address.network.prefixlen) not in (
                self.monitor.addresses
            ):
                return False
        return True

    # What the event loop tells.

    def _moment(self, at: Instant | None = None) -> Instant:
        """The present, which never goes back: not even where an advert's time of receipt is earlier than the last."""
        self._now = max(self._now, now() if at is None else at)
        return self._now

    def _settle(self) -> None:
        self._timer.set(self.node.deadline)
        if self._holder.lacks and self._mending is None:
            self._mending = self._loop.call_later(_MEND, self._mend)

    def _opened(self, fileno: int) -> None:
        self._loop.add_reader(fileno, self._readable, fileno)

    def _closing(self, fileno: int) -> None:
        self._loop.remove_reader(fileno)

    def _readable(self, fileno: int) -> None:
        self._rouse()
        self._hear(self.sockets.receive(fileno))
        self._settle()

    def _rouse(self) -> None:
        deadline = self.node.deadline
        if deadline is not None and now() - deadline > _SHORTEST:
            self.node.rouse(self._moment())

    def _hear(self, heard: list[Heard]) -> None:
        for one in heard:
            self.node.hear(one, self._moment(one.at))

    def _wake(self) -> None:
        self._timer.clear()
        self._rouse()
        began = now()
        # What a late loop finds here at the same time came before the timer: a master that spoke in time has done so.
        for fileno in self.sockets.filenos():
            self._hear(self.sockets.receive(fileno))
            # As a rule that was all.  Who is about to take over must know it, however much there is; masters need not.
            while self.sockets.behind(fileno, began) and self.node.takes_over(began):
                self._hear(self.sockets.receive(fileno))
        self.node.wake(self._moment())
        self._settle()

    def _refused(self, one: Discarded) -> None:
        self._told(f"{one.router}: an advertisement of {one.source} is discarded: {one.reason}; more are counted")

    def _revive(self) -> None:
        self._loop.remove_reader(self._holder.janitor)
        self._holder.revive_janitor()
        self._loop.add_reader(self._holder.janitor, self._revive)

    def _hear_kernel(self) -> None:
        kinds: dict[Kind, None] = {}
        for change in self.monitor.changes():
            match change:
                case LinkChange(what, link, was):
                    kinds["link"] = None
                    self._hear_link(what, {link.name, was or link.name})
                case AddressChange():
                    kinds["address"] = None
                    self._hear_address(change)
                case RouteChange(what):
                    kinds["route"] = None
                    if what == "deleted":
                        self._put_back(change, "a route")
                case RuleGone():
                    self._put_back(change, "a rule")
        if "address" in kinds:
            self._announcer.heard()
        for kind in kinds:
            self._network_changed(kind)
        self._settle()

    def _hear_link(self, what: str, names: set[str]) -> None:
        for name, member in self.node.members.items():
            config = member.config
            named = {config.interface, *(one.interface for one in config.addresses)}
            named.update(one.interface for one in config.routes)
            if member.attachment is not None:
                named.add(member.attachment.device)
            if named.isdisjoint(names):
                continue
            if what in ("down", "gone") and config.interface in names:
                # At once for all; what is left to clear up can wait for its turn.
                self.node.attach(name, f"{config.interface} is {what}", self._moment())
            self._soon(name)

    def _hear_address(self, change: AddressChange) -> None:
        address, link = change.address, self.monitor.links.get(change.address.index)
        robbed = self._holder.lost(change)
        if robbed is not None and (address.index, address.ip, address.prefix) not in self.monitor.addresses:
            self._robbed.tell(f"{robbed}: {address.ip} was removed by somebody else: it is put back", self._moment())
            self._holder.acquire(robbed)
            self.node.announce(robbed)
        for name, member in self.node.members.items():
            there = member.attachment
            if there is None:
                if link is not None and link.name == member.config.interface:
                    self._soon(name)
            elif address.ip == there.source:
                self._soon(name)

    def _put_back(self, change: RouteChange | RuleGone, what: str) -> None:
        robbed = self._holder.lost(change)
        if robbed is not None:
            self._robbed.tell(f"{robbed}: {what} was removed by somebody else: it is put back", self._moment())
            self._holder.acquire(robbed)

    def _mend(self) -> None:
        self._mending = None
        self._holder.mend()
        self._settle()

    # Attaching, one router at a time: it takes a while, and adverts of others must not wait for it.

    def _soon(self, name: str) -> None:
        if name not in self._to_look_at:
            self._to_look_at.append(name)
            if len(self._to_look_at) == 1:
                self._loop.call_soon(self._look)

    def _look(self) -> None:
        name = self._to_look_at.popleft()
        if name in self.node.members:
            self._look_at(name)
            self._settle()
        if self._to_look_at:
            self._loop.call_soon(self._look)

    def _look_at(self, name: str) -> None:
        member = self.node.members[name]
        found = self._holder.attach(member.config, self.monitor.addresses.values())
        if isinstance(found, Attachment) and found != member.attachment:
            try:
                self.sockets.attach(member.config, found)
            except OSError as error:
                found = f"no sockets on {found.interface}: {error.strerror}"
        if isinstance(found, str):
            self.node.attach(name, found, self._moment())
            self.sockets.detach(name)
            self._handover.place(name, None)
            return
        config, before = member.config, member.attachment
        addresses = tuple(Served(one.address.ip, one.interface or found.device) for one in config.addresses)
        self._handover.place(name, Place(config.family, config.id, found, addresses))
        self.node.attach(name, found, self._moment())
        if found != before:
            self._attached()


def _watched(settings: AgentSettings) -> _Watched:
    routes = [(one.to, one.table) for one in settings.tracker if isinstance(one, RouteTracker)]
    routes += [(one.to, one.table) for router in settings.router for one in router.routes]
    return _Watched(frozenset(routes), any(router.rules for router in settings.router))


def _monitor(watched: _Watched) -> Monitor:
    return Monitor(watched.routes, rules=watched.rules)
