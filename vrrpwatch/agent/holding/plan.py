"""What one router puts on this host as master, encoded in both directions; pure, once the links' numbers are known."""

import errno
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from vrrpwatch.agent.config.fields import Interface
from vrrpwatch.agent.config.routers import Router, VirtualRoute, VirtualRule
from vrrpwatch.agent.holding import requests
from vrrpwatch.agent.holding.netlink import ALL, Refusal, numbered

# What the kernel says when that which is to be deleted is not there, or its link is not.
ABSENT: Final = frozenset({errno.EADDRNOTAVAIL, errno.ESRCH, errno.ENOENT, errno.ENODEV})


class Plan(NamedTuple):
    """Requests for one send each; ``put_names`` and ``taken_names`` say of each in turn what it is about."""

    put: bytes
    put_names: tuple[str, ...]
    take: bytes
    taken_names: tuple[str, ...]


def about(names: Sequence[str], refused: Refusal) -> str:
    """What a refusal is about, among the names that go with what was sent."""
    return "its addresses" if refused.request == ALL else names[refused.request]


class Place(NamedTuple):
    """Where a router's addresses go: ``device`` is its own, ``indices`` the numbers of all links that it names.

    ``subnets`` are networks that the interface below a macvlan is in already: a second route to one would be
    ambiguous.  ``kept`` are addresses that an owner had before, and keeps.
    """

    device: str
    indices: Mapping[str, int]
    subnets: frozenset[object] = frozenset()
    kept: frozenset[Interface] = frozenset()


def plan(router: Router, place: Place) -> Plan:
    """Addresses first, since routes may name them as their source, then routes and rules; taken away in reverse."""
    put: list[tuple[str, bytes]] = []
    take: list[tuple[str, bytes]] = []
    for address in router.addresses:
        device = address.interface or place.device
        index = place.indices[device]
        name = f"{address.address} on {device}"
        # Link-local addresses are reached over their own link only.
        own_route = address.address.is_link_local or address.address.network not in place.subnets
        put.append((name, requests.add_address(address, index, own_route=own_route)))
        if address.address not in place.kept:
            take.append((name, requests.remove_address(address.address, index)))
    for route in router.routes:
        link = None if route.interface is None else place.indices[route.interface]
        name = route_name(route)
        put.append((name, requests.add_route(route, link)))
        take.append((name, requests.remove_route(route, link)))
    for rule in router.rules:
        name = rule_name(rule)
        put.append((name, requests.add_rule(rule)))
        take.append((name, requests.remove_rule(rule)))
    take.reverse()
    return Plan(
        numbered(request for _, request in put),
        tuple(name for name, _ in put),
        numbered(request for _, request in take),
        tuple(name for name, _ in take),
    )


def route_name(route: VirtualRoute) -> str:
    """A route as messages name it."""
    return f"the route to {route.to} in table {route.table}"


def rule_name(rule: VirtualRule) -> str:
    """A rule as messages name it."""
    return f"the rule {rule.priority} for table {rule.table}"
