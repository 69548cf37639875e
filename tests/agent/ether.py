"""Hosts on one virtual clock and virtual networks: what nodes say to one another, and who holds what meanwhile."""

import heapq
from dataclasses import dataclass, field
from ipaddress import ip_address
from itertools import count
from pathlib import Path
from typing import Any

from vrrpwatch.agent.config.agent import AgentSettings
from vrrpwatch.agent.node import Node
from vrrpwatch.agent.ports import Attachment, Change, Heard, Verdict
from vrrpwatch.core.machine.settings import Advert
from vrrpwatch.core.model import NANOSECONDS, Instant, nanoseconds
from vrrpwatch.wire.values import IPAddress

DELAY = nanoseconds(0.0002)


def router(name: str, priority: int = 100, **given: Any) -> dict[str, Any]:
    """Number 51 on eth0 with 192.0.2.100, or another with 198.51.100.ID, unless it is said otherwise."""
    number = given.get("id", 51)
    address = "192.0.2.100/24" if number == 51 else f"198.51.100.{number}/24"
    return {"name": name, "interface": "eth0", "id": 51, "priority": priority, "addresses": [address]} | given


def settings(*routers: dict[str, Any], **given: Any) -> AgentSettings:
    """A settings file; every secret file in it holds the same."""
    return AgentSettings.model_validate({"version": 1, "router": list(routers), **given}, context={"read": _secret})


def _secret(_path: Path) -> bytes:
    return b"secret"


@dataclass(slots=True)
class Handing:
    """Writes down what a node hands over."""

    done: list[tuple[str, str]] = field(default_factory=list)

    def guide(self, router: str, master: IPAddress) -> None:
        self.done.append(("guide", f"{router} {master}"))

    def relieved(self, router: str) -> None:
        self.done.append(("relieved", router))

    def forget(self, router: str) -> None:
        self.done.append(("forget", router))

    def linger(self, router: str) -> None:
        self.done.append(("linger", router))

    def release(self, router: str) -> None:
        self.done.append(("release", router))

    def resume(self, router: str) -> None:
        self.done.append(("resume", router))


@dataclass(slots=True)
class Station:
    """One host: also the wire and the holdings that its node is given."""

    ether: "Ether"
    number: int
    config: AgentSettings
    node: Node = field(init=False)
    changes: list[Change] = field(default_factory=list)
    held: set[str] = field(default_factory=set)
    joined: set[str] = field(default_factory=set)
    said: list[tuple[float, str, Advert]] = field(default_factory=list)
    announced: list[tuple[float, str]] = field(default_factory=list)
    handing: Handing = field(default_factory=Handing)
    dead: bool = False
    refused: str | None = None

    def __post_init__(self) -> None:
        self.node = Node(self.config, self, self, self.handing, self.changes.append, self.ether.now)

    @property
    def source(self) -> str:
        return f"192.0.2.{self.number}"

    def up(self, *routers: str, on: str | None = None) -> None:
        for name in routers or tuple(self.node.members):
            interface = on or self.node.members[name].config.interface
            self.node.attach(
                name,
                Attachment(interface, 2, interface, 2, f"02:00:00:00:00:{self.number:02x}", ip_address(self.source)),
                self.ether.now,
            )

    def start(self) -> "Station":
        self.up()
        self.node.start(self.ether.now)
        return self

    def states(self) -> dict[str, str]:
        return {name: member.role for name, member in self.node.members.items()}

    def judged(self, tracker: str, good: bool, number: int | None = None) -> None:
        self.node.judge(Verdict(tracker, good, "said by a test", number), self.ether.now)

    # The wire.

    def join(self, router: str) -> None:
        self.joined.add(router)

    def leave(self, router: str) -> None:
        self.joined.discard(router)

    def send(self, router: str, advert: Advert) -> str | None:
        if self.refused is not None:
            return self.refused
        self.said.append((self.ether.now / 1e9, router, advert))
        self.ether.carry(self, router, advert)
        return None

    def announce(self, router: str) -> None:
        assert router in self.held, "announced before it is held"
        self.announced.append((self.ether.now / 1e9, router))

    # The holdings.

    def acquire(self, router: str) -> None:
        self.held.add(router)

    def release(self, router: str) -> None:
        self.held.discard(router)


@dataclass(slots=True)
class Ether:
    """Carries adverts between stations after 0.2 ms; ``cut`` holds the interfaces that carry nothing."""

    now: Instant = 1000 * NANOSECONDS
    stations: list[Station] = field(default_factory=list)
    cut: set[str] = field(default_factory=set)
    under_way: list[tuple[Instant, int, Station, Heard]] = field(default_factory=list)
    order: "count[int]" = field(default_factory=count)

    def station(self, config: AgentSettings) -> Station:
        made = Station(self, len(self.stations) + 1, config)
        self.stations.append(made)
        return made

    def carry(self, sender: Station, router: str, advert: Advert) -> None:
        config = sender.node.members[router].config
        if config.interface in self.cut:
            return
        for other in self.stations:
            for name, member in other.node.members.items() if other is not sender else ():
                if (member.config.interface, member.config.id) == (config.interface, config.id):
                    at = self.now + DELAY
                    heard = Heard(name, ip_address(sender.source), advert, at)
                    heapq.heappush(self.under_way, (at, next(self.order), other, heard))

    def run(self, seconds: float) -> None:
        """Lets that much time pass."""
        end = self.now + nanoseconds(seconds)
        while True:
            due = [at for one in self.stations if not one.dead and (at := one.node.deadline) is not None]
            due += [at for at, *_ in self.under_way[:1]]
            at = min(due, default=end + 1)
            if at > end:
                self.now = end
                return
            self.now = max(self.now, at)
            while self.under_way and self.under_way[0][0] <= self.now:
                _, _, other, heard = heapq.heappop(self.under_way)
                if not other.dead and heard.router in other.joined:
                    other.node.hear(heard, self.now)
            for one in self.stations:
                if not one.dead:
                    one.node.wake(self.now)
