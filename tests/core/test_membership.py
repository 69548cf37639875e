"""Memberships and queriers, played on a virtual clock."""

from ipaddress import IPv4Address, ip_address
from typing import Literal

import pytest

from tests.core.builders import SEGMENT, instant, mac_of
from vrrpwatch.core import membership
from vrrpwatch.core.analysis import Listener
from vrrpwatch.core.findings import Findings
from vrrpwatch.core.membership import Membership
from vrrpwatch.core.model import Evidence, Finding
from vrrpwatch.wire.values import MembershipQuery, MembershipReport

VRRP = ip_address("224.0.0.18")
NOBODY = str(IPv4Address(0))
A, B, C = "10.0.0.1", "10.0.0.2", "10.0.0.3"


class Play:
    def __init__(self) -> None:
        self.findings = Findings()
        self.membership = Membership(self.findings)
        self.now = 0.0
        self.packet = 0

    def at(self, seconds: float) -> "Play":
        self.now = seconds
        self.packet += 1
        return self

    def joins(self, host: str, group: str = str(VRRP), version: int = 3) -> None:
        self._report(host, MembershipReport(_family(group), version, joined=(ip_address(group),)))

    def leaves(self, host: str, group: str = str(VRRP), version: int = 3) -> None:
        self._report(host, MembershipReport(_family(group), version, left=(ip_address(group),)))

    def _report(self, host: str, message: MembershipReport) -> None:
        mac = mac_of(host) if ":" not in host else None
        self.membership.report(SEGMENT, instant(self.now), self.evidence, ip_address(host), mac, message)

    def queries(self, host: str, group: str | None = None) -> None:
        address = ip_address(group or ("::" if ":" in host else NOBODY))
        message = MembershipQuery("mld" if ":" in host else "igmp", 2, address)
        self.membership.query(SEGMENT, instant(self.now), self.evidence, ip_address(host), message)

    @property
    def evidence(self) -> Evidence:
        return Evidence(0, self.packet)

    def listeners(self, group: str = str(VRRP)) -> list[str]:
        return [str(listener.ip) for listener in self.membership.joined(SEGMENT, ip_address(group))]

    def end(self, seconds: float) -> list[Finding]:
        self.membership.finish(instant(seconds))
        return list(self.findings.all())


def _family(group: str) -> Literal["igmp", "mld"]:
    return "mld" if ":" in group else "igmp"


@pytest.fixture
def play() -> Play:
    return Play()


def rules(findings: list[Finding]) -> list[str]:
    return [finding.rule for finding in findings]


def test_who_joined_is_listed_in_order_until_it_leaves(play: Play) -> None:
    play.at(1).joins(B)
    play.at(2).joins(A)
    play.at(3).joins(B)
    assert play.membership.joined(SEGMENT, VRRP) == (
        Listener(ip_address(B), mac_of(B), instant(1)),
        Listener(ip_address(A), mac_of(A), instant(2)),
    )
    play.at(4).leaves(B)
    assert play.listeners() == [A]
    assert play.membership.joined("eth1", VRRP) == ()


def test_a_host_without_an_address_is_nobody(play: Play) -> None:
    play.at(1).joins(NOBODY)
    assert play.listeners() == []


def test_a_host_that_stops_answering_is_forgotten_after_260_seconds(play: Play) -> None:
    play.at(0).joins(A)
    play.at(10).queries(C)
    play.at(135).queries(C)
    play.at(259.9).joins(B)
    assert play.listeners() == [A, B]
    play.at(260).queries(C)
    assert play.listeners() == [B]


def test_when_a_group_was_joined_first_is_remembered(play: Play) -> None:
    group = ip_address("225.0.0.50")
    assert (play.membership.heard(SEGMENT, group), play.membership.wanted(SEGMENT, group)) == (None, None)
    play.at(1).queries(C)
    play.at(5).joins(A, str(group))
    play.at(7).leaves(A, str(group))
    play.at(9).joins(A, str(group))
    assert (play.membership.heard(SEGMENT, group), play.membership.wanted(SEGMENT, group)) == (instant(1), instant(5))
    assert play.membership.wanted(SEGMENT, VRRP) is None


def test_without_a_querier_nobody_is_asked_and_nobody_forgotten(play: Play) -> None:
    play.at(0).joins(A)
    play.membership.advance(instant(3600))
    assert play.listeners() == [A]


