"""One packet as the line that tcpdump users know, and right for CARP too.

The words are those of ``tcpdump -n`` with the addresses that it gives with ``-v``, on one line; the clock is UTC.
"""

from typing import Final, Literal, assert_never

from vrrpwatch.core.instants import rfc3339
from vrrpwatch.core.model import NANOSECONDS, Instant
from vrrpwatch.wire.text import safe_text
from vrrpwatch.wire.values import (
    Camp,
    Carp,
    Companion,
    Conntrackd,
    Glbp,
    HmacTrailer,
    Hsrp,
    IPAddress,
    Ipv4,
    Ipv6,
    IpvsSync,
    Malformed,
    Packet,
    Pfsync,
    Vrrp,
)

Message = Vrrp | Carp | Malformed | Companion
# As tcpdump counts its -t: 0 time of day, 1 none, 2 seconds since 1970, 3 since the line before, 4 date and time,
# 5 since the first line.
TimeStyle = Literal[0, 1, 2, 3, 4, 5]

MASK: Final = "********"
UDP_PROTOCOL: Final = 17
_AUTH_TYPES: Final = {0: "none", 1: "simple", 2: "ah"}
_CONNTRACKD_FLAGS: Final = {2: "resync", 4: "nack", 8: "ack", 16: "alive", 32: "hello"}
_HSRP_OPCODES: Final = {0: "hello", 1: "coup", 2: "resign"}
_HSRP1_STATES: Final = {0: "initial", 1: "learn", 2: "listen", 4: "speak", 8: "standby", 16: "active"}
_HSRP2_STATES: Final = {0: "disabled", 1: "initial", 2: "learn", 3: "listen", 4: "speak", 5: "standby", 6: "active"}
_GLBP_STATES: Final = {0: "disabled", 1: "initial", 4: "listen", 8: "speak", 16: "standby", 32: "active"}


