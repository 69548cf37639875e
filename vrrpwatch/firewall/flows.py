"""What may flow where on one host, from a policy: typed values that every kind of rules is written from.

A packet is *confined* where a :class:`Guard` matches it.  A confined packet that a :class:`Flow` matches belongs and is
let through; what is left is *unlisted*, and the policy says what becomes of it.
"""

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from ipaddress import IPv4Address, IPv6Address
from math import ceil
from typing import Final, Literal, NamedTuple

from vrrpwatch.core.model import MAX_DEVICE
from vrrpwatch.core.policy import SCOPES, SYNC_DESTINATIONS, SYNC_PORTS, GroupPolicy, Policy, SpeakerPolicy, SyncPolicy
from vrrpwatch.wire.values import IPAddress

Role = Literal["speaker", "router", "bridge", "bystander"]
Family = Literal[4, 6]
Unlisted = Literal["report", "log", "limit", "drop"]
Hook = Literal["input", "output", "forward"]
Confined = Literal["vrrp", "carp", "hsrp", "glbp", "conntrackd", "pfsync", "ipvs"]

FAMILIES: Final[tuple[Family, ...]] = (4, 6)

# IANA's protocol numbers.
UDP: Final = 17
AH: Final = 51
ADVERTISEMENT: Final = 112
PFSYNC: Final = 240
# Cisco's ports: HSRP (RFC 2281 §5.1), HSRP for IPv6, GLBP.
HSRP_PORT: Final = 1985
HSRP6_PORT: Final = 2029
GLBP_PORT: Final = 3222
REQUIRED_TTL: Final = 255
# Rules let a speaker send so many times what it announces: preemption, a resignation and a restart come close together.
HEADROOM: Final = 5
BURST_SECONDS: Final = 2
# The limit of iptables and ebtables counts none faster (net/netfilter/xt_limit.c), and its tools take no larger burst.
MAX_RATE: Final = 10_000
MAX_BURST: Final = 10_000

# Groups that carry nothing but what is confined, so that all traffic to them is (IGMP and MLD apart): RFC 9568 §5.1,
# OpenBSD's if_pfsync.h, Linux's ip_vs_sync.c.
OWN_GROUPS: Final[tuple[IPAddress, ...]] = (
    IPv4Address("224.0.0.18"),
    IPv4Address(SYNC_DESTINATIONS["ipvs"]),
    IPv4Address(SYNC_DESTINATIONS["pfsync"]),
    IPv6Address("ff02::12"),
)


