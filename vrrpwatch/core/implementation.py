"""Which program or vendor a speaker runs, guessed from habits of its packets; silent where several have them."""

from vrrpwatch.wire.macs import virtual_mac, virtual_router
from vrrpwatch.wire.values import Carp, Ipv4, Packet, Vrrp
from vrrpwatch.wire.vrrp import CISCO_MD5

# Class selector 6, "internetwork control", which keepalived, FRR and the vendors set (RFC 791, RFC 2474).
NETWORK_CONTROL = 0xC0
# What CARP began with (IPTOS_LOWDELAY), and FreeBSD's default since net.inet.carp.dscp: class selector 7.
LOW_DELAY = 0x10
FREEBSD_DSCP = 0xE0


def guess(packet: Packet, message: Vrrp | Carp) -> str | None:
    """The implementation that sent ``message`` in ``packet``; ``None`` where it could be several."""
    return _carp(packet, message) if isinstance(message, Carp) else _vrrp(packet, message)


def _vrrp(packet: Packet, message: Vrrp) -> str | None:
    network = packet.network
    if message.trailer is not None:
        return "keepalived"
    if message.auth_type == CISCO_MD5:
        return "Cisco"
    header = packet.authentication
    # keepalived has no security association to name, and puts its source address there (vrrp.c, vrrp_build_ipsecah).
    if header is not None and isinstance(network, Ipv4) and header.spi == int(network.source):
        return "keepalived"
    if network is None or packet.source_mac is None:
        return None
    if _traffic_class(packet) != NETWORK_CONTROL:
        return None
    if virtual_router(packet.source_mac) is None:
        # RFC 9568 §7.3 has a master send from the virtual MAC, and routers do; keepalived does not unless told to.
        return "keepalived" if not isinstance(network, Ipv4) or not network.dont_fragment else None
    # Its raw socket on a macvlan leaves path MTU discovery on; keepalived builds the header itself, without DF.
    return "FRR" if isinstance(network, Ipv4) and network.dont_fragment else None


def _carp(packet: Packet, message: Carp) -> str | None:
    if packet.source_mac == virtual_mac("ucarp", message.vhid):
        return "ucarp"
    if _traffic_class(packet) == FREEBSD_DSCP:
        return "FreeBSD"
    # Only OpenBSD fills the demotion octet in; elsewhere it is padding (ip_carp.h).
    if message.demotion > 0 and _traffic_class(packet) == LOW_DELAY:
        return "OpenBSD"
    return None


def _traffic_class(packet: Packet) -> int | None:
    network = packet.network
    if network is None:
        return None
    return network.tos if isinstance(network, Ipv4) else network.traffic_class
