"""Frames for the tests of this layer: headers around a payload, from plain numbers and not by our encoders."""

from ipaddress import ip_address
from struct import pack

from vrrpwatch.wire.link import dissect
from vrrpwatch.wire.values import Packet

SOURCE_MAC = bytes.fromhex("02000000000a")
VRRP_MAC = bytes.fromhex("01005e000012")


def octets(text: str) -> bytes:
    """The octets of a hex dump, spaces and line breaks left out."""
    return bytes.fromhex("".join(text.split()))


def ipv4(
    payload: bytes,
    protocol: int = 112,
    source: str = "10.0.0.1",
    destination: str = "224.0.0.18",
    *,
    options: bytes = b"",
    flags: int = 0,
    total: int | None = None,
) -> bytes:
    """An IPv4 packet; ``flags`` is the 16-bit word of flags and fragment offset, ``total`` a lie about the length."""
    first = 0x45 + len(options) // 4
    length = 20 + len(options) + len(payload) if total is None else total
    head = pack(">BBHHHBBH", first, 0xC0, length, 7, flags, 255, protocol, 0)
    return head + ip_address(source).packed + ip_address(destination).packed + options + payload


def ipv6(
    payload: bytes,
    protocol: int = 112,
    source: str = "fe80::1",
    destination: str = "ff02::12",
    *,
    length: int | None = None,
) -> bytes:
    """An IPv6 packet; ``payload`` starts with its extension headers, of which ``protocol`` names the first."""
    head = pack(">IHBB", 0x6C000000, len(payload) if length is None else length, protocol, 255)
    return head + ip_address(source).packed + ip_address(destination).packed + payload


def ethernet(payload: bytes, ethertype: int = 0x0800, destination: bytes = VRRP_MAC) -> bytes:
    return destination + SOURCE_MAC + ethertype.to_bytes(2) + payload


def advert(payload: bytes, *, flags: int = 0, total: int | None = None, cut: int = 0) -> Packet:
    """The packet that carries ``payload`` as protocol 112 over Ethernet and IPv4, less ``cut`` octets not captured."""
    frame = ethernet(ipv4(payload, flags=flags, total=total))
    return dissect(frame[: len(frame) - cut], 1, len(frame))


def advert6(payload: bytes) -> Packet:
    """The packet that carries ``payload`` as protocol 112 over Ethernet and IPv6."""
    return dissect(ethernet(ipv6(payload), 0x86DD), 1)
