"""The IPsec Authentication Header (RFC 4302): its bytes and its value; verifying it is :mod:`vrrpwatch.wire.auth`'s."""

from vrrpwatch.wire.layout import Layout
from vrrpwatch.wire.values import AuthenticationHeader

AH = Layout("ah", next_header=8, payload_length=8, reserved=16, spi=32, sequence=32)


def decode_ah(data: bytes) -> AuthenticationHeader | None:
    """The Authentication Header at the start of ``data``, which took ``AH.size + len(icv)`` octets.

    ``None`` where the data does not hold all of it, or where its length is below that of its fixed part.
    """
    header = AH.unpack(data)
    if header is None:
        return None
    # The length counts 32-bit words and leaves out the first two, as IPv6 extension headers do (RFC 4302 §2.2).
    end = (header.payload_length + 2) * 4
    if end < AH.size or end > len(data):
        return None
    return AuthenticationHeader(header.next_header, header.spi, header.sequence, data[AH.size : end])


def encode_ah(header: AuthenticationHeader) -> bytes:
    """The octets of ``header``; raises :class:`ValueError` for an ICV that is not a multiple of four octets."""
    if len(header.icv) % 4:
        raise ValueError(f"an ICV of {len(header.icv)} octets is no multiple of 4")
    words = (AH.size + len(header.icv)) // 4 - 2
    fixed = AH.pack(next_header=header.next_header, payload_length=words, spi=header.spi, sequence=header.sequence)
    return fixed + header.icv
