"""Frames built octet by octet, for rules to judge."""

import struct
from ipaddress import IPv4Address, IPv6Address

ALPHA_MAC = "02:00:00:00:00:11"
OTHER_MAC = "02:00:00:00:00:66"


def ether(payload: bytes, kind: int, source: str = ALPHA_MAC, destination: str = "01:00:5e:00:00:12") -> bytes:
    return bytes.fromhex((destination + source).replace(":", "")) + struct.pack("!H", kind) + payload


def tagged(frame: bytes, tag: int, kind: int = 0x8100) -> bytes:
    return frame[:12] + struct.pack("!HH", kind, tag) + frame[12:]


def ip4(payload: bytes, protocol: int, source: str, destination: str, *, ttl: int = 255, fragment: int = 0) -> bytes:
    """``fragment``: the offset in octets."""
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 7, fragment // 8, ttl, protocol, 0)
    head += IPv4Address(source).packed + IPv4Address(destination).packed
    total = sum(struct.unpack("!10H", head))
    total = (total & 0xFFFF) + (total >> 16)
    return head[:10] + struct.pack("!H", ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF) + head[12:] + payload


def ip6(payload: bytes, following: int, source: str, destination: str, *, hops: int = 255) -> bytes:
    head = struct.pack("!IHBB", 0x60000000, len(payload), following, hops)
    return head + IPv6Address(source).packed + IPv6Address(destination).packed + payload


def vrrp(identity: int) -> bytes:
    return struct.pack("!BBBBH", 0x31, identity, 100, 1, 100) + bytes(2) + IPv4Address("192.0.2.1").packed


def udp(port: int) -> bytes:
    return struct.pack("!HHHH", 4000, port, 12, 0) + bytes(4)


def ah(payload: bytes, following: int, *, icv: int = 12) -> bytes:
    return struct.pack("!BBHII", following, (12 + icv) // 4 - 2, 0, 1, 1) + bytes(icv) + payload


def advert(
    identity: int = 51,
    source: str = "192.0.2.11",
    *,
    mac: str = ALPHA_MAC,
    ttl: int = 255,
    destination: str = "224.0.0.18",
) -> bytes:
    return ether(ip4(vrrp(identity), 112, source, destination, ttl=ttl), 0x0800, mac)


def advert6(identity: int = 61, *, hops: int = 255, options: bool = False) -> bytes:
    # Destination options: next header, length, and six octets of padding (RFC 8200 §4.6).
    payload = bytes((112, 0, 1, 4, 0, 0, 0, 0)) + vrrp(identity) if options else vrrp(identity)
    packet = ip6(payload, 60 if options else 112, "fe80::11", "ff02::12", hops=hops)
    return ether(packet, 0x86DD, destination="33:33:00:00:00:12")


def datagram(port: int, source: str, destination: str) -> bytes:
    return ether(ip4(udp(port), 17, source, destination), 0x0800)
