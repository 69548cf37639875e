"""Compares two readings of one packet, and names the reasons for which programs are known to read it differently.

A reason is given only where the other program's fields are exactly what that reason predicts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal

from vrrpwatch.capture.second_opinion_reading import Reading, Verdict, differences, our_reading, printable
from vrrpwatch.wire.checksum import internet_checksum
from vrrpwatch.wire.protocol112 import HEADER_SIZE
from vrrpwatch.wire.values import Camp, Carp, Ipv4, Ipv6, Malformed, Packet, Vrrp
from vrrpwatch.wire.vrrp import decode_addresses

PRESENCE = "packet"
PROTOCOL = "protocol"


class Reason(StrEnum):
    """Why a program is known to read a packet differently; the value is the sentence to show."""

    CARP_AS_VRRP = "it takes CARP for VRRP: both are IP protocol 112, and it does not look at the length"
    VRRP_AS_CARP = "it takes VRRP for CARP: its test of CARP looks at fewer fields"
    CARP6 = "its test of CARP looks at IPv4 only"
    OTHER_AS_CARP = "it takes data that is not IP protocol 112 for CARP: its heuristic asks no protocol number"
    PLAIN_CHECKSUM = "it expects the pseudo-header in VRRPv3's checksum on IPv4; RFC 9568 leaves it out"
    MULTICAST_CHECKSUM = "it knows no checksum over the multicast destination of a unicast message (old keepalived)"
    CARP6_CHECKSUM = "it expects CARP's checksum without a pseudo-header on IPv6"
    MALFORMED_FIELD = "it reads further into what is no well-formed advertisement"
    MALFORMED_CHECKSUM = "it judges the checksum of what is no well-formed advertisement"
    UNKNOWN_VERSION = "it reads every version but 3 by VRRPv2's layout"
    TUNNEL = "it looks into a tunnel that vrrpwatch names and leaves closed"
    QUOTED = "it reads the advertisement that an ICMP error quotes"
    FRAGMENT = "it leaves fragments after the first closed"
    UNREADABLE = "neither reads the capture to its end, and they may stop at different packets"
    EMPTY = "it names no protocol of which the capture holds no octet"
    LINK_TYPE = "it knows a link type that vrrpwatch does not"


@dataclass(frozen=True, slots=True)
class Heard:
    """One packet as we have it: the frame, its message, the verdict on the checksum, and all that as a reading."""

    packet: Packet
    message: Vrrp | Carp | Malformed
    camp: Camp | None
    reading: Reading


def heard(packet: Packet, message: Vrrp | Carp | Malformed, camp: Camp | None) -> Heard:
    """What our decoder made of ``packet``."""
    return Heard(packet, message, camp, our_reading(packet, message, camp))


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that two programs read differently, with the reason where it is a known one."""

    field: str
    ours: object
    theirs: object
    reason: Reason | None


def compare_readings(ours: Heard | None, theirs: Reading | None, layers: Sequence[str]) -> list[Difference]:
    """Every field that the other program states and that we do not state alike.

    ``None`` is a program that sees no VRRP or CARP in the packet: that, or a different protocol, is then the only
    difference.  ``layers`` are the protocols that the other program names, outermost first, where it names them.
    """
    if theirs is None:
        return [] if ours is None else [Difference(PRESENCE, ours.reading.protocol, None, _unheard_by_them(ours))]
    if ours is None:
        return [Difference(PRESENCE, None, theirs.protocol, _unheard_by_us(theirs, layers))]
    mine = ours.reading
    if mine.protocol != theirs.protocol:
        return [Difference(PROTOCOL, mine.protocol, theirs.protocol, _misreading(ours, theirs))]
    return [Difference(*said, _reason(ours, *said)) for said in differences(mine, theirs)]


# What Wireshark calls them.
TUNNELS = ("gre", "vxlan", "geneve", "erspan", "etherip", "ieee8021ah", "pwethheuristic", "pwethcw", "pwethnocw")
LINKS = ("eth", "sll", "raw", "null", "ppp", "pppoes", "ip", "ipv6")


def _unheard_by_them(ours: Heard) -> Reason | None:
    if ours.packet.fragment == "later":
        return Reason.FRAGMENT
    if not ours.packet.payload:
        return Reason.EMPTY
    if isinstance(ours.message, Carp) and isinstance(ours.packet.network, Ipv6):
        return Reason.CARP6
    return None


