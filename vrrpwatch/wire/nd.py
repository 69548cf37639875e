"""ICMPv6 neighbour discovery (RFC 4861): solicitations and advertisements; everything else there is ``None``."""

from ipaddress import IPv6Address

from vrrpwatch.wire.checksum import internet_checksum, pseudo_header
from vrrpwatch.wire.layout import Layout, octets
from vrrpwatch.wire.values import Mac, NeighbourAdvertisement, NeighbourSolicitation

NEIGHBOUR = Layout(
    "neighbour",
    type=8,
    code=8,
    checksum=16,
    router=1,
    solicited=1,
    override=1,
    reserved=29,
    target=octets(16),
)
OPTION = Layout("nd_option", type=8, length=8)
SOLICITATION, ADVERTISEMENT = 135, 136
SOURCE_ADDRESS, TARGET_ADDRESS = 1, 2
ICMPV6 = 58

# A whole packet of the smallest options is 180 of them; real ones carry one to three.
MAX_OPTIONS = 32


def decode_nd(payload: bytes) -> NeighbourAdvertisement | NeighbourSolicitation | None:
    """The neighbour advertisement or solicitation that the ICMPv6 ``payload`` is; ``None`` for anything else or cut."""
    raw = NEIGHBOUR.unpack(payload)
    if raw is None or raw.type not in (SOLICITATION, ADVERTISEMENT) or raw.code != 0:
        return None
    target = IPv6Address(raw.target)
    if raw.type == SOLICITATION:
        return NeighbourSolicitation(target, _link_address(payload, SOURCE_ADDRESS))
    return NeighbourAdvertisement(
        target=target,
        router=bool(raw.router),
        solicited=bool(raw.solicited),
        override=bool(raw.override),
        mac=_link_address(payload, TARGET_ADDRESS),
    )


def encode_na(message: NeighbourAdvertisement, source: IPv6Address, destination: IPv6Address) -> bytes:
    """The ICMPv6 octets of ``message``, checksum included (RFC 4443 §2.3); raises :class:`ValueError` for a bad MAC."""
    body = NEIGHBOUR.pack(
        type=ADVERTISEMENT,
        router=int(message.router),
        solicited=int(message.solicited),
        override=int(message.override),
        target=message.target.packed,
    )
    if message.mac is not None:
        mac = bytes.fromhex(message.mac.replace(":", ""))
        if len(mac) != 6:
            raise ValueError(f"{message.mac} is no MAC address")
        body += OPTION.pack(type=TARGET_ADDRESS, length=1) + mac
    checksum = internet_checksum(pseudo_header(source, destination, len(body), ICMPV6) + body)
    return body[:2] + checksum.to_bytes(2) + body[4:]


def _link_address(payload: bytes, wanted: int) -> Mac | None:
    """The Ethernet address in the first option of type ``wanted`` (RFC 4861 §4.6.1)."""
    at = NEIGHBOUR.size
    for _ in range(MAX_OPTIONS):
        option = OPTION.unpack(payload, at)
        # RFC 4861 §4.6: a length of 0 is invalid; following it would never end.
        if option is None or option.length == 0:
            return None
        if option.type == wanted:
            return payload[at + 2 : at + 8].hex(":") if option.length == 1 and at + 8 <= len(payload) else None
        at += option.length * 8
    return None
