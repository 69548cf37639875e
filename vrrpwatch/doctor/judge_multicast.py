"""Verdicts on multicast: groups that daemons need, and the Linux bridge that may hold them back."""

from collections.abc import Iterator
from shlex import quote
from typing import Final

from vrrpwatch.doctor.checks import Check, Verdict, check
from vrrpwatch.doctor.facts import Bridge, Facts, Port

VRRP_IPV4: Final = "224.0.0.18"
VRRP_IPV6: Final = "ff02::12"
VRRP_LINK: Final = {VRRP_IPV4: "01:00:5e:00:00:12", VRRP_IPV6: "33:33:00:00:00:12"}
# Daemons that advertise to the groups above; conntrackd has a group of its own choice.
ADVERTISERS: Final = frozenset({"keepalived", "vrrpd", "ucarp"})


def judge(facts: Facts) -> Iterator[Check]:
    """Membership in both groups, the bridge's snooping, the bridge port's flags."""
    yield _membership(facts, "membership-ipv4", VRRP_IPV4, facts.memberships.ipv4, "/proc/net/igmp")
    yield _membership(facts, "membership-ipv6", VRRP_IPV6, facts.memberships.ipv6, "/proc/net/igmp6")
    yield _snooping(facts)
    yield _port(facts)


def _membership(facts: Facts, name: str, group: str, joined: frozenset[str] | None, source: str) -> Check:
    interface = quote(facts.link.name)
    running = sorted(facts.daemons & ADVERTISERS)
    if joined is None:
        return check(name, Verdict.UNKNOWN, f"{source} could not be read", f"ip maddress show dev {interface}")
    if group in joined:
        link = facts.memberships.link
        if link is not None and VRRP_LINK[group] not in link and not facts.link.promiscuity and not facts.link.allmulti:
            return check(
                name,
                Verdict.PROBLEM,
                f"{group} is joined, but {VRRP_LINK[group]} is missing in the interface's filter (/proc/net/dev_mcast)",
                f"ip link set dev {interface} allmulticast on",
            )
        return check(name, Verdict.OK, f"{group} is joined ({source})")
    if not running:
        return check(name, Verdict.NOT_APPLICABLE, f"{group} is not joined, and no VRRP or CARP daemon runs here")
    if group == VRRP_IPV6:
        # A daemon joins the group of the families that it is configured for, and most do IPv4 only.
        evidence = f"{', '.join(running)} runs, and {group} is not joined: no virtual router for IPv6 here"
        return check(name, Verdict.NOT_APPLICABLE, evidence)
    return check(
        name,
        Verdict.WARNING,
        f"{', '.join(running)} runs, but {group} is not joined on {facts.link.name} ({source})",
        "is it configured for this interface, and with multicast rather than unicast peers? ip maddress show",
    )


def _snooping(facts: Facts) -> Check:
    bridge = facts.bridge
    if bridge is None:
        return check(
            "snooping", Verdict.NOT_APPLICABLE, f"{facts.link.name} is at no Linux bridge that is visible here"
        )
    name = quote(bridge.name)
    if not bridge.snooping:
        return check("snooping", Verdict.OK, f"bridge {bridge.name}: mcast_snooping 0, multicast goes to every port")
    evidence = f"bridge {bridge.name}: mcast_snooping 1, mcast_querier {int(bridge.querier)}"
    if bridge.querier:
        return check("snooping", Verdict.OK, evidence)
    if bridge.router_ports is None:
        return check("snooping", Verdict.UNKNOWN, f"{evidence}, router ports unknown", f"bridge -d mdb show dev {name}")
    heard = [port.port for port in bridge.router_ports if port.temporary]
    if heard:
        return check("snooping", Verdict.OK, f"{evidence}, a querier is heard on {', '.join(heard)}")
    # 224.0.0.0/24 and ff02::/16 are always flooded (RFC 4541 §2.1.2); groups such as conntrackd's 225.0.0.50 are not.
    return check(
        "snooping",
        Verdict.WARNING,
        f"{evidence}, and no querier is heard: memberships of groups outside 224.0.0.0/24 run out after 260 s",
        f"ip link set dev {name} type bridge mcast_querier 1 (or mcast_snooping 0)",
    )


def _port(facts: Facts) -> Check:
    port, bridge = facts.port, facts.bridge
    if port is None or bridge is None:
        return check("bridge-port", Verdict.NOT_APPLICABLE, f"{facts.link.name} is no port of a Linux bridge")
    evidence = (
        f"state {port.state}, learning {int(port.learning)}, flood {int(port.flood)}, mcast_flood "
        f"{int(port.mcast_flood)}, bcast_flood {int(port.bcast_flood)}, isolated {int(port.isolated)}"
    )
    verdict, why, flag = _port_fault(port, bridge)
    if flag is None:
        return check("bridge-port", verdict, f"{evidence}{why}")
    remedy = f"bridge link set dev {quote(facts.link.name)} {flag}"
    return check("bridge-port", verdict, f"{evidence}: {why}", remedy)


def _port_fault(port: Port, bridge: Bridge) -> tuple[Verdict, str, str | None]:
    if port.state != "forwarding":
        return Verdict.PROBLEM, "nothing passes until it forwards", "state 3"
    if not port.mcast_flood:
        always = port.router == 2
        if always and bridge.snooping:
            return Verdict.OK, " (a permanent router port: all multicast passes)", None
        return Verdict.PROBLEM, "adverts do not leave through this port", "mcast_flood on"
    if port.isolated:
        return Verdict.PROBLEM, "it hears no other isolated port: peers there hear nothing", "isolated off"
    if not port.bcast_flood:
        return Verdict.PROBLEM, "ARP requests and gratuitous ARP do not leave through it", "bcast_flood on"
    if not port.learning:
        return Verdict.WARNING, "the bridge never learns where a virtual MAC moved", "learning on"
    if not port.flood:
        return Verdict.WARNING, "frames to a virtual MAC not yet learnt do not leave through it", "flood on"
    if port.hairpin:
        return Verdict.WARNING, "it reflects adverts to their sender", "hairpin off"
    if port.neigh_suppress:
        return Verdict.WARNING, "the bridge answers ARP and ND itself, perhaps with the old owner", "neigh_suppress off"
    return Verdict.OK, "", None
