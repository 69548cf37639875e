"""From one captured frame to what it means: an advertisement, why it must be refused, or an observation.

Each distinct frame is taken apart once; the engine then counts its repetitions in columns.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final

from vrrpwatch.core.dialect import carp_interval
from vrrpwatch.core.implementation import guess
from vrrpwatch.core.kinds import Kind
from vrrpwatch.core.model import Advert, Auth, GroupKey, Protocol, Seconds, SpeakerKey
from vrrpwatch.wire.arp import decode_arp
from vrrpwatch.wire.checksum import camp
from vrrpwatch.wire.companions import decode_companion
from vrrpwatch.wire.igmp import decode_igmp, decode_mld
from vrrpwatch.wire.link import dissect
from vrrpwatch.wire.nd import decode_nd
from vrrpwatch.wire.protocol112 import decode_advert
from vrrpwatch.wire.values import (
    Arp,
    Camp,
    Carp,
    Glbp,
    Hsrp,
    IPAddress,
    Ipv4,
    Ipv6,
    Malformed,
    MembershipQuery,
    MembershipReport,
    NeighbourAdvertisement,
    NeighbourSolicitation,
    Packet,
    Vrrp,
)

# An advertisement must not have crossed a router (RFC 9568 §5.1.1.3, RFC 3768 §5.2.3).
REQUIRED_TTL = 255
BROADCAST_MAC = "ff:ff:ff:ff:ff:ff"
BROADCAST_IP = IPv4Address("255.255.255.255")
ARP_REQUEST = 1
# CARP bows out with both at their greatest (OpenBSD sys/netinet/ip_carp.c, carp_send_ad).
BOWING_OUT = 255
# RFC 2281 §5.1: op code 2 gives the active role up.
HSRP_RESIGN = 2
# GLBP's default hello time, for messages that carry none.
GLBP_HELLO = 3.0

COMPANION_AUTH: Final[dict[str, Auth]] = {"none": "none", "text": "simple", "md5": "hmac"}

Observed = Arp | NeighbourAdvertisement | NeighbourSolicitation | MembershipQuery | MembershipReport


@dataclass(frozen=True, slots=True)
class Fault:
    """A reason why a router must discard an advertisement: the finding's rule, and the sentence that explains it."""

    rule: str
    summary: str


@dataclass(frozen=True, slots=True)
class Refused:
    """An advertisement that must be discarded; it makes no speaker.  ``group`` is ``None`` without a readable id."""

    segment: str
    group: GroupKey | None
    subject: str
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class Observation:
    """A neighbour or membership message, with the packet it came in."""

    segment: str
    packet: Packet
    message: Observed

    @property
    def repeats(self) -> bool:
        """Whether hearing it again teaches nothing but that it is still said: an ordinary ARP request, a membership."""
        match self.message:
            case Arp(operation=operation) as arp:
                return operation == ARP_REQUEST and not arp.gratuitous
            case NeighbourSolicitation() | MembershipReport() | MembershipQuery():
                return True
            case _:
                return False


@dataclass(frozen=True, slots=True)
class Unheard:
    """A frame of a kept kind that carries nothing to judge; ``reason`` is counted by name."""

    reason: str


Heard = Advert | Refused | Observation | Unheard

# Names the group scope of a unicast advertisement from its two ends.
UnicastScope = Callable[[str, str, int, IPAddress, IPAddress], str]


def hear(frame: bytes, linktype: int, length: int, kind: int, segment: str, unicast_scope: UnicastScope) -> Heard:
    """Takes one frame apart and says what it means on ``segment``; ``length`` is its length on the wire."""
    packet = dissect(frame, linktype, length)
    if packet.skipped is not None:
        return Unheard(packet.skipped)
    match kind:
        case Kind.ADVERT:
            return _hear_advert(packet, segment, unicast_scope)
        case Kind.HSRP | Kind.GLBP:
            return _hear_companion(packet, segment)
        case Kind.ARP:
            return _observed(decode_arp(packet.payload), packet, segment, "arp not understood")
        case Kind.ND:
            return _observed(decode_nd(packet.payload), packet, segment, "neighbour discovery not understood")
        case Kind.IGMP:
            return _observed(decode_igmp(packet.payload), packet, segment, "igmp not understood")
        case Kind.MLD:
            return _observed(decode_mld(packet.payload), packet, segment, "mld not understood")
        case _:
            return Unheard("not a message")


