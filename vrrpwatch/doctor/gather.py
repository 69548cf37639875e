"""Gathers the facts about one interface from the kernel and from programs; judges nothing."""

import os

from vrrpwatch.doctor import probe_card, probe_netlink, probe_proc, probe_programs
from vrrpwatch.doctor.facts import Facts

# linux/capability.h
CAP_NET_ADMIN = 12
CAP_NET_RAW = 13


class NoInterfaceError(Exception):
    """There is no such interface; the message names those there are."""


def gather(interface: str) -> Facts:
    """Everything that can be read with the rights at hand.

    Raises :class:`NoInterfaceError`, and :class:`~vrrpwatch.doctor.probe_netlink.NetlinkUnavailableError` where the
    kernel does not answer at all.
    """
    network = probe_netlink.network(interface)
    if network is None:
        known = ", ".join(sorted(probe_netlink.names())[:20])
        raise NoInterfaceError(f"{interface}: no such interface; there are {known}")
    bridge = network.bridge
    if bridge is not None:
        bridge = bridge._replace(router_ports=probe_programs.router_ports(bridge.name))
    card = probe_card.card(interface)
    privileged = has_capability(CAP_NET_ADMIN)
    nft, iptables = probe_programs.filters(privileged)
    return Facts(
        link=network.link._replace(
            driver=card.driver,
            speed=card.speed,
            full_duplex=card.full_duplex,
            vlan_filter=card.vlan_filter,
            wireless=card.wireless,
        ),
        addresses=network.addresses,
        children=network.children,
        master=network.master,
        bridge=bridge,
        port=network.port,
        bond=network.bond,
        virtual_neighbours=network.virtual_neighbours,
        memberships=probe_proc.memberships(network.link.ifindex),
        sysctls=probe_proc.sysctls(interface),
        daemons=probe_proc.daemons(),
        clock=probe_proc.clock(),
        platform=probe_proc.platform(),
        nft=nft,
        iptables=iptables,
    )


def has_capability(number: int) -> bool:
    """Whether this process may use a capability (its effective set in /proc/self/status)."""
    effective = probe_proc.capabilities()
    return os.geteuid() == 0 if effective is None else bool(effective >> number & 1)
