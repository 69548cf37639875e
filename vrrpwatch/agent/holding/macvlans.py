"""Makes the macvlan with the virtual MAC of a router, on which alone its addresses are answered for."""

from collections.abc import Callable

from vrrpwatch.agent.config.routers import Router
from vrrpwatch.agent.holding import requests, sysctls
from vrrpwatch.agent.holding.attachments import macvlan_name, router_mac
from vrrpwatch.agent.holding.facts import Link, link_named
from vrrpwatch.agent.holding.netlink import Channel, numbered


def make_macvlan(channel: Channel, router: Router, link: Link, told: Callable[[str], None]) -> Link | str:
    """Makes the router's macvlan above ``link``; returns it, or why it cannot be.

    ``told`` gets a line for what it may not answer for.  Raises :class:`NetlinkError`.
    """
    name, mac = macvlan_name(router), router_mac(router)
    found = link_named(channel, name)
    if found is not None:
        if (found.kind, found.mac, found.below) != ("macvlan", mac, link.index):
            return f"there is an interface {name} that is not this router's: rename or remove it"
        channel.do(numbered([requests.remove_link(found.index)]))
    refused = channel.do(numbered([requests.add_macvlan(name, link.index, mac)]))
    made = link_named(channel, name)
    if refused or made is None:
        return f"no macvlan can be made on {router.interface}: {refused[0].reason if refused else 'it is gone'}"
    if router.family == 4 and sysctls.read(sysctls.path("all", "arp_filter")):
        told(f"net.ipv4.conf.all.arp_filter is set, so nobody answers ARP for what {name} holds: set it to 0")
    ipv6 = any(one.address.version == 6 for one in router.addresses)
    for path, value in sysctls.of_macvlan(name, ipv6=ipv6):
        reason = sysctls.write(path, value) if path.exists() else None
        if reason is not None:
            told(f"{path} cannot be set to {value} ({reason}): hosts may not find the virtual MAC")
    # Where it has no IPv6 the first is refused, and nothing would come up anyway.
    refused = channel.do(numbered([requests.without_link_local(made.index), requests.switch_on(made.index)]))
    if any(one.request != 0 for one in refused):
        channel.do(numbered([requests.remove_link(made.index)]))
        return f"{name} cannot be switched on: {refused[-1].reason}"
    return made
