"""VRRP advertisements, versions 2 (RFC 3768) and 3 (RFC 9568): the fields of a message whose shape is known to fit.

Whether a payload is one of these, CARP or nothing well-formed is :mod:`vrrpwatch.wire.protocol112`'s to say.
"""

from ipaddress import IPv4Address, IPv6Address

from vrrpwatch.wire.checksum import PSEUDO_MULTICAST, internet_checksum, pseudo_header
from vrrpwatch.wire.layout import Layout
from vrrpwatch.wire.trailer import TRAILER, decode_trailer, encode_trailer
from vrrpwatch.wire.values import Camp, IPAddress, Vrrp

VRRP2 = Layout("vrrp2", version=4, type=4, vrid=8, priority=8, count=8, auth_type=8, interval=8, checksum=16)
VRRP3 = Layout("vrrp3", version=4, type=4, vrid=8, priority=8, count=8, reserved=4, interval=12, checksum=16)

AUTH_DATA_SIZE = 8
CISCO_MD5 = 254
CENTISECONDS = 100


def decode_vrrp2(data: bytes, length: int, trailer: bool, complete: bool) -> Vrrp:
    """The VRRPv2 message of ``length`` octets at the start of ``data``, which holds the 8-octet header at least."""
    raw = VRRP2.unpack(data)
    body = data[: length - TRAILER.size] if trailer else data[:length]
    start = VRRP2.size + 4 * raw.count
    return Vrrp(
        version=2,
        vrid=raw.vrid,
        priority=raw.priority,
        count=raw.count,
        interval=float(raw.interval),
        checksum=raw.checksum,
        addresses=decode_addresses(body, raw.count, 4),
        auth_type=raw.auth_type,
        auth_data=body[start:],
        trailer=decode_trailer(data[length - TRAILER.size : length]) if trailer else None,
        length=length,
        complete=complete,
    )


def decode_vrrp3(data: bytes, length: int, width: int, trailer: bool, complete: bool) -> Vrrp:
    """The VRRPv3 message of ``length`` octets at the start of ``data``; ``width`` is an address's: 4 or 16 octets."""
    raw = VRRP3.unpack(data)
    return Vrrp(
        version=3,
        vrid=raw.vrid,
        priority=raw.priority,
        count=raw.count,
        interval=raw.interval / CENTISECONDS,
        checksum=raw.checksum,
        addresses=decode_addresses(data[: length - TRAILER.size] if trailer else data, raw.count, width),
        trailer=decode_trailer(data[length - TRAILER.size : length]) if trailer else None,
        length=length,
        complete=complete,
    )


def decode_addresses(data: bytes, count: int, width: int) -> tuple[IPAddress, ...]:
    """The whole addresses of ``width`` octets that follow the header, ``count`` at most."""
    kind = IPv4Address if width == 4 else IPv6Address
    held = min(count, (len(data) - VRRP2.size) // width)
    starts = range(VRRP2.size, VRRP2.size + held * width, width)
    return tuple(kind(data[start : start + width]) for start in starts)


def encode_vrrp(message: Vrrp, source: IPAddress, destination: IPAddress, camp: Camp = "pseudo-header") -> bytes:
    """The octets of ``message`` with its count and checksum computed (those of ``message`` are not looked at).

    ``camp`` is the checksum rule of VRRPv3 on IPv4; version 2 is always plain, IPv6 always has the pseudo-header.
    Raises :class:`ValueError` for what the fields cannot hold.
    """
    addresses = b"".join(address.packed for address in message.addresses)
    header = {"version": message.version, "type": 1, "vrid": message.vrid, "priority": message.priority}
    header["count"] = len(message.addresses)
    trailer = encode_trailer(message.trailer) if message.trailer else b""
    if message.version == 2:
        head = VRRP2.pack(**header, auth_type=message.auth_type or 0, interval=_units(message.interval, 1))
        auth_data = message.auth_data.ljust(AUTH_DATA_SIZE, b"\0")
        body = head + addresses + auth_data
        return _with_checksum(body, internet_checksum(body)) + trailer
    body = VRRP3.pack(**header, interval=_units(message.interval, CENTISECONDS)) + addresses
    if isinstance(source, IPv6Address):
        body += trailer
        return _with_checksum(body, internet_checksum(pseudo_header(source, destination, len(body)) + body))
    match camp:
        case "plain":
            covered = body
        case "pseudo-header":
            covered = pseudo_header(source, destination, len(body)) + body
        case "pseudo-header-multicast":
            covered = pseudo_header(source, PSEUDO_MULTICAST, len(body)) + body
        case "bad":
            raise ValueError("a message is encoded by a checksum rule, and bad is none")
    return _with_checksum(body, internet_checksum(covered)) + trailer


def _units(interval: float, per_second: int) -> int:
    """``interval`` in the field's unit; a rounded one would announce what the sender does not keep."""
    units = round(interval * per_second)
    if abs(units - interval * per_second) > 1e-6:
        raise ValueError(f"an interval of {interval} s is no multiple of 1/{per_second} s")
    return units


def _with_checksum(body: bytes, checksum: int) -> bytes:
    return body[:6] + checksum.to_bytes(2) + body[8:]
