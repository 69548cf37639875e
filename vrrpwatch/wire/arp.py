"""Ethernet/IPv4 ARP packets (RFC 826), without the link header around them."""

from ipaddress import IPv4Address

from vrrpwatch.wire.layout import Layout, octets
from vrrpwatch.wire.values import Arp, Mac

ARP = Layout(
    "arp",
    hardware=16,
    protocol=16,
    hardware_length=8,
    protocol_length=8,
    operation=16,
    sender_mac=octets(6),
    sender_ip=octets(4),
    target_mac=octets(6),
    target_ip=octets(4),
)
ETHERNET, IEEE_802, IPV4 = 1, 6, 0x0800


def decode_arp(payload: bytes) -> Arp | None:
    """The ARP packet at the start of ``payload``; ``None`` where it is cut or not about Ethernet and IPv4."""
    raw = ARP.unpack(payload)
    if raw is None or raw.hardware not in (ETHERNET, IEEE_802) or raw.protocol != IPV4:
        return None
    if (raw.hardware_length, raw.protocol_length) != (6, 4):
        return None
    return Arp(
        operation=raw.operation,
        sender_mac=raw.sender_mac.hex(":"),
        sender_ip=IPv4Address(raw.sender_ip),
        target_mac=raw.target_mac.hex(":"),
        target_ip=IPv4Address(raw.target_ip),
    )


def encode_arp(message: Arp) -> bytes:
    """The 28 octets of ``message``; raises :class:`ValueError` for an operation or MAC that does not fit."""
    return ARP.pack(
        hardware=ETHERNET,
        protocol=IPV4,
        hardware_length=6,
        protocol_length=4,
        operation=message.operation,
        sender_mac=_mac(message.sender_mac),
        sender_ip=message.sender_ip.packed,
        target_mac=_mac(message.target_mac),
        target_ip=message.target_ip.packed,
    )


def _mac(mac: Mac) -> bytes:
    return bytes.fromhex(mac.replace(":", ""))
