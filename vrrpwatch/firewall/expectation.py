"""What a plan wants of one packet at one hook: judged from the packet's own bytes, never from rules made of the plan.

The proof holds a kernel's verdicts against these.
"""

from typing import Final, Literal, NamedTuple

from vrrpwatch.firewall.flows import ADVERTISEMENT, AH, PFSYNC, UDP, Flow, Guard, Hook, Place, Plan
from vrrpwatch.wire.values import Ipv4, Ipv6, Packet

Wanted = Literal["keep", "drop", "limit", "ignore"]

# IANA's protocol numbers.
IGMP: Final = 2
ICMPV6: Final = 58
# HMAC-MD5-96 (RFC 2338 §5.3.6.3): rules look for the VRID behind an authentication value of this length only.
ICV_OCTETS: Final = 12


class Passage(NamedTuple):
    """A packet's way through a host: the devices it comes in and goes out by; ``None`` is the host itself."""

    hook: Hook
    incoming: str | None
    outgoing: str | None


class Expected(NamedTuple):
    """``ignore``: the plan does not judge the packet, so it passes; ``flow`` is what it belongs to, where it does.

    ``limit``: unlisted, and let through as long as the bucket lasts.
    """

    wanted: Wanted
    flow: Flow | None


IGNORED: Final = Expected("ignore", None)


def expect(plan: Plan, packet: Packet, passage: Passage) -> Expected:
    """What becomes of ``packet``; ``report`` and ``log`` keep what is unlisted."""
    network = packet.network
    # What was cut or malformed below IP never comes to a rule; a later fragment does, without its transport header.
    readable = packet.skipped is None or packet.fragment == "later"
    if network is None or not readable or not _is_judged(plan, packet, passage):
        return IGNORED
    if not any(_is_confined(guard, packet, network) for guard in plan.guards):
        return IGNORED
    for flow in plan.permitted(passage.hook):
        if _goes(plan, flow, packet, passage) and _belongs(flow, packet, network, passage):
            return Expected("keep", flow)
    match plan.unlisted:
        case "drop":
            return Expected("drop", None)
        case "limit":
            return Expected("limit", None)
        case _:
            return Expected("keep", None)


def _is_judged(plan: Plan, packet: Packet, passage: Passage) -> bool:
    """Whether one end of the way is on a segment that the policy speaks of.

    What a host forwards back to where it came from, a bridge of its forwards: that is for a bridge's rules.
    """
    if plan.role != "bridge" and passage.incoming is not None and passage.incoming == passage.outgoing:
        return False
    return any(
        device in place.devices and _carries(plan, place, packet)
        for place in plan.places
        for device in (passage.incoming, passage.outgoing)
        if device is not None
    )


def _carries(plan: Plan, place: Place, packet: Packet) -> bool:
    return plan.role != "bridge" or packet.vlans == place.vlans


def _is_confined(guard: Guard, packet: Packet, network: Ipv4 | Ipv6) -> bool:
    if guard.family != (4 if isinstance(network, Ipv4) else 6):
        return False
    if guard.destinations and network.destination not in guard.destinations:
        return False
    if guard.protocol is None:
        return packet.protocol not in (IGMP, ICMPV6)
    if guard.protocol == AH:
        return packet.authentication is not None and packet.protocol == ADVERTISEMENT
    # Rules see AH as the protocol of an IPv4 packet, and as one more extension header of an IPv6 packet.
    if guard.protocol != packet.protocol or (guard.family == 4 and packet.authentication is not None):
        return False
    return not guard.ports or _port(packet) in guard.ports


def _goes(plan: Plan, flow: Flow, packet: Packet, passage: Passage) -> bool:
    """Whether the way is one on which ``flow`` is let through; a routed one may cross any devices."""
    ends = [device for device in (passage.incoming, passage.outgoing) if device is not None]
    if plan.role == "bridge":
        return packet.vlans == flow.place.vlans and all(device in flow.place.devices for device in ends)
    return passage.hook == "forward" or all(device in flow.place.devices for device in ends)


def _belongs(flow: Flow, packet: Packet, network: Ipv4 | Ipv6, passage: Passage) -> bool:
    if (network.source, network.destination) != (flow.source, flow.destination):
        return False
    # A host's own packets have no source MAC yet where rules see them.
    if flow.mac is not None and passage.incoming is not None and packet.source_mac != flow.mac:
        return False
    hops = network.ttl if isinstance(network, Ipv4) else network.hop_limit
    if flow.ttl is not None and hops != flow.ttl:
        return False
    if isinstance(network, Ipv6) and network.extensions:
        return False
    match flow.protocol:
        case "vrrp" | "carp":
            return packet.protocol == ADVERTISEMENT and _id(flow, packet) == flow.id
        case "pfsync":
            return packet.protocol == PFSYNC and packet.authentication is None
        case _:
            return packet.protocol == UDP and packet.authentication is None and _port(packet) in flow.ports


def _id(flow: Flow, packet: Packet) -> int | None:
    ah = packet.authentication
    # Only VRRPv2 over IPv4 is ever authenticated so.
    if ah is not None and (flow.protocol == "carp" or flow.family == 6 or len(ah.icv) != ICV_OCTETS):
        return None
    return packet.payload[1] if packet.fragment != "later" and len(packet.payload) > 1 else None


def _port(packet: Packet) -> int | None:
    if packet.fragment == "later" or len(packet.payload) < 4:
        return None
    return int.from_bytes(packet.payload[2:4], "big")
