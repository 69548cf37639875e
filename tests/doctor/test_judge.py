"""What each check says about facts written by hand, the good ones and the bad."""

from ipaddress import IPv4Interface, IPv6Interface

import pytest

from tests.doctor.healthy import HEALTHY, LINK, found, link, sysctl
from vrrpwatch.core.model import Severity
from vrrpwatch.doctor.checks import MAX_TEXT, Verdict, check, worst
from vrrpwatch.doctor.facts import Address, Bond, Bridge, Child, Clock, Facts, Memberships, Platform, Port, RouterPort
from vrrpwatch.doctor.judge import judge

OK, WARNING, PROBLEM = Verdict.OK, Verdict.WARNING, Verdict.PROBLEM
UNKNOWN, NONE = Verdict.UNKNOWN, Verdict.NOT_APPLICABLE
V4, V6 = Address(IPv4Interface("192.0.2.1/24")), Address(IPv6Interface("fe80::1/64"), link_local=True)
CHILD = Child("vrrp.51", "00:00:5e:00:01:33", "private", up=True)
VMAC = HEALTHY._replace(children=(CHILD,))
SNOOPS = Bridge("br0", snooping=True, querier=False)


def bridged(bridge: Bridge = SNOOPS, port: Port | None = None) -> Facts:
    return HEALTHY._replace(bridge=bridge, port=port or Port())


def with_settings(facts: Facts, other: Facts) -> Facts:
    return facts._replace(sysctls=other.sysctls)


def daemon(*names: str, ipv4: frozenset[str] | None = frozenset(), **memberships: frozenset[str] | None) -> Facts:
    joined = Memberships(ipv4, memberships.get("ipv6", frozenset()), memberships.get("link", frozenset()))
    return HEALTHY._replace(daemons=frozenset(names), memberships=joined)


def conntrack(count: int | None, limit: int | None = 1000) -> Facts:
    counts = {"net.netfilter.nf_conntrack_count": count, "net.netfilter.nf_conntrack_max": limit}
    settings = {**HEALTHY.sysctls, **{key: value for key, value in counts.items() if value is not None}}
    return HEALTHY._replace(daemons=frozenset({"conntrackd"}), sysctls=settings)


def test_a_healthy_host_has_nothing_to_complain_about() -> None:
    assert {c.name: c.verdict for c in judge(HEALTHY) if c.verdict not in (OK, NONE)} == {}
    assert worst(judge(HEALTHY)) is None


def test_every_check_has_its_own_name() -> None:
    names = [c.name for c in judge(HEALTHY)]
    assert len(set(names)) == len(names)


