"""Takes off this host what an agent left that ended without doing so, by the state file: only what is exactly that."""

import os
import re
from collections.abc import Callable, Iterable

from vrrpwatch.agent.holding import requests
from vrrpwatch.agent.holding.facts import Address, Link, addresses, links
from vrrpwatch.agent.holding.ledger import HeldAddress, HeldMacvlan, Ledger
from vrrpwatch.agent.holding.netlink import Channel, numbered
from vrrpwatch.agent.holding.plan import ABSENT, route_name, rule_name
from vrrpwatch.agent.holding.sysctls import put_back

# From this release of Linux on an address says who put it there (IFA_PROTO).
_MARKED = (5, 18)


def clear(channel: Channel, ledger: Ledger, told: Callable[[str], None]) -> None:
    """Removes it, and tells of each part; raises :class:`~vrrpwatch.agent.holding.netlink.NetlinkError`."""
    present = links(channel)
    by_name = {link.name: link for link in present}
    configured = addresses(channel)
    marked = _release() >= _MARKED
    parts: list[tuple[str, bytes]] = []
    for entry in ledger.routers.values():
        for route in entry.routes:
            device = None if route.interface is None else by_name.get(route.interface)
            if route.interface is None or device is not None:
                parts.append((route_name(route), requests.remove_route(route, device.index if device else None)))
        parts.extend((rule_name(rule), requests.remove_rule(rule)) for rule in entry.rules)
        for held in entry.addresses:
            link = by_name.get(held.device)
            if link is not None and any(_is(one, held, link, marked=marked) for one in configured):
                parts.append((f"{held.address} on {held.device}", requests.remove_address(held.address, link.index)))
        parts.extend(_macvlan(entry.macvlan, present))
    refused = {one.request: one for one in channel.do(numbered(request for _, request in parts))}
    for number, (name, _) in enumerate(parts):
        if number not in refused:
            told(f"{name} was left by an agent that died: removed")
        elif refused[number].error not in ABSENT:
            told(f"{name} was left by an agent that died and cannot be removed: {refused[number].reason}")
    for one in put_back(ledger.sysctls):
        told(f"{one.path} was left at {one.now} by an agent that died: set to {one.was} again")


def _is(one: Address, held: HeldAddress, link: Link, *, marked: bool) -> bool:
    same = (one.index, one.ip, one.prefix) == (link.index, held.address.ip, held.address.network.prefixlen)
    return same and (one.ours or not marked)


def _macvlan(held: HeldMacvlan | None, present: Iterable[Link]) -> list[tuple[str, bytes]]:
    if held is None:
        return []
    parents = {link.index for link in present if link.name == held.parent}
    return [
        (f"the macvlan {held.name}", requests.remove_link(link.index))
        for link in present
        if (link.name, link.kind, link.mac) == (held.name, "macvlan", held.mac) and link.below in parents
    ]


def _release() -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", os.uname().release)[:2])
