"""Virtual router MAC addresses: which router's they are, and which one a router has."""

from typing import Literal, NamedTuple

from vrrpwatch.wire.values import Mac

Owner = Literal["ipv4", "ipv6", "ucarp"]

# RFC 9568 §7.3 for VRRP, whose IPv4 range BSD's CARP shares; ucarp sends from a range of its own.
_PREFIXES: dict[str, Owner] = {"00:00:5e:00:01:": "ipv4", "00:00:5e:00:02:": "ipv6", "00:00:5e:00:00:": "ucarp"}


class VirtualMac(NamedTuple):
    """Whose a virtual MAC is: ``ipv4`` (VRRP for IPv4, CARP), ``ipv6`` (VRRP for IPv6) or ``ucarp``; and its id."""

    owner: Owner
    id: int


def virtual_router(mac: Mac | None) -> VirtualMac | None:
    """The virtual router that ``mac`` belongs to, ``None`` for any other address (and for ``None``)."""
    owner = _PREFIXES.get(mac[:15]) if mac is not None else None
    return VirtualMac(owner, int(mac[15:], 16)) if mac is not None and owner is not None else None


def virtual_mac(owner: Owner, router: int) -> Mac:
    """The MAC address of virtual router ``router`` (0 to 255)."""
    prefix = next(prefix for prefix, kind in _PREFIXES.items() if kind == owner)
    return f"{prefix}{router:02x}"
