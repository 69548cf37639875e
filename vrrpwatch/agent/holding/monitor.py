"""What changes on this host: links, addresses, and the routes and rules that somebody cares about, as the kernel tells.

One socket, read a bounded number of messages at a time.  Where messages are lost everything is listed anew on the same
socket, in the same portions, and what differs is told as changes: nothing waits for it.
"""

import errno
import select
import struct
import time
from collections import deque
from collections.abc import Iterable
from typing import Final, Literal, NamedTuple

from vrrpwatch.agent.config.fields import Network
from vrrpwatch.agent.holding.facts import (
    AF_INET,
    AF_INET6,
    RTM_DELADDR,
    RTM_DELLINK,
    RTM_DELROUTE,
    RTM_DELRULE,
    RTM_GETADDR,
    RTM_GETLINK,
    RTM_GETROUTE,
    RTM_NEWADDR,
    RTM_NEWLINK,
    RTM_NEWROUTE,
    Address,
    Link,
    Route,
    addresses_question,
    links_question,
    read_address,
    read_link,
    read_route,
    read_rule,
    route_key,
    routes_question,
)
from vrrpwatch.agent.holding.netlink import (
    NETLINK_ROUTE,
    NLM_F_DUMP,
    NLM_F_DUMP_INTR,
    NLMSG_DONE,
    NLMSG_ERROR,
    PATIENCE,
    Message,
    message,
    messages,
    opened,
)
from vrrpwatch.wire.values import IPAddress

# linux/rtnetlink.h, RTNLGRP_*.
_LINKS, _IPV4_ADDRESSES, _IPV6_ADDRESSES, _IPV4_ROUTES, _IPV6_ROUTES = 1, 5, 9, 7, 11
_IPV4_RULES, _IPV6_RULES = 8, 19
# Messages in a row, some 25 µs each, before others in the event loop have their turn; and how much of a list is read at
# once, which is how much the kernel makes ready at once: some 20 links.
_PORTION: Final = 16
_READ: Final = 1 << 14
# Lists that changed while the kernel made them, in a row; on a host that never rests the changes must do.
_TRIES: Final = 3
_SEQUENCE: Final = struct.Struct("=I")
_NLM_F_REPLACE = 0x100


class LinkChange(NamedTuple):
    """``renamed`` is told with the name it had as ``was``; ``changed`` is a new MAC address.

    ``up`` and ``down`` say whether it can carry frames: switched on, and with a carrier.
    """

    what: Literal["appeared", "up", "down", "renamed", "changed", "gone"]
    link: Link
    was: str | None = None


class AddressChange(NamedTuple):
    """``changed`` are its flags: an IPv6 address that is found to be unique, or a duplicate."""

    what: Literal["added", "changed", "deleted"]
    address: Address


class RouteChange(NamedTuple):
    """A route to one of the networks watched."""

    what: Literal["added", "deleted"]
    route: Route


class RuleGone(NamedTuple):
    """A policy rule was deleted."""

    priority: int
    table: int


Change = LinkChange | AddressChange | RouteChange | RuleGone
_AddressKey = tuple[int, IPAddress, int]


class _Question(NamedTuple):
    """A list to ask the kernel for; family and table are 0 where it is not of routes."""

    kind: int
    body: bytes
    family: int = 0
    table: int = 0