class FlowError(Exception):
    """A policy that no rules can be made from on this host: ``lines`` has one line per fault."""

    def __init__(self, lines: tuple[str, ...]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


class Place(NamedTuple):
    """A segment as one host's packet filter sees it.

    ``devices`` are names as rules take them; ``vlans`` are the tags that frames still carry there, outer to inner: only
    on a bridge, since other hosts filter on the VLAN device.
    """

    segment: str
    devices: tuple[str, ...]
    vlans: tuple[int, ...]


class Limit(NamedTuple):
    """A token bucket: ``rate`` packets/s after the first ``burst`` packets."""

    rate: int
    burst: int


class Flow(NamedTuple):
    """Packets that belong: from one source to one destination on one segment.

    ``serves`` says which groups or synchronisation they are of; it is made from typed values, so it is plain ASCII
    without quotes but for the segment's name, which a renderer must pass through its own escape.
    ``id`` is the VRID or vhid (octet 1 of the message, after an AH header where there is one); ``ports`` are UDP
    destination ports; ``ttl`` is what the TTL or hop limit must be.  ``routed``: unicast, may cross routers, so that
    ``mac`` is ``None``.
    """

    serves: str
    place: Place
    protocol: Confined
    family: Family
    source: IPAddress
    mac: str | None
    destination: IPAddress
    id: int | None
    ports: tuple[int, ...]
    ttl: int | None
    limit: Limit | None
    routed: bool

    def messages(self) -> Iterator[tuple[int, int | None]]:
        """IP protocols and UDP destination ports that it comes in, for filters that see no more; ports may be any."""
        match self.protocol:
            case "vrrp" | "carp":
                yield ADVERTISEMENT, None
                if self.protocol == "vrrp" and self.family == 4:
                    yield AH, None
            case "pfsync":
                yield PFSYNC, None
            case _:
                yield from ((UDP, port) for port in self.ports)


class Guard(NamedTuple):
    """Packets that are confined: of one IP protocol, to one of ``destinations`` (any if empty) and ``ports`` (any).

    ``protocol`` is ``None`` for all but IGMP and ICMPv6: membership reports go to the groups that they join, and must
    flow.  AH is confined only around protocol 112.
    """

    family: Family
    protocol: int | None
    destinations: tuple[IPAddress, ...] = ()
    ports: tuple[int, ...] = ()

    def targets(self) -> Iterator[tuple[IPAddress | None, int | None]]:
        """Each destination with each port; ``None`` is any."""
        for destination in self.destinations or (None,):
            for port in self.ports or (None,):
                yield destination, port


class Plan(NamedTuple):
    """Everything that the rules of one host say; ``places`` are all segments of the policy, also without flows.

    Only packets that come or go through a device of ``places`` are judged.  ``unlisted_limit`` is set for ``limit``.
    """

    role: Role
    places: tuple[Place, ...]
    flows: tuple[Flow, ...]
    guards: tuple[Guard, ...]
    unlisted: Unlisted
    unlisted_limit: Limit | None

    @property
    def devices(self) -> tuple[str, ...]:
        """All devices that the rules look at, sorted."""
        return tuple(sorted({device for place in self.places for device in place.devices}))

    @property
    def hooks(self) -> tuple[Hook, ...]:
        """Where the role's rules stand: in the IP layer, or for a bridge where it forwards frames."""
        return ("forward",) if self.role == "bridge" else ("input", "output", "forward")

    def permitted(self, hook: Hook) -> tuple[Flow, ...]:
        """The flows that ``hook`` lets through.

        A speaker hears and sends them all; a router carries only unicast ones; who is neither needs none.  A bridge
        forwards a flow between devices of its own place.
        """
        if self.role == "bridge" or (self.role == "speaker" and hook != "forward"):
            return self.flows
        if self.role != "bystander" and hook == "forward":
            return tuple(flow for flow in self.flows if flow.routed)
        return ()


def plan(policy: Policy, role: Role) -> Plan:
    """What a host in ``role`` lets flow; raises :class:`FlowError` with everything that stands in the way."""
    faults: list[str] = []
    places = {name: place for name in _segments(policy) if (place := _place(policy, name, role, faults)) is not None}
    flows = [
        *(
            flow
            for group in policy.group
            for name, place in places.items()
            if fnmatchcase(name, group.segment) and policy.advertises_on(name)
            for flow in _group_flows(group, place)
        ),
        *(
            flow
            for segment in policy.segment
            for sync in segment.sync
            if segment.name in places
            for flow in _sync_flows(sync, places[segment.name])
        ),
    ]
    if role == "bridge":
        faults.extend(
            f"segment {place.segment!r}: a bridge forwards between ports, and only {place.devices[0]!r} is known: "
            "list all its ports in interfaces"
            for place in places.values()
            if len(place.devices) < 2
        )
    if faults:
        raise FlowError(tuple(faults))
    rate = policy.unlisted_rate
    return Plan(
        role,
        tuple(places[name] for name in sorted(places)),
        tuple(sorted(told_apart(sorted(set(flows), key=_order)), key=_order)),
        _guards(policy),
        policy.unlisted,
        # A kernel's bucket takes whole packets: the next below would drop what the policy lets through.
        None if rate is None else Limit(ceil(rate), ceil(rate)),
    )


def _order(flow: Flow) -> tuple[object, ...]:
    numbers = flow.id if flow.id is not None else -1, int(flow.source), int(flow.destination), flow.mac or ""
    return flow.place.segment, flow.protocol, flow.family, *numbers, flow.ports, flow.serves


def told_apart(flows: Iterable[Flow]) -> Iterator[Flow]:
    """Flows that no rule can tell from one another as one, which may send what they may together.

    Such are a router's HSRP groups, whose number stands nowhere that rules look, and VRRP beside CARP with one id.
    """
    alike: dict[Flow, list[Flow]] = {}
    for flow in flows:
        protocol: Confined = "vrrp" if flow.id is not None else flow.protocol
        alike.setdefault(flow._replace(serves="", protocol=protocol, limit=None), []).append(flow)
    for same in alike.values():
        here = f" on {same[0].place.segment}"
        yield max(same, key=lambda flow: flow.protocol)._replace(
            serves=", ".join(dict.fromkeys(flow.serves.removesuffix(here) for flow in same)) + here,
            limit=together(flow.limit for flow in same),
        )


def together(limits: Iterable[Limit | None]) -> Limit | None:
    """The limit of flows that share one: none as soon as one of them has none."""
    every = tuple(limits)
    known = [limit for limit in every if limit is not None]
    if len(known) < len(every):
        return None
    return Limit(min(MAX_RATE, sum(limit.rate for limit in known)), min(MAX_BURST, sum(limit.burst for limit in known)))


def _segments(policy: Policy) -> list[str]:
    """Names of segments; a group's pattern stands for the listed segments that it matches, if there are any."""
    listed = {segment.name for segment in policy.segment}
    alone = {group.segment for group in policy.group if not any(fnmatchcase(name, group.segment) for name in listed)}
    return sorted(listed | alone)


def _place(policy: Policy, name: str, role: Role, faults: list[str]) -> Place | None:
    listed = policy.segment_for(name)
    base, _, tags = name.partition("/")
    vlans = listed.vlans if listed else ()
    if not vlans and tags:
        if not all(tag.isascii() and tag.isdigit() and 1 <= int(tag) <= 4094 for tag in tags.split(".")):
            faults.append(f"segment {name!r}: its name says no VLAN: add a [[segment]] with interface and vlans")
            return None
        vlans = tuple(int(tag) for tag in tags.split("."))
    interface = (listed.interface if listed else None) or base
    # On a bridge the frames still carry their tags; elsewhere the VLAN device has taken them off.
    stacked = () if role == "bridge" else vlans
    first = ".".join((interface, *map(str, stacked)))
    devices = (first, *(other for other in (listed.interfaces if listed else ()) if other != first))
    for device in devices:
        if (fault := _device_fault(device)) is not None:
            faults.append(f"segment {name!r}: {device!r} {fault}: set its interface to the host's device")
            return None
    return Place(name, devices, vlans if role == "bridge" else ())


def _device_fault(name: str) -> str | None:
    if name == "lo":
        return "is the loopback, by which nothing leaves the host"
    if len(name.encode()) > MAX_DEVICE:
        return f"is longer than the {MAX_DEVICE} octets of a device's name"
    # The kernel refuses white space, '/' and ':' (dev_valid_name); the rest would mean something else to the tools.
    if not all(char.isascii() and (char.isalnum() or char in "._-@") for char in name) or name in (".", ".."):
        return "has characters that rules cannot carry (letters, digits, '.', '_', '-' and '@' they can)"
    if not name[0].isalnum():
        return "does not begin with a letter or a digit"
    return None


def _group_flows(group: GroupPolicy, place: Place) -> list[Flow]:
    numbered = group.protocol in ("vrrp", "carp")
    unicast = group.scope == "unicast"
    return [
        Flow(
            f"{group.protocol} {group.id} on {place.segment}",
            place,
            group.protocol,
            group.family,
            speaker.ip,
            # Behind a router the MAC is the router's.
            None if unicast else speaker.mac,
            destination,
            group.id if numbered else None,
            _ports(group),
            # Unicast peers may be behind routers, where the TTL is less on arrival.
            REQUIRED_TTL if numbered and not unicast else None,
            _limit(group.rate, group.interval),
            unicast,
        )
        for speaker in group.speakers
        for destination in _destinations(group, speaker)
    ]


def _destinations(group: GroupPolicy, speaker: SpeakerPolicy) -> list[IPAddress]:
    if group.scope == "unicast":
        others = (*group.peers, *(other.ip for other in group.speakers))
        return sorted({other for other in others if other != speaker.ip}, key=int)
    if group.scope == "broadcast":
        return [IPv4Address("255.255.255.255")]
    parse = IPv4Address if group.family == 4 else IPv6Address
    return [parse(scope) for scope in group.scopes]


def _ports(group: GroupPolicy) -> tuple[int, ...]:
    match group.protocol:
        case "hsrp":
            return (HSRP6_PORT if group.family == 6 else HSRP_PORT,)
        case "glbp":
            return (GLBP_PORT,)
        case _:
            return ()


def _limit(rate: int | None, interval: float | None) -> Limit | None:
    if rate is None:
        if interval is None:
            return None
        rate = min(MAX_RATE, ceil(HEADROOM / interval))
    return Limit(rate, min(MAX_BURST, max(HEADROOM, rate * BURST_SECONDS)))


def _sync_flows(sync: SyncPolicy, place: Place) -> list[Flow]:
    return [
        Flow(
            f"{sync.protocol} on {place.segment}",
            place,
            sync.protocol,
            4 if destination.version == 4 else 6,
            peer,
            None,
            destination,
            None,
            sync.ports,
            # OpenBSD's pfsync_input() takes none that crossed a router; it checks multicast and unicast alike.
            REQUIRED_TTL if sync.protocol == "pfsync" else None,
            _limit(sync.rate, None),
            # Of what crossed a router it would take none.
            not destination.is_multicast and sync.protocol != "pfsync",
        )
        for peer in sync.peers
        for destination in sync.destinations
        if peer != destination and peer.version == destination.version
    ]


def _guards(policy: Policy) -> tuple[Guard, ...]:
    """The usual destinations of every protocol, whether listed or not, and those that the policy adds."""
    syncs = [sync for segment in policy.segment for sync in segment.sync]
    guards: list[Guard] = []
    for family in FAMILIES:
        scoped = [group for group in policy.group if group.family == family]
        guards.append(Guard(family, ADVERTISEMENT))
        if family == 4:
            guards += [Guard(4, AH), Guard(4, PFSYNC)]
        guards += _companion_guards(family, scoped)
        usual = [(IPv4Address(SYNC_DESTINATIONS["conntrackd"]), SYNC_PORTS["conntrackd"])] if family == 4 else []
        named = [(to, sync.ports) for sync in syncs if sync.ports for to in sync.destinations if to.version == family]
        guards += [Guard(family, UDP, (to,), tuple(sorted(ports))) for to, ports in sorted({*usual, *named}, key=str)]
        groups = {group for group in OWN_GROUPS if group.version == family}
        guards.append(Guard(family, None, tuple(sorted(groups, key=int))))
    return tuple(dict.fromkeys(guards))


def _companion_guards(family: Family, groups: list[GroupPolicy]) -> list[Guard]:
    parse = IPv4Address if family == 4 else IPv6Address
    found = []
    for protocol in ("hsrp", "glbp"):
        named = {group.scope for group in groups if group.protocol == protocol and group.scope is not None}
        destinations = {parse(scope) for scope in {*SCOPES[protocol, family], *(named - {"unicast", "broadcast"})}}
        port = GLBP_PORT if protocol == "glbp" else HSRP_PORT if family == 4 else HSRP6_PORT
        found.append(Guard(family, UDP, tuple(sorted(destinations, key=int)), (port,)))
    return found
