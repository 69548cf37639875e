"""Trackers of what is told: the host's links, addresses and routes, and other routers, on a clock that jumps."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Any, NamedTuple

from pydantic import Field, TypeAdapter

from tests.agent.tracking.virtual import play
from vrrpwatch.agent.config.trackers import Told
from vrrpwatch.agent.ports import Change, RouterState
from vrrpwatch.agent.tracking.told import TellTale
from vrrpwatch.wire.values import IPAddress


class Link(NamedTuple):
    """An interface, as far as trackers ask."""

    running: bool


@dataclass
class Host:
    """What is configured on a host, as tests change it."""

    links: dict[str, Link] = field(default_factory=dict)
    addresses: set[tuple[str, str]] = field(default_factory=set)
    routes: set[tuple[str, int, str, str]] = field(default_factory=set)

    def link(self, name: str) -> Link | None:
        return self.links.get(name)

    def has(self, address: IPAddress, interface: str | None) -> bool:
        return any(str(address) == one and interface in (None, where) for one, where in self.addresses)

    def has_route(
        self, to: IPv4Network | IPv6Network, table: int, via: IPAddress | None, interface: str | None
    ) -> bool:
        return any(
            (str(to), table) == (network, number)
            and via in (None, *([via] if str(via) == gateway else []))
            and interface in (None, device)
            for network, number, gateway, device in self.routes
        )


def tracker(**settings: Any) -> Told:
    made: Told = TypeAdapter(Annotated[Told, Field(discriminator="type")]).validate_python({"name": "t", **settings})
    return made


def dialogue(one: Told, *steps: tuple[float, Callable[[TellTale, Host], None]], until: float) -> list[Any]:
    """What is told of a tracker, and when, on a host of nothing to which these things happen."""
    told: list[Any] = []

    async def scene() -> None:
        loop = asyncio.get_running_loop()
        host = Host()
        tale = TellTale(lambda _, result: told.append((loop.time(), result.good, result.detail)), host)
        tale.set({1: one})
        for at, step in steps:
            await asyncio.sleep(at - loop.time())
            before = len(told)
            step(tale, host)
            assert len(told) == before
        await asyncio.sleep(until - loop.time())
        tale.close()

    play(scene())
    return told


def link(running: bool) -> Callable[[TellTale, Host], None]:
    def step(tale: TellTale, host: Host) -> None:
        host.links["eth0"] = Link(running)
        tale.heard("link")

    return step


def state(name: str, now: RouterState) -> Callable[[TellTale, Host], None]:
    return lambda tale, _: tale.changed(Change("INSTANCE", name, "stop", now, 100, 0, "a test says so"))


def test_a_link_is_good_while_it_is_there_and_running() -> None:
    assert dialogue(
        tracker(type="interface", interface="eth0"),
        (1, link(True)),
        (2, link(True)),
        (3, link(False)),
        until=5,
    ) == [(0, False, "eth0 is not there"), (1, True, "eth0 is up"), (3, False, "eth0 is down")]


def test_an_address_is_good_on_its_interface_or_on_any() -> None:
    def add(tale: TellTale, host: Host) -> None:
        host.addresses.add(("192.0.2.1", "eth1"))
        tale.heard("address")

    anywhere = tracker(type="address", address="192.0.2.1")
    here = tracker(type="address", address="192.0.2.1", interface="eth0")
    assert dialogue(anywhere, (1, add), until=2) == [
        (0, False, "192.0.2.1 is not configured"),
        (1, True, "192.0.2.1 is configured"),
    ]
    assert dialogue(here, (1, add), until=2) == [(0, False, "192.0.2.1 is not configured on eth0")]


def test_a_route_is_good_by_its_gateway_and_interface() -> None:
    def add(gateway: str) -> Callable[[TellTale, Host], None]:
        def step(tale: TellTale, host: Host) -> None:
            host.routes.add(("0.0.0.0/0", 254, gateway, "eth0"))
            tale.heard("route")

        return step

    one = tracker(type="route", to="0.0.0.0/0", via="192.0.2.254", interface="eth0")
    assert dialogue(one, (1, add("192.0.2.253")), (2, add("192.0.2.254")), until=3) == [
        (0, False, "there is no route to 0.0.0.0/0 via 192.0.2.254 dev eth0"),
        (2, True, "there is a route to 0.0.0.0/0 via 192.0.2.254 dev eth0"),
    ]


def test_a_router_is_stopped_until_it_is_heard_of() -> None:
    master = tracker(type="router", router="web")
    steps = ((1, state("web", "backup")), (2, state("web", "master")), (3, state("db", "fault")))
    assert dialogue(master, *steps, (4, state("web", "fault")), until=5) == [
        (0, False, "router web is in state stop"),
        (2, True, "router web is in state master"),
        (4, False, "router web is in state fault"),
    ]
    running = tracker(type="router", router="web", state="running")
    assert [at for at, _, _ in dialogue(running, *steps, (4, state("web", "fault")), until=5)] == [0, 1, 4]


def test_a_sync_groups_state_is_no_routers() -> None:
    def group(tale: TellTale, _: Host) -> None:
        tale.changed(Change("GROUP", "web", "stop", "master", 0, 0, "a test says so"))

    assert len(dialogue(tracker(type="router", router="web"), (1, group), until=2)) == 1


def test_what_lasts_counts_once_a_second_and_what_others_do_counts_nothing() -> None:
    one = tracker(type="interface", interface="eth0", rise=3, fall=2)
    others = [(1.0 + index / 10, link(True)) for index in range(5)]
    # Up at 1, 2 and 3 s.
    assert dialogue(one, *others, until=4)[1:] == [(3, True, "eth0 is up")]
    # Down for less than a second: nothing.  Down at 7 and 8 s.
    steps = ((1, link(True)), (5, link(False)), (5.5, link(True)), (7, link(False)))
    assert dialogue(one, *steps, until=10)[1:] == [(3, True, "eth0 is up"), (8, False, "eth0 is down")]


def test_a_tracker_that_is_gone_says_nothing_any_more() -> None:
    def forget(tale: TellTale, _: Host) -> None:
        tale.set({})

    one = tracker(type="interface", interface="eth0", rise=2)
    assert len(dialogue(one, (1, link(True)), (1.5, forget), (1.7, link(True)), until=4)) == 1