class Monitor:
    """Knows the links, addresses and watched routes of this namespace, and what changes of them.

    ``routes`` are pairs of a network and a table; of ``rules`` only deletions are told.  Making one lists everything,
    and blocks until that is there; raises :class:`OSError` where the kernel does not answer.  ``lost`` counts how often
    messages were lost.
    """

    def __init__(self, routes: Iterable[tuple[Network, int]] = (), *, rules: bool = False) -> None:
        self.links: dict[int, Link] = {}
        self.addresses: dict[_AddressKey, Address] = {}
        self.routes: set[Route] = set()
        self.lost = 0
        watched = set(routes)
        self._watched = frozenset((to.prefixlen, to.network_address.packed) for to, _ in watched)
        tables = sorted({(AF_INET if to.version == 4 else AF_INET6, table) for to, table in watched})
        self._tables = frozenset(tables)
        self._of_routes = [
            _Question(RTM_GETROUTE, routes_question(family, table), family, table) for family, table in tables
        ]
        self._left: deque[_Question] = deque()
        self._asked: _Question | None = None
        self._sequence = 0
        self._torn = False
        self._tries = 0
        self._answered = False
        self._routes_due = False
        self._seen: set[object] = set()
        self._found: list[Change] = []
        groups = {_IPV4_ROUTES if family == AF_INET else _IPV6_ROUTES for family, _ in tables}
        groups |= {_IPV4_RULES, _IPV6_RULES} if rules else set()
        self._socket = opened(NETLINK_ROUTE, (_LINKS, _IPV4_ADDRESSES, _IPV6_ADDRESSES, *groups))
        self._port = self._socket.getsockname()[0]
        try:
            self._list_all()
            deadline = time.monotonic() + PATIENCE
            waiting = select.poll()
            waiting.register(self._socket, select.POLLIN)
            while self.listing:
                if not waiting.poll(max(0.0, deadline - time.monotonic()) * 1000):
                    raise OSError(errno.ETIMEDOUT, "the kernel does not list its interfaces")
                self.changes()
        except OSError:
            self._socket.close()
            raise

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    @property
    def listing(self) -> bool:
        """Whether a list is under way, and what is known therefore perhaps incomplete."""
        return self._asked is not None

    def link(self, name: str) -> Link | None:
        """The interface of that name."""
        return next((link for link in self.links.values() if link.name == name), None)

    def has(self, address: IPAddress, interface: str | None = None) -> bool:
        """Whether the address is configured, on that interface where one is given."""
        return any(
            one.ip == address and (interface is None or self._name(one.index) == interface)
            for one in self.addresses.values()
        )

    def has_route(self, to: Network, table: int, via: IPAddress | None = None, interface: str | None = None) -> bool:
        """Whether the table has that route, by that gateway and interface where given; it must be a watched one."""
        return any(
            (one.to, one.prefix, one.table) == (to.network_address, to.prefixlen, table)
            and (via is None or one.via == via)
            and (interface is None or self._name(one.index) == interface)
            for one in self.routes
        )

    def changes(self) -> list[Change]:
        """What has changed; readable still if there is more."""
        heard = 0
        while heard < _PORTION:
            try:
                data = self._socket.recv(_READ)
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self.lost += 1
                self._torn = True
                self._list_all()
            else:
                for said in messages(data):
                    self._hear(said)
                    heard += 1
        if self._routes_due:
            self._routes_due = False
            self._list_routes()
        found, self._found = self._found, []
        return found

    def _name(self, index: int) -> str | None:
        link = self.links.get(index)
        return None if link is None else link.name

    # Lists.

    def _list_all(self) -> None:
        self._left = deque((_Question(RTM_GETLINK, links_question()), _Question(RTM_GETADDR, addresses_question())))
        self._list_routes()

    def _list_routes(self) -> None:
        self._left.extend(one for one in self._of_routes if one not in self._left)
        # The kernel answers one such question of a socket at a time.
        if self._asked is None:
            self._ask_next()

    def _ask_next(self) -> None:
        self._asked = self._left.popleft() if self._left else None
        if self._asked is None:
            return
        self._torn = self._answered = False
        self._sequence += 1
        request = bytearray(message(self._asked.kind, NLM_F_DUMP, self._asked.body))
        _SEQUENCE.pack_into(request, 8, self._sequence)
        self._socket.send(request)

    def _ended(self, asked: _Question) -> None:
        """The list is complete: what is known and not in it is gone, unless there are holes in the list."""
        if self._torn and self._tries < _TRIES:
            self._tries += 1
            if asked not in self._left:
                self._left.appendleft(asked)
        elif not self._torn:
            self._tries = 0
            self._gone(asked)
        self._ask_next()

    def _gone(self, asked: _Question) -> None:
        if asked.kind == RTM_GETLINK:
            for index in self.links.keys() - self._seen:
                self._link_gone(index)
        elif asked.kind == RTM_GETADDR:
            for key in self.addresses.keys() - self._seen:
                self._address_gone(key)
        else:
            for route in self.routes - self._seen:
                if (AF_INET if route.to.version == 4 else AF_INET6, route.table) == (asked.family, asked.table):
                    self._route_gone(route)

    # Single messages, whether they are changes or parts of a list.

    def _hear(self, said: Message) -> None:
        # Changes bear the number of the request that made them, so it is the port that tells answers to us.
        answer = self._asked is not None and (said.port, said.sequence) == (self._port, self._sequence)
        if answer and not self._answered:
            # What was heard until now is older than the list: of that, what went away again may be among the lost.
            self._answered = True
            self._seen.clear()
        if answer and said.flags & NLM_F_DUMP_INTR:
            self._torn = True
        kind = said.kind
        if kind in (RTM_NEWLINK, RTM_DELLINK):
            link = read_link(said.body)
            if link is not None:
                self._hear_link(link, gone=kind == RTM_DELLINK)
        elif kind in (RTM_NEWADDR, RTM_DELADDR):
            address = read_address(said.body)
            if address is not None:
                self._hear_address(address, gone=kind == RTM_DELADDR)
        elif kind in (RTM_NEWROUTE, RTM_DELROUTE):
            if route_key(said.body) in self._watched:
                self._hear_route(said)
        elif kind == RTM_DELRULE:
            rule = read_rule(said.body)
            if rule is not None:
                self._found.append(RuleGone(*rule))
        elif answer and kind in (NLMSG_DONE, NLMSG_ERROR) and self._asked is not None:
            # An error is all there is of a table without routes, or of a family that is switched off.
            self._ended(self._asked)

    def _hear_link(self, link: Link, *, gone: bool) -> None:
        index = link.index
        if gone:
            self._seen.discard(index)
            self._link_gone(index)
            return
        before = self.links.get(index)
        self.links[index] = link
        self._seen.add(index)
        if before is None:
            self._found.append(LinkChange("appeared", link))
            return
        if before.name != link.name:
            self._found.append(LinkChange("renamed", link, before.name))
        if before.mac != link.mac:
            self._found.append(LinkChange("changed", link))
        if before.running != link.running:
            self._found.append(LinkChange("up" if link.running else "down", link))
            # The kernel takes IPv4 routes along without a word.
            self._routes_due = True

    def _link_gone(self, index: int) -> None:
        link = self.links.pop(index, None)
        if link is not None:
            self._found.append(LinkChange("gone", link))
            self._routes_due = True

    def _hear_address(self, address: Address, *, gone: bool) -> None:
        key = (address.index, address.ip, address.prefix)
        if gone:
            self._seen.discard(key)
            self._address_gone(key)
            return
        before = self.addresses.get(key)
        self.addresses[key] = address
        self._seen.add(key)
        if before is None:
            self._found.append(AddressChange("added", address))
        elif before != address:
            self._found.append(AddressChange("changed", address))

    def _address_gone(self, key: _AddressKey) -> None:
        address = self.addresses.pop(key, None)
        if address is not None:
            self._found.append(AddressChange("deleted", address))
            self._routes_due = True

    def _hear_route(self, said: Message) -> None:
        route = read_route(said.body)
        if route is None or (AF_INET if route.to.version == 4 else AF_INET6, route.table) not in self._tables:
            return
        if said.kind == RTM_DELROUTE:
            self._seen.discard(route)
            self._route_gone(route)
            return
        if said.flags & _NLM_F_REPLACE:
            same = {one for one in self.routes if one[:4] == route[:4] and one != route}
            for one in same:
                self._route_gone(one)
        self._seen.add(route)
        if route not in self.routes:
            self.routes.add(route)
            self._found.append(RouteChange("added", route))

    def _route_gone(self, route: Route) -> None:
        if route in self.routes:
            self.routes.remove(route)
            self._found.append(RouteChange("deleted", route))
