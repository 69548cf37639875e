"""What a host of a script puts on the wire, link header first: one line of the script is one kind of frame."""

import struct
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Final

from vrrpwatch.wire.ah import encode_ah
from vrrpwatch.wire.arp import encode_arp
from vrrpwatch.wire.auth import ah_icv, carp_digest, trailer_digest
from vrrpwatch.wire.carp import encode_carp
from vrrpwatch.wire.checksum import internet_checksum, pseudo_header
from vrrpwatch.wire.nd import encode_na
from vrrpwatch.wire.values import (
    Arp,
    AuthenticationHeader,
    Carp,
    HmacTrailer,
    IPAddress,
    NeighbourAdvertisement,
    Vrrp,
)
from vrrpwatch.wire.vrrp import encode_vrrp

Line = dict[str, Any]

VIP: Final = {4: "192.0.2.100", 6: "fe80::100"}
ADVERTISE_TO: Final = {4: "224.0.0.18", 6: "ff02::12"}
BROADCAST: Final = "ff:ff:ff:ff:ff:ff"
HOP_BY_HOP_ALERT: Final = bytes.fromhex("3a00050200000100")
ICMPV6, UDP, IGMP, PFSYNC, AH, PROTOCOL, HOP_BY_HOP = 58, 17, 2, 240, 51, 112, 0


def frame(line: Line, identification: int, destination: str | None) -> bytes:
    """The octets of one packet of ``line``; what the line leaves out has the default of its kind."""
    return _KINDS[line.get("say", "vrrp")](line, identification, destination)


def family_of(line: Line) -> int:
    return int(line.get("family", 4))


def address_of(line: Line) -> IPAddress:
    """``ip``, or the address that goes with the host's name: A is 192.0.2.1 and fe80::1."""
    if "ip" in line:
        return ip_address(line["ip"])
    number = ord(line["who"][0]) - ord("A") + 1
    return ip_address(f"192.0.2.{number}" if family_of(line) == 4 else f"fe80::{number:x}")


def mac_of(line: Line) -> str:
    return str(line.get("mac", f"02:00:00:00:00:{ord(line['who'][0]) - ord('A') + 1:02x}"))


def _advert(line: Line, identification: int, destination: str | None) -> bytes:
    family = family_of(line)
    source, target = address_of(line), ip_address(destination or ADVERTISE_TO[family])
    message = _carp(line) if line.get("say") == "carp" else _vrrp(line, source, target)
    if "octets" in line:
        message = bytes.fromhex(line["octets"])
    if "cut" in line:
        message = message[: line["cut"]]
    if line.get("wrong_checksum", False):
        message = message[:6] + (int.from_bytes(message[6:8]) ^ 0x5A5A).to_bytes(2) + message[8:]
    if "ah" in line:
        return _ethernet(line, target, _signed(line, message, identification, source, target))
    return _packet(line, PROTOCOL, message, source, target, identification, line.get("ttl", 255))


def _vrrp(line: Line, source: IPAddress, target: IPAddress) -> bytes:
    version = line.get("version", 3)
    addresses = tuple(ip_address(text) for text in line.get("addresses", [VIP[family_of(line)]]))
    priority = 0 if line.get("resigns", False) else line.get("priority", 100)
    password = line.get("password", "").encode()
    auth_type = line.get("auth_type", 1 if password else 2 if "ah" in line else 0)
    said = Vrrp(
        version,
        line.get("id", 1),
        priority,
        len(addresses),
        float(line.get("interval", 1.0)),
        0,
        addresses,
        auth_type if version == 2 else None,
        password,
        HmacTrailer(1, 0, 1_000_000_000, 0, 1, bytes(16)) if "hmac" in line else None,
    )
    message = encode_vrrp(said, source, target, line.get("camp", "pseudo-header"))
    if "hmac" in line:
        message = message[:-16] + (trailer_digest(line["hmac"].encode(), message, source) or b"")
    return message


def _carp(line: Line) -> bytes:
    counter = line.get("counter", 1)
    covered = tuple(ip_address(text) for text in line.get("addresses", [VIP[4]]))
    digest = carp_digest(line.get("passphrase", "").encode(), line.get("id", 1), covered, counter)
    resigns = line.get("resigns", False)
    base, skew = (255, 255) if resigns else (line["advbase"], line.get("advskew", 0))
    return encode_carp(Carp(line.get("id", 1), skew, 7, line.get("demotion", 0), base, 0, counter, digest))


def _signed(line: Line, message: bytes, identification: int, source: IPAddress, target: IPAddress) -> bytes:
    """The IPv4 packet with the Authentication Header of keepalived: SPI is the source, ICV by the key ``ah``."""

    def whole(icv: bytes) -> bytes:
        header = AuthenticationHeader(PROTOCOL, int(source), identification, icv)
        return _ipv4(AH, encode_ah(header) + message, source, target, identification, line.get("ttl", 255))

    return whole(ah_icv(whole(bytes(12)), line["ah"].encode()) or b"")


def _arp(line: Line, _identification: int, destination: str | None) -> bytes:
    """``arp`` is request, reply, gratuitous (a request for its own address) or announcement (a reply that tells it)."""
    kind = line["arp"]
    sender, mac = IPv4Address(line.get("ip", VIP[4])), mac_of(line)
    own = kind in ("gratuitous", "announcement")
    target = sender if own else IPv4Address(line.get("asks", "192.0.2.99"))
    asked = "00:00:00:00:00:00" if kind in ("request", "gratuitous") else BROADCAST
    message = Arp(1 if kind in ("request", "gratuitous") else 2, line.get("sender_mac", mac), sender, asked, target)
    to = destination or ("02:00:00:00:00:99" if kind == "reply" else BROADCAST)
    return _link(line, to, 0x0806, encode_arp(message).ljust(46, b"\0"))


