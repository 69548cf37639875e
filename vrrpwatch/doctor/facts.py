"""The facts that verdicts rest on, as plain values: what probes read and tests write by hand.

``None`` is always "could not be read here", never "absent"; an empty tuple means that it was read and nothing is there.
"""

from collections.abc import Mapping
from ipaddress import IPv4Interface, IPv6Interface
from typing import NamedTuple

from vrrpwatch.wire.values import Mac


class Link(NamedTuple):
    """A network interface (``struct ifinfomsg`` and its attributes, linux/if_link.h).

    ``kind`` is the driver model that netlink names (veth, bridge, macvlan, bond, …), ``None`` for hardware.
    ``arp_type`` is ``ARPHRD_*`` (1: Ethernet), ``speed`` in Mbit/s, ``mtu`` in octets.
    """

    name: str
    ifindex: int
    kind: str | None = None
    alias: str | None = None
    mac: Mac | None = None
    arp_type: int = 1
    mtu: int = 1500
    up: bool = True
    carrier: bool | None = True
    state: str = "UP"
    multicast: bool = True
    no_arp: bool = False
    promiscuity: int = 0
    allmulti: int = 0
    speed: int | None = None
    full_duplex: bool | None = None
    driver: str | None = None
    wireless: bool = False
    vlan_filter: bool | None = None
    mode: str | None = None
    parent: str | None = None
    master: str | None = None


class Child(NamedTuple):
    """A macvlan interface on top of the one examined."""

    name: str
    mac: Mac
    mode: str | None
    up: bool


class Address(NamedTuple):
    """An address of the interface with its ``IFA_F_*`` flags that matter (linux/if_addr.h)."""

    interface: IPv4Interface | IPv6Interface
    tentative: bool = False
    dad_failed: bool = False
    link_local: bool = False


class RouterPort(NamedTuple):
    """A bridge port behind which the bridge knows a multicast router or querier; ``temporary``: it heard queries."""

    port: str
    temporary: bool


class Bridge(NamedTuple):
    """A Linux bridge (``IFLA_BR_*``): ``router_ports`` is ``None`` where ``bridge mdb`` could not be asked."""

    name: str
    snooping: bool
    querier: bool
    router_ports: tuple[RouterPort, ...] | None = ()


class Port(NamedTuple):
    """What a bridge does with the interface as its port (``IFLA_BRPORT_*``)."""

    state: str = "forwarding"
    learning: bool = True
    flood: bool = True
    mcast_flood: bool = True
    bcast_flood: bool = True
    isolated: bool = False
    locked: bool = False
    neigh_suppress: bool = False
    hairpin: bool = False
    router: int = 1


class Bond(NamedTuple):
    """A bonding master (``IFLA_BOND_*``): ``mode`` by its number (0 balance-rr … 6 balance-alb), intervals in ms."""

    mode: int
    miimon: int
    arp_interval: int
    arp_targets: tuple[str, ...] = ()
    active: str | None = None
    fail_over_mac: int = 0


class Memberships(NamedTuple):
    """Groups that the interface has joined, and the link addresses its filter lets through."""

    ipv4: frozenset[str] | None
    ipv6: frozenset[str] | None
    link: frozenset[Mac] | None


class Clock(NamedTuple):
    """``adjtimex(2)``: whether a time service keeps the clock, and the greatest error it admits, in seconds."""

    synchronised: bool
    max_error: float
    leap_pending: bool = False


class Listing(NamedTuple):
    """What a program printed, or why it could not be asked; ``text`` is ``None`` then, ``absent``: not installed."""

    command: str
    text: str | None
    error: str = ""
    absent: bool = False


class Platform(NamedTuple):
    """What this host runs on: the firmware's maker and product, and whether the processor says it is a guest."""

    vendor: str = ""
    product: str = ""
    guest: bool | None = None


class Facts(NamedTuple):
    """All that one examination of one interface rests on.

    ``sysctls`` is keyed ``ipv4.all.NAME``, ``ipv4.if.NAME``, ``ipv6.all.NAME``, ``ipv6.if.NAME``, and by the whole
    name for others; what could not be read is not there.  ``daemons`` are the redundancy daemons running here.
    """

    link: Link
    addresses: tuple[Address, ...] = ()
    children: tuple[Child, ...] = ()
    master: Link | None = None
    bridge: Bridge | None = None
    port: Port | None = None
    bond: Bond | None = None
    virtual_neighbours: tuple[tuple[str, Mac], ...] = ()
    memberships: Memberships = Memberships(frozenset(), frozenset(), frozenset())
    sysctls: Mapping[str, int] = {}
    daemons: frozenset[str] = frozenset()
    clock: Clock | None = None
    platform: Platform = Platform()
    nft: Listing = Listing("nft -j list ruleset", None, absent=True)
    iptables: tuple[Listing, ...] = ()
