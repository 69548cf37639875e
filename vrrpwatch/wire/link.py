"""Link layers: from a captured frame to a :class:`Packet`, through every tag and shim down to IP or ARP.

VXLAN, Geneve, ERSPAN, other GRE, IP-in-IP, MAC-in-MAC and Ethernet pseudowires are named and not looked into.
"""

from collections.abc import Callable
from typing import NamedTuple

from vrrpwatch.wire.ip import Network, dissect_ipv4, dissect_ipv6
from vrrpwatch.wire.layout import Layout, octets
from vrrpwatch.wire.values import Ipv4, Ipv6, Mac, Packet

ETHERNET = Layout("ethernet", destination=octets(6), source=octets(6), ethertype=16)
VLAN = Layout("vlan", priority=3, drop_eligible=1, vid=12, ethertype=16)
SNAP = Layout("snap", dsap=8, ssap=8, control=8, oui=octets(3), ethertype=16)
SLL = Layout("sll", packet_type=16, hardware=16, address_length=16, address=octets(8), ethertype=16)
SLL2 = Layout(
    "sll2",
    ethertype=16,
    reserved=16,
    ifindex=32,
    hardware=16,
    packet_type=8,
    address_length=8,
    address=octets(8),
)
PPPOE = Layout("pppoe", version=4, type=4, code=8, session=16, length=16)
MPLS = Layout("mpls", label=20, traffic_class=3, bottom=1, ttl=8)

IPV4_TYPE, ARP_TYPE, IPV6_TYPE = 0x0800, 0x0806, 0x86DD
TAG_TYPES = (0x8100, 0x88A8, 0x9100)
MPLS_TYPES = (0x8847, 0x8848)
PPPOE_TYPE = 0x8864
MAC_IN_MAC_TYPE = 0x88E7

# IEEE 802.3 §3.2.6: up to 1500 the field is the length of an LLC frame, from 0x600 a type.
MAX_LLC_LENGTH = 1500
MAX_TAGS = 4
# Each label is forgeable; real stacks stay below ten.
MAX_LABELS = 16

# Address families of the loopback header: 2 is IPv4 everywhere, IPv6 differs from system to system.
AF_INET = 2
AF_INET6 = (10, 24, 28, 30)

PPP_PROTOCOLS = {0x0021: IPV4_TYPE, 0x0057: IPV6_TYPE, 0x0281: 0x8847, 0x0283: 0x8848}

# Linux cooked captures' packet types (linux/if_packet.h).
PACKET_BROADCAST, PACKET_MULTICAST, PACKET_OUTGOING = 1, 2, 4


class _Link(NamedTuple):
    """What a link header says; ``group`` is ``None`` where only the IP destination can tell."""

    ethertype: int | None = None
    offset: int = 0
    skipped: str | None = None
    source: Mac | None = None
    destination: Mac | None = None
    ifindex: int | None = None
    group: bool | None = None


class _Inner(NamedTuple):
    """What the tags and shims between link header and network layer say."""

    ethertype: int | None
    offset: int
    vlans: tuple[int, ...] = ()
    skipped: str | None = None


def dissect(frame: bytes, linktype: int, length: int | None = None) -> Packet:
    """Takes a captured frame of link type ``linktype`` (the pcap registry's number) apart.

    ``length`` is the frame's original length where the capture kept less.  Never raises: what cannot be followed
    is named in ``skipped``.
    """
    linktype &= 0xFFFF
    on_wire = max(len(frame), length or 0)
    reader = _LINKS.get(linktype)
    link = reader(frame) if reader else _Link(skipped=f"unknown link type {linktype}")
    inner = _Inner(link.ethertype, link.offset, skipped=link.skipped)
    if link.ethertype is not None and link.skipped is None:
        inner = _shims(frame, link.offset, link.ethertype)
    network = _network(frame, inner, on_wire)
    header = network.header
    return Packet(
        linktype=linktype,
        source_mac=link.source,
        destination_mac=link.destination,
        vlans=inner.vlans,
        ifindex=link.ifindex,
        group=_is_group(header) if link.group is None else link.group,
        ethertype=inner.ethertype,
        network=header,
        network_offset=inner.offset,
        authentication=network.authentication,
        protocol=network.protocol,
        payload=frame[network.payload_offset : network.payload_offset + network.payload_length],
        payload_offset=network.payload_offset,
        payload_length=network.payload_length,
        fragment=network.fragment,
        skipped=network.skipped,
        overlong=network.overlong,
    )


