"""Facts from rtnetlink: links, addresses, bridges, bonds, macvlans and neighbours of this namespace."""

import os
from collections.abc import Iterable, Mapping
from ipaddress import ip_address, ip_interface
from typing import Any, Final, NamedTuple

from pyroute2 import IPRoute  # type: ignore[import-untyped]
from pyroute2.netlink.exceptions import NetlinkError  # type: ignore[import-untyped]

from vrrpwatch.doctor.facts import Address, Bond, Bridge, Child, Link, Port
from vrrpwatch.wire.macs import virtual_router
from vrrpwatch.wire.values import Mac

# linux/if.h and linux/if_addr.h.
_IFF_UP, _IFF_NOARP, _IFF_MULTICAST = 0x1, 0x80, 0x1000
_IFA_F_DADFAILED, _IFA_F_TENTATIVE = 0x08, 0x40
# linux/if_bridge.h, BR_STATE_*.
_PORT_STATES: Final = ("disabled", "listening", "learning", "forwarding", "blocking")
# The neighbour table grows with the hosts on the segment; a few virtual MACs are evidence enough.
MAX_NEIGHBOURS = 100
MAX_CHILDREN = 1_000


class NetlinkUnavailableError(Exception):
    """The kernel would not list its interfaces; the message says why."""


class Network(NamedTuple):
    """What netlink tells about one interface and its surroundings."""

    link: Link
    addresses: tuple[Address, ...]
    children: tuple[Child, ...]
    master: Link | None
    bridge: Bridge | None
    port: Port | None
    bond: Bond | None
    virtual_neighbours: tuple[tuple[str, Mac], ...]


def names() -> dict[str, bool]:
    """Every interface of this namespace, and whether it is up; raises :class:`NetlinkUnavailableError`."""
    return {_name(link): bool(link["flags"] & _IFF_UP) for link in _dump()[0]}


def network(interface: str) -> Network | None:
    """Everything about an interface, ``None`` where there is none of that name."""
    links, addresses, neighbours = _dump()
    by_index = {link["index"]: link for link in links}
    found = next((link for link in links if _name(link) == interface), None)
    if found is None:
        return None
    index = found["index"]
    link = _link(found, by_index)
    above = by_index.get(_attribute(found, "IFLA_MASTER"))
    master = None if above is None else _link(above, by_index)
    own_bridge = _bridge(found) if link.kind == "bridge" else None
    return Network(
        link,
        tuple(made for one in addresses if one["index"] == index and (made := _address(one)) is not None),
        tuple(_children(links, index)),
        master,
        own_bridge
        or (_bridge(above) if above is not None and master is not None and master.kind == "bridge" else None),
        _port(found) if master is not None and master.kind == "bridge" else None,
        _bond(found, by_index) if link.kind == "bond" else None,
        tuple(_virtual(neighbours, index)),
    )


def _dump() -> tuple[list[Any], list[Any], list[Any]]:
    try:
        with IPRoute() as route:
            return list(route.get_links()), list(route.get_addr()), list(route.get_neighbours())
    except NetlinkError as error:
        raise NetlinkUnavailableError(f"netlink: {error}") from None
    except OSError as error:
        raise NetlinkUnavailableError(f"netlink: {error.strerror or error}") from None


def _attribute(message: Any, *path: str) -> Any:
    """A nested attribute, ``None`` where any of the path is missing."""
    for name in path:
        if message is None:
            return None
        message = message.get_attr(name)
    return message


def _name(link: Any) -> str:
    return _text(_attribute(link, "IFLA_IFNAME")) or ""


def _text(value: str | bytes | None) -> str | None:
    """Names are octets to the kernel; what is no UTF-8 travels as in file names (PEP 383)."""
    return os.fsdecode(value) if value is not None else None


def _link(link: Any, by_index: Mapping[int, Any]) -> Link:
    kind = _attribute(link, "IFLA_LINKINFO", "IFLA_INFO_KIND")
    flags = link["flags"]
    carrier = _attribute(link, "IFLA_CARRIER")
    mode = _attribute(link, "IFLA_LINKINFO", "IFLA_INFO_DATA", "IFLA_MACVLAN_MODE") if kind == "macvlan" else None
    parent, master = (by_index.get(_attribute(link, name)) for name in ("IFLA_LINK", "IFLA_MASTER"))
    # The number of a veth's other end means an interface of its own namespace, not of this one.
    below = None if parent is None or kind == "veth" else _name(parent)
    return Link(
        name=_name(link),
        ifindex=link["index"],
        kind=kind,
        alias=_text(_attribute(link, "IFLA_IFALIAS")),
        mac=_attribute(link, "IFLA_ADDRESS"),
        arp_type=link["ifi_type"],
        mtu=_attribute(link, "IFLA_MTU") or 0,
        up=bool(flags & _IFF_UP),
        # A link that is down has none, which says nothing about the cable.
        carrier=bool(carrier) if flags & _IFF_UP and carrier is not None else None,
        state=str(_attribute(link, "IFLA_OPERSTATE") or "UNKNOWN"),
        multicast=bool(flags & _IFF_MULTICAST),
        no_arp=bool(flags & _IFF_NOARP),
        promiscuity=_attribute(link, "IFLA_PROMISCUITY") or 0,
        allmulti=_attribute(link, "IFLA_ALLMULTI") or 0,
        mode=mode,
        parent=below,
        master=None if master is None else _name(master),
    )


