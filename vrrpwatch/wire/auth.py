"""Authentication maths: what the ICV, digest or HMAC of an advertisement must be under a key; nothing is judged."""

from collections.abc import Iterable
from hmac import digest as hmac
from ipaddress import IPv4Address

from vrrpwatch.wire.ah import AH
from vrrpwatch.wire.ip import AH_PROTOCOL, IPV4
from vrrpwatch.wire.trailer import TRAILER
from vrrpwatch.wire.values import IPAddress
from vrrpwatch.wire.vrrp import VRRP3

ICV_SIZE = 12
AH_KEY_SIZE = 8
TRAILER_DIGEST_SIZE = 16
CARP_VERSION, CARP_TYPE = 2, 1
CARP_KEY_SIZE = 20


def ah_icv(packet: bytes, key: bytes) -> bytes | None:
    """The 12-octet HMAC-MD5-96 (RFC 2403) that keepalived puts into AH for the whole IPv4 ``packet``.

    Mutable fields count as zero: TOS, flags and fragment offset, header checksum, the ICV itself (RFC 4302 §3.3.3.1.1),
    and the TTL of a unicast packet only.  Like the daemon, it uses 8 octets of ``key``.
    ``None`` where the packet is cut or has no 12-octet ICV.
    """
    header = IPV4.unpack(packet)
    if header is None or header.version != 4 or header.protocol != AH_PROTOCOL:
        return None
    start, total = header.header_length * 4, header.total_length
    authentication = AH.unpack(packet, start)
    if authentication is None or (authentication.payload_length + 2) * 4 != AH.size + ICV_SIZE:
        return None
    if start < IPV4.size or not start + AH.size + ICV_SIZE <= total <= len(packet):
        return None
    covered = bytearray(packet[:total])
    covered[1] = 0
    covered[6:8] = bytes(2)
    if not IPv4Address(header.destination).is_multicast:
        covered[8] = 0
    covered[10:12] = bytes(2)
    covered[start + AH.size : start + AH.size + ICV_SIZE] = bytes(ICV_SIZE)
    return hmac(key[:AH_KEY_SIZE], bytes(covered), "md5")[:ICV_SIZE]


def carp_digest(passphrase: bytes, vhid: int, addresses: Iterable[IPAddress], counter: int) -> bytes:
    """The 20-octet HMAC-SHA1 of a CARP advertisement (OpenBSD sys/netinet/ip_carp.c, carp_hmac_generate).

    ``addresses`` are the group's virtual addresses in any order.  Like the daemons, it uses 20 octets of passphrase.
    """
    ordered = sorted((address.version, int(address), address.packed) for address in addresses)
    body = bytes((CARP_VERSION, CARP_TYPE, vhid)) + b"".join(packed for _, _, packed in ordered)
    return hmac(passphrase[:CARP_KEY_SIZE], body + counter.to_bytes(8), "sha1")


def trailer_digest(key: bytes, payload: bytes, source: IPAddress) -> bytes | None:
    """The 16 octets that keepalived's trailer at the end of the whole IP ``payload`` must hold (keepalived 2.4).

    HMAC-SHA256, truncated, over family, version, VRID, the source padded to 16 octets, the message with its checksum
    at zero, and the trailer with its digest at zero.  ``None`` where ``payload`` is too short for message and trailer.
    """
    if len(payload) < VRRP3.size + TRAILER.size:
        return None
    prefix = bytes((source.version, payload[0] >> 4, payload[1], 0)) + source.packed.ljust(16, b"\0")
    covered = payload[:6] + bytes(2) + payload[8:-TRAILER_DIGEST_SIZE] + bytes(TRAILER_DIGEST_SIZE)
    return hmac(key, prefix + covered, "sha256")[:TRAILER_DIGEST_SIZE]
