"""IPv4 and IPv6 down to the transport payload: options, extension headers, fragments and AH; nothing above them."""

from ipaddress import IPv4Address, IPv6Address
from typing import Literal, NamedTuple

from vrrpwatch.wire.ah import AH, decode_ah
from vrrpwatch.wire.layout import Layout, octets
from vrrpwatch.wire.values import AuthenticationHeader, Ipv4, Ipv6

IPV4 = Layout(
    "ipv4",
    version=4,
    header_length=4,
    tos=8,
    total_length=16,
    identification=16,
    reserved=1,
    dont_fragment=1,
    more_fragments=1,
    fragment_offset=13,
    ttl=8,
    protocol=8,
    checksum=16,
    source=octets(4),
    destination=octets(4),
)
IPV6 = Layout(
    "ipv6",
    version=4,
    traffic_class=8,
    flow_label=20,
    payload_length=16,
    next_header=8,
    hop_limit=8,
    source=octets(16),
    destination=octets(16),
)
EXTENSION = Layout("extension", next_header=8, length=8)
FRAGMENT = Layout(
    "fragment", next_header=8, reserved=8, fragment_offset=13, reserved2=2, more_fragments=1, identification=32
)
UDP = Layout("udp", source_port=16, destination_port=16, length=16, checksum=16)

HOP_BY_HOP, TCP, UDP_PROTOCOL, ROUTING, FRAGMENTED, AH_PROTOCOL, DESTINATION_OPTIONS = 0, 6, 17, 43, 44, 51, 60

# A packet can chain as many extension headers as it has bytes; RFC 8200 §4.1 knows seven, each once or twice.
MAX_EXTENSIONS = 16

# What carries whole packets of its own, by IP protocol; it is named and not looked into.
TUNNELS = {4: "ip-in-ip", 41: "ip-in-ip", 47: "gre", 97: "etherip", 137: "mpls-in-ip"}
TUNNEL_PORTS = {4789: "vxlan", 6081: "geneve", 8472: "vxlan"}
ERSPAN_TYPES = (0x88BE, 0x22EB)


class Network(NamedTuple):
    """The network layer of one frame; offsets count from the start of the frame."""

    header: Ipv4 | Ipv6 | None
    authentication: AuthenticationHeader | None = None
    protocol: int | None = None
    payload_offset: int = 0
    payload_length: int = 0
    fragment: Literal["first", "later"] | None = None
    skipped: str | None = None
    overlong: bool = False


def dissect_ipv4(frame: bytes, offset: int, on_wire: int) -> Network:
    """The IPv4 packet at ``offset`` of a frame that had ``on_wire`` octets (RFC 791)."""
    raw = IPV4.unpack(frame, offset)
    if raw is None:
        return Network(None, skipped="truncated ipv4")
    if raw.version != 4:
        return Network(None, skipped="not ipv4")
    header_length = raw.header_length * 4
    if header_length < IPV4.size:
        return Network(None, skipped="bad ipv4 header length")
    header = Ipv4(
        source=IPv4Address(raw.source),
        destination=IPv4Address(raw.destination),
        ttl=raw.ttl,
        tos=raw.tos,
        identification=raw.identification,
        dont_fragment=bool(raw.dont_fragment),
        more_fragments=bool(raw.more_fragments),
        fragment_offset=raw.fragment_offset * 8,
        protocol=raw.protocol,
        header_length=header_length,
        total_length=raw.total_length,
    )
    # A sender that offloads segmentation may be captured before the card fills the length in: it stands at 0.
    total = raw.total_length or on_wire - offset
    start = offset + header_length
    if total < header_length:
        at = min(start, len(frame))
        return Network(header, protocol=raw.protocol, payload_offset=at, skipped="bad ipv4 total length")
    overlong = offset + total > on_wire
    if start > len(frame):
        return Network(
            header,
            protocol=raw.protocol,
            payload_offset=len(frame),
            payload_length=total - header_length,
            skipped="truncated ipv4",
            overlong=overlong,
        )
    fragment: Literal["first", "later"] | None = None
    if raw.fragment_offset:
        fragment = "later"
    elif raw.more_fragments:
        fragment = "first"
    return _transport(frame, header, raw.protocol, start, offset + total, fragment, overlong)


