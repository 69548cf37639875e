"""The HMAC trailer that keepalived 2.4 appends to VRRP; its digest is :mod:`vrrpwatch.wire.auth`'s to compute."""

from vrrpwatch.wire.layout import Layout, octets
from vrrpwatch.wire.values import HmacTrailer

TRAILER = Layout("trailer", type=8, key_id=8, reserved=16, seconds=32, fraction=16, counter=16, digest=octets(16))


def decode_trailer(data: bytes) -> HmacTrailer | None:
    """keepalived's HMAC trailer, or ``None`` where the capture cut it off."""
    raw = TRAILER.unpack(data)
    if raw is None:
        return None
    return HmacTrailer(raw.type, raw.key_id, raw.seconds, raw.fraction, raw.counter, raw.digest)


def encode_trailer(trailer: HmacTrailer) -> bytes:
    """The 28 octets of ``trailer``."""
    return TRAILER.pack(
        type=trailer.type,
        key_id=trailer.key_id,
        seconds=trailer.seconds,
        fraction=trailer.fraction,
        counter=trailer.counter,
        digest=trailer.digest,
    )
