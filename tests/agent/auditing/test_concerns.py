"""What the sniffer tells of the agent's routers: how it is kept, and when announcing the addresses again may help."""

from ipaddress import ip_address

import pytest

from vrrpwatch.agent.auditing.concerns import MAX_CONCERNS, Concern, Concerns, Healing, addresses_in, concern, heal
from vrrpwatch.agent.ports import RouterState
from vrrpwatch.core.model import Instant, Severity

SECOND = 1_000_000_000


def about(rule: str = "stale-arp", router: str = "web", subject: str = "192.0.2.100", last: Instant = 0) -> Concern:
    severity = Severity.CRITICAL if rule in ("stale-arp", "split-brain", "vip-conflict") else Severity.WARNING
    return Concern(router, rule, severity, subject, addresses_in(subject), "what it says", 0, last, 1)


def test_the_child_s_line_becomes_a_concern() -> None:
    line = {
        "type": "concern",
        "router": "web",
        "rule": "split-brain",
        "severity": "critical",
        "subject": "192.0.2.1, 192.0.2.2",
        "summary": "two masters",
        "first": 5,
        "last": 7,
        "count": 2,
    }
    told = concern(line)
    assert told.severity is Severity.CRITICAL
    assert told.addresses == (ip_address("192.0.2.1"), ip_address("192.0.2.2"))
    assert (told.first, told.last, told.count) == (5, 7, 2)


@pytest.mark.parametrize(
    ("subject", "addresses"),
    [
        ("192.0.2.1 (02:00:00:00:00:01), 192.0.2.1 (02:00:00:00:00:02)", ["192.0.2.1", "192.0.2.1"]),
        ("2001:db8::1", ["2001:db8::1"]),
        ("00:00:5e:00:01:33", []),
        ("fe80::1%eth0", []),
        ("", []),
    ],
)
def test_addresses_are_found_in_subjects(subject: str, addresses: list[str]) -> None:
    assert list(map(str, addresses_in(subject))) == addresses


def test_a_concern_lasts_as_long_as_its_alert() -> None:
    held = Concerns()
    # Contests 30 s, other findings 300 s (alerts.quiet).
    assert held.add(about("split-brain"), 0)
    assert held.add(about("interval-mismatch"), 0)
    assert not held.add(about("split-brain", last=9), 20 * SECOND)
    assert [one.rule for one in held.current(49 * SECOND)] == ["split-brain", "interval-mismatch"]
    assert [one.rule for one in held.current(50 * SECOND)] == ["interval-mismatch"]
    assert held.current(300 * SECOND) == ()
    assert held.add(about("split-brain"), 300 * SECOND), "what comes back is new"


def test_the_gravest_and_newest_come_first_and_of_a_flood_the_least_goes() -> None:
    held = Concerns()
    for number in range(MAX_CONCERNS):
        held.add(about("rate-high", subject=f"host {number}"), number)
    held.add(about("split-brain", subject="the one that counts"), MAX_CONCERNS)
    current = held.current(MAX_CONCERNS)
    assert len(current) == MAX_CONCERNS
    assert held.evicted == 1
    assert [one.subject for one in current[:2]] == ["the one that counts", f"host {MAX_CONCERNS - 1}"]
    assert current[-1].subject == "host 1"


def test_routers_that_are_gone_concern_nobody() -> None:
    held = Concerns()
    held.add(about(router="web"), 0)
    held.add(about(router="mail"), 0)
    held.keep(["mail"])
    assert [one.router for one in held.current(0)] == ["mail"]


@pytest.mark.parametrize("rule", ["stale-arp", "missing-garp", "vip-conflict"])
def test_a_master_announces_again_at_once_and_a_second_later(rule: str) -> None:
    instants, _ = heal(about(rule), "master", Healing(), 5 * SECOND)
    assert instants == (5 * SECOND, 6 * SECOND)


@pytest.mark.parametrize(
    ("rule", "state"),
    [("stale-arp", "backup"), ("stale-arp", "fault"), ("stale-arp", "stop"), ("split-brain", "master")],
)
def test_nothing_else_makes_it_announce(rule: str, state: RouterState) -> None:
    assert heal(about(rule), state, Healing(), 5 * SECOND) == ((), Healing())


def test_two_hosts_that_insist_make_no_storm() -> None:
    history, announced = Healing(), []
    for now in range(0, 3600 * SECOND, SECOND // 2):
        instants, history = heal(about("vip-conflict"), "master", history, now)
        announced += [instant // SECOND for instant in instants]
    # Rests of 2, 4, 8, 16, 32 and then 60 s, with two announcements after each.
    assert announced[:14] == [0, 1, 2, 3, 6, 7, 14, 15, 30, 31, 62, 63, 122, 123]
    # One at 0, 2, 6, 14, 30 and 62 s, and from 122 s on one a minute up to 3,600 s: 58.
    assert len(announced) == 2 * (6 + 58)


def test_after_some_minutes_all_is_forgotten() -> None:
    _, history = heal(about(), "master", Healing(at=0, pause=60 * SECOND), 60 * SECOND)
    assert history == Healing(60 * SECOND, 60 * SECOND)
    assert heal(about(), "master", history, 360 * SECOND)[1] == Healing(360 * SECOND, 2 * SECOND)