def _observed(message: Observed | None, packet: Packet, segment: str, otherwise: str) -> Observation | Unheard:
    return Unheard(otherwise) if message is None else Observation(segment, packet, message)


def scope_of(packet: Packet, destination: IPAddress) -> str | None:
    """The multicast destination or ``broadcast``; ``None`` for a unicast packet."""
    if destination.is_multicast:
        return str(destination)
    if destination == BROADCAST_IP or packet.destination_mac == BROADCAST_MAC:
        return "broadcast"
    return None


def auth_of(packet: Packet, message: Vrrp | Carp | Hsrp | Glbp) -> Auth | None:
    """How an advertisement is authenticated; ``None`` for a scheme that has no name here (a vendor's)."""
    match message:
        case Carp():
            return "carp"
        case Hsrp(auth=auth) | Glbp(auth=auth):
            return COMPANION_AUTH[auth]
        case Vrrp(trailer=trailer) if trailer is not None:
            return "hmac"
        case _ if packet.authentication is not None:
            return "ah"
        case Vrrp(auth_type=1):
            return "simple"
        case Vrrp(auth_type=None | 0):
            return "none"
        case Vrrp(auth_type=2):
            # Announced, but there is no AH header around it: nothing authenticates this packet.
            return "none"
        case _:
            return None


def _hear_advert(packet: Packet, segment: str, unicast_scope: UnicastScope) -> Advert | Refused | Unheard:
    network = packet.network
    if network is None:
        return Unheard("truncated")
    message = decode_advert(packet)
    if isinstance(message, Malformed):
        return _refuse_malformed(packet, network, message, segment, unicast_scope)
    protocol: Protocol = "carp" if isinstance(message, Carp) else "vrrp"
    identifier = message.vhid if isinstance(message, Carp) else message.vrid
    group = _group(packet, network, segment, protocol, identifier, unicast_scope)
    verdict = camp(message, packet)
    faults = tuple(_faults(network, verdict))
    if faults:
        return Refused(segment, group, str(network.source), faults)
    return _advert(packet, network, message, group, verdict)


def _refuse_malformed(
    packet: Packet, network: Ipv4 | Ipv6, message: Malformed, segment: str, unicast_scope: UnicastScope
) -> Refused | Unheard:
    if message.cut:
        return Unheard("advertisement cut by the capture")
    group = None
    if message.id is not None and message.version in (2, 3):
        group = _group(packet, network, segment, "vrrp", message.id, unicast_scope)
    subject = str(network.source)
    return Refused(segment, group, subject, (Fault("malformed", f"{subject} sends {message.reason}"),))


def _group(
    packet: Packet,
    network: Ipv4 | Ipv6,
    segment: str,
    protocol: Protocol,
    identifier: int,
    unicast_scope: UnicastScope,
) -> GroupKey:
    source, destination = network.source, network.destination
    scope = scope_of(packet, destination) or unicast_scope(segment, protocol, identifier, source, destination)
    return GroupKey(segment, protocol, source.version, identifier, scope)


def _faults(network: Ipv4 | Ipv6, verdict: Camp | None) -> Iterator[Fault]:
    """Every reason to discard a well-formed advertisement: an auditor wants them all at once."""
    ttl = time_to_live(network)
    if network.destination.is_multicast and ttl != REQUIRED_TTL:
        yield Fault(
            "bad-ttl",
            f"{network.source} advertises to {network.destination} with TTL {ttl} instead of 255: "
            "it crossed a router or is forged, and every receiver discards it",
        )
    if verdict == "bad":
        yield Fault("bad-checksum", f"{network.source} sends a checksum that fits no rule: every receiver discards it")


