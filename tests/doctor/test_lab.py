"""Real interfaces in namespaces: each setting is changed as an administrator would, and the verdict must flip."""

from collections.abc import Iterator

import pytest

from tests.doctor.doctoring import examine, verdict
from tests.lab.network import Host, Lab, missing
from tests.lab.waiting import wait_until


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    why = missing("bridge", "iptables", "ip6tables", "keepalived")
    if why is not None:
        pytest.skip(why)
    with Lab() as lab:
        lab.bridge("lan")
        lab.host("h11", 11)
        yield lab


@pytest.fixture
def host(lab: Lab) -> Host:
    return lab.hosts["h11"]


def test_an_ordinary_interface_passes_and_says_what_it_read(host: Host) -> None:
    code, checks = examine(host, "-i", "eth0", "--fail-on", "critical")
    assert code == 0
    assert {name: c["verdict"] for name, c in checks.items() if c["verdict"] == "problem"} == {}
    assert checks["link"]["evidence"].startswith("eth0: veth, up, operstate UP")
    assert checks["addresses-ipv4"]["evidence"] == "192.0.2.11/24"
    assert checks["addresses-ipv6"]["verdict"] == "not applicable"
    assert checks["igmp-limit"]["evidence"] == "igmp_max_memberships = 20"
    assert checks["filter-in-ipv4"]["evidence"].endswith("arriving, pass (0 rules read)")


def test_a_rule_that_drops_protocol_112_is_found(host: Host) -> None:
    host.filter("guard", "input", "ip protocol vrrp counter drop")
    code, checks = examine(host, "-i", "eth0", "--fail-on", "critical")
    host.unfilter("guard")
    assert code == 1
    found = checks["filter-in-ipv4"]
    assert (found["verdict"], found["severity"]) == ("problem", "critical")
    assert "nft inet guard rules: ip protocol vrrp drop" in found["evidence"]
    # The other way, and the other family, are as they were.
    assert checks["filter-out-ipv4"]["verdict"] == "ok"
    assert verdict(host, "filter-in-ipv4")[0] == "ok"


def test_the_remedy_for_a_dropping_policy_works_when_pasted(host: Host) -> None:
    rules = "table inet fw { chain in { type filter hook input priority 0; policy drop; tcp dport 22 accept; }; }"
    host.do("nft", "-f", "-", stdin=rules)
    try:
        found = examine(host, "-i", "eth0")[1]["filter-in-ipv4"]
        assert found["verdict"] == "problem"
        host.do("sh", "-c", found["remedy"])
        assert verdict(host, "filter-in-ipv4")[0] == "ok"
    finally:
        host.unfilter("fw")


def test_sets_and_verdict_maps_are_followed_as_nft_lists_them(host: Host) -> None:
    rules = """
    table inet fw {
        set redundancy { type inet_proto; elements = { 51, 112 }; }
        map verdicts { type inet_proto : verdict; elements = { tcp : accept, 112 : jump peers }; }
        chain peers { ip saddr { 192.0.2.0/24, 198.51.100.1 } accept; }
        chain in {
            type filter hook input priority 0; policy drop;
            ct state established,related accept
            meta l4proto @redundancy meta l4proto vmap @verdicts
            iifname "lo" accept
        }
    }
    """
    host.do("nft", "-f", "-", stdin=rules)
    try:
        checks = examine(host, "-i", "eth0")[1]
    finally:
        host.unfilter("fw")
    assert checks["filter-in-ipv4"]["verdict"] == "ok", checks["filter-in-ipv4"]
    assert checks["filter-in-ah"]["verdict"] == "warning"


@pytest.mark.parametrize("variant", ["iptables", "iptables-legacy"])
def test_iptables_rules_are_found_wherever_they_are_kept(host: Host, variant: str) -> None:
    if missing(variant) is not None or (variant == "iptables-legacy" and not _has_legacy(host)):
        pytest.skip(f"this kernel has no {variant}")
    host.do(variant, "-A", "INPUT", "-d", "224.0.0.0/4", "-m", "pkttype", "--pkt-type", "multicast", "-j", "DROP")
    try:
        found = verdict(host, "filter-in-ipv4")
    finally:
        host.do(variant, "-F", "INPUT")
    assert found[0] == "problem"
    assert "--pkt-type multicast -j DROP" in found[1]
    assert verdict(host, "filter-in-ipv4")[0] == "ok"