def _unheard_by_us(theirs: Reading, layers: Sequence[str]) -> Reason | None:
    if "icmp" in layers or "icmpv6" in layers:
        return Reason.QUOTED
    if any(tunnel in layers for tunnel in TUNNELS) or sum(layer in ("ip", "ipv6") for layer in layers) > 1:
        return Reason.TUNNEL
    if layers and layers[0] not in LINKS:
        return Reason.LINK_TYPE
    other = theirs.protocol == "carp" and theirs.ip_protocol not in (None, 112, 51)
    return Reason.OTHER_AS_CARP if other else None


def _misreading(ours: Heard, theirs: Reading) -> Reason | None:
    if theirs.protocol == "vrrp":
        expected, reason = _as_vrrp(ours), Reason.CARP_AS_VRRP
    else:
        expected, reason = _as_carp(ours), Reason.VRRP_AS_CARP
    return None if differences(expected, theirs) else reason


def _as_vrrp(ours: Heard) -> Reading:
    """What comes of reading CARP by VRRPv2's layout."""
    data = ours.packet.payload
    width = 16 if isinstance(ours.packet.network, Ipv6) else 4
    count, auth_type = data[3], data[4]
    password = data[HEADER_SIZE + width * count :][:8]
    return replace(
        _frame_only(ours.reading, "vrrp"),
        version=data[0] >> 4,
        type=data[0] & 0xF,
        id=data[1],
        priority=data[2],
        count=count,
        auth_type=auth_type,
        auth=printable(password) if auth_type == 1 else None,
        interval=float(data[5]),
        checksum=_plain_verdict(ours.packet),
        addresses=decode_addresses(data, count, width),
    )


def _as_carp(ours: Heard) -> Reading:
    """What comes of reading VRRP by CARP's layout."""
    data = ours.packet.payload
    return replace(
        _frame_only(ours.reading, "carp"),
        version=data[0] >> 4,
        type=data[0] & 0xF,
        id=data[1],
        advskew=data[2],
        authlen=data[3],
        demotion=data[4],
        advbase=data[5],
        checksum=_plain_verdict(ours.packet),
        counter=int.from_bytes(data[8:16]) if len(data) >= 16 else None,
        digest=data[16:36].hex() if len(data) >= 36 else None,
    )


def _frame_only(ours: Reading, protocol: Literal["vrrp", "carp"]) -> Reading:
    kept = (
        "source",
        "destination",
        "ttl",
        "ip_protocol",
        "vlans",
        "spi",
        "sequence",
        "icv",
        "length",
        "checksum_value",
    )
    return Reading(protocol=protocol, **{name: getattr(ours, name) for name in kept})


def _plain_verdict(packet: Packet) -> Verdict | None:
    """The checksum by the rule of VRRPv2 and CARP: the message alone."""
    if len(packet.payload) < packet.payload_length:
        return None
    return "bad" if internet_checksum(packet.payload) else "good"


def _reason(ours: Heard, field: str, mine: object, other: object) -> Reason | None:
    message = ours.message
    if field == "checksum":
        return _checksum_reason(ours, other)
    if not isinstance(message, Malformed) or mine is not None:
        return None
    if field in ("auth_type", "interval") and message.version not in (2, 3):
        stated = float(ours.packet.payload[5]) if field == "interval" else ours.packet.payload[4]
        return Reason.UNKNOWN_VERSION if other == stated else None
    return Reason.MALFORMED_FIELD


def _checksum_reason(ours: Heard, other: object) -> Reason | None:
    match ours.message:
        case Malformed():
            return Reason.MALFORMED_CHECKSUM
        case Vrrp(version=3) if other == "bad" and ours.camp == "plain" and isinstance(ours.packet.network, Ipv4):
            return Reason.PLAIN_CHECKSUM
        case Vrrp(version=3) if other == "bad" and ours.camp == "pseudo-header-multicast":
            return Reason.MULTICAST_CHECKSUM
        case Carp() if other == "bad" and ours.camp == "pseudo-header":
            return Reason.CARP6_CHECKSUM
        case _:
            return None