CASES = [
    # facts, check, verdict, in the evidence, in the remedy
    (HEALTHY, "link", OK, "eth0: e1000e, up, operstate UP, 1000 Mbit/s", None),
    (link(up=False, state="DOWN"), "link", PROBLEM, "down", "ip link set dev eth0 up"),
    (link(carrier=False, state="DOWN"), "link", PROBLEM, "no carrier", "ethtool eth0"),
    (link(arp_type=772), "link", PROBLEM, "loopback", "Ethernet"),
    (link(arp_type=65534), "link", PROBLEM, "link type 65534", "Ethernet"),
    (link(no_arp=True), "link", PROBLEM, "NOARP", "ip link set dev eth0 arp on"),
    (link(full_duplex=False), "link", WARNING, "half duplex", "autoneg on"),
    (HEALTHY, "mtu", OK, "mtu 1500", None),
    (link(mtu=1279), "mtu", WARNING, "mtu 1279", "mtu 1500"),
    (link(mtu=1280), "mtu", OK, "mtu 1280", None),
    (HEALTHY, "multicast-flag", OK, "MULTICAST is set", None),
    (link(multicast=False), "multicast-flag", PROBLEM, "off", "ip link set dev eth0 multicast on"),
    (link(promiscuity=2, allmulti=1), "promiscuous", OK, "promiscuity 2, allmulti 1", None),
    (HEALTHY, "promiscuous", OK, "promiscuity 0", "-i any misses"),
    (HEALTHY, "vlan-filter", OK, "off", None),
    (link(vlan_filter=True), "vlan-filter", OK, "rx-vlan-filter: on", "ethtool -K eth0 rx-vlan-filter off"),
    (link(vlan_filter=None), "vlan-filter", UNKNOWN, "could not be read", "ethtool -k eth0"),
    (HEALTHY, "virtual-mac", OK, "none is in use", None),
    (VMAC, "virtual-mac", OK, "vrrp.51 00:00:5e:00:01:33 macvlan private", None),
    (HEALTHY._replace(children=(CHILD._replace(up=False),)), "virtual-mac", WARNING, "vrrp.51", "vrrp.51 up"),
    (link(mac="00:00:5e:00:01:07"), "virtual-mac", OK, "VRID 7", None),
    (link(wireless=True), "virtual-mac", PROBLEM, "wireless", "use_vmac"),
    (link(kind="ipvlan"), "virtual-mac", PROBLEM, "ipvlan", "macvlan"),
    (link(kind="macvlan", mode="source"), "virtual-mac", PROBLEM, "source mode", "mode bridge"),
    (link(arp_type=772), "virtual-mac", NONE, "772", None),
    (
        bridged(port=Port(locked=True))._replace(link=LINK._replace(master="br0")),
        "virtual-mac",
        PROBLEM,
        "locked",
        "locked off",
    ),
    (HEALTHY, "bonding", NONE, "neither", None),
    (HEALTHY._replace(bond=Bond(1, 100, 0)), "bonding", OK, "mode active-backup, miimon 100 ms", None),
    (HEALTHY._replace(bond=Bond(0, 100, 0)), "bonding", WARNING, "balance-rr", "active-backup"),
    (HEALTHY._replace(bond=Bond(6, 100, 0)), "bonding", PROBLEM, "balance-alb", "active-backup"),
    (HEALTHY._replace(bond=Bond(1, 0, 0)), "bonding", WARNING, "no monitor", "miimon 100"),
    (HEALTHY._replace(bond=Bond(1, 0, 1000, ("192.0.2.254",))), "bonding", WARNING, "192.0.2.254", "arp_interval 0"),
    (HEALTHY._replace(bond=Bond(9, 100, 0)), "bonding", OK, "mode 9", None),
    (link(kind="team"), "bonding", UNKNOWN, "team", "teamdctl eth0 state"),
    (
        HEALTHY._replace(master=LINK._replace(name="bond0", kind="bond")),
        "bonding",
        PROBLEM,
        "member of bond0",
        "vrrpwatch doctor -i bond0",
    ),
    (HEALTHY, "hypervisor", NONE, "no virtual card", None),
    (link(driver="vmxnet3"), "hypervisor", UNKNOWN, "vmxnet3", "Forged transmits"),
    (link(driver="hv_netvsc"), "hypervisor", UNKNOWN, "hv_netvsc", "-MacAddressSpoofing On"),
    (link(driver="virtio_net"), "hypervisor", UNKNOWN, "virtio_net", "trustGuestRxFilters='yes'"),
    (link(driver="xen_netfront"), "hypervisor", UNKNOWN, "xen_netfront", "locking-mode=unlocked"),
    (link(driver="ena"), "hypervisor", PROBLEM, "ena", "unicast peers"),
    (link(driver="gve"), "hypervisor", PROBLEM, "gve", "unicast peers"),
    (
        HEALTHY._replace(platform=Platform("VMware, Inc.", "VMware7,1", True)),
        "hypervisor",
        UNKNOWN,
        "VMware, Inc. VMware7,1",
        "--probe PEER",
    ),
    (HEALTHY._replace(platform=Platform("Acme", "", True)), "hypervisor", UNKNOWN, "Acme", "--probe PEER"),
    (link(kind="veth", driver="veth"), "hypervisor", UNKNOWN, "veth", "bridge -d link"),
    (HEALTHY, "addresses-ipv4", OK, "192.0.2.1/24", None),
    (HEALTHY._replace(addresses=(V6,)), "addresses-ipv4", WARNING, "no IPv4", "ip address add"),
    (HEALTHY, "addresses-ipv6", OK, "fe80::1/64", None),
    (
        HEALTHY._replace(addresses=(V4, V6._replace(dad_failed=True))),
        "addresses-ipv6",
        PROBLEM,
        "fe80::1/64 dadfailed",
        "ip -6 address del fe80::1/64 dev eth0",
    ),
    (HEALTHY._replace(addresses=(V4, V6._replace(tentative=True))), "addresses-ipv6", WARNING, "tentative", "ip -6"),
    (HEALTHY._replace(addresses=(V4,)), "addresses-ipv6", WARNING, "no link-local", "addrgenmode eui64"),
    (sysctl(if_disable_ipv6=1), "addresses-ipv6", NONE, "disable_ipv6", "disable_ipv6=0"),
    (HEALTHY, "membership-ipv4", OK, "224.0.0.18 is joined", None),
    (daemon("keepalived"), "membership-ipv4", WARNING, "keepalived runs", "ip maddress"),
    (daemon("ucarp", "vrrpd"), "membership-ipv4", WARNING, "ucarp, vrrpd runs", "ip maddress"),
    (daemon(), "membership-ipv4", NONE, "no VRRP or CARP daemon", None),
    (daemon("conntrackd"), "membership-ipv4", NONE, "no VRRP or CARP daemon", None),
    (daemon(ipv4=None), "membership-ipv4", UNKNOWN, "/proc/net/igmp", "ip maddress show dev eth0"),
    (daemon(ipv4=frozenset({"224.0.0.18"})), "membership-ipv4", PROBLEM, "01:00:5e:00:00:12 is missing", "allmulti"),
    (HEALTHY, "membership-ipv6", OK, "ff02::12 is joined", None),
    (daemon("keepalived"), "membership-ipv6", NONE, "no virtual router for IPv6", None),
    (HEALTHY, "snooping", NONE, "no Linux bridge", None),
    (bridged(), "snooping", WARNING, "no querier is heard", "ip link set dev br0 type bridge mcast_querier 1"),
    (bridged(SNOOPS._replace(snooping=False)), "snooping", OK, "mcast_snooping 0", None),
    (bridged(SNOOPS._replace(querier=True)), "snooping", OK, "mcast_querier 1", None),
    (bridged(SNOOPS._replace(router_ports=(RouterPort("p1", True),))), "snooping", OK, "heard on p1", None),
    (bridged(SNOOPS._replace(router_ports=(RouterPort("p1", False),))), "snooping", WARNING, "no querier", "querier 1"),
    (bridged(SNOOPS._replace(router_ports=None)), "snooping", UNKNOWN, "router ports unknown", "bridge -d mdb"),
    (HEALTHY, "bridge-port", NONE, "no port", None),
    (bridged(), "bridge-port", OK, "learning 1, flood 1, mcast_flood 1", None),
    (bridged(port=Port(state="blocking")), "bridge-port", PROBLEM, "blocking", "state 3"),
    (bridged(port=Port(mcast_flood=False)), "bridge-port", PROBLEM, "mcast_flood 0", "dev eth0 mcast_flood on"),
    (bridged(port=Port(mcast_flood=False, router=2)), "bridge-port", OK, "permanent router port", None),
    (bridged(port=Port(isolated=True)), "bridge-port", PROBLEM, "isolated 1", "isolated off"),
    (bridged(port=Port(bcast_flood=False)), "bridge-port", PROBLEM, "bcast_flood 0", "bcast_flood on"),
    (bridged(port=Port(learning=False)), "bridge-port", WARNING, "learning 0", "learning on"),
    (bridged(port=Port(flood=False)), "bridge-port", WARNING, "flood 0", "flood on"),
    (bridged(port=Port(hairpin=True)), "bridge-port", WARNING, "reflects", "hairpin off"),
    (bridged(port=Port(neigh_suppress=True)), "bridge-port", WARNING, "answers ARP", "neigh_suppress off"),
    (HEALTHY, "rp-filter", OK, "all 0, eth0 0, effective 0", None),
    (sysctl(all_rp_filter=1), "rp-filter", WARNING, "effective 1", "net.ipv4.conf.all.rp_filter=0"),
    (sysctl(if_rp_filter=1), "rp-filter", WARNING, "effective 1", "net.ipv4.conf.eth0.rp_filter=0"),
    # The greater of the two counts, and 2 is loose.
    (sysctl(all_rp_filter=1, if_rp_filter=2), "rp-filter", OK, "effective 2", None),
    (with_settings(VMAC, sysctl(all_rp_filter=1)), "rp-filter", PROBLEM, "virtual MAC", "all.rp_filter=0"),
    (sysctl(all_rp_filter=1)._replace(addresses=(V6,)), "rp-filter", PROBLEM, "no sender", "all.rp_filter=0"),
    (sysctl(if_rp_filter=None), "rp-filter", UNKNOWN, "could not be read", "sysctl net.ipv4.conf.all.rp_filter"),
    (HEALTHY, "arp-ignore", OK, "effective 0", None),
    (VMAC, "arp-ignore", WARNING, "own MAC", "arp_ignore=1"),
    (with_settings(VMAC, sysctl(if_arp_ignore=1)), "arp-ignore", OK, "effective 1", None),
    (sysctl(all_arp_ignore=8), "arp-ignore", PROBLEM, "effective 8", "arp_ignore=1"),
    (sysctl(if_arp_ignore=3), "arp-ignore", WARNING, "host scope", "arp_ignore=1"),
    (sysctl(all_arp_ignore=None), "arp-ignore", UNKNOWN, "could not be read", "sysctl"),
    (HEALTHY, "arp-announce", OK, "effective 0", None),
    (VMAC, "arp-announce", WARNING, "physical MAC", "arp_announce=2"),
    (with_settings(VMAC, sysctl(all_arp_announce=2)), "arp-announce", OK, "effective 2", None),
    (sysctl(all_arp_filter=1), "arp-filter", OK, "effective 1", None),
    (with_settings(VMAC, sysctl(all_arp_filter=1)), "arp-filter", WARNING, "answers only", "all.arp_filter=0"),
    (HEALTHY, "gratuitous-arp", OK, "effective 0", None),
    (sysctl(all_drop_gratuitous_arp=1), "gratuitous-arp", WARNING, "moved", "all.drop_gratuitous_arp=0"),
    (sysctl(if_drop_gratuitous_arp=1), "gratuitous-arp", WARNING, "moved", "eth0.drop_gratuitous_arp=0"),
    (HEALTHY, "accept-local", NONE, "no virtual MAC", None),
    (link(kind="macvlan", mac="00:00:5e:00:01:07"), "accept-local", WARNING, "effective 0", "eth0.accept_local=1"),
    (
        sysctl(if_accept_local=1)._replace(link=LINK._replace(kind="macvlan", mac="00:00:5e:00:01:07")),
        "accept-local",
        OK,
        "effective 1",
        None,
    ),
    (HEALTHY, "unsolicited-na", OK, "effective 0", None),
    (sysctl(if_drop_unsolicited_na=1), "unsolicited-na", WARNING, "IPv6", "eth0.drop_unsolicited_na=0"),
    (sysctl(if_drop_unsolicited_na=None), "unsolicited-na", UNKNOWN, "could not be read", "sysctl"),
    (HEALTHY, "nonlocal-bind", OK, "= 1", None),
    (sysctl(ip_nonlocal_bind=0), "nonlocal-bind", OK, "= 0", "ip_nonlocal_bind=1"),
    (sysctl(ip_nonlocal_bind=None), "nonlocal-bind", UNKNOWN, "could not", "sysctl net.ipv4.ip_nonlocal_bind"),
    (HEALTHY, "accept-dad", OK, "effective 1", None),
    (sysctl(if_accept_dad=2), "accept-dad", WARNING, "turns IPv6 off", "eth0.accept_dad=1"),
    (sysctl(all_accept_dad=2), "accept-dad", WARNING, "turns IPv6 off", "all.accept_dad=1"),
    (sysctl(igmp_max_memberships=0), "igmp-limit", PROBLEM, "= 0", "igmp_max_memberships=20"),
    (HEALTHY, "igmp-limit", OK, "= 20", None),
    (HEALTHY, "clock", OK, "synchronised, maximum error 0.012 s", None),
    (HEALTHY._replace(clock=None), "clock", UNKNOWN, "adjtimex", "timedatectl"),
    (HEALTHY._replace(clock=Clock(False, 16.0)), "clock", WARNING, "unsynchronised", "set-ntp true"),
    (HEALTHY._replace(clock=Clock(True, 0.75)), "clock", WARNING, "0.750 s", "chronyc sources"),
    (HEALTHY._replace(clock=Clock(True, 0.01, leap_pending=True)), "clock", WARNING, "leap second", "leapsecmode"),
    (HEALTHY, "conntrack", NONE, "conntrackd does not run", None),
    (conntrack(100), "conntrack", OK, "100 of 1000 connections (10%)", None),
    (conntrack(750), "conntrack", WARNING, "75%", "nf_conntrack_max=2000"),
    (conntrack(950), "conntrack", PROBLEM, "95%", "nf_conntrack_max=2000"),
    (conntrack(None), "conntrack", UNKNOWN, "could not be read", "sysctl"),
    (conntrack(5, 0), "conntrack", OK, "5 of 0", None),
    (HEALTHY, "virtual-neighbours", NONE, "no neighbour", None),
    (
        HEALTHY._replace(virtual_neighbours=(("192.0.2.254", "00:00:5e:00:01:33"),)),
        "virtual-neighbours",
        OK,
        "192.0.2.254 00:00:5e:00:01:33 (VRID 51)",
        None,
    ),
]


