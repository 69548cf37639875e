"""Cisco HSRP version 1 (RFC 2281) and version 2, whose type-length-value form is known from captures."""

from ipaddress import IPv4Address, IPv6Address
from typing import Literal

from vrrpwatch.wire.layout import Layout, octets
from vrrpwatch.wire.values import Hsrp, IPAddress

HSRP1 = Layout(
    "hsrp1",
    version=8,
    opcode=8,
    state=8,
    hello=8,
    hold=8,
    priority=8,
    group=8,
    reserved=8,
    auth=octets(8),
    address=octets(4),
)
HSRP2 = Layout(
    "hsrp2",
    version=8,
    opcode=8,
    state=8,
    ip_version=8,
    group=16,
    identifier=octets(6),
    priority=32,
    hello=32,
    hold=32,
    address=octets(16),
)
TLV = Layout("tlv", type=8, length=8)

GROUP_STATE, TEXT_AUTH, MD5_AUTH = 1, 3, 4
# Opcode 3, "advertise", has another body: it announces an interface's groups and says nothing of any one state.
ADVERTISE = 3
MILLISECONDS = 1000
MAX_TLVS = 16

Auth = Literal["none", "text", "md5"]


def decode_hsrp(data: bytes) -> Hsrp | None:
    """The HSRP message that the UDP payload ``data`` holds; ``None`` where it is cut or says nothing of a group."""
    if data[:1] == b"\0":
        return _version1(data)
    group, auth_data = None, b""
    auth: Auth = "none"
    for kind, value in _tlvs(data, 0):
        if kind == GROUP_STATE and group is None:
            group = HSRP2.unpack(value)
        elif kind == TEXT_AUTH:
            auth, auth_data = "text", value
        elif kind == MD5_AUTH:
            auth, auth_data = "md5", value
    if group is None or group.version != 2:
        return None
    return Hsrp(
        version=2,
        opcode=group.opcode,
        state=group.state,
        group=group.group,
        priority=group.priority,
        hello=group.hello / MILLISECONDS,
        hold=group.hold / MILLISECONDS,
        addresses=_known(IPv6Address(group.address) if group.ip_version == 6 else IPv4Address(group.address[:4])),
        auth=auth,
        auth_data=auth_data,
    )


def _version1(data: bytes) -> Hsrp | None:
    raw = HSRP1.unpack(data)
    if raw is None or raw.opcode == ADVERTISE:
        return None
    digest = next((value for kind, value in _tlvs(data, HSRP1.size) if kind == MD5_AUTH), None)
    auth: Auth = "md5" if digest is not None else "text" if any(raw.auth) else "none"
    return Hsrp(
        version=1,
        opcode=raw.opcode,
        state=raw.state,
        group=raw.group,
        priority=raw.priority,
        hello=float(raw.hello),
        hold=float(raw.hold),
        addresses=_known(IPv4Address(raw.address)),
        auth=auth,
        auth_data=digest if digest is not None else raw.auth,
    )


def _known(address: IPAddress) -> tuple[IPAddress, ...]:
    """A router that has yet to learn the address sends zeros (RFC 2281 §5.1)."""
    return () if address.is_unspecified else (address,)


def _tlvs(data: bytes, at: int) -> list[tuple[int, bytes]]:
    """The whole type-length-values from ``at`` on; the length does not count its own two octets."""
    found: list[tuple[int, bytes]] = []
    while len(found) < MAX_TLVS and (header := TLV.unpack(data, at)) is not None:
        value = data[at + TLV.size : at + TLV.size + header.length]
        if len(value) < header.length:
            break
        found.append((header.type, value))
        at += TLV.size + header.length
    return found
