"""Requests to rtnetlink as bytes, encoded by pyroute2: adding and deleting addresses, routes, rules and macvlans.

They are encoded long before they are sent: what is left to do at a takeover is one call.
"""

from typing import Any, Final

from pyroute2.netlink.rtnl.fibmsg import fibmsg  # type: ignore[import-untyped]
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg  # type: ignore[import-untyped]
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg  # type: ignore[import-untyped]
from pyroute2.netlink.rtnl.rtmsg import rtmsg  # type: ignore[import-untyped]

from vrrpwatch.agent.config.fields import Interface
from vrrpwatch.agent.config.routers import VirtualAddress, VirtualRoute, VirtualRule
from vrrpwatch.agent.holding.facts import (
    AF_INET,
    AF_INET6,
    IFA_F_NODAD,
    IFA_F_NOPREFIXROUTE,
    IFF_UP,
    PROTOCOL,
    RTM_DELADDR,
    RTM_DELLINK,
    RTM_DELROUTE,
    RTM_DELRULE,
    RTM_NEWADDR,
    RTM_NEWLINK,
    RTM_NEWROUTE,
    RTM_NEWRULE,
)
from vrrpwatch.agent.holding.netlink import NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST
from vrrpwatch.wire.values import Mac

# linux/rtnetlink.h, linux/fib_rules.h.
_RT_SCOPES: Final = {"global": 0, "site": 200, "link": 253, "host": 254}
_RT_SCOPE_LINK, _RT_SCOPE_NOWHERE = 253, 255
_RTN_UNICAST = 1
_RT_TABLE_COMPAT = 252
_FR_ACT_TO_TBL = 1
_FOREVER: Final = 0xFFFFFFFF
_IN6_ADDR_GEN_MODE_NONE = 1
_NEW: Final = NLM_F_CREATE | NLM_F_EXCL


def add_address(wanted: VirtualAddress, index: int, *, own_route: bool) -> bytes:
    """Adds a virtual address to a link; without ``own_route`` its subnet gets no route to that link.

    An IPv6 address is not checked for duplicates, since the old master may have it for a moment yet, and it is
    deprecated: answered for, but not taken as the source of the host's own connections, which would break when it moves
    on.  Of IPv4 addresses the kernel takes a later one of a subnet for secondary by itself.
    """
    attributes: list[tuple[str, Any]] = []
    flags = 0 if own_route else IFA_F_NOPREFIXROUTE
    if wanted.address.version == 6:
        flags |= IFA_F_NODAD
        attributes.append(("IFA_CACHEINFO", {"ifa_preferred": 0, "ifa_valid": _FOREVER}))
    elif wanted.label is not None:
        attributes.append(("IFA_LABEL", wanted.label))
    if flags:
        attributes.append(("IFA_FLAGS", flags))
    attributes.append(("IFA_PROTO", PROTOCOL))
    return _address(RTM_NEWADDR, _NEW, wanted.address, index, _RT_SCOPES[wanted.scope], attributes)


def remove_address(address: Interface, index: int) -> bytes:
    """Deletes the address of exactly that prefix."""
    return _address(RTM_DELADDR, 0, address, index, 0, [])


def _address(
    kind: int, flags: int, address: Interface, index: int, scope: int, attributes: list[tuple[str, Any]]
) -> bytes:
    made = ifaddrmsg()
    made["family"] = _family(address.version)
    made["prefixlen"] = address.network.prefixlen
    made["scope"] = scope
    made["index"] = index
    made["attrs"] = [("IFA_LOCAL", str(address.ip)), ("IFA_ADDRESS", str(address.ip)), *attributes]
    return _encoded(made, kind, flags)


def add_route(wanted: VirtualRoute, index: int | None) -> bytes:
    """Adds a unicast route, marked as the agent's; ``index`` is the link's that it names, if any."""
    return _route(RTM_NEWROUTE, _NEW, wanted, index, 0 if wanted.via is not None else _RT_SCOPE_LINK)


def remove_route(wanted: VirtualRoute, index: int | None) -> bytes:
    """Deletes that route where it is marked as the agent's."""
    return _route(RTM_DELROUTE, 0, wanted, index, _RT_SCOPE_NOWHERE)