def _address(message: Any) -> Address | None:
    # On point-to-point links IFA_ADDRESS is the other end.
    text = _attribute(message, "IFA_LOCAL") or _attribute(message, "IFA_ADDRESS")
    if text is None:
        return None
    flags = _attribute(message, "IFA_FLAGS") or message["flags"]
    return Address(
        ip_interface(f"{text}/{message['prefixlen']}"),
        tentative=bool(flags & _IFA_F_TENTATIVE),
        dad_failed=bool(flags & _IFA_F_DADFAILED),
        link_local=ip_address(text).is_link_local,
    )


def _children(links: Iterable[Any], index: int) -> Iterable[Child]:
    found = 0
    for link in links:
        info = _attribute(link, "IFLA_LINKINFO", "IFLA_INFO_KIND")
        if info == "macvlan" and _attribute(link, "IFLA_LINK") == index and found < MAX_CHILDREN:
            found += 1
            mode = _attribute(link, "IFLA_LINKINFO", "IFLA_INFO_DATA", "IFLA_MACVLAN_MODE")
            yield Child(_name(link), str(_attribute(link, "IFLA_ADDRESS")), mode, bool(link["flags"] & _IFF_UP))


def _bridge(link: Any) -> Bridge:
    def number(name: str) -> int:
        return int(_attribute(link, "IFLA_LINKINFO", "IFLA_INFO_DATA", name) or 0)

    return Bridge(
        _name(link),
        snooping=bool(number("IFLA_BR_MCAST_SNOOPING")),
        querier=bool(number("IFLA_BR_MCAST_QUERIER")),
        router_ports=None,
    )


def _port(link: Any) -> Port:
    def number(name: str, default: int) -> int:
        value = _attribute(link, "IFLA_LINKINFO", "IFLA_INFO_SLAVE_DATA", f"IFLA_BRPORT_{name}")
        return default if value is None else int(value)

    state = number("STATE", 3)
    return Port(
        state=_PORT_STATES[state] if state < len(_PORT_STATES) else str(state),
        learning=bool(number("LEARNING", 1)),
        flood=bool(number("UNICAST_FLOOD", 1)),
        mcast_flood=bool(number("MCAST_FLOOD", 1)),
        bcast_flood=bool(number("BCAST_FLOOD", 1)),
        isolated=bool(number("ISOLATED", 0)),
        locked=bool(number("LOCKED", 0)),
        neigh_suppress=bool(number("NEIGH_SUPPRESS", 0)),
        hairpin=bool(number("MODE", 0)),
        router=number("MULTICAST_ROUTER", 1),
    )


def _bond(link: Any, by_index: Mapping[int, Any]) -> Bond:
    def value(name: str) -> Any:
        return _attribute(link, "IFLA_LINKINFO", "IFLA_INFO_DATA", f"IFLA_BOND_{name}")

    active = by_index.get(value("ACTIVE_SLAVE") or 0)
    targets = value("ARP_IP_TARGET")
    return Bond(
        mode=value("MODE") or 0,
        miimon=value("MIIMON") or 0,
        arp_interval=value("ARP_INTERVAL") or 0,
        arp_targets=tuple(target for target in targets if isinstance(target, str)) if isinstance(targets, list) else (),
        active=None if active is None else _name(active),
        fail_over_mac=value("FAIL_OVER_MAC") or 0,
    )


def _virtual(neighbours: Iterable[Any], index: int) -> Iterable[tuple[str, Mac]]:
    found = 0
    for neighbour in neighbours:
        mac, ip = _attribute(neighbour, "NDA_LLADDR"), _attribute(neighbour, "NDA_DST")
        if neighbour["ifindex"] == index and ip and mac and virtual_router(mac) is not None and found < MAX_NEIGHBOURS:
            found += 1
            yield str(ip), mac