@pytest.mark.parametrize(
    ("facts", "name", "verdict", "evidence", "remedy"),
    CASES,
    ids=[f"{number}-{name}-{verdict.name}" for number, (_, name, verdict, _, _) in enumerate(CASES)],
)
def test_a_verdict(facts: Facts, name: str, verdict: Verdict, evidence: str, remedy: str | None) -> None:
    one = found(facts, name)
    assert one.verdict is verdict
    assert evidence in one.evidence
    assert (remedy is None) if one.remedy is None else (remedy is not None and remedy in one.remedy)


def test_every_complaint_says_what_to_do() -> None:
    for facts, *_ in CASES:
        assert [c.name for c in judge(facts) if c.verdict in (WARNING, PROBLEM, UNKNOWN) and not c.remedy] == []


def test_an_interface_with_a_dot_is_a_slash_to_sysctl() -> None:
    one = found(sysctl(if_rp_filter=1)._replace(link=LINK._replace(name="eth0.10")), "rp-filter")
    assert one.remedy == "sysctl -w net.ipv4.conf.all.rp_filter=0 && sysctl -w net.ipv4.conf.eth0/10.rp_filter=0"


def test_a_name_cannot_leave_its_place_in_a_command() -> None:
    one = found(link(name="a;rm\x1b[2J", up=False), "link")
    assert one.remedy == "ip link set dev 'a;rm\\x1b[2J' up"
    assert "\x1b" not in one.evidence


def test_long_texts_are_cut() -> None:
    assert len(found(link(alias="x" * 10_000), "link").evidence) == MAX_TEXT + 1


def test_severities_are_those_of_fail_on() -> None:
    problem, warning, unknown = (check("x", verdict, "") for verdict in (PROBLEM, WARNING, UNKNOWN))
    assert worst((unknown, warning, problem)) is Severity.CRITICAL
    assert worst((unknown, warning)) is Severity.WARNING
    assert worst((unknown, check("y", NONE, ""))) is Severity.INFO
