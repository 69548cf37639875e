"""Where a router meets its network, judged from what the kernel says of links and addresses."""

from collections.abc import Iterable
from hashlib import blake2s

from vrrpwatch.agent.config.routers import Router
from vrrpwatch.agent.holding.facts import IFA_F_DADFAILED, IFA_F_SECONDARY, Address, Link
from vrrpwatch.agent.ports import Attachment
from vrrpwatch.wire.macs import virtual_mac
from vrrpwatch.wire.values import IPAddress, Mac


def macvlan_name(router: Router) -> str:
    """What the router's macvlan is called: the same at every start, ``vw-``, the id, and what tells it from others.

    Its length is at most the 15 characters that a name may have.
    """
    told = f"{router.interface}/{router.family}/{router.protocol}".encode()
    return f"vw-{router.id}-{blake2s(told, digest_size=4).hexdigest()}"


def router_mac(router: Router) -> Mac:
    """The virtual MAC (RFC 9568 §7.3); CARP has that of IPv4 for both families (ip_carp.c carp_set_enaddr)."""
    return virtual_mac("ipv6" if router.family == 6 and router.protocol == "vrrp" else "ipv4", router.id)


def is_owner(router: Router) -> bool:
    """Whether the virtual addresses are this host's own (RFC 9568 §1.7)."""
    return router.protocol == "vrrp" and router.priority == 255


def fault(router: Router, link: Link | None) -> str | None:
    """Why a router cannot run on its interface, ``None`` where it can."""
    name = router.interface
    if link is None:
        return f"there is no interface {name}"
    if not link.ethernet:
        return f"{name} is no Ethernet interface"
    if not link.up:
        return f"{name} is down"
    return None if link.running else f"{name} has no carrier"


def source(router: Router, index: int, addresses: Iterable[Address]) -> IPAddress | str:
    """The address that adverts are sent from, or why there is none; ``addresses`` are those of the whole host.

    That configured, else the interface's first primary IPv4 address, else its link-local address: a global one where
    IPv6 peers are reached by their global addresses.  No virtual address is taken but an owner's.
    """
    here = [one for one in addresses if one.ip.version == router.family]
    if router.source is not None:
        return _configured(router.source, router.interface, here)
    owner = is_owner(router)
    virtual = {one.address.ip for one in router.addresses}
    local = router.family == 6 and all(peer.is_link_local for peer in router.peers)
    fits = [
        one
        for one in here
        if one.index == index
        and (owner or not (one.ours or one.ip in virtual))
        and (one.ip.is_link_local == local if router.family == 6 else not one.flags & IFA_F_SECONDARY)
    ]
    chosen = next((one for one in fits if one.usable), None)
    if chosen is not None:
        return chosen.ip
    if fits:
        return _unusable(fits[0], router.interface)
    what = "IPv4" if router.family == 4 else "link-local IPv6" if local else "global IPv6"
    return f"{router.interface} has no {what} address to send from: add one, or give source"


def _configured(wanted: IPAddress, interface: str, here: Iterable[Address]) -> IPAddress | str:
    found = [one for one in here if one.ip == wanted]
    if not found:
        return f"{wanted} is on no interface of this host: add it to {interface}, or correct source"
    usable = any(one.usable for one in found)
    return wanted if usable else _unusable(found[0], interface)


def _unusable(address: Address, interface: str) -> str:
    if address.flags & IFA_F_DADFAILED:
        return f"another host has {address.ip} of {interface} too: give one of them another address"
    return f"{address.ip} of {interface} is still being checked for duplicates"


def attachment(router: Router, link: Link, device: Link, source_address: IPAddress) -> Attachment:
    """``device`` is the macvlan where the router has one, else the link itself."""
    return Attachment(router.interface, link.index, device.name, device.index, device.mac, source_address)