def dissect_ipv6(frame: bytes, offset: int, on_wire: int) -> Network:
    """The IPv6 packet at ``offset`` of a frame that had ``on_wire`` octets, extension headers walked (RFC 8200)."""
    raw = IPV6.unpack(frame, offset)
    if raw is None:
        return Network(None, skipped="truncated ipv6")
    if raw.version != 6:
        return Network(None, skipped="not ipv6")
    at = offset + IPV6.size
    # Jumbograms (RFC 2675) and segmentation offload leave the length at 0 although a payload follows.
    unset = raw.payload_length == 0 and raw.next_header in (HOP_BY_HOP, TCP, UDP_PROTOCOL)
    end = on_wire if unset else at + raw.payload_length
    protocol: int = raw.next_header
    extensions: list[int] = []
    fragment: Literal["first", "later"] | None = None
    fragment_offset, more_fragments = 0, False
    skipped = None
    limit = min(end, len(frame))
    while protocol in (HOP_BY_HOP, ROUTING, FRAGMENTED, DESTINATION_OPTIONS) and fragment != "later":
        if len(extensions) == MAX_EXTENSIONS:
            skipped = "too many ipv6 extensions"
            break
        layout = FRAGMENT if protocol == FRAGMENTED else EXTENSION
        extension = layout.unpack(frame, at)
        size = 0 if extension is None else 8 if protocol == FRAGMENTED else (extension.length + 1) * 8
        if extension is None or at + size > limit:
            skipped = "ipv6 extension cut"
            break
        if protocol == FRAGMENTED:
            fragment_offset, more_fragments = extension.fragment_offset * 8, bool(extension.more_fragments)
            # A lone fragment header on a whole packet is an atomic fragment, no fragment at all (RFC 6946).
            fragment = "later" if fragment_offset else "first" if more_fragments else None
        extensions.append(protocol)
        protocol, at = extension.next_header, at + size
    header = Ipv6(
        source=IPv6Address(raw.source),
        destination=IPv6Address(raw.destination),
        hop_limit=raw.hop_limit,
        traffic_class=raw.traffic_class,
        flow_label=raw.flow_label,
        payload_length=raw.payload_length,
        next_header=raw.next_header,
        extensions=tuple(extensions),
        more_fragments=more_fragments,
        fragment_offset=fragment_offset,
    )
    overlong = end > on_wire
    if skipped:
        return Network(header, None, protocol, min(at, len(frame)), max(end - at, 0), fragment, skipped, overlong)
    return _transport(frame, header, protocol, at, end, fragment, overlong)


def _transport(
    frame: bytes,
    header: Ipv4 | Ipv6,
    protocol: int,
    start: int,
    end: int,
    fragment: Literal["first", "later"] | None,
    overlong: bool,
) -> Network:
    """What follows the IP header, past an Authentication Header where there is one."""
    if fragment == "later":
        return Network(header, None, protocol, start, end - start, fragment, "later fragment", overlong)
    authentication = None
    if protocol == AH_PROTOCOL:
        authentication = decode_ah(frame[start : min(end, len(frame))])
        if authentication is None:
            return Network(header, None, protocol, start, end - start, fragment, "truncated or malformed ah", overlong)
        protocol = authentication.next_header
        start += AH.size + len(authentication.icv)
    skipped = TUNNELS.get(protocol)
    if skipped == "gre" and int.from_bytes(frame[start + 2 : min(start + 4, end)]) in ERSPAN_TYPES:
        skipped = "erspan"
    elif protocol == UDP_PROTOCOL:
        udp = UDP.unpack(frame, start)
        skipped = TUNNEL_PORTS.get(udp.destination_port) if udp and start + UDP.size <= end else None
    return Network(header, authentication, protocol, start, end - start, fragment, skipped, overlong)
