"""What rtnetlink says of links, addresses and routes, as values: read from its messages, or asked for.

Only the attributes that the agent needs are read, by hand: a thousand links that come and go must not stall it.
Layouts are those of linux/if_link.h, if_addr.h and rtnetlink.h.
"""

import errno
import struct
from ipaddress import IPv4Address, IPv6Address
from typing import Final, NamedTuple

from vrrpwatch.agent.holding.netlink import NLM_F_DUMP, Channel, NetlinkError, attribute, attributes
from vrrpwatch.wire.values import IPAddress, Mac

RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK = 16, 17, 18
RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR = 20, 21, 22
RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE = 24, 25, 26
RTM_NEWRULE, RTM_DELRULE = 32, 33
AF_INET, AF_INET6 = 2, 10

_IFINFOMSG: Final = struct.Struct("=BxHiII")
_IFADDRMSG: Final = struct.Struct("=BBBBI")
_RTMSG: Final = struct.Struct("=BBBBBBBBI")
_WORD: Final = struct.Struct("=I")

IFF_UP, _IFF_RUNNING = 0x1, 0x40
ARPHRD_ETHER = 1
_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_LINK, _IFLA_LINKINFO = 1, 3, 5, 18
_IFLA_EXT_MASK, _RTEXT_FILTER_SKIP_STATS = 29, 8
_IFLA_INFO_KIND = 1
_IFA_ADDRESS, _IFA_LOCAL, _IFA_FLAGS, _IFA_PROTO = 1, 2, 8, 11
IFA_F_SECONDARY, IFA_F_NODAD, IFA_F_DADFAILED, IFA_F_DEPRECATED = 0x01, 0x02, 0x08, 0x20
IFA_F_TENTATIVE, IFA_F_NOPREFIXROUTE = 0x40, 0x200
_RTA_DST, _RTA_OIF, _RTA_GATEWAY, _RTA_PRIORITY, _RTA_TABLE = 1, 4, 5, 6, 15
_RTN_UNICAST = 1
# linux/fib_rules.h: a rule's header is as long as a route's, with the table in the same place.
_FRA_PRIORITY, _FRA_TABLE = 6, 15

# What the agent's addresses, routes and rules are marked with (the protocol that put them there; ip shows "proto 112"):
# the IP protocol number of VRRP and CARP, which no routing daemon uses.  Addresses have it from Linux 5.18 on.
PROTOCOL: Final = 112


class Link(NamedTuple):
    """An interface.  ``up`` says that it is switched on, ``running`` that it can carry frames as well (RFC 2863).

    ``kind`` is the driver model (veth, macvlan, …), empty for hardware; ``below`` the number of the link it stands on.
    """

    index: int  # type: ignore[assignment]  # no method of tuples here
    name: str
    mac: Mac
    up: bool
    running: bool
    ethernet: bool
    kind: str
    below: int


class Address(NamedTuple):
    """An address of an interface; ``flags`` are IFA_F_*, ``protocol`` is who put it there (0: not told)."""

    index: int  # type: ignore[assignment]  # no method of tuples here
    ip: IPAddress
    prefix: int
    flags: int
    scope: int
    protocol: int

    @property
    def usable(self) -> bool:
        """Whether packets may carry it: no duplicate was found, and none is being looked for."""
        return not self.flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)

    @property
    def ours(self) -> bool:
        return self.protocol == PROTOCOL


class Route(NamedTuple):
    """A unicast route; ``via`` and ``index`` are those of its only next hop, ``None`` and 0 where it has several."""

    to: IPAddress
    prefix: int
    table: int
    metric: int
    via: IPAddress | None
    index: int  # type: ignore[assignment]  # no method of tuples here


def read_link(body: bytes) -> Link | None:
    """What an RTM_NEWLINK or RTM_DELLINK message is about; ``None`` for bridge ports, whose links are told apart."""
    if len(body) < _IFINFOMSG.size:
        return None
    family, hardware, index, flags, _ = _IFINFOMSG.unpack_from(body)
    if family:
        return None
    found = attributes(body, _IFINFOMSG.size)
    info = found.get(_IFLA_LINKINFO)
    kind = attributes(info, 0).get(_IFLA_INFO_KIND, b"") if info else b""
    return Link(
        index=index,
        name=_text(found.get(_IFLA_IFNAME, b"")),
        mac=found.get(_IFLA_ADDRESS, b"").hex(":"),
        up=bool(flags & IFF_UP),
        running=flags & (IFF_UP | _IFF_RUNNING) == IFF_UP | _IFF_RUNNING,
        ethernet=hardware == ARPHRD_ETHER,
        kind=_text(kind),
        below=_word(found.get(_IFLA_LINK, b"")),
    )


