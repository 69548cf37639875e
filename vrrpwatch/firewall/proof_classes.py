"""Captured packets that rules cannot tell apart, put together: one of each is replayed for all of them."""

import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final, NamedTuple

from vrrpwatch.core.model import Evidence
from vrrpwatch.firewall.flows import ADVERTISEMENT, GLBP_PORT, HSRP6_PORT, HSRP_PORT, PFSYNC, UDP, Place, Plan
from vrrpwatch.wire.carp import CARP
from vrrpwatch.wire.link import ARP_TYPE, IPV4_TYPE, IPV6_TYPE, TAG_TYPES, dissect
from vrrpwatch.wire.protocol112 import decode_advert
from vrrpwatch.wire.trailer import TRAILER
from vrrpwatch.wire.values import Carp, Ipv4, Packet, Vrrp

# A flood invents a sender for every packet; rules are judged by what is alike, and these are as many as anybody reads.
MAX_CLASSES: Final = 4096
# Of what the policy does not judge (membership, neighbour discovery, other traffic) a sample shows that it passes.
MAX_ASIDE: Final = 256
# Segments that the policy does not know: any number of VLAN tags may be forged.
MAX_STRANGERS: Final = 32
# Jumbo frames; what is longer a card put together or a forger made up, and no rule is about.
MAX_OCTETS: Final = 9216
# Packet numbers kept of each class; a report names the first.
MAX_EVIDENCE: Final = 100

ETHERNET: Final = 1
# Where a capture has no MAC addresses: locally administered ones.
UNKNOWN_SOURCE, UNKNOWN_DESTINATION = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")
_TAG: Final = 0x8100
# Ports whose messages say which group they are of; other UDP is state synchronisation, never twice the same.
_TELLING: Final = frozenset({HSRP_PORT, HSRP6_PORT, GLBP_PORT})


class Captured(NamedTuple):
    """One frame of a capture; ``at`` in nanoseconds since 1970, ``length`` its original length."""

    source: int
    packet: int
    at: int
    segment: str
    linktype: int
    frame: bytes
    length: int


class PacketClass(NamedTuple):
    """``frame`` is the first packet as Ethernet brings it to ``place``, and ``packet`` is that frame taken apart.

    ``place`` is ``None`` where the policy does not know the segment.  ``evidence`` are the first packets.
    """

    segment: str
    place: Place | None
    frame: bytes
    packet: Packet
    packets: int
    octets: int
    evidence: tuple[Evidence, ...]


@dataclass(slots=True)
class _Growing:
    segment: str
    place: Place | None
    frame: bytes
    packet: Packet
    packets: int = 0
    octets: int = 0
    evidence: list[Evidence] = field(default_factory=list)


class Left(NamedTuple):
    """Packets that are in no class: of more classes or segments than are looked at; or not to be replayed.

    That is what is neither IP nor ARP, what was cut within its headers, and what is longer than any frame.
    """

    classes: int
    segments: int
    unreadable: int


class Classes:
    """Takes captured frames in order.  ``confined`` says whether the plan judges such packets at all."""

    def __init__(self, plan: Plan, confined: Callable[[Packet], bool]) -> None:
        self._plan = plan
        self._confined = confined
        self._growing: list[_Growing] = []
        self._numbers: dict[tuple[str, bytes, bytes], int] = {}
        self._places: dict[str, Place | None] = {}
        self._strangers: set[str] = set()
        self._aside = 0
        self._left = [0, 0, 0]

    def take(self, captured: Captured) -> int | None:
        """The number of the frame's class, ``None`` where it is in none."""
        packet = dissect(captured.frame, captured.linktype, captured.length)
        if packet.network is None and packet.ethertype != ARP_TYPE:
            self._left[2] += 1
            return None
        segment = captured.segment
        place = self._place(segment)
        if place is None and segment not in self._strangers:
            if len(self._strangers) >= MAX_STRANGERS:
                self._left[1] += 1
                return None
            self._strangers.add(segment)
        body = _body(captured.frame, packet)
        if len(body) > MAX_OCTETS:
            self._left[2] += 1
            return None
        link = repr((packet.source_mac, packet.destination_mac, packet.vlans)).encode()
        key = segment, link, _essence(body, packet)
        number = self._numbers.get(key)
        if number is None:
            number = self._begin(key, place, body, packet)
            if number is None:
                self._left[0] += 1
                return None
        grown = self._growing[number]
        grown.packets += 1
        grown.octets += captured.length
        if len(grown.evidence) < MAX_EVIDENCE:
            grown.evidence.append(Evidence(captured.source, captured.packet))
        return number

    def _begin(self, key: tuple[str, bytes, bytes], place: Place | None, body: bytes, packet: Packet) -> int | None:
        frame = rebuild(self._plan, packet, body, packet.vlans if self._plan.role == "bridge" else ())
        made = dissect(frame, ETHERNET)
        if self._confined(made):
            if len(self._growing) - self._aside >= MAX_CLASSES:
                return None
        elif self._aside >= MAX_ASIDE:
            return None
        else:
            self._aside += 1
        self._numbers[key] = len(self._growing)
        self._growing.append(_Growing(key[0], place, frame, made))
        return self._numbers[key]

    def _place(self, segment: str) -> Place | None:
        if segment not in self._places:
            named = [place for place in self._plan.places if place.segment == segment]
            patterns = [place for place in self._plan.places if fnmatchcase(segment, place.segment)]
            self._places[segment] = next(iter((*named, *patterns)), None)
        return self._places[segment]

    def get(self, number: int) -> PacketClass:
        """A class as far as it has grown."""
        grown = self._growing[number]
        return PacketClass(
            grown.segment, grown.place, grown.frame, grown.packet, grown.packets, grown.octets, tuple(grown.evidence)
        )

    def all(self) -> list[PacketClass]:
        return [self.get(number) for number in range(len(self._growing))]

    def left(self) -> Left:
        return Left(*self._left)