def _route(kind: int, flags: int, wanted: VirtualRoute, index: int | None, scope: int) -> bytes:
    made = rtmsg()
    made["family"] = _family(wanted.to.version)
    made["dst_len"] = wanted.to.prefixlen
    made["table"] = wanted.table if wanted.table < 256 else _RT_TABLE_COMPAT
    made["proto"] = PROTOCOL
    made["scope"] = scope
    made["type"] = _RTN_UNICAST
    made["attrs"] = [
        (name, value)
        for name, value in (
            ("RTA_DST", str(wanted.to.network_address) if wanted.to.prefixlen else None),
            ("RTA_TABLE", wanted.table),
            ("RTA_GATEWAY", _text(wanted.via)),
            ("RTA_OIF", index),
            ("RTA_PREFSRC", _text(wanted.source)),
            ("RTA_PRIORITY", wanted.metric),
        )
        if value is not None
    ]
    return _encoded(made, kind, flags)


def add_rule(wanted: VirtualRule) -> bytes:
    """Adds a policy rule, marked as the agent's."""
    return _rule(RTM_NEWRULE, _NEW, wanted)


def remove_rule(wanted: VirtualRule) -> bytes:
    """Deletes that rule where it is marked as the agent's."""
    return _rule(RTM_DELRULE, 0, wanted)


def _rule(kind: int, flags: int, wanted: VirtualRule) -> bytes:
    either = wanted.source or wanted.to
    made = fibmsg()
    made["family"] = _family(either.version if either is not None else 4)
    made["action"] = _FR_ACT_TO_TBL
    made["table"] = wanted.table if wanted.table < 256 else _RT_TABLE_COMPAT
    attributes: list[tuple[str, Any]] = [
        ("FRA_PRIORITY", wanted.priority),
        ("FRA_TABLE", wanted.table),
        ("FRA_PROTOCOL", PROTOCOL),
    ]
    for length, name, network in (("src_len", "FRA_SRC", wanted.source), ("dst_len", "FRA_DST", wanted.to)):
        if network is not None:
            made[length] = network.prefixlen
            if network.prefixlen:
                attributes.append((name, str(network.network_address)))
    made["attrs"] = attributes
    return _encoded(made, kind, flags)


def add_macvlan(name: str, parent: int, mac: Mac) -> bytes:
    """Adds a macvlan, switched off.

    The mode is ``bridge``: in any other but vepa the kernel keeps a frame that comes from the master's virtual MAC,
    which a backup's macvlan has too, from the interface below, where the adverts are heard (macvlan_handle_frame).
    """
    mode = {"attrs": [("IFLA_MACVLAN_MODE", "bridge")]}
    made = ifinfmsg()
    made["attrs"] = [
        ("IFLA_IFNAME", name),
        ("IFLA_LINK", parent),
        ("IFLA_ADDRESS", mac),
        ("IFLA_LINKINFO", {"attrs": [("IFLA_INFO_KIND", "macvlan"), ("IFLA_INFO_DATA", mode)]}),
    ]
    return _encoded(made, RTM_NEWLINK, _NEW)


def without_link_local(index: int) -> bytes:
    """Has no IPv6 link-local address come up on a link by itself; the kernel refuses it together with the adding."""
    none = {"attrs": [("AF_INET6", {"attrs": [("IFLA_INET6_ADDR_GEN_MODE", _IN6_ADDR_GEN_MODE_NONE)]})]}
    made = ifinfmsg()
    made["index"] = index
    made["attrs"] = [("IFLA_AF_SPEC", none)]
    return _encoded(made, RTM_NEWLINK, 0)


def switch_on(index: int) -> bytes:
    """Sets a link up."""
    made = ifinfmsg()
    made["index"] = index
    made["flags"] = made["change"] = IFF_UP
    return _encoded(made, RTM_NEWLINK, 0)


def remove_link(index: int) -> bytes:
    """Deletes a link and all that is on it."""
    made = ifinfmsg()
    made["index"] = index
    return _encoded(made, RTM_DELLINK, 0)


def _family(version: int) -> int:
    return AF_INET if version == 4 else AF_INET6


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _encoded(made: Any, kind: int, flags: int) -> bytes:
    made["header"]["type"] = kind
    made["header"]["flags"] = NLM_F_REQUEST | flags
    made.encode()
    return bytes(made.data)
