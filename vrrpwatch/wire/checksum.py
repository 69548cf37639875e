"""Internet checksums (RFC 1071), pseudo-headers, and which of the known rules an advertisement's checksum follows."""

from array import array
from ipaddress import IPv4Address, IPv6Address
from sys import byteorder

from vrrpwatch.wire.trailer import TRAILER
from vrrpwatch.wire.values import Camp, Carp, IPAddress, Packet, Vrrp

PROTOCOL = 112
PSEUDO_MULTICAST = IPv4Address("224.0.0.18")


def internet_checksum(data: bytes) -> int:
    """The 16-bit one's complement of the one's complement sum of ``data`` (RFC 1071); 0 where it holds its own."""
    words = array("H", data if len(data) % 2 == 0 else data + b"\0")
    total = sum(words)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    # The sum commutes with swapping octets (RFC 1071 §2 B), so swap once at the end.
    if byteorder == "little":
        total = (total & 0xFF) << 8 | total >> 8
    return total ^ 0xFFFF


def pseudo_header(source: IPAddress, destination: IPAddress, length: int, protocol: int = PROTOCOL) -> bytes:
    """What IP adds to an upper-layer checksum: RFC 9293 §3.1 for IPv4, RFC 8200 §8.1 for IPv6."""
    if isinstance(source, IPv6Address):
        return source.packed + destination.packed + length.to_bytes(4) + protocol.to_bytes(4)
    return source.packed + destination.packed + bytes((0, protocol)) + (length & 0xFFFF).to_bytes(2)


def camp(message: Vrrp | Carp, packet: Packet) -> Camp | None:
    """The rule by which ``message``'s checksum fits, ``"bad"`` for none, ``None`` where the capture cut the message.

    VRRPv2 and CARP sum the message alone.  VRRPv3 on IPv4 has three camps: RFC 5798 with the pseudo-header,
    RFC 9568 without, and old keepalived with the multicast destination although it sent unicast.  Some CARP
    for IPv6 is seen with the pseudo-header.  keepalived's HMAC trailer is covered on IPv6 only.
    """
    header = packet.network
    if not message.complete or header is None:
        return None
    data = packet.payload[: packet.payload_length]
    source, destination = header.source, header.destination
    if isinstance(message, Vrrp) and message.trailer is not None and isinstance(source, IPv4Address):
        data = data[: -TRAILER.size]
    if isinstance(message, Vrrp) and message.version == 2:
        return "plain" if internet_checksum(data) == 0 else "bad"
    pseudo = internet_checksum(pseudo_header(source, destination, len(data)) + data) == 0
    plain = internet_checksum(data) == 0
    if isinstance(message, Carp):
        return "plain" if plain else "pseudo-header" if pseudo else "bad"
    if pseudo:
        return "pseudo-header"
    if isinstance(source, IPv6Address):
        return "bad"
    if plain:
        return "plain"
    multicast = pseudo_header(source, PSEUDO_MULTICAST, len(data))
    return "pseudo-header-multicast" if internet_checksum(multicast + data) == 0 else "bad"