def _na(line: Line, _identification: int, destination: str | None) -> bytes:
    """An unsolicited Neighbor Advertisement; with ``solicited`` an answer."""
    source, solicited = address_of({"family": 6, **line}), line.get("solicited", False)
    target = ip_address(destination or ("fe80::99" if solicited else "ff02::1"))
    said = NeighbourAdvertisement(
        IPv6Address(line.get("target", VIP[6])), True, solicited, True, line.get("target_mac", mac_of(line))
    )
    octets = encode_na(said, IPv6Address(source), IPv6Address(target))
    return _packet({"family": 6, **line}, ICMPV6, octets, source, target, 0, line.get("ttl", 255))


def _igmp(line: Line, identification: int, _destination: str | None) -> bytes:
    """``igmp`` is query, join or leave, version 2, about ``group`` (none for a general query)."""
    kind, group = {"query": 0x11, "join": 0x16, "leave": 0x17}[line["igmp"]], IPv4Address(line.get("group", 0))
    to = {0x11: IPv4Address("224.0.0.1"), 0x17: IPv4Address("224.0.0.2")}.get(kind, group)
    octets = struct.pack("!BBH", kind, 100 if kind == 0x11 else 0, 0) + group.packed
    octets = octets[:2] + internet_checksum(octets).to_bytes(2) + octets[4:]
    return _packet(line, IGMP, octets, address_of(line), to, identification, 1)


def _mld(line: Line, identification: int, _destination: str | None) -> bytes:
    """``mld`` is query, join or leave, version 1, about ``group`` (none for a general query)."""
    line = {"family": 6, **line}
    kind, group = {"query": 130, "join": 131, "leave": 132}[line["mld"]], IPv6Address(line.get("group", "::"))
    to = {130: IPv6Address("ff02::1"), 132: IPv6Address("ff02::2")}.get(kind, group)
    source = address_of(line)
    octets = struct.pack("!BBHHH", kind, 0, 0, 10_000 if kind == 130 else 0, 0) + group.packed
    checksum = internet_checksum(pseudo_header(source, to, len(octets), ICMPV6) + octets)
    octets = octets[:2] + checksum.to_bytes(2) + octets[4:]
    return _packet(line, HOP_BY_HOP, HOP_BY_HOP_ALERT + octets, source, to, identification, 1)


def _udp(line: Line, identification: int, destination: str | None) -> bytes:
    """A datagram to ``port``; conntrackd's with a hello."""
    conntrackd = line["say"] == "conntrackd"
    data = bytes.fromhex("1020000800000001") if conntrackd else bytes(16)
    port, to = line.get("port", 3780), ip_address(destination or "225.0.0.50")
    octets = struct.pack("!HHHH", port, port, 8 + len(data), 0) + data
    return _packet(line, UDP, octets, address_of(line), to, identification, line.get("ttl", 1))


def _pfsync(line: Line, identification: int, destination: str | None) -> bytes:
    octets = struct.pack("!BBH", 6, 0, 28) + bytes(16) + struct.pack("!BBH", 1, 7, 1) + bytes(4)
    to = ip_address(destination or "224.0.0.240")
    return _packet(line, PFSYNC, octets, address_of(line), to, identification, 255)


_KINDS: Final[dict[str, Callable[[Line, int, str | None], bytes]]] = {
    "vrrp": _advert,
    "carp": _advert,
    "arp": _arp,
    "na": _na,
    "igmp": _igmp,
    "mld": _mld,
    "udp": _udp,
    "conntrackd": _udp,
    "pfsync": _pfsync,
}


def _packet(
    line: Line, protocol: int, octets: bytes, source: IPAddress, target: IPAddress, identification: int, ttl: int
) -> bytes:
    if isinstance(source, IPv4Address):
        return _ethernet(line, target, _ipv4(protocol, octets, source, target, identification, ttl))
    head = struct.pack("!IHBB", 6 << 28 | 0xC0 << 20, len(octets), protocol, ttl)
    return _ethernet(line, target, head + source.packed + target.packed + octets)


def _ipv4(protocol: int, octets: bytes, source: IPAddress, target: IPAddress, identification: int, ttl: int) -> bytes:
    """An IPv4 packet with keepalived's TOS."""
    fixed = struct.pack("!BBHHHBBH", 0x45, 0xC0, 20 + len(octets), identification & 0xFFFF, 0, ttl, protocol, 0)
    head = fixed + source.packed + target.packed
    return head[:10] + internet_checksum(head).to_bytes(2) + head[12:] + octets


def _ethernet(line: Line, target: IPAddress, packet: bytes) -> bytes:
    if not target.is_multicast:
        to = "02:00:00:00:00:99"
    elif isinstance(target, IPv4Address):
        to = "01:00:5e:" + (int(target) & 0x7FFFFF).to_bytes(3).hex(":")
    else:
        to = "33:33:" + target.packed[-4:].hex(":")
    return _link(line, to, 0x86DD if target.version == 6 else 0x0800, packet.ljust(46, b"\0"))


def _link(line: Line, to: str, ethertype: int, payload: bytes) -> bytes:
    """An Ethernet frame, tagged with ``vlans`` from outer to inner."""
    tags = b"".join(struct.pack("!HH", 0x8100, vid) for vid in line.get("vlans", []))
    addresses = bytes.fromhex((to + mac_of(line)).replace(":", ""))
    return addresses + tags + struct.pack("!H", ethertype) + payload