def _body(frame: bytes, packet: Packet) -> bytes:
    """The packet without what a card padded; what the capture cut off is zeros."""
    network = packet.network
    if network is None:
        return frame[packet.payload_offset : packet.payload_offset + packet.payload_length]
    length = network.total_length if isinstance(network, Ipv4) else 40 + network.payload_length
    # Captured before the card filled the length in.
    length = length or packet.payload_offset - packet.network_offset + packet.payload_length
    return frame[packet.network_offset : packet.network_offset + length].ljust(length, b"\0")


def rebuild(plan: Plan, packet: Packet, body: bytes, vlans: Iterable[int]) -> bytes:
    """``body`` in an Ethernet frame with the packet's own addresses and the given tags."""
    source = bytes.fromhex(packet.source_mac.replace(":", "")) if packet.source_mac else _assumed_source(plan, packet)
    destination = bytes.fromhex(packet.destination_mac.replace(":", "")) if packet.destination_mac else _group(packet)
    network = packet.network
    ethertype = ARP_TYPE if network is None else IPV4_TYPE if isinstance(network, Ipv4) else IPV6_TYPE
    return destination + source + _tags(vlans) + struct.pack("!H", ethertype) + body


def _assumed_source(plan: Plan, packet: Packet) -> bytes:
    """What the policy lists for the sender: a capture without MAC addresses cannot show another."""
    source = None if packet.network is None else packet.network.source
    listed = next((flow.mac for flow in plan.flows if flow.mac is not None and flow.source == source), None)
    return UNKNOWN_SOURCE if listed is None else bytes.fromhex(listed.replace(":", ""))


def _group(packet: Packet) -> bytes:
    """The MAC address that the destination goes to: RFC 1112 §6.4, RFC 2464 §7."""
    if packet.network is None:
        return b"\xff" * 6
    destination = packet.network.destination
    if not destination.is_multicast:
        return b"\xff" * 6 if destination.packed == b"\xff" * 4 else UNKNOWN_DESTINATION
    if destination.version == 6:
        return b"\x33\x33" + destination.packed[12:]
    return b"\x01\x00\x5e" + bytes([destination.packed[1] & 0x7F]) + destination.packed[2:]


def _essence(body: bytes, packet: Packet) -> bytes:
    """``body`` without what differs from one packet to the next and no rule looks at."""
    network = packet.network
    if network is None:
        return body
    kept = bytearray(body)
    if isinstance(network, Ipv4):
        kept[4:6] = kept[10:12] = b"\0\0"
    start = packet.payload_offset - packet.network_offset
    if packet.fragment == "later":
        return bytes(kept)
    if packet.authentication is not None:
        # The sequence number and the ICV are the header's last octets (RFC 4302 §2).
        changing = 4 + len(packet.authentication.icv)
        kept[start - changing : start] = bytes(changing)
    if packet.protocol == ADVERTISEMENT:
        _still(kept, start, packet)
    elif packet.protocol == PFSYNC or (packet.protocol == UDP and _is_changing(packet.payload)):
        # Only UDP's ports say what it is.
        del kept[start if packet.protocol == PFSYNC else start + 4 :]
        length = slice(2, 4) if isinstance(network, Ipv4) else slice(4, 6)
        kept[length] = b"\0\0"
    return bytes(kept)


def _is_changing(datagram: bytes) -> bool:
    return len(datagram) < 4 or int.from_bytes(datagram[2:4], "big") not in _TELLING


def _still(kept: bytearray, start: int, packet: Packet) -> None:
    """Clears an advertisement's checksum, CARP's counter and digest, and keepalived's HMAC trailer."""
    end = len(kept)
    kept[start + 6 : start + 8] = kept[start + 6 : start + 8] and b"\0\0"
    match decode_advert(packet):
        case Carp():
            kept[start + 8 : start + CARP.size] = bytes(len(kept[start + 8 : start + CARP.size]))
        case Vrrp(trailer=trailer) if trailer is not None:
            kept[end - TRAILER.size :] = bytes(TRAILER.size)
        case _:
            pass


def retag(frame: bytes, vlans: Iterable[int]) -> bytes:
    """An Ethernet frame with other tags in place of its own."""
    offset = 12
    while int.from_bytes(frame[offset : offset + 2], "big") in TAG_TYPES:
        offset += 4
    return frame[:12] + _tags(vlans) + frame[offset:]


def _tags(vlans: Iterable[int]) -> bytes:
    return b"".join(struct.pack("!HH", _TAG, vid) for vid in vlans)