def read_address(body: bytes) -> Address | None:
    """What an RTM_NEWADDR or RTM_DELADDR message is about; ``None`` for other families."""
    if len(body) < _IFADDRMSG.size:
        return None
    family, prefix, flags, scope, index = _IFADDRMSG.unpack_from(body)
    found = attributes(body, _IFADDRMSG.size)
    # On point-to-point links IFA_ADDRESS is the other end.
    ip = read_ip(family, found.get(_IFA_LOCAL) or found.get(_IFA_ADDRESS, b""))
    if ip is None:
        return None
    protocol = found.get(_IFA_PROTO) or b"\0"
    return Address(index, ip, prefix, _word(found.get(_IFA_FLAGS, b"")) or flags, scope, protocol[0])


def route_key(body: bytes) -> tuple[int, bytes] | None:
    """Prefix length and destination of a unicast route's message: the least that tells whether anybody cares."""
    if len(body) < _RTMSG.size or body[7] != _RTN_UNICAST:
        return None
    return body[1], attributes(body, _RTMSG.size).get(_RTA_DST, bytes(4 if body[0] == AF_INET else 16))


def read_route(body: bytes) -> Route | None:
    """What an RTM_NEWROUTE or RTM_DELROUTE message is about; ``None`` for what is no unicast route."""
    if len(body) < _RTMSG.size:
        return None
    family, prefix, _, _, table, _, _, kind, _ = _RTMSG.unpack_from(body)
    found = attributes(body, _RTMSG.size)
    to = read_ip(family, found.get(_RTA_DST, bytes(4 if family == AF_INET else 16)))
    if to is None or kind != _RTN_UNICAST:
        return None
    return Route(
        to,
        prefix,
        _word(found.get(_RTA_TABLE, b"")) or table,
        _word(found.get(_RTA_PRIORITY, b"")),
        read_ip(family, found.get(_RTA_GATEWAY, b"")),
        _word(found.get(_RTA_OIF, b"")),
    )


def read_rule(body: bytes) -> tuple[int, int] | None:
    """Priority and table of a policy rule's message."""
    if len(body) < _RTMSG.size:
        return None
    found = attributes(body, _RTMSG.size)
    return _word(found.get(_FRA_PRIORITY, b"")), _word(found.get(_FRA_TABLE, b"")) or body[4]


def read_ip(family: int, octets: bytes) -> IPAddress | None:
    """An address of that family; ``None`` for other families and lengths."""
    if family == AF_INET and len(octets) == 4:
        return IPv4Address(octets)
    return IPv6Address(octets) if family == AF_INET6 and len(octets) == 16 else None


def links_question() -> bytes:
    """The body of a request for all links, without their counters, which are most of each answer."""
    return _IFINFOMSG.pack(0, 0, 0, 0, 0) + attribute(_IFLA_EXT_MASK, _WORD.pack(_RTEXT_FILTER_SKIP_STATS))


def addresses_question(index: int = 0) -> bytes:
    """The body of a request for all addresses, of one link where ``index`` is given."""
    return _IFADDRMSG.pack(0, 0, 0, 0, index)


def routes_question(family: int, table: int) -> bytes:
    """The body of a request for the routes of one table."""
    return _RTMSG.pack(family, 0, 0, 0, 0, 0, 0, 0, 0) + attribute(_RTA_TABLE, _WORD.pack(table))


def links(channel: Channel) -> list[Link]:
    """All interfaces; raises :class:`NetlinkError`."""
    return [made for one in channel.ask(RTM_GETLINK, NLM_F_DUMP, links_question()) if (made := read_link(one.body))]


def link_named(channel: Channel, name: str) -> Link | None:
    """The interface of that name; raises :class:`NetlinkError` where the kernel does not say whether there is one."""
    body = links_question() + attribute(_IFLA_IFNAME, name.encode() + b"\0")
    try:
        answers = channel.ask(RTM_GETLINK, 0, body)
    except NetlinkError as error:
        if error.number == errno.ENODEV:
            return None
        raise
    return read_link(answers[0].body) if answers else None


def addresses(channel: Channel, index: int = 0) -> list[Address]:
    """The addresses of one link, or of all; raises :class:`NetlinkError`."""
    answers = channel.ask(RTM_GETADDR, NLM_F_DUMP, addresses_question(index))
    return [made for one in answers if (made := read_address(one.body)) is not None]


def _word(octets: bytes) -> int:
    return int(_WORD.unpack(octets)[0]) if len(octets) == 4 else 0


def _text(octets: bytes) -> str:
    return octets.rstrip(b"\0").decode(errors="replace")
