"""Groups that nobody joined: whole seconds of traffic held against memberships, on a virtual clock."""

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address

import numpy as np
import pytest

from tests.core.builders import SEGMENT, instant
from vrrpwatch.core.findings import Findings
from vrrpwatch.core.membership import Membership
from vrrpwatch.core.model import Evidence
from vrrpwatch.core.unjoined import Unjoined
from vrrpwatch.core.volume import Flow
from vrrpwatch.wire.values import MembershipQuery, MembershipReport

A, GROUP = ip_address("10.0.0.1"), "225.0.0.50"


@dataclass
class Play:
    """Whole seconds of traffic, closed by hand; what is said of memberships in between is heard at once."""

    findings: Findings = field(default_factory=Findings)
    flows: list[Flow] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.membership = Membership(self.findings)
        self.unjoined = Unjoined(self.findings, self.membership, self.flows.__getitem__)

    def queries(self, at: float, family: int = 4) -> "Play":
        message = MembershipQuery(
            "igmp" if family == 4 else "mld", 2, IPv4Address(0) if family == 4 else IPv6Address(0)
        )
        self.membership.query(SEGMENT, instant(at), Evidence(0, 1), A, message)
        return self

    def joins(self, at: float, group: str = GROUP) -> "Play":
        address = ip_address(group)
        message = MembershipReport("igmp" if address.version == 4 else "mld", 3, joined=(address,))
        self.membership.report(SEGMENT, instant(at), Evidence(0, 1), A, None, message)
        return self

    def leaves(self, at: float) -> "Play":
        message = MembershipReport("igmp", 3, left=(ip_address(GROUP),))
        self.membership.report(SEGMENT, instant(at), Evidence(0, 1), A, None, message)
        return self

    def flow(self, *seconds: int, group: str = GROUP) -> "Play":
        """Two packets in each of the seconds, at their middles."""
        known = {str(flow.destination): number for number, flow in enumerate(self.flows)}
        number = known.get(group, len(self.flows))
        if group not in known:
            self.flows.append(Flow(SEGMENT, ip_address(group), instant(seconds[0] + 0.5), 0, 0))
        before = self.flows[number]
        packets = before.packets + 2 * len(seconds)
        self.flows[number] = before._replace(last=instant(seconds[-1] + 0.5), packets=packets)
        column = np.array(seconds, dtype=np.int64)
        self.unjoined.closed(np.full_like(column, number), column, np.full_like(column, 2))
        return self

    def found(self) -> list[tuple[float, float, int]]:
        """First, last and count of what is told, in seconds."""
        mine = (found for found in self.findings.all() if found.rule == "unjoined-multicast")
        return [(found.first / 10**9, found.last / 10**9, found.count) for found in mine]

    def end(self) -> list[tuple[float, float, int]]:
        self.unjoined.finish()
        return self.found()


def test_at_the_end_all_that_nobody_joined_is_told_however_short() -> None:
    play = Play().queries(0).flow(1, 2, 3)
    assert play.found() == []
    assert play.end() == [(1.5, 3.5, 6)]
    (found,) = play.findings.all()
    assert (found.subject, found.severity.value) == (GROUP, "info")
    assert "6 packets went to 225.0.0.50, which nobody joined although IGMP is heard" in found.summary


def test_it_is_told_while_it_flows_when_260_seconds_have_passed_and_grows() -> None:
    play = Play().queries(0).flow(*range(1, 261))
    assert play.found() == []
    # It began at 1.5 s: 261.5 s is within the second 261, and the next one begins after that.
    assert play.flow(261).found() == []
    assert play.flow(262).found() == [(1.5, 262.0, 524)]
    assert play.flow(263, 264).found() == [(1.5, 264.0, 528)]
    assert play.end() == [(1.5, 264.5, 528)]


def test_the_time_counts_from_when_memberships_are_heard() -> None:
    play = Play().flow(*range(1, 400)).queries(400).flow(*range(400, 660))
    assert play.found() == []
    assert play.flow(660).found() == [(1.5, 660.0, 1320)]


def test_who_joins_in_time_is_heard_in_time() -> None:
    assert Play().queries(0).flow(*range(1, 250)).joins(250.5).flow(*range(250, 600)).end() == []


def test_who_joins_late_ends_it_with_the_second_before() -> None:
    play = Play().queries(0).flow(*range(1, 300)).joins(300.25).flow(*range(300, 600))
    assert play.found() == [(1.5, 299.0, 598)]
    assert play.end() == [(1.5, 299.0, 598)]


def test_seconds_closed_after_the_join_are_the_same() -> None:
    assert Play().queries(0).joins(300.25).flow(*range(1, 600)).end() == [(1.5, 299.0, 598)]


def test_who_joined_and_left_did_join() -> None:
    assert Play().joins(1).leaves(2).flow(*range(3, 600)).end() == []


def test_where_no_igmp_is_heard_nothing_is_known() -> None:
    assert Play().queries(1, family=6).flow(*range(1, 600)).end() == []


@pytest.mark.parametrize(
    "group",
    [
        "224.0.0.18",
        "224.0.0.251",
        "ff02::12",
        "ff02::1:ff00:1",
        "ff01::1",
        "ff12::abcd",
        "10.0.0.255",
        "255.255.255.255",
    ],
)
def test_what_stays_on_the_link_needs_no_join(group: str) -> None:
    assert Play().queries(1).queries(1, family=6).flow(*range(1, 600), group=group).end() == []


@pytest.mark.parametrize(("group", "expected"), [("ff05::2", [(2.5, 2.5, 2)]), ("ff15::3", [])])
def test_ipv6_groups_of_wider_scope_do(group: str, expected: list[tuple[float, float, int]]) -> None:
    assert Play().joins(1, "ff15::3").flow(2, group=group).end() == expected


def test_destinations_that_are_no_addresses_of_ip_are_left_out() -> None:
    findings = Findings()
    unjoined = Unjoined(findings, Membership(findings), lambda _number: None)
    column = np.array([7], dtype=np.int64)
    unjoined.closed(column, column, column)
    unjoined.finish()
    assert findings.all() == ()
