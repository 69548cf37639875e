"""What travels beside VRRP and CARP: pfsync, conntrackd and IPVS synchronisation, and Cisco's HSRP and GLBP."""

from vrrpwatch.wire.glbp import decode_glbp
from vrrpwatch.wire.hsrp import decode_hsrp
from vrrpwatch.wire.ip import UDP, UDP_PROTOCOL
from vrrpwatch.wire.layout import Layout, octets
from vrrpwatch.wire.values import Companion, Conntrackd, IpvsSync, Packet, Pfsync

PFSYNC2 = Layout("pfsync2", version=8, family=8, action=8, count=8)
PFSYNC5 = Layout("pfsync5", version=8, padding=8, length=16, checksum=octets(16))
PFSYNC_SUBHEADER = Layout("pfsync_subheader", action=8, length=8, count=16)
CONNTRACKD = Layout("conntrackd", version=4, type=4, flags=8, length=16, sequence=32)
IPVS0 = Layout("ipvs0", connections=8, syncid=8, size=16)
IPVS1 = Layout("ipvs1", reserved=8, syncid=8, size=16, connections=8, version=8, spare=16)

PFSYNC_PROTOCOL = 240
# Version 5 brought the header with a length and subheaders (OpenBSD 4.7).
PFSYNC_SUBHEADERS_SINCE = 5
CONNTRACKD_PORTS = (3780, 3781)
IPVS_PORT = 8848
HSRP_PORTS = (1985, 2029)
GLBP_PORT = 3222


def decode_companion(packet: Packet) -> Companion | None:
    """The state-sync or neighbour protocol header in ``packet``; ``None`` for anything else and for what is cut."""
    if packet.fragment == "later":
        return None
    if packet.protocol == PFSYNC_PROTOCOL:
        return decode_pfsync(packet.payload)
    if packet.protocol != UDP_PROTOCOL:
        return None
    udp = UDP.unpack(packet.payload)
    if udp is None:
        return None
    data = packet.payload[UDP.size :]
    port = udp.destination_port
    if port in CONNTRACKD_PORTS:
        return decode_conntrackd(data)
    if port == IPVS_PORT:
        return decode_ipvs(data)
    if port in HSRP_PORTS:
        return decode_hsrp(data)
    return decode_glbp(data) if port == GLBP_PORT else None


def decode_pfsync(data: bytes) -> Pfsync | None:
    """A pfsync header and, from version 5 on, its first subheader (OpenBSD sys/net/if_pfsync.h)."""
    old = PFSYNC2.unpack(data)
    if old is None:
        return None
    if old.version < PFSYNC_SUBHEADERS_SINCE:
        return Pfsync(old.version, None, old.action, old.count)
    header, subheader = PFSYNC5.unpack(data), PFSYNC_SUBHEADER.unpack(data, PFSYNC5.size)
    if header is None or subheader is None:
        return None
    return Pfsync(header.version, header.length, subheader.action, subheader.count)


def decode_conntrackd(data: bytes) -> Conntrackd | None:
    """A conntrackd header (conntrack-tools include/network.h)."""
    raw = CONNTRACKD.unpack(data)
    return None if raw is None else Conntrackd(raw.version, raw.type, raw.flags, raw.length, raw.sequence)


def decode_ipvs(data: bytes) -> IpvsSync | None:
    """An IPVS sync header; version 1 starts with the zero that version 0 cannot have (Linux ip_vs_sync.c)."""
    new = IPVS1.unpack(data)
    if new is not None and new.reserved == 0:
        return IpvsSync(new.version, new.syncid, new.size, new.connections)
    old = IPVS0.unpack(data)
    return None if old is None or old.connections == 0 else IpvsSync(0, old.syncid, old.size, old.connections)
