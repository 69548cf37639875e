"""What one host's declarations claim to send: advertisements and state synchronisation, the same for every program."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import ip_address
from typing import Literal, NamedTuple, TypeGuard, assert_never

from pydantic import SecretStr

from vrrpwatch.core.model import MAX_DEVICE
from vrrpwatch.core.policy import SCOPES, SYNC_DESTINATIONS, SYNC_PORTS
from vrrpwatch.declared.conntrackd import Channel, Conntrackd
from vrrpwatch.declared.frr import Frr, Router
from vrrpwatch.declared.keepalived import effective
from vrrpwatch.declared.keepalived_values import Instance, Keepalived
from vrrpwatch.declared.notes import Notes, Place, quoted
from vrrpwatch.declared.ucarp import Ucarp
from vrrpwatch.wire.macs import virtual_mac
from vrrpwatch.wire.values import IPAddress

Declaration = Keepalived | Conntrackd | Ucarp | Frr
# The addresses of each interface of each host, the primary one first.
Interfaces = Mapping[str, Mapping[str, Sequence[IPAddress]]]


class GroupClaim(NamedTuple):
    """One host's part in one virtual router.  ``scope`` is ``None`` for the protocol's own multicast.

    ``source`` is ``None`` where nothing tells it; ``devices`` are macvlans that it sends from; interval in seconds.
    """

    place: Place
    host: str
    interface: str
    protocol: Literal["vrrp", "carp"]
    family: Literal[4, 6]
    id: int
    scope: str | None
    addresses: tuple[IPAddress, ...]
    interval: float | None
    version: int
    priority: int | None
    source: IPAddress | None
    mac: str | None = None
    peers: tuple[IPAddress, ...] = ()
    devices: tuple[str, ...] = ()
    auth: str = "none"
    password: SecretStr | None = None


class SyncClaim(NamedTuple):
    """One host's part in a state synchronisation; ``peers`` are others that it names, ``destination`` where it sends.

    ``mode`` is conntrackd's, which all of its peers must share.
    """

    place: Place
    host: str
    interface: str
    protocol: Literal["conntrackd", "ipvs"]
    unicast: bool
    source: IPAddress | None
    peers: tuple[IPAddress, ...]
    destination: IPAddress
    port: int
    mode: str | None = None


Claim = GroupClaim | SyncClaim


def claims(declaration: Declaration, interfaces: Interfaces, gaps: Notes) -> Iterator[Claim]:
    """What ``declaration`` claims to send; what cannot be known from it becomes a note in ``gaps``."""
    own = _Own(declaration.host, interfaces, gaps)
    match declaration:
        case Keepalived():
            yield from _keepalived(declaration, own)
        case Frr():
            yield from _frr(declaration, own)
        case Ucarp():
            yield from _ucarp(declaration, own)
        case Conntrackd():
            yield from _conntrackd(declaration, own)
        case _:
            assert_never(declaration)


class _Own:
    """A host's own addresses, and a note wherever they are needed and missing."""

    def __init__(self, host: str, interfaces: Interfaces, gaps: Notes) -> None:
        self.host = host
        self.gaps = gaps
        self._interfaces = interfaces.get(host, {})

    def address(
        self,
        place: Place,
        interface: str,
        family: int,
        cure: str,
        *,
        besides: Iterable[IPAddress] = (),
        declared: Iterable[IPAddress] = (),
    ) -> IPAddress | None:
        """The address that the host sends from: for IPv6 the link-local one, never one of ``besides``."""
        virtual = frozenset(besides)
        for known in (*self._interfaces.get(interface, ()), *declared):
            if known.version == family and known not in virtual and (family == 4 or known.is_link_local):
                return known
        self.gaps.add(
            place, f"nothing tells the IPv{family} address of {quoted(self.host)} on {interface}: give it, or {cure}"
        )
        return None

    def interface_of(self, address: IPAddress | None) -> str | None:
        """The interface that has ``address``."""
        return next((name for name, known in self._interfaces.items() if address in known), None)

    def fits(self, interface: str | None, place: Place) -> TypeGuard[str]:
        """Whether ``interface`` can name a segment: it is one, and no pattern."""
        if not interface:
            self.gaps.add(place, "names no interface, so its segment is not known: left out")
            return False
        # The kernel refuses the first two, and a policy would take the others for a pattern.
        if len(interface) > MAX_DEVICE or not interface.isprintable() or set(interface) & set("/ *?["):
            self.gaps.add(place, f"{quoted(interface)} is no interface's name: left out")
            return False
        return True