def _has_legacy(host: Host) -> bool:
    return "failed" not in host.do("sh", "-c", "iptables-legacy -L INPUT -n 2>&1 || echo failed")


def test_the_reverse_path_filter_counts_by_its_greater_value(host: Host) -> None:
    before = {"net.ipv4.conf.all.rp_filter": "0", "net.ipv4.conf.eth0.rp_filter": "0"}
    host.sysctl({**before, "net.ipv4.conf.all.rp_filter": "1"})
    strict = verdict(host, "rp-filter")
    host.sysctl({"net.ipv4.conf.eth0.rp_filter": "2"})
    loose = verdict(host, "rp-filter")
    host.sysctl(before)
    assert strict[0] == "warning"
    assert "all 1, eth0 0, effective 1" in strict[1]
    assert loose == ("ok", "rp_filter: all 1, eth0 2, effective 2")


def test_flags_and_carrier_of_the_link(lab: Lab, host: Host) -> None:
    host.ip("link", "set", "eth0", "multicast", "off", "mtu", "1000")
    checks = examine(host, "-i", "eth0")[1]
    host.ip("link", "set", "eth0", "multicast", "on", "mtu", "1500")
    assert (checks["multicast-flag"]["verdict"], checks["mtu"]["verdict"]) == ("problem", "warning")
    lab.switch.ip("link", "set", "lan-h11", "down")
    dark = verdict(host, "link")
    lab.switch.ip("link", "set", "lan-h11", "up")
    assert dark[0] == "problem"
    assert "no carrier" in dark[1]
    assert verdict(host, "link")[0] == "ok"


def test_a_virtual_macs_macvlan_is_seen_with_what_it_needs(host: Host) -> None:
    host.ip(
        "link", "add", "vrrp.51", "link", "eth0", "address", "00:00:5e:00:01:33", "type", "macvlan", "mode", "private"
    )
    down = verdict(host, "virtual-mac")
    host.ip("link", "set", "vrrp.51", "up")
    checks = examine(host, "-i", "eth0")[1]
    own = examine(host, "-i", "vrrp.51")[1]
    host.ip("link", "delete", "vrrp.51")
    assert down == ("warning", "vrrp.51 (00:00:5e:00:01:33) is down")
    assert checks["virtual-mac"]["evidence"] == "vrrp.51 00:00:5e:00:01:33 macvlan private"
    assert checks["arp-ignore"]["verdict"] == "warning"
    assert own["virtual-mac"]["evidence"] == "vrrp.51 itself has virtual MAC 00:00:5e:00:01:33 (VRID 51)"
    assert own["addresses-ipv4"]["verdict"] == "warning"


def test_snooping_with_and_without_a_querier(lab: Lab) -> None:
    switch = lab.switch
    switch.ip("link", "add", "snoop", "type", "bridge", "mcast_snooping", "1", "forward_delay", "0")
    switch.ip("link", "add", "p0", "type", "veth", "peer", "name", "p1")
    switch.ip("link", "set", "p0", "master", "snoop", "up")
    switch.ip("link", "set", "p1", "up")
    switch.ip("link", "set", "snoop", "up")
    without = verdict(switch, "snooping", "p0")
    switch.ip("link", "set", "snoop", "type", "bridge", "mcast_querier", "1")
    with_querier = verdict(switch, "snooping", "p0")
    switch.ip("link", "set", "snoop", "type", "bridge", "mcast_querier", "0", "mcast_snooping", "0")
    off = verdict(switch, "snooping", "snoop")
    assert without[0] == "warning"
    assert "no querier is heard" in without[1]
    assert with_querier == ("ok", "bridge snoop: mcast_snooping 1, mcast_querier 1")
    assert off == ("ok", "bridge snoop: mcast_snooping 0, multicast goes to every port")
    switch.filter("guests", "forward", "ip protocol vrrp drop", family="bridge")
    forwarded = verdict(switch, "filter-bridge", "p0")
    switch.do("nft", "delete", "table", "bridge", "guests")
    assert forwarded[0] == "problem"
    assert "nft bridge guests rules: ip protocol vrrp drop" in forwarded[1]
    for flag, expected in (
        ("mcast_flood", "problem"),
        ("isolated", "problem"),
        ("learning", "warning"),
        ("hairpin", "warning"),
    ):
        normal, changed = ("off", "on") if flag in ("isolated", "hairpin") else ("on", "off")
        switch.do("bridge", "link", "set", "dev", "p0", flag, changed)
        assert verdict(switch, "bridge-port", "p0")[0] == expected
        switch.do("bridge", "link", "set", "dev", "p0", flag, normal)
    assert verdict(switch, "bridge-port", "p0")[0] == "ok"
    switch.ip("link", "delete", "snoop")
    switch.ip("link", "delete", "p0")


