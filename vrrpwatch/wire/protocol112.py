"""IP protocol 112: tells VRRPv2, VRRPv3, CARP and malformed messages apart, by the length that IP announces."""

from vrrpwatch.wire.carp import AUTHLEN, CARP, decode_carp
from vrrpwatch.wire.trailer import TRAILER
from vrrpwatch.wire.values import Carp, Ipv6, Malformed, Packet, Vrrp
from vrrpwatch.wire.vrrp import (
    AUTH_DATA_SIZE,
    CENTISECONDS,
    CISCO_MD5,
    VRRP2,
    VRRP3,
    decode_addresses,
    decode_vrrp2,
    decode_vrrp3,
)

ADVERTISEMENT = 1
HEADER_SIZE = VRRP2.size
# RFC 2338 §5.3.6 (0 to 2), and Cisco's MD5.
AUTH_TYPES = (0, 1, 2, CISCO_MD5)


def decode_advert(packet: Packet) -> Vrrp | Carp | Malformed:
    """The advertisement in ``packet``, whose ``protocol`` is 112.

    Facts only: TTL, checksum and authentication are for others to judge.  What the capture cut but whose header is
    there comes with ``complete=False``; with less than that, :class:`Malformed` says ``cut``.
    """
    data, length = packet.payload, packet.payload_length
    if packet.fragment == "later":
        return Malformed("later fragment of an advertisement", length=length, cut=True)
    whole = len(data) >= length and packet.fragment is None
    reason = _header_fault(packet)
    if reason is not None:
        return _malformed(packet, reason)
    if len(data) < HEADER_SIZE:
        return _malformed(packet, "cut by the capture", cut=True)
    first, count = data[0], data[3]
    if first >> 4 == 3:
        width = 16 if isinstance(packet.network, Ipv6) else 4
        return _version3(packet, count, width, whole)
    if _is_carp(packet, count):
        if data[1] == 0:
            # What VRRP has as addresses and authentication type is CARP's digest and demotion.
            return _malformed(packet, "CARP with vhid 0")._replace(addresses=(), auth_type=None)
        return decode_carp(data, length, whole)
    return _version2(packet, count, whole)


def _header_fault(packet: Packet) -> str | None:
    """What is wrong before any version's own rules apply; ``None`` also where the capture cut what would show it."""
    data, length = packet.payload, packet.payload_length
    if packet.overlong:
        return "IP length exceeds the frame"
    if length == 0:
        return "empty payload"
    if data and data[0] >> 4 not in (2, 3):
        return f"unknown version {data[0] >> 4}"
    if data and data[0] & 0xF != ADVERTISEMENT:
        return f"unknown type {data[0] & 0xF}"
    if length < HEADER_SIZE:
        return f"length {length} is below the header's {HEADER_SIZE}"
    return None


def _is_carp(packet: Packet, count: int) -> bool:
    """CARP's shape; a first fragment of no more than its length is given the benefit of the doubt."""
    if count != AUTHLEN:
        return False
    return packet.payload_length == CARP.size or (packet.fragment == "first" and packet.payload_length < CARP.size)


def _version2(packet: Packet, count: int, whole: bool) -> Vrrp | Malformed:
    data, length = packet.payload, packet.payload_length
    if isinstance(packet.network, Ipv6):
        short = count == AUTHLEN and length != CARP.size
        return _malformed(packet, _carp_length(length) if short else "VRRPv2 over IPv6")._replace(addresses=())
    base = HEADER_SIZE + 4 * count
    plain, trailer = base + AUTH_DATA_SIZE, base + AUTH_DATA_SIZE + TRAILER.size
    auth_type, interval = data[4], data[5]
    if packet.fragment is None:
        # Cisco appends its own MD5 structure, of a length that no standard gives.
        fits = length >= base if auth_type == CISCO_MD5 else length in (plain, trailer)
        if not fits:
            return _malformed(packet, _count_fault(length, count, "VRRPv2"))
    if auth_type not in AUTH_TYPES:
        return _malformed(packet, f"unknown authentication type {auth_type}")
    if data[1] == 0:
        return _malformed(packet, "VRID 0")
    if interval == 0:
        return _malformed(packet, "advertisement interval 0")
    signed = packet.fragment is None and auth_type != CISCO_MD5 and length == trailer
    return decode_vrrp2(data, length, signed, whole)


def _version3(packet: Packet, count: int, width: int, whole: bool) -> Vrrp | Malformed:
    data, length = packet.payload, packet.payload_length
    plain = HEADER_SIZE + width * count
    if packet.fragment is None and length not in (plain, plain + TRAILER.size):
        return _malformed(packet, _count_fault(length, count, "VRRPv3"))
    if count == 0:
        return _malformed(packet, "VRRPv3 without an address")
    if data[1] == 0:
        return _malformed(packet, "VRID 0")
    if int.from_bytes(data[4:6]) & 0xFFF == 0:
        return _malformed(packet, "advertisement interval 0")
    signed = packet.fragment is None and length == plain + TRAILER.size
    return decode_vrrp3(data, length, width, signed, whole)


def _count_fault(length: int, count: int, name: str) -> str:
    if name == "VRRPv2" and count == AUTHLEN:
        return _carp_length(length)
    return f"{name} length {length} does not fit {count} {'address' if count == 1 else 'addresses'}"


def _carp_length(length: int) -> str:
    return f"length {length} fits neither CARP ({CARP.size}) nor VRRPv2 with 7 addresses"


def _malformed(packet: Packet, reason: str, cut: bool = False) -> Malformed:
    """``reason`` with every field that the captured octets still show."""
    data = packet.payload
    held = len(data)
    version = data[0] >> 4 if held else None
    interval = None
    if version == 3 and held >= 6:
        interval = (int.from_bytes(data[4:6]) & 0xFFF) / CENTISECONDS
    elif version == 2 and held >= 6:
        interval = float(data[5])
    width = 16 if isinstance(packet.network, Ipv6) else 4
    return Malformed(
        reason=reason,
        version=version,
        type=data[0] & 0xF if held else None,
        id=data[1] if held > 1 else None,
        priority=data[2] if held > 2 else None,
        count=data[3] if held > 3 else None,
        auth_type=data[4] if version == 2 and held > 4 else None,
        interval=interval,
        checksum=int.from_bytes(data[6:8]) if held >= VRRP3.size else None,
        addresses=decode_addresses(data, data[3], width) if held >= VRRP3.size else (),
        length=packet.payload_length,
        cut=cut,
    )