def _network(frame: bytes, inner: _Inner, on_wire: int) -> Network:
    if inner.skipped is None:
        match inner.ethertype:
            case 0x0800:
                return dissect_ipv4(frame, inner.offset, on_wire)
            case 0x86DD:
                return dissect_ipv6(frame, inner.offset, on_wire)
    return Network(
        None, payload_offset=inner.offset, payload_length=max(on_wire - inner.offset, 0), skipped=inner.skipped
    )


def _is_group(header: Ipv4 | Ipv6 | None) -> bool:
    """Whether IP sends to a group: multicast or the limited broadcast."""
    if header is None:
        return False
    first = header.destination.packed[0]
    return first == 0xFF if isinstance(header, Ipv6) else first >> 4 == 0xE or header.destination.packed == b"\xff" * 4


def _shims(frame: bytes, offset: int, ethertype: int) -> _Inner:
    """Follows VLAN tags, SNAP, PPPoE and MPLS from ``ethertype`` on to a network protocol."""
    vlans: list[int] = []
    tags = 0
    while ethertype in TAG_TYPES:
        if tags == MAX_TAGS:
            return _Inner(ethertype, offset, tuple(vlans), "more than four vlan tags")
        tag = VLAN.unpack(frame, offset)
        if tag is None:
            return _Inner(ethertype, offset, tuple(vlans), "truncated vlan")
        tags += 1
        if tag.vid:
            vlans.append(tag.vid)
        ethertype, offset = tag.ethertype, offset + VLAN.size
    skipped = None
    if ethertype <= MAX_LLC_LENGTH:
        ethertype, offset, skipped = _llc(frame, offset, ethertype)
    if ethertype == PPPOE_TYPE and skipped is None:
        ethertype, offset, skipped = _pppoe(frame, offset)
    if ethertype in MPLS_TYPES and skipped is None:
        ethertype, offset, skipped = _mpls(frame, offset, ethertype)
    if skipped is None and ethertype not in (IPV4_TYPE, IPV6_TYPE, ARP_TYPE):
        skipped = "mac-in-mac" if ethertype == MAC_IN_MAC_TYPE else f"ethertype 0x{ethertype:04x}"
    return _Inner(ethertype, offset, tuple(vlans), skipped)


def _llc(frame: bytes, offset: int, length: int) -> tuple[int, int, str | None]:
    """IEEE 802.2 LLC: only SNAP with an Ethernet type (RFC 1042) is followed."""
    snap = SNAP.unpack(frame, offset)
    if snap is None or (snap.dsap, snap.ssap, snap.control, snap.oui) != (0xAA, 0xAA, 3, b"\0\0\0"):
        return length, offset, "llc"
    return snap.ethertype, offset + SNAP.size, None


def _pppoe(frame: bytes, offset: int) -> tuple[int, int, str | None]:
    """A PPPoE session header and PPP's protocol field (RFC 2516)."""
    header = PPPOE.unpack(frame, offset)
    if header is None:
        return PPPOE_TYPE, offset, "truncated pppoe"
    if (header.version, header.type, header.code) != (1, 1, 0):
        return PPPOE_TYPE, offset, "pppoe without a session"
    ethertype, inside, skipped = _ppp_protocol(frame, offset + PPPOE.size)
    return (PPPOE_TYPE, offset, skipped) if skipped else (ethertype, inside, None)


def _ppp_protocol(frame: bytes, offset: int) -> tuple[int, int, str | None]:
    """PPP's protocol field, one octet where it is compressed (RFC 1661 §6.5)."""
    if offset >= len(frame):
        return 0, offset, "truncated ppp"
    if frame[offset] & 1:
        protocol, offset = frame[offset], offset + 1
    elif offset + 2 <= len(frame):
        protocol, offset = int.from_bytes(frame[offset : offset + 2]), offset + 2
    else:
        return 0, offset, "truncated ppp"
    ethertype = PPP_PROTOCOLS.get(protocol)
    return (0, offset, "ppp protocol") if ethertype is None else (ethertype, offset, None)


