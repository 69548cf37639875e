"""A healthy host's facts, from which each test departs in one thing; and how to pick one check out of many."""

from ipaddress import IPv4Interface, IPv6Interface
from typing import Any

from vrrpwatch.doctor.checks import Check
from vrrpwatch.doctor.facts import Address, Clock, Facts, Link, Listing, Memberships
from vrrpwatch.doctor.judge import judge

SYSCTLS = {
    **{
        f"ipv4.{scope}.{name}": 0
        for scope in ("all", "if")
        for name in ("rp_filter", "arp_ignore", "arp_announce", "arp_filter", "accept_local", "drop_gratuitous_arp")
    },
    "ipv6.all.disable_ipv6": 0,
    "ipv6.if.disable_ipv6": 0,
    "ipv6.all.accept_dad": 0,
    "ipv6.if.accept_dad": 1,
    "ipv6.all.drop_unsolicited_na": 0,
    "ipv6.if.drop_unsolicited_na": 0,
    "net.ipv4.ip_nonlocal_bind": 1,
    "net.ipv4.igmp_max_memberships": 20,
}
LINK = Link(name="eth0", ifindex=2, driver="e1000e", mac="02:00:00:00:00:01", vlan_filter=False, speed=1000)
HEALTHY = Facts(
    link=LINK,
    addresses=(
        Address(IPv4Interface("192.0.2.1/24")),
        Address(IPv6Interface("fe80::1/64"), link_local=True),
    ),
    sysctls=SYSCTLS,
    clock=Clock(synchronised=True, max_error=0.012),
    memberships=Memberships(
        frozenset({"224.0.0.1", "224.0.0.18"}),
        frozenset({"ff02::1", "ff02::12"}),
        frozenset({"01:00:5e:00:00:12", "33:33:00:00:00:12"}),
    ),
    nft=Listing("nft -j list ruleset", '{"nftables": []}'),
)


def link(**changes: Any) -> Facts:
    """The healthy host with another link."""
    return HEALTHY._replace(link=LINK._replace(**changes))


def sysctl(**changes: int | None) -> Facts:
    """The healthy host with other settings: ``all_rp_filter=1``, ``if_rp_filter=1`` for IPv4; ``None`` unread."""
    settings = dict(SYSCTLS)
    for name, value in changes.items():
        scope, _, setting = name.partition("_")
        family = "ipv6" if setting in ("disable_ipv6", "accept_dad", "drop_unsolicited_na") else "ipv4"
        key = f"{family}.{scope}.{setting}" if scope in ("all", "if") else f"net.ipv4.{name}"
        settings.pop(key, None)
        if value is not None:
            settings[key] = value
    return HEALTHY._replace(sysctls=settings)


def found(facts: Facts, name: str) -> Check:
    """The one check of that name."""
    (check,) = [check for check in judge(facts) if check.name == name]
    return check
