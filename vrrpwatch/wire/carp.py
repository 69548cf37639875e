"""CARP advertisements (OpenBSD sys/netinet/ip_carp.h): 36 octets, on IPv4 and IPv6 alike."""

from vrrpwatch.wire.checksum import internet_checksum
from vrrpwatch.wire.layout import Layout, octets
from vrrpwatch.wire.values import Carp

CARP = Layout(
    "carp",
    version=4,
    type=4,
    vhid=8,
    advskew=8,
    authlen=8,
    demotion=8,
    advbase=8,
    checksum=16,
    counter=64,
    digest=octets(20),
)
HEADER_SIZE = 8
COUNTER_END = 16
AUTHLEN = 7


def decode_carp(data: bytes, length: int, complete: bool) -> Carp:
    """The CARP message at the start of ``data``, which holds its first 8 octets at least."""
    return Carp(
        vhid=data[1],
        advskew=data[2],
        authlen=data[3],
        demotion=data[4],
        advbase=data[5],
        checksum=int.from_bytes(data[6:8]),
        counter=int.from_bytes(data[HEADER_SIZE:COUNTER_END]) if len(data) >= COUNTER_END else None,
        digest=data[COUNTER_END : CARP.size] if len(data) >= CARP.size else None,
        length=length,
        complete=complete,
    )


def encode_carp(message: Carp) -> bytes:
    """The 36 octets of ``message`` with the checksum computed (that of ``message`` is not looked at).

    Raises :class:`ValueError` for what the fields cannot hold.  A counter or digest of ``None`` is sent as zeros.
    """
    body = CARP.pack(
        version=2,
        type=1,
        vhid=message.vhid,
        advskew=message.advskew,
        authlen=message.authlen,
        demotion=message.demotion,
        advbase=message.advbase,
        counter=message.counter or 0,
        digest=message.digest or bytes(20),
    )
    return body[:6] + internet_checksum(body).to_bytes(2) + body[8:]