def test_a_querier_behind_a_port_is_noticed(lab: Lab) -> None:
    switch = lab.switch
    for name in ("near", "far"):
        switch.ip("link", "add", name, "type", "bridge", "mcast_snooping", "1", "forward_delay", "0")
    switch.ip("link", "add", "n0", "type", "veth", "peer", "name", "f0")
    switch.ip("link", "set", "n0", "master", "near", "up")
    switch.ip("link", "set", "f0", "master", "far", "up")
    switch.ip("link", "set", "near", "up")
    # Without an address a bridge asks with 0.0.0.0, which makes no router port (RFC 4541 §2.1.1).
    switch.ip("address", "add", "192.0.2.200/24", "dev", "far")
    switch.ip("link", "set", "far", "type", "bridge", "mcast_query_use_ifaddr", "1", "mcast_querier", "1")
    switch.ip("link", "set", "far", "up")
    wait_until(
        lambda: '"n0"' in switch.do("bridge", "-s", "-d", "-j", "mdb", "show", "dev", "near").partition("router")[2],
        at_most=20,
        what="the query of the far bridge",
    )
    found = verdict(switch, "snooping", "n0")
    switch.ip("link", "delete", "near")
    switch.ip("link", "delete", "far")
    switch.ip("link", "delete", "n0")
    assert found[0] == "ok"
    assert "a querier is heard on n0" in found[1]


def test_a_running_keepalived_has_joined_or_has_not(host: Host) -> None:
    config = """
    global_defs { router_id x
    }
    vrrp_instance a { interface eth0
      virtual_router_id 51
      priority 100
      virtual_ipaddress { 192.0.2.254/24
      }
    }
    """
    path = host.write("keepalived.conf", config)
    process = host.start("keepalived", "-n", "-l", "-f", str(path))
    wait_until(
        lambda: "224.0.0.18" in host.do("ip", "maddress", "show", "dev", "eth0"), at_most=10, what="the membership"
    )
    joined = verdict(host, "membership-ipv4")
    other = verdict(host, "membership-ipv4", "lo")
    process.stop()
    assert joined == ("ok", "224.0.0.18 is joined (/proc/net/igmp)")
    assert other[0] == "warning"
    assert other[1].startswith("keepalived runs, but 224.0.0.18 is not joined on lo")
    assert verdict(host, "membership-ipv4")[0] == "not applicable"


def test_a_duplicate_ipv6_address_is_a_problem(lab: Lab) -> None:
    for number in (21, 22):
        lab.host(f"h{number}", number, ipv6=True)
    first, second = lab.hosts["h21"], lab.hosts["h22"]
    first.ip("address", "add", "2001:db8::1/64", "dev", "eth0", "nodad")
    second.ip("address", "add", "2001:db8::1/64", "dev", "eth0")
    wait_until(
        lambda: "dadfailed" in second.do("ip", "-6", "address", "show", "dev", "eth0"), at_most=10, what="the duplicate"
    )
    assert verdict(second, "addresses-ipv6") == ("problem", "2001:db8::1/64 dadfailed: another host has this address")
    assert verdict(first, "addresses-ipv6")[0] == "ok"


@pytest.mark.parametrize("name", [b"a;$(id)`w`", b"\x1b[31mred", b"\xff\xfe'\"", "\u202efdp".encode()])
def test_a_hostile_interface_name_is_examined_and_shown_safely(host: Host, name: bytes) -> None:
    text = name.decode(errors="surrogateescape")
    host.ip("link", "add", text, "type", "bridge")
    host.ip("link", "set", text, "alias", "\x1b]0;owned\x07")
    code, checks = examine(host, "-i", text)
    host.ip("link", "delete", text)
    assert code == 0
    assert all(c["evidence"].isprintable() and (c["remedy"] or "").isprintable() for c in checks.values())
    assert "alias \\x1b]0;owned\\x07" in checks["link"]["evidence"]