def _keepalived(declared: Keepalived, own: _Own) -> Iterator[Claim]:
    for instance in declared.instances:
        yield from _instance(declared, instance, own)
    daemon = declared.globals.sync_daemon
    if daemon is None or not own.fits(daemon.interface, daemon.place):
        return
    destination = daemon.group or ip_address(SYNC_DESTINATIONS["ipvs"])
    yield SyncClaim(
        place=daemon.place,
        host=declared.host,
        interface=daemon.interface,
        protocol="ipvs",
        unicast=False,
        source=own.address(daemon.place, daemon.interface, destination.version, "learn it from the wire"),
        peers=(),
        destination=destination,
        port=daemon.port or SYNC_PORTS["ipvs"][0],
    )


def _instance(declared: Keepalived, instance: Instance, own: _Own) -> Iterator[GroupClaim]:
    interface = instance.interface
    if interface is None and not instance.unicast_peers:
        interface = declared.globals.default_interface or "eth0"
        own.gaps.add(instance.place, f"names no interface: keepalived takes {quoted(interface)}")
    if not own.fits(interface, instance.place):
        return
    if instance.virtual_router_id is None:
        own.gaps.add(instance.place, f"{quoted(instance.name)} has no virtual_router_id: left out")
        return
    made = effective(declared, instance)
    virtual = tuple(dict.fromkeys(one.address for one in instance.addresses))
    source = instance.unicast_src_ip or instance.mcast_src_ip
    if source is None:
        static = (one.address for one in declared.static_addresses if one.device == interface)
        besides = (*virtual, *(one.address for one in instance.excluded))
        cure = "add unicast_src_ip" if instance.unicast_peers else "add mcast_src_ip"
        source = own.address(instance.place, interface, made.family, cure, besides=besides, declared=static)
    yield GroupClaim(
        place=instance.place,
        host=declared.host,
        interface=interface,
        protocol="vrrp",
        family=made.family,
        id=instance.virtual_router_id,
        scope=_scope(made.destination, made.family),
        addresses=virtual,
        interval=made.interval,
        version=made.version,
        priority=made.priority,
        source=source,
        mac=_mac(instance, made.family, instance.virtual_router_id),
        peers=tuple(dict.fromkeys(peer.address for peer in instance.unicast_peers)),
        devices=_devices(declared, instance, made.family, own),
        auth=made.auth,
        password=None if instance.authentication is None else instance.authentication.password,
    )


def _scope(destination: IPAddress | None, family: int) -> str | None:
    if destination is None:
        return "unicast"
    return None if str(destination) in SCOPES["vrrp", family] else str(destination)


def _mac(instance: Instance, family: int, vrid: int) -> str | None:
    """The source MAC where keepalived has an interface of its own for it (RFC 9568 §7.3); else any."""
    virtual = instance.virtual_interface
    if virtual is None or virtual.kind != "vmac" or instance.vmac_xmit_base:
        return None
    if virtual.mac is None:
        return virtual_mac("ipv4" if family == 4 else "ipv6", vrid)
    try:
        octets = [int(part, 16) for part in virtual.mac.strip(":").split(":")]
    except ValueError:
        return None
    octets = [*octets, vrid] if len(octets) == 5 else octets
    return ":".join(f"{octet:02x}" for octet in octets) if len(octets) == 6 and max(octets) < 256 else None


def _devices(declared: Keepalived, instance: Instance, family: int, own: _Own) -> tuple[str, ...]:
    """The macvlans that keepalived makes: ``vrrp6.ID`` where ``vrrp.ID`` is taken (vrrp.c, create_vmac_name)."""
    virtual = instance.virtual_interface
    if virtual is None or virtual.kind != "vmac":
        return ()
    prefix = declared.globals.vmac_prefix or "vrrp"
    usual = [f"{prefix}.{instance.virtual_router_id}"]
    if family == 6:
        usual.append(f"{prefix}6.{instance.virtual_router_id}")
    names = usual if virtual.name is None else [virtual.name]
    return tuple(name for name in names if own.fits(name, virtual.place))