def time_to_live(network: Ipv4 | Ipv6) -> int:
    """TTL or hop limit."""
    return network.ttl if isinstance(network, Ipv4) else network.hop_limit


def _advert(
    packet: Packet, network: Ipv4 | Ipv6, message: Vrrp | Carp | Hsrp | Glbp, group: GroupKey, verdict: Camp | None
) -> Advert:
    tied_to_mac = isinstance(message, Vrrp | Carp)
    auth = auth_of(packet, message)
    # What changes from packet to packet (counter, digest, ICV) stays in the first's message; equality is by the rest.
    return Advert(
        group=group,
        speaker=SpeakerKey(network.source, packet.source_mac if tied_to_mac else None),
        destination=network.destination,
        message=message,
        version=2 if isinstance(message, Carp) else message.version,
        priority=None if isinstance(message, Carp) else message.priority,
        advbase=message.advbase if isinstance(message, Carp) else None,
        advskew=message.advskew if isinstance(message, Carp) else None,
        demotion=message.demotion if isinstance(message, Carp) else None,
        interval=_interval(message),
        addresses=_addresses(message),
        auth=auth,
        password=_password(message) if auth == "simple" else None,
        checksum=verdict,
        ttl=time_to_live(network),
        tos=network.tos if isinstance(network, Ipv4) else network.traffic_class,
        dont_fragment=isinstance(network, Ipv4) and network.dont_fragment,
        spi=packet.authentication.spi if packet.authentication is not None else None,
        claims=message.active if isinstance(message, Hsrp | Glbp) else True,
        resigns=_resigns(message),
        implementation=guess(packet, message) if isinstance(message, Vrrp | Carp) else None,
    )


def _interval(message: Vrrp | Carp | Hsrp | Glbp) -> Seconds:
    match message:
        case Vrrp(interval=interval):
            return interval
        case Carp(advbase=advbase, advskew=advskew):
            return carp_interval(advbase, advskew)
        case Hsrp(hello=hello):
            return hello
        case Glbp(hello=hello):
            return hello or GLBP_HELLO


def _addresses(message: Vrrp | Carp | Hsrp | Glbp) -> tuple[IPAddress, ...] | None:
    match message:
        case Carp():
            return None
        case Vrrp(complete=False):
            return None
        case Vrrp(addresses=addresses) | Hsrp(addresses=addresses) | Glbp(addresses=addresses):
            return addresses


def _password(message: Vrrp | Carp | Hsrp | Glbp) -> bytes | None:
    match message:
        case Vrrp(auth_data=data) | Hsrp(auth_data=data):
            return data.rstrip(b"\0")
        case _:
            return None


def _resigns(message: Vrrp | Carp | Hsrp | Glbp) -> bool:
    match message:
        case Vrrp(priority=priority):
            return priority == 0
        case Carp(advbase=advbase, advskew=advskew):
            return advbase == BOWING_OUT and advskew == BOWING_OUT
        case Hsrp(opcode=opcode):
            return opcode == HSRP_RESIGN
        case Glbp():
            return False


def _hear_companion(packet: Packet, segment: str) -> Advert | Unheard:
    message = decode_companion(packet)
    network = packet.network
    if network is None or not isinstance(message, Hsrp | Glbp):
        return Unheard("hsrp or glbp not understood")
    if isinstance(message, Glbp) and message.hello is None:
        return Unheard("glbp without a hello")
    protocol: Protocol = "hsrp" if isinstance(message, Hsrp) else "glbp"
    scope = scope_of(packet, network.destination) or "unicast"
    group = GroupKey(segment, protocol, network.source.version, message.group, scope)
    return _advert(packet, network, message, group, None)
