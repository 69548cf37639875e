"""Which findings of the sniffer reach the agent, how often, and how few of a flood."""

from dataclasses import replace
from typing import Any

from tests.agent.auditing.made import OTHER_IP, finding, group, key, speaker, vrrp
from vrrpwatch.agent.auditing.sniffer import MAX_TOLD, MAX_WAITING, Reporter
from vrrpwatch.agent.auditing.stations import Station
from vrrpwatch.core.analysis import GroupInfo, Totals
from vrrpwatch.core.model import Finding, GroupKey, Instant, Severity
from vrrpwatch.core.news import News

SECOND = 1_000_000_000
CRITICAL, WARNING, INFO = Severity.CRITICAL, Severity.WARNING, Severity.INFO


class Told:
    """A reporter, and what it told; times are in seconds."""

    def __init__(self, *stations: Station, groups: tuple[GroupInfo, ...] = ()) -> None:
        known = {info.key: info for info in groups}

        def look_up(wanted: GroupKey) -> GroupInfo | None:
            return known.get(wanted)

        self.lines: list[dict[str, Any]] = []
        self._reporter = Reporter(stations, look_up, lambda _, what: self.lines.append(what))

    def hear(self, *findings: Finding, at: float = 0) -> list[tuple[str, str]]:
        """What it tells of these: router and rule."""
        self.lines.clear()
        self._reporter.tell(news(findings, round(at * SECOND)))
        return [(line["router"], line["rule"]) for line in self.lines]


def news(findings: tuple[Finding, ...], now: Instant) -> News:
    return News(now, (), findings, (), (), Totals(0, 0, 0, 0, 0), 0, {})


def test_only_what_is_wrong_with_the_own_routers_is_told() -> None:
    told = Told(vrrp(), groups=(group(speaker()),))
    about = [
        finding("split-brain", CRITICAL, of=key()),
        finding("unauthenticated", INFO, of=key()),
        finding("split-brain", CRITICAL, of=key(number=52)),
        finding("split-brain", CRITICAL, of=GroupKey("eth1", "vrrp", 4, 51, "224.0.0.18")),
        replace(finding("no-querier", WARNING, of=key()), group=None),
    ]
    assert told.hear(*about) == [("web", "split-brain")]
    assert told.lines[0]["subject"] == OTHER_IP
    assert (told.lines[0]["first"], told.lines[0]["last"]) == (0, 3 * SECOND)


def test_a_finding_that_names_the_other_protocol_is_about_the_router_too() -> None:
    assert Told(vrrp()).hear(finding("shared-virtual-mac", CRITICAL, of=key("carp"))) == [("web", "shared-virtual-mac")]


def test_what_the_settings_ask_for_is_no_concern() -> None:
    simple: dict[str, Any] = {"version": 2, "auth": {"type": "simple", "secret_file": "secret"}}
    cleartext = finding("auth-cleartext", WARNING, of=key())
    assert Told(vrrp(**simple)).hear(cleartext) == []
    assert Told(vrrp()).hear(cleartext) == [("web", "auth-cleartext")]


def test_peers_tell_whose_group_it_is() -> None:
    one = vrrp(name="one", peers=["192.0.2.1"])
    two = vrrp(name="two", peers=["192.0.2.9"])
    heard = group(speaker("192.0.2.9"), of=key(scope="unicast#2"), peers=("192.0.2.9", "192.0.2.8"))
    told = Told(one, two, groups=(heard,))
    assert told.hear(finding("rogue-speaker", CRITICAL, of=key(scope="unicast#2"))) == [("two", "rogue-speaker")]


def test_what_goes_on_is_told_now_and_then_and_what_can_be_healed_at_once() -> None:
    told = Told(vrrp())
    goes_on, stale = finding("split-brain", CRITICAL, of=key()), finding("stale-arp", CRITICAL, of=key())
    assert told.hear(goes_on, stale) == [("web", "split-brain"), ("web", "stale-arp")]
    assert told.hear(goes_on, stale, at=2) == [("web", "stale-arp")]
    assert told.hear(at=9.9) == []
    assert told.hear(at=10) == [("web", "split-brain")]


def test_of_a_flood_the_gravest_come_first_and_the_rest_waits() -> None:
    told = Told(vrrp())
    flood = [finding("rate-high", WARNING, subject=f"192.0.2.{n}", of=key()) for n in range(MAX_TOLD + 3)]
    grave = finding("split-brain", CRITICAL, of=key())
    first = told.hear(*flood, grave)
    assert len(first) == MAX_TOLD
    assert first[0] == ("web", "split-brain")
    assert len(told.hear(at=1)) == 4
    assert told.hear(at=2) == []


def test_what_waits_is_bounded() -> None:
    told = Told(vrrp())
    told.hear(*(finding("rate-high", WARNING, subject=str(n), of=key()) for n in range(MAX_TOLD + MAX_WAITING + 100)))
    left = 0
    while heard := told.hear(at=1):
        left += len(heard)
    assert left == MAX_WAITING