def _frr(declared: Frr, own: _Own) -> Iterator[Claim]:
    for router in declared.routers:
        if not own.fits(router.interface, router.place):
            continue
        stopped = declared.defaults.shutdown if router.shutdown is None else router.shutdown
        if stopped:
            own.gaps.add(router.place, f"vrrp {router.id} is shut down: left out")
            continue
        families: tuple[Literal[4, 6], ...] = (4, 6)
        for family in families:
            addresses = tuple(one for one in router.addresses if one.version == family)
            if addresses:
                yield _frr_group(declared, router, family, addresses, own)


def _frr_group(
    declared: Frr, router: Router, family: Literal[4, 6], addresses: tuple[IPAddress, ...], own: _Own
) -> GroupClaim:
    defaults = declared.defaults
    source = None
    if family == 4:
        known = (one.ip for one in declared.interfaces.get(router.interface, ()))
        source = own.address(router.place, router.interface, 4, "add ip address", besides=addresses, declared=known)
    else:
        # vrrpd sends IPv6 from the macvlan's own link-local address.
        own.gaps.add(router.place, "FRR sends from its macvlan's link-local address, which no file names: learn it")
    return GroupClaim(
        place=router.place,
        host=declared.host,
        interface=router.interface,
        protocol="vrrp",
        family=family,
        id=router.id,
        scope=None,
        addresses=addresses,
        interval=router.interval or defaults.interval,
        version=router.version,
        priority=router.priority or defaults.priority,
        source=source,
        mac=virtual_mac("ipv4" if family == 4 else "ipv6", router.id),
    )


def _ucarp(declared: Ucarp, own: _Own) -> Iterator[Claim]:
    place = declared.place
    if declared.vhid is None or declared.addr is None:
        own.gaps.add(place, "misses its id or its address: left out")
        return
    if not own.fits(declared.interface, place):
        return
    scope = "broadcast" if declared.nomcast else None if declared.mcast is None else _scope(declared.mcast, 4)
    source = declared.srcip or own.address(place, declared.interface, 4, "add --srcip", besides=(declared.addr,))
    yield GroupClaim(
        place=place,
        host=declared.host,
        interface=declared.interface,
        protocol="carp",
        family=4,
        id=declared.vhid,
        scope=scope,
        addresses=(declared.addr,),
        interval=float(declared.advbase) or None,
        version=2,
        priority=None,
        source=source,
        mac=virtual_mac("ucarp", declared.vhid),
        auth="carp",
    )


def _conntrackd(declared: Conntrackd, own: _Own) -> Iterator[Claim]:
    for channel in declared.channels:
        if channel.transport == "TCP":
            own.gaps.add(channel.place, "state goes over TCP, which a policy's sync is not about: left out")
        elif (claim := _channel(declared, channel, own)) is not None:
            yield claim


def _channel(declared: Conntrackd, channel: Channel, own: _Own) -> SyncClaim | None:
    unicast = channel.transport == "UDP"
    # A channel's address is its own where it has a peer, and otherwise the group that it sends to.
    source, destination = (channel.address, channel.destination) if unicast else (channel.source, channel.address)
    if destination is None:
        own.gaps.add(channel.place, f"names no {'destination' if unicast else 'multicast address'}: left out")
        return None
    interface = channel.interface or own.interface_of(source)
    if not own.fits(interface, channel.place):
        return None
    if source is None and not unicast:
        family = destination.version
        source = own.address(channel.place, interface, family, f"add IPv{family}_interface")
    return SyncClaim(
        place=channel.place,
        host=declared.host,
        interface=interface,
        protocol="conntrackd",
        unicast=unicast,
        source=source,
        peers=(destination,) if unicast else (),
        destination=destination,
        port=channel.port or SYNC_PORTS["conntrackd"][0],
        mode=declared.mode,
    )
