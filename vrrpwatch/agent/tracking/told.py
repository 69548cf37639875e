"""Trackers that nobody polls: of links, addresses and routes, as the kernel tells, and of the agent's other routers."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Literal, Protocol, assert_never

from vrrpwatch.agent.config.fields import Network
from vrrpwatch.agent.config.trackers import AddressTracker, LinkTracker, RouterTracker, RouteTracker, Told
from vrrpwatch.agent.ports import Change, RouterState
from vrrpwatch.agent.tracking.checks.base import Result
from vrrpwatch.agent.tracking.streak import Streak
from vrrpwatch.core.model import Seconds
from vrrpwatch.wire.values import IPAddress

# While what is so differs from the verdict, it counts as another result each time that so much has passed.
AGAIN: Final[Seconds] = 1.0

Kind = Literal["link", "address", "route"]


class Link(Protocol):
    """An interface."""

    @property
    def running(self) -> bool:
        """Whether it can carry frames: up, and with a carrier."""
        ...


class Host(Protocol):
    """What is configured on this host as of now; each question is answered from memory."""

    def link(self, name: str) -> Link | None:
        """The interface of that name."""
        ...

    def has(self, address: IPAddress, interface: str | None) -> bool:
        """Whether the address is configured: on that interface, or on any."""
        ...

    def has_route(self, to: Network, table: int, via: IPAddress | None, interface: str | None) -> bool:
        """Whether the table has a route to exactly that network, by that gateway and interface where given."""
        ...


@dataclass(slots=True)
class _Known:
    tracker: Told
    last: bool | None = None
    streak: Streak = field(default_factory=Streak)
    again: asyncio.TimerHandle | None = None


class TellTale:
    """Reports the first verdict of each and every other one, never from within :meth:`heard` or :meth:`changed`.

    A router that nothing has been heard of is stopped.
    """

    def __init__(self, report: Callable[[int, Result], None], host: Host) -> None:
        self._report = report
        self._host = host
        self._states: dict[str, RouterState] = {}
        self._known: dict[int, _Known] = {}
        self._changed: set[str] = set()

    def set(self, wanted: Mapping[int, Told]) -> None:
        """What is asked for from now on; a tracker that is changed has another number."""
        for number in self._known.keys() - wanted.keys():
            self._forget(self._known.pop(number))
        for number, tracker in wanted.items():
            if number not in self._known:
                self._known[number] = _Known(tracker)
                self._judge(number)

    def close(self) -> None:
        self.set({})

    def heard(self, kind: Kind) -> None:
        """Links, addresses or routes are others than before."""
        # Where an interface is another, so may be what is on it.
        self._later(*(("interface", "address", "route") if kind == "link" else (kind,)))

    def changed(self, change: Change) -> None:
        """A router is in another state."""
        if change.kind == "INSTANCE":
            self._states[change.name] = change.state
            self._later("router")

    def _later(self, *kinds: str) -> None:
        # Many changes at once are looked at once, and nobody is called back in the midst of what he does.
        if not self._changed:
            asyncio.get_running_loop().call_soon(self._look)
        self._changed.update(kinds)

    def _look(self) -> None:
        kinds, self._changed = self._changed, set()
        for number, known in list(self._known.items()):
            if known.tracker.type in kinds and number in self._known:
                self._judge(number)

    def _judge(self, number: int, *, again: bool = False) -> None:
        known = self._known[number]
        tracker = known.tracker
        result = self._result(tracker)
        if result.good is known.last and not again:
            return
        known.last = result.good
        self._forget(known)
        before = known.streak.good
        known.streak = known.streak.after(result.good, tracker.rise, tracker.fall)
        if known.streak.good is not before:
            self._report(number, result)
        elif result.good is not before:
            known.again = asyncio.get_running_loop().call_later(AGAIN, partial(self._judge, number, again=True))

    def _forget(self, known: _Known) -> None:
        if known.again is not None:
            known.again.cancel()
            known.again = None

    def _result(self, tracker: Told) -> Result:
        match tracker:
            case LinkTracker(interface=interface):
                link = self._host.link(interface)
                good = link is not None and link.running
                state = "up" if good else "not there" if link is None else "down"
                return Result(good, f"{interface} is {state}")
            case AddressTracker(address=address, interface=interface):
                good = self._host.has(address, interface)
                where = f" on {interface}" if interface else ""
                return Result(good, f"{address} is {'' if good else 'not '}configured{where}")
            case RouteTracker(to=to, via=via, interface=interface, table=table):
                good = self._host.has_route(to, table, via, interface)
                way = f"{f' via {via}' if via else ''}{f' dev {interface}' if interface else ''}"
                return Result(good, f"there is {'a' if good else 'no'} route to {to}{way}")
            case RouterTracker(router=router, state=wanted):
                state = self._states.get(router, "stop")
                good = state in ("master", "backup") if wanted == "running" else state == wanted
                return Result(good, f"router {router} is in state {state}")
            case _:
                assert_never(tracker)