def _mpls(frame: bytes, offset: int, ethertype: int) -> tuple[int, int, str | None]:
    """An MPLS label stack (RFC 3032); what lies below says no type, so the first nibble decides (RFC 4928 §3)."""
    for _ in range(MAX_LABELS):
        entry = MPLS.unpack(frame, offset)
        if entry is None:
            return ethertype, offset, "truncated mpls"
        offset += MPLS.size
        if entry.bottom:
            break
    else:
        return ethertype, offset, "mpls stack too deep"
    if offset >= len(frame):
        return ethertype, offset, "truncated mpls"
    match frame[offset] >> 4:
        case 4:
            return IPV4_TYPE, offset, None
        case 6:
            return IPV6_TYPE, offset, None
        case 0 | 1:
            return ethertype, offset, "mpls pseudowire"
        case _:
            return ethertype, offset, "mpls payload"


def _ethernet(frame: bytes) -> _Link:
    header = ETHERNET.unpack(frame)
    if header is None:
        return _Link(skipped="truncated ethernet", group=bool(frame and frame[0] & 1))
    return _Link(
        header.ethertype,
        ETHERNET.size,
        source=header.source.hex(":"),
        destination=header.destination.hex(":"),
        group=bool(header.destination[0] & 1),
    )


def _cooked(frame: bytes) -> _Link:
    header = SLL.unpack(frame)
    if header is None:
        return _Link(skipped="truncated sll", group=False)
    return _Link(
        header.ethertype,
        SLL.size,
        source=header.address[:6].hex(":") if header.address_length == 6 else None,
        group=_cooked_group(header.packet_type),
    )


def _cooked2(frame: bytes) -> _Link:
    header = SLL2.unpack(frame)
    if header is None:
        return _Link(skipped="truncated sll2", group=False)
    return _Link(
        header.ethertype,
        SLL2.size,
        source=header.address[:6].hex(":") if header.address_length == 6 else None,
        ifindex=header.ifindex,
        group=_cooked_group(header.packet_type),
    )


def _cooked_group(packet_type: int) -> bool | None:
    return None if packet_type == PACKET_OUTGOING else packet_type in (PACKET_BROADCAST, PACKET_MULTICAST)


def _raw(frame: bytes) -> _Link:
    if not frame:
        return _Link(skipped="truncated ip")
    version = frame[0] >> 4
    if version not in (4, 6):
        return _Link(skipped="not ip")
    return _Link(IPV4_TYPE if version == 4 else IPV6_TYPE)


def _null(frame: bytes) -> _Link:
    """The loopback header: the address family in the byte order of the machine that captured."""
    if len(frame) < 4:
        return _Link(skipped="truncated null")
    for order in ("little", "big"):
        family = int.from_bytes(frame[:4], "little" if order == "little" else "big")
        if family == AF_INET:
            return _Link(IPV4_TYPE, 4)
        if family in AF_INET6:
            return _Link(IPV6_TYPE, 4)
    return _Link(offset=4, skipped="unknown address family")


def _ppp(frame: bytes) -> _Link:
    """PPP, with or without the HDLC address and control octets (RFC 1662)."""
    ethertype, offset, skipped = _ppp_protocol(frame, 2 if frame[:2] == b"\xff\x03" else 0)
    return _Link(offset=offset, skipped=skipped) if skipped else _Link(ethertype, offset)


_LINKS: dict[int, Callable[[bytes], _Link]] = {
    0: _null,
    1: _ethernet,
    9: _ppp,
    12: _raw,
    14: _raw,
    50: _ppp,
    51: lambda _: _Link(PPPOE_TYPE),
    101: _raw,
    108: _null,
    113: _cooked,
    228: lambda _: _Link(IPV4_TYPE),
    229: lambda _: _Link(IPV6_TYPE),
    276: _cooked2,
}