def test_before_igmpv3_one_answer_speaks_for_all(play: Play) -> None:
    play.at(0).joins(A, version=2)
    play.at(0).joins(B, version=2)
    for second in (100, 225, 350):
        play.at(second).queries(C)
        play.at(second + 1).joins(B, version=2)
    assert play.listeners() == [A, B]


@pytest.mark.parametrize(("end", "expected"), [(270, ["no-querier"]), (269.9, [])])
def test_reports_without_a_query_for_260_seconds(play: Play, end: float, expected: list[str]) -> None:
    play.at(10).joins(A)
    found = play.end(end)
    assert rules(found) == expected


def test_no_querier_says_since_when_and_for_how_long(play: Play) -> None:
    play.at(10).joins(A)
    play.at(20).queries(C)
    play.at(21).joins(A)
    play.at(500).joins(B)
    play.at(620).queries(C)
    play.at(640).joins(B)
    (found,) = play.end(700)
    assert (found.subject, found.first, found.last, found.count) == ("igmp", instant(20), instant(620), 1)
    assert found.evidence == (Evidence(0, 3),)
    assert "600 s" in found.summary


def test_queries_without_reports_are_nobodys_loss(play: Play) -> None:
    play.at(10).queries(C)
    assert play.end(1000) == []


def test_families_have_queriers_of_their_own(play: Play) -> None:
    for second in range(0, 600, 125):
        play.at(second).queries(C)
        play.at(second + 1).joins(A)
        play.at(second + 1).joins("fe80::1", "ff02::12")
    (found,) = play.end(600)
    assert (found.rule, found.subject) == ("no-querier", "mld")


def test_two_queriers_that_go_on_are_too_many(play: Play) -> None:
    play.at(0).queries(A)
    play.at(60).queries(B)
    play.at(125).queries(A)
    play.membership.advance(instant(126))
    assert play.findings.all() == ()
    play.at(185).queries(B)
    (found,) = play.end(190)
    assert (found.rule, found.subject, found.first, found.last) == ("many-queriers", "igmp", instant(125), instant(185))
    assert found.evidence == (Evidence(0, 3), Evidence(0, 4))
    assert "10.0.0.1 and 10.0.0.2" in found.summary


def test_an_election_leaves_one_querier(play: Play) -> None:
    play.at(0).queries(B)
    play.at(125).queries(B)
    play.at(130).queries(A)
    for second in range(255, 1000, 125):
        play.at(second).queries(A)
    assert play.end(1000) == []


def test_a_querier_that_takes_over_and_yields_again_is_no_second_one(play: Play) -> None:
    play.at(0).queries(A)
    play.at(125).queries(A)
    play.at(381).queries(B)
    play.at(506).queries(B)
    play.at(510).queries(A)
    play.at(635).queries(A)
    play.at(891).queries(B)
    assert play.end(900) == []


def test_specific_queries_elect_nobody(play: Play) -> None:
    for second in range(0, 100, 20):
        play.at(second).queries(A, "225.0.0.50")
        play.at(second + 10).queries(B, "225.0.0.50")
    assert play.end(100) == []


def test_a_proxy_querier_that_alternates_with_a_real_one_is_named(play: Play) -> None:
    for second in (0, 60, 120):
        play.at(second).queries(NOBODY)
        play.at(second + 30).queries(A)
    (found,) = play.end(200)
    assert "0.0.0.0 and 10.0.0.1" in found.summary


def test_floods_of_hosts_and_groups_stay_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MAX_MEMBERS", "MAX_GROUPS", "MAX_LINKS", "MAX_QUERIERS"):
        monkeypatch.setattr(membership, name, 10)
    play = Play()
    for number in range(50):
        play.at(number).joins(f"10.1.0.{number}")
        play.at(number).queries(f"10.1.0.{number}")
    assert play.listeners() == [f"10.1.0.{number}" for number in range(40, 50)]
    # 40 members and 40 queriers had to go.
    assert play.membership.evicted == 80
    for number in range(20):
        play.at(60).joins(A, f"225.1.0.{number}")
    # Ten of them were not noted: so it cannot be said of any group that nobody joined it.
    assert play.membership.wanted(SEGMENT, ip_address("225.2.0.1")) == instant(60)
