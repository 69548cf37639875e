"""Every way through a host on which a class is tried: its own segment's devices, and others as for a leak."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from vrrpwatch.core.model import MAX_DEVICE
from vrrpwatch.firewall.expectation import Expected, Passage, expect
from vrrpwatch.firewall.flows import Place, Plan
from vrrpwatch.firewall.proof_classes import PacketClass, retag
from vrrpwatch.firewall.replay_job import Course, Trial
from vrrpwatch.wire.values import Ipv4, Packet

# A device that no policy knows; a digit in front is no name that an administrator gives.
OUTSIDE: Final = "0-unlisted"
# Devices of a class's own segment, and other segments, on which it is tried: every rule is met by some class.
MAX_HOMES: Final = 8
MAX_OTHERS: Final = 4
_AH: Final = 51
_ORDER: Final[tuple[Course, ...]] = ("input", "output", "egress", "forward", "bridge")


class Way(NamedTuple):
    """``own``: on the class's own segment alone.  ``vlans``: the tags there, where they are not the class's own."""

    course: Course
    incoming: str | None
    outgoing: str | None
    own: bool
    vlans: tuple[int, ...] | None = None


def home(plan: Plan, one: PacketClass) -> tuple[str, ...]:
    """The devices of the class's segment; an unknown segment has one of its own name where that can be one."""
    if one.place is not None:
        return one.place.devices[:MAX_HOMES]
    base, _, tags = one.segment.partition("/")
    name = f"{base}.{tags}" if tags and plan.role != "bridge" else base
    plain = name.isascii() and all(char.isalnum() or char in "._-" for char in name) and name[:1].isalnum()
    taken = name in plan.devices or name in (OUTSIDE, "lo")
    return (name if plain and len(name) <= MAX_DEVICE and not taken else OUTSIDE,)


def ways(plan: Plan, one: PacketClass, *, judged: bool, egress: bool) -> list[Way]:
    """Where the class is tried; what the plan does not judge only on its own segment."""
    own = home(plan, one)
    others = tuple(place for place in _others(plan, one.place) if not set(place.devices) & set(own)) if judged else ()
    away = tuple(device for device in (*(place.devices[0] for place in others), OUTSIDE) if device not in own)
    if plan.role == "bridge":
        return [*_across(own, away), *(_retagged(plan, one, own) if judged else ())]
    if one.packet.network is None:
        return []
    sent: tuple[Course, ...] = ("output", "egress") if egress else ("output",)
    found = [Way("input", device, None, own=True) for device in own]
    found += [Way(course, None, device, own=True) for course in sent for device in own]
    if judged:
        found += [Way("input", device, None, own=False) for device in away]
        found += [Way(course, None, device, own=False) for course in sent for device in away]
    crossings = [(own[0], own[1])] if len(own) > 1 else []
    crossings += [pair for device in own for other in away for pair in ((device, other), (other, device))]
    return found + [Way("forward", *pair, own=False) for pair in crossings]


def _others(plan: Plan, place: Place | None) -> list[Place]:
    """Other segments, beginning behind the class's own, so that every pair of neighbours is tried both ways."""
    start = plan.places.index(place) + 1 if place is not None else 0
    rotated = (*plan.places[start:], *plan.places[:start])
    return [other for other in rotated if other is not place][:MAX_OTHERS]


def _across(own: tuple[str, ...], away: tuple[str, ...]) -> list[Way]:
    ports = (*own, *away)
    return [
        Way("bridge", incoming, outgoing, own=incoming in own and outgoing in own)
        for incoming in ports
        for outgoing in ports
        if incoming != outgoing
    ]


def _retagged(plan: Plan, one: PacketClass, own: tuple[str, ...]) -> Iterable[Way]:
    """The class as it would leak into other VLANs of the same ports."""
    shared = [
        other
        for other in plan.places
        if other is not one.place and other.vlans != one.packet.vlans and set(other.devices) & set(own)
    ]
    for other in shared[:MAX_OTHERS]:
        for incoming in own:
            for outgoing in own:
                if incoming != outgoing:
                    yield Way("bridge", incoming, outgoing, own=False, vlans=other.vlans)


def expected(plan: Plan, packet: Packet, way: Way) -> Expected:
    """What the plan wants of the class on this way."""
    if way.vlans is not None:
        packet = packet._replace(vlans=way.vlans)
    match way.course:
        case "bridge":
            return expect(plan, packet, Passage("forward", way.incoming, way.outgoing))
        case "egress":
            return expect(plan, packet, Passage("output", None, way.outgoing))
        case hook:
            return expect(plan, packet, Passage(hook, way.incoming, way.outgoing))


def trial(one: PacketClass, way: Way, copies: int = 1) -> Trial:
    """``way`` as the scratch host tries it; a bridge sends by all ports at once."""
    frame = one.frame if way.vlans is None else retag(one.frame, way.vlans)
    outgoing = None if way.course == "bridge" else way.outgoing
    return Trial(way.course, way.incoming, outgoing, frame, _protocol(one.packet), copies)


def order(tried: Trial) -> tuple[int, str, str, bytes]:
    """Sorts trials so that the scratch host's routes and own addresses change as seldom as can be."""
    return _ORDER.index(tried.course), tried.outgoing or "", tried.incoming or "", _own_address(tried)


def _own_address(tried: Trial) -> bytes:
    """The bytes where an untagged frame has the address that is the host's own."""
    version4 = tried.frame[12:14] == b"\x08\x00"
    if tried.course == "input":
        return tried.frame[30:34] if version4 else tried.frame[38:54]
    return tried.frame[26:30] if version4 else tried.frame[22:38]


def _protocol(packet: Packet) -> int | None:
    if isinstance(packet.network, Ipv4):
        return packet.network.protocol
    return _AH if packet.authentication is not None else packet.protocol
