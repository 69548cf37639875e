"""Cisco GLBP, whose format is known from captures: a group header and type-length-values."""

from ipaddress import IPv4Address, IPv6Address
from typing import Literal

from vrrpwatch.wire.layout import Layout, octets
from vrrpwatch.wire.values import Glbp, IPAddress

HEADER = Layout("glbp", version=8, unknown=8, group=16, unknown2=16, owner=octets(6))
TLV = Layout("glbp_tlv", type=8, length=8)
HELLO = Layout(
    "glbp_hello",
    unknown=8,
    state=8,
    unknown2=8,
    priority=8,
    unknown3=16,
    hello=32,
    hold=32,
    redirect=16,
    timeout=16,
    unknown4=16,
    address_type=8,
    address_length=8,
)

HELLO_TLV, AUTH_TLV = 1, 3
TEXT_AUTH, NO_AUTH = 1, 0
MILLISECONDS = 1000
MAX_TLVS = 16


def decode_glbp(data: bytes) -> Glbp | None:
    """The GLBP message that the UDP payload ``data`` is; ``None`` where its header is cut or of another version."""
    header = HEADER.unpack(data)
    if header is None or header.version != 1:
        return None
    hello = None
    addresses: tuple[IPAddress, ...] = ()
    auth: Literal["none", "text", "md5"] = "none"
    at = HEADER.size
    for _ in range(MAX_TLVS):
        tlv = TLV.unpack(data, at)
        # This length counts its own two octets, so a smaller one would never end.
        if tlv is None or tlv.length < TLV.size or at + tlv.length > len(data):
            break
        value = data[at + TLV.size : at + tlv.length]
        if tlv.type == HELLO_TLV and hello is None:
            hello = HELLO.unpack(value)
            addresses = () if hello is None else _address(value[HELLO.size :], hello.address_length)
        elif tlv.type == AUTH_TLV and value and value[0] != NO_AUTH:
            auth = "text" if value[0] == TEXT_AUTH else "md5"
        at += tlv.length
    return Glbp(
        version=header.version,
        group=header.group,
        state=None if hello is None else hello.state,
        priority=None if hello is None else hello.priority,
        hello=None if hello is None else hello.hello / MILLISECONDS,
        hold=None if hello is None else hello.hold / MILLISECONDS,
        addresses=addresses,
        auth=auth,
    )


def _address(data: bytes, length: int) -> tuple[IPAddress, ...]:
    if len(data) < length:
        return ()
    address: IPAddress
    if length == 4:
        address = IPv4Address(data[:4])
    elif length == 16:
        address = IPv6Address(data[:16])
    else:
        return ()
    return () if address.is_unspecified else (address,)
