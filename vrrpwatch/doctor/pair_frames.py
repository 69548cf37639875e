"""The test frames that two hosts send each other: Ethernet, IP, and a mark that only the two can make.

They cannot be taken for a router's: the IP protocol is 253 and the groups are 224.0.0.254 and ff02::114, all kept for
experiments (RFC 3692 §2.1, RFC 4727 §2), the TTL is 1, and no router forwards 224.0.0.0/24 or ff02::/16 (RFC 5771 §4).
"""

from enum import IntEnum
from hashlib import blake2b
from hmac import compare_digest
from ipaddress import IPv4Address, IPv6Address
from typing import Final, NamedTuple

from vrrpwatch.wire.checksum import internet_checksum
from vrrpwatch.wire.ip import IPV4, IPV6
from vrrpwatch.wire.layout import Layout, octets
from vrrpwatch.wire.link import ETHERNET
from vrrpwatch.wire.macs import virtual_mac
from vrrpwatch.wire.values import IPAddress, Mac

PROTOCOL: Final = 253
GROUP4: Final = IPv4Address("224.0.0.254")
GROUP6: Final = IPv6Address("ff02::114")
GROUP4_MAC: Final = "01:00:5e:00:00:fe"
GROUP6_MAC: Final = "33:33:00:00:01:14"
MAGIC: Final = b"VRRPwDr1"

_MARK: Final = Layout("mark", magic=octets(8), kind=8, sender=8, sequence=16, tag=octets(16))
_TAGGED: Final = 12


class Kind(IntEnum):
    """What a frame tests: where it goes to and whose source address it bears."""

    UNICAST = 0
    MULTICAST = 1
    VIRTUAL_SOURCE = 2
    VIRTUAL_MULTICAST = 3
    VIRTUAL_DESTINATION = 4


class Side(NamedTuple):
    """One of the two hosts: its addresses, and its virtual MAC for the test."""

    ip: IPAddress
    mac: Mac
    virtual: Mac


class Mark(NamedTuple):
    """What a test frame says: ``sender`` is 0 or 1, ``sequence`` counts from 0 per kind."""

    kind: Kind
    sender: int
    sequence: int


def borrowed_mac(sender: int, vrid: int) -> Mac:
    """The virtual MAC that a side sends from: VRRP's range for IPv4 or for IPv6, so that both may take one VRID."""
    return virtual_mac("ipv4" if sender == 0 else "ipv6", vrid)


def group_mac(address: IPAddress) -> Mac:
    """The link address of the test group in the family of ``address``."""
    return GROUP4_MAC if address.version == 4 else GROUP6_MAC


def encode(mark: Mark, token: bytes, own: Side, peer: Side) -> bytes:
    """The frame; its IP destination is always the group, so that no host answers it with an ICMP error."""
    source = own.virtual if mark.kind in (Kind.VIRTUAL_SOURCE, Kind.VIRTUAL_MULTICAST) else own.mac
    destination = {
        Kind.UNICAST: peer.mac,
        Kind.VIRTUAL_SOURCE: peer.mac,
        Kind.VIRTUAL_DESTINATION: peer.virtual,
    }.get(mark.kind, group_mac(own.ip))
    body = _MARK.pack(magic=MAGIC, kind=mark.kind, sender=mark.sender, sequence=mark.sequence, tag=bytes(16))
    body = body[:_TAGGED] + tag(token, body[:_TAGGED])
    ethertype = 0x0800 if own.ip.version == 4 else 0x86DD
    link = ETHERNET.pack(destination=_raw(destination), source=_raw(source), ethertype=ethertype)
    return link + _ip(own.ip, len(body)) + body


def decode(frame: bytes, token: bytes) -> Mark | None:
    """The mark of a test frame of this very session, ``None`` for every other frame."""
    head = ETHERNET.unpack(frame, 0)
    if head is None or head.ethertype not in (0x0800, 0x86DD):
        return None
    start = ETHERNET.size + (IPV4.size if head.ethertype == 0x0800 else IPV6.size)
    protocol_at = ETHERNET.size + (9 if head.ethertype == 0x0800 else 6)
    body = frame[start : start + _MARK.size]
    if len(body) < _MARK.size or frame[protocol_at] != PROTOCOL:
        return None
    mark = _MARK.unpack(body, 0)
    if mark is None or mark.magic != MAGIC or mark.kind > max(Kind) or mark.sender > 1:
        return None
    if not compare_digest(mark.tag, tag(token, body[:_TAGGED])):
        return None
    return Mark(Kind(mark.kind), mark.sender, mark.sequence)


def tag(token: bytes, data: bytes) -> bytes:
    """16 octets that only who knows ``token`` can make for ``data`` (keyed BLAKE2b, RFC 7693)."""
    return blake2b(data, key=token, digest_size=16).digest()


def _raw(mac: Mac) -> bytes:
    return bytes.fromhex(mac.replace(":", ""))


def _ip(source: IPAddress, length: int) -> bytes:
    if isinstance(source, IPv6Address):
        return IPV6.pack(
            version=6,
            traffic_class=0,
            flow_label=0,
            payload_length=length,
            next_header=PROTOCOL,
            hop_limit=1,
            source=source.packed,
            destination=GROUP6.packed,
        )
    fields: dict[str, int | bytes] = {
        "version": 4,
        "header_length": 5,
        "tos": 0,
        "total_length": IPV4.size + length,
        "identification": 0,
        "reserved": 0,
        "dont_fragment": 1,
        "more_fragments": 0,
        "fragment_offset": 0,
        "ttl": 1,
        "protocol": PROTOCOL,
        "source": source.packed,
        "destination": GROUP4.packed,
    }
    return IPV4.pack(**fields, checksum=internet_checksum(IPV4.pack(**fields, checksum=0)))