def timestamp(at: Instant, style: TimeStyle, before: Instant | None = None) -> str:
    """The time in front of a line, its blank included; ``before`` is the line to count from in styles 3 and 5."""
    match style:
        case 0:
            return f"{rfc3339(at)[11:26]} "
        case 1:
            return ""
        case 2:
            return f"{at // NANOSECONDS}.{at % NANOSECONDS // 1000:06d} "
        case 4:
            return f"{rfc3339(at)[:26].replace('T', ' ')} "
        case 3 | 5:
            gap = 0 if before is None else at - before
            sign, gap = ("-", -gap) if gap < 0 else (" ", gap)
            second, rest = divmod(gap, NANOSECONDS)
            clock = f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}.{rest // 1000:06d}"
            return f"{sign}{clock} "
    assert_never(style)


def decode_line(
    at: Instant,
    packet: Packet,
    message: Message,
    *,
    checksum: Camp | None = None,
    length: int | None = None,
    style: TimeStyle = 0,
    before: Instant | None = None,
    link: bool = False,
    reveal: bool = False,
) -> str:
    """One line, without its end.

    ``checksum`` is the rule that fits (``"bad"`` is said, ``None`` is not known); ``length`` the frame's on the wire,
    told with ``link``, as are MAC addresses and VLANs; a simple password is masked unless ``reveal``.
    """
    parts = [timestamp(at, style, before)]
    if link:
        parts.append(_link(packet, length))
    parts.append(_network(packet))
    if packet.authentication is not None:
        header = packet.authentication
        parts.append(f"AH(spi=0x{header.spi:08x},seq=0x{header.sequence:x},icv=0x{header.icv.hex()}): ")
    parts.append(message_text(packet, message, checksum, reveal))
    return "".join(parts)


def message_text(packet: Packet, message: Message, checksum: Camp | None = None, reveal: bool = False) -> str:
    """What the message says: the line after the addresses."""
    match message:
        case Vrrp():
            return _vrrp(packet, message, checksum, reveal)
        case Carp():
            return _carp(packet, message, checksum)
        case Malformed():
            return _malformed(message)
        case Hsrp():
            return _hsrp(message, reveal)
        case Glbp():
            return _glbp(message)
        case Pfsync(version=version, action=action, count=count):
            return f"PFSYNCv{version}, action {action}, count {count}, length {packet.payload_length}"
        case Conntrackd():
            return _conntrackd(message)
        case IpvsSync(version=version, syncid=syncid, size=size, connections=connections):
            return f"IPVS-sync v{version}, syncid {syncid}, connections {connections}, length {size}"
    assert_never(message)


def auth_name(auth_type: int | None) -> str:
    """A VRRPv2 authentication type by tcpdump's name, or its number where it has none."""
    return "none" if auth_type is None else _AUTH_TYPES.get(auth_type, f"#{auth_type}")


def password_text(data: bytes, reveal: bool) -> str:
    """A clear-text password up to its padding, safe to print; masked unless ``reveal``."""
    return safe_text(data.split(b"\0", 1)[0]) if reveal else MASK


def hop_limit(packet: Packet) -> int | None:
    """The IPv4 TTL or IPv6 hop limit."""
    match packet.network:
        case Ipv4(ttl=ttl):
            return ttl
        case Ipv6(hop_limit=limit):
            return limit
    return None


def _link(packet: Packet, length: int | None) -> str:
    macs = f"{packet.source_mac} > {packet.destination_mac or '?'}, " if packet.source_mac else ""
    vlans = "".join(f"vlan {vlan}, " for vlan in packet.vlans)
    size = f"length {length}: " if length is not None else ""
    return f"{macs}{vlans}{size}"


def _network(packet: Packet) -> str:
    if packet.network is None:
        return ""
    source, destination = _ports(packet)
    name = "IP" if isinstance(packet.network, Ipv4) else "IP6"
    return f"{name} {packet.network.source}{source} > {packet.network.destination}{destination}: "


def _ports(packet: Packet) -> tuple[str, str]:
    if packet.protocol != UDP_PROTOCOL or packet.fragment == "later" or len(packet.payload) < 4:
        return "", ""
    return f".{int.from_bytes(packet.payload[:2])}", f".{int.from_bytes(packet.payload[2:4])}"


def _vrrp(packet: Packet, message: Vrrp, checksum: Camp | None, reveal: bool) -> str:
    text = f"VRRPv{message.version}, Advertisement"
    # The standards have receivers discard what was routed, so a TTL other than 255 is worth telling.
    if hop_limit(packet) not in (255, None):
        text += f", (ttl {hop_limit(packet)})"
    text += f", vrid {message.vrid}, prio {message.priority}"
    if message.version == 2:
        text += f", authtype {auth_name(message.auth_type)}, intvl {message.interval:.0f}s"
    else:
        text += f", intvl {message.interval * 100:.0f}cs"
    text += f", length {message.length}"
    if checksum == "bad":
        text += f", (bad vrrp cksum {message.checksum:x})"
    text += _addresses(message.addresses, message.count)
    if message.auth_type == 1 and message.auth_data:
        text += f' auth "{password_text(message.auth_data, reveal)}"'
    if message.trailer is not None:
        text += _trailer(message.trailer)
    return text if message.complete else f"{text} [|vrrp]"


def _addresses(addresses: tuple[IPAddress, ...], count: int) -> str:
    number = "" if count == 1 else f"({count})"
    return f", addrs{number}:" + (f" {','.join(map(str, addresses))}" if addresses else "")


def _trailer(trailer: HmacTrailer) -> str:
    return f" hmac(key={trailer.key_id},time={trailer.seconds},counter={trailer.counter},digest={trailer.digest.hex()})"


def _carp(packet: Packet, message: Carp, checksum: Camp | None) -> str:
    text = f"CARPv2-advertise {message.length}: "
    if hop_limit(packet) not in (255, None):
        text += f"[ttl={hop_limit(packet)}!] "
    text += f"vhid={message.vhid} advbase={message.advbase} advskew={message.advskew} authlen={message.authlen}"
    if message.demotion:
        text += f" demotion={message.demotion}"
    if checksum == "bad":
        text += f" (bad carp cksum {message.checksum:x}!)"
    if message.counter is not None:
        text += f" counter={message.counter}"
    return text if message.complete else f"{text} [|carp]"


def _malformed(message: Malformed) -> str:
    text = "VRRP" if message.version is None else f"VRRPv{message.version}"
    if message.type is not None:
        text += ", Advertisement" if message.type == 1 else f", unknown type ({message.type})"
    if message.id is not None:
        text += f", vrid {message.id}"
    if message.priority is not None:
        text += f", prio {message.priority}"
    # What the capture cut says nothing against its sender.
    kind = "incomplete" if message.cut else "malformed"
    return f"{text}, {kind} ({safe_text(message.reason)}), length {message.length}"


def _hsrp(message: Hsrp, reveal: bool) -> str:
    states = _HSRP1_STATES if message.version == 1 else _HSRP2_STATES
    text = (
        f"HSRPv{message.version}-{_HSRP_OPCODES.get(message.opcode, f'opcode {message.opcode}')}: "
        f"state={states.get(message.state, message.state)} group={message.group} "
        f"addr={','.join(map(str, message.addresses)) or 'unknown'} "
        f"hellotime={message.hello:g}s holdtime={message.hold:g}s priority={message.priority}"
    )
    if message.auth == "text":
        return f'{text} auth="{password_text(message.auth_data, reveal)}"'
    return f"{text} auth=md5" if message.auth == "md5" else text


def _glbp(message: Glbp) -> str:
    text = f"GLBPv{message.version}: group={message.group}"
    if message.state is not None:
        text += f" state={_GLBP_STATES.get(message.state, message.state)}"
    if message.addresses:
        text += f" addr={','.join(map(str, message.addresses))}"
    if message.hello is not None and message.hold is not None:
        text += f" hellotime={message.hello:g}s holdtime={message.hold:g}s"
    if message.priority is not None:
        text += f" priority={message.priority}"
    return text if message.auth == "none" else f"{text} auth={message.auth}"


def _conntrackd(message: Conntrackd) -> str:
    flags = ",".join(name for bit, name in _CONNTRACKD_FLAGS.items() if message.flags & bit)
    return (
        f"conntrackd v{message.version}, type {message.type}, flags [{flags or 'none'}], "
        f"seq {message.sequence}, length {message.length}"
    )
