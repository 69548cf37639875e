"""The rule that a finding about misplaced traffic would be ended with, and what it would save."""

from pathlib import Path

import pytest

from vrrpwatch.capture.session import Options, analyse
from vrrpwatch.core.analysis import Analysis
from vrrpwatch.core.cures import Cure, Cures

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
