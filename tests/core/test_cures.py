"""The rule that a finding about misplaced traffic would be ended with, and what it would save."""

from pathlib import Path

import pytest

from vrrpwatch.capture.session import Options, analyse
from vrrpwatch.core.analysis import Analysis, GroupInfo, Rate, VolumeInfo
from vrrpwatch.core.cures import Cure, Cures
from vrrpwatch.core.model import Finding, GroupKey, Severity

CAPTURES = Path(__file__).parents[2] / "captures"


def cured(name: str, budget: float | None = None) -> dict[str, Cure]:
    analysis: Analysis = analyse((str(CAPTURES / name),), Options(budget=budget)).analysis
    cures = Cures(analysis.groups, analysis.multicast)
    return {f.subject: cure for f in analysis.findings if (cure := cures.of(f)) is not None}


def test_a_leak_is_cut_where_the_segments_are_joined() -> None:
    cure = cured("leak-across-vlans.pcapng")["192.0.2.11"]
    assert cure.rule == 'oifname "trunk" vlan id 20 ip saddr 192.0.2.11 ip protocol 112 @th,8,8 10 drop'
    # Eleven advertisements in ten seconds, of 58 octets: Ethernet 14, a tag 4, IP 20 and VRRPv2 20.
    assert cure.packets_per_second == pytest.approx(1.0, abs=0.01)
    assert cure.bits_per_second == pytest.approx(8 * 58, rel=0.01)


def test_state_sync_above_its_budget_goes_only_to_its_ports() -> None:
    cure = cured("conntrackd-sync.pcapng", budget=1)["sync"]
    assert cure.rule == 'oifname != { "PORT1", "PORT2" } ip daddr 225.0.0.50 udp dport 3780 drop'
    assert cure.packets_per_second == pytest.approx(2.39, abs=0.01)


def test_what_no_rule_can_end_has_no_cure() -> None:
    assert cured("split-brain.pcap") == {}


KEY = GroupKey("eth0", "vrrp", 4, 51, "224.0.0.18")
GROUP = GroupInfo(KEY, "held", None, (), 1.0, 1, 0, 1, (), None)


def finding(rule: str, subject: str) -> Finding:
    return Finding(rule, Severity.WARNING, "eth0", KEY if rule == "leak" else None, subject, 0, 1, 1, "", ())


def volume(destination: str, protocol: str, packets: int) -> VolumeInfo:
    mean = Rate(float(packets), float(packets))
    return VolumeInfo("eth0", destination, protocol, packets, 90, (), 0, 1, mean, Rate(720.0, 720.0))


@pytest.mark.parametrize(
    "subject", ["10.0.0.1 accept; flush ruleset", "fe80::1%x; flush ruleset", "", "10.0.0.0/0", "10.0.0.1\n"]
)
def test_nothing_but_an_address_gets_into_a_rule(subject: str) -> None:
    cures = Cures((GROUP,), (volume(subject, "vrrp", 5),))
    assert cures.of(finding("leak", subject)) is None
    assert cures.of(finding("multicast-budget", "eth0")) is None


def test_vrrp_and_carp_of_one_destination_are_cut_together_and_what_cannot_be_told_apart_is_not() -> None:
    both = volume("224.0.0.18", "carp,vrrp", 5)
    mixed = volume("225.0.0.50", "conntrackd,udp", 9)
    cure = Cures((), (mixed, both)).of(finding("multicast-budget", "eth0"))
    assert cure is not None
    assert cure.rule == 'oifname != { "PORT1", "PORT2" } ip daddr 224.0.0.18 meta l4proto 112 drop'
    assert cure.packets_per_second == 5
    assert Cures((), (mixed,)).of(finding("multicast-budget", "eth0")) is None


def test_what_leaks_inside_ah_is_looked_for_behind_it() -> None:
    analysis = analyse((str(CAPTURES / "leak-across-vlans.pcapng"),), Options()).analysis
    groups = [
        group._replace(speakers=tuple(speaker._replace(auth="ah") for speaker in group.speakers))
        for group in analysis.groups
    ]
    cures = Cures(groups, analysis.multicast)
    (rule,) = {cure.rule for one in analysis.findings if one.subject == "192.0.2.11" and (cure := cures.of(one))}
    assert rule == 'oifname "trunk" vlan id 20 ip saddr 192.0.2.11 ip protocol 51 ah nexthdr 112 @th,200,8 10 drop'
