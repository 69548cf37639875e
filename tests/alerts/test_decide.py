"""What is told, when, and to whom, on a virtual clock: firing, resolved, routes, rates and digests."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.alerts.news import KEY, START, at, event, finding, group, news
from vrrpwatch.alerts.alert import Alert, pack, unpack
from vrrpwatch.alerts.decide import Desk, Outcome, Route
from vrrpwatch.alerts.quiet import EVENTS, QUIET
from vrrpwatch.alerts.rate import Bucket
from vrrpwatch.alerts.settings import AlertSettings
from vrrpwatch.core.findings import RULES
from vrrpwatch.core.instants import rfc3339
from vrrpwatch.core.model import Event, Finding, Severity


class Play:
    """One sink on a virtual clock, in seconds; what it is told is kept as (status, rule, subject)."""

    def __init__(self, file: Mapping[str, float] | None = None, /, **sink: Any) -> None:
        settings = {"name": "s", "type": "webhook", "url": "http://127.0.0.1/", **sink}
        self.settings = AlertSettings.model_validate({"version": 1, "quiet": file or {}, "sink": [settings]})
        self.desk = Desk(self.settings, "sensor-1")
        self.alerts: list[Alert] = []

    @property
    def route(self) -> Route:
        return self.desk.routes["s"]

    def hear(self, second: float, *findings: Finding, events: tuple[Event, ...] = (), **more: Any) -> list[Alert]:
        return self._keep(self.desk.tell(news(second, *findings, events=events, **more)))

    def tick(self, second: float) -> list[Alert]:
        return self._keep(self.desk.tick(at(second)))

    def restart(self) -> None:
        """What the outbox keeps, and nothing else, reaches the next process."""
        firing = [(id_, told) for id_, told in self.route.firing.items()]
        for _, told in firing:
            told.grown, told.finding, told.alert = None, None, unpack(pack(told.alert))
        digests = [digest.alert for digest in self.route.digests.values()]
        self.desk = Desk(self.settings, "sensor-1")
        self.route.restore(firing, digests)

    def _keep(self, outcomes: dict[str, Outcome]) -> list[Alert]:
        self.alerts += outcomes["s"].messages
        return outcomes["s"].messages


def brief(alerts: list[Alert]) -> list[tuple[str, str]]:
    return [(alert.status, alert.rule) for alert in alerts]


def flood(count: int, rule: str = "malformed", **more: Any) -> list[Finding]:
    return [finding(rule, f"host-{number:05d}", **more) for number in range(count)]


def test_a_finding_fires_once_and_is_resolved_under_the_same_id_when_it_was_quiet_long_enough() -> None:
    play = Play()
    found = finding(count=1)
    (fired,) = play.hear(0, found)
    assert (fired.status, fired.rule, fired.severity, fired.at) == ("firing", "split-brain", Severity.CRITICAL, at(0))
    assert (fired.segment, fired.group) == ("eth0", "eth0|vrrp|4|51|224.0.0.18")
    assert play.hear(10, finding(count=3, last=10)) == []
    assert play.tick(39.9) == []
    (resolved,) = play.tick(40)
    assert (resolved.id, resolved.status, resolved.at) == (fired.id, "resolved", at(40))
    assert fired.id == found.id
    assert resolved.details == {
        "subject": "192.0.2.11, 192.0.2.12",
        "count": 3,
        "first": "2026-01-31T12:00:00.000000Z",
        "last": "2026-01-31T12:00:10.000000Z",
    }
    assert play.tick(1000) == []


def test_what_fires_again_after_its_end_is_a_new_firing_of_the_same_id() -> None:
    play = Play()
    (first,) = play.hear(0, finding())
    play.tick(30)
    (again,) = play.hear(31, finding(count=2, last=31))
    assert (again.id, again.status, again.at) == (first.id, "firing", at(31))


def test_quiet_times_are_those_of_the_rule_unless_the_file_or_the_sink_says_otherwise() -> None:
    assert QUIET["split-brain"] == QUIET["vrid-collision"] == 30
    assert QUIET["bad-ttl"] == 300
    assert QUIET.keys() == {*RULES, *EVENTS}
    for quiet, sink, ends in (({}, {}, 300), ({"bad-ttl": 20}, {}, 20), ({"bad-ttl": 20}, {"bad-ttl": 7}, 7)):
        play = Play(quiet, quiet=sink)
        play.hear(0, finding("bad-ttl"))
        assert play.tick(ends - 0.001) == []
        assert brief(play.tick(ends)) == [("resolved", "bad-ttl")]


def test_a_group_that_is_seldom_advertised_is_given_more_time() -> None:
    play = Play()
    slow = KEY._replace(id=52)
    heard = [group(), group(slow)._replace(interval=40.0)]
    (fast, patient) = play.hear(0, finding(), finding(group=slow), groups=heard)
    assert [alert.id for alert in play.tick(139.9)] == [fast.id]
    assert [alert.id for alert in play.tick(140)] == [patient.id]


@pytest.mark.parametrize(("rule", "ends"), [("split-brain", 4), ("bad-ttl", 4), ("unauthenticated", 20)])
def test_nothing_is_over_before_two_news_of_it_could_have_come(rule: str, ends: float) -> None:
    play = Play({rule: 1.0}, severity="info")
    play.hear(0, finding(rule))
    assert play.tick(ends - 0.001) == []
    assert brief(play.tick(ends)) == [("resolved", rule)]


def test_a_clock_that_steps_back_resolves_nothing() -> None:
    play = Play()
    play.hear(100, finding())
    assert play.tick(-5000) == []
    assert brief(play.tick(130)) == [("resolved", "split-brain")]


def test_a_sink_without_resolutions_is_told_only_what_fires() -> None:
    play = Play(resolved=False)
    play.hear(0, finding())
    assert play.tick(30) == []
    assert brief(play.hear(31, finding(count=2))) == [("firing", "split-brain")]


@pytest.mark.parametrize(
    ("sink", "told"),
    [
        ({}, {"split-brain", "leak"}),
        ({"severity": "info"}, {"split-brain", "leak", "unauthenticated"}),
        ({"severity": "critical"}, {"split-brain"}),
        ({"include": {"rules": ["le*"]}}, {"leak"}),
        ({"exclude": {"rules": ["le*"]}}, {"split-brain"}),
        ({"include": {"segments": ["eth0/*"]}}, {"leak"}),
        ({"exclude": {"segments": ["eth0/*"]}}, {"split-brain"}),
        ({"include": {"groups": ["*|vrrp|4|51|*"]}}, {"split-brain"}),
        ({"include": {"groups": ["*|vrrp|4|51|*"], "segments": ["eth0/*"]}}, set()),
        ({"include": {"segments": ["eth*"]}, "exclude": {"rules": ["split-brain"]}}, {"leak"}),
    ],
)
def test_routes_choose_by_severity_rule_segment_and_group(sink: dict[str, Any], told: set[str]) -> None:
    play = Play(**sink)
    other = KEY._replace(segment="eth0/10", id=7)
    play.hear(0, finding(), finding("leak", segment="eth0/10", group=other), finding("unauthenticated"))
    assert {alert.rule for alert in play.alerts} == told


def test_findings_without_a_group_match_no_group_pattern_but_a_free_one() -> None:
    assert brief(Play(include={"groups": ["eth0|*"]}).hear(0, finding("no-querier", group=None))) == []
    assert brief(Play(exclude={"groups": ["eth0|*"]}).hear(0, finding("no-querier", group=None))) != []


def test_ten_thousand_findings_at_once_become_few_messages_and_the_gravest_come_by_themselves() -> None:
    play = Play()
    found = [*flood(9_990), *(finding("bad-ttl", f"x{number}", first=number) for number in range(10))]
    play.hear(0, *found)
    assert [(alert.rule, alert.details["subject"]) for alert in play.alerts] == [
        ("bad-ttl", "x0"),
        ("bad-ttl", "x1"),
        ("bad-ttl", "x2"),
    ]
    for quarter in range(1, 8):
        assert play.hear(quarter / 4, *found) == []
    (digest,) = play.tick(2)
    assert digest.severity is Severity.CRITICAL
    assert digest.summary == "9997 alerts in one message: 7 bad-ttl on eth0, 9990 malformed on eth0"
    assert play.tick(302 - 0.25) != []
    play.tick(10_000)
    assert [alert.status for alert in play.alerts] == ["firing"] * 4 + ["resolved"] * 4
    assert {alert.id for alert in play.alerts[:4]} == {alert.id for alert in play.alerts[4:]}
    assert play.route.firing == {}
    assert play.route.digests == {}


def test_a_flood_that_goes_on_for_a_while_is_ten_messages_still() -> None:
    play = Play()
    for quarter in range(40):
        play.hear(quarter / 4, *(finding("bad-ttl", f"x{quarter}-{number}") for number in range(250)))
    for second in range(10, 400):
        play.tick(second)
    assert [(alert.status, alert.rule) for alert in play.alerts] == [
        *[("firing", "bad-ttl")] * 3,
        *[("firing", "digest")] * 2,
        *[("resolved", "bad-ttl")] * 3,
        *[("resolved", "digest")] * 2,
    ]
    assert sum(alert.details["count"] for alert in play.alerts[3:5]) == 9_997


def test_a_digest_counts_what_it_lists_and_what_it_leaves_out() -> None:
    play = Play(rate={"messages": 2})
    found = [
        finding("malformed", f"h{number}", segment=f"eth{segment:02d}", group=KEY if number == 0 else None)
        for segment in range(25)
        for number in range(7 if segment < 3 else 2)
    ]
    play.hear(0, *found)
    (digest,) = play.tick(2)
    details = digest.details
    assert (digest.segment, digest.group, digest.evidence) == (None, None, ())
    assert details["count"] == 65
    assert details["severities"] == {"warning": 65}
    assert [kind["count"] for kind in details["kinds"]] == [7, 7, 7] + [2] * 17
    assert details["kinds"][0] == {
        "rule": "malformed",
        "severity": "warning",
        "segment": "eth00",
        "count": 7,
        "subjects": ["eth0|vrrp|4|51|224.0.0.18: h0", "h1", "h2", "h3", "h4"],
    }
    assert (details["kinds_left_out"], details["alerts_left_out"]) == (5, 10)
    assert digest.summary == (
        "65 alerts in one message: 7 malformed on eth00, 7 malformed on eth01, 7 malformed on eth02, "
        "44 of 22 other kinds"
    )


def test_a_digest_is_over_when_the_last_of_its_alerts_is() -> None:
    play = Play(rate={"messages": 2, "seconds": 10})
    play.hear(0, finding(), finding("malformed", "b"))
    (digest,) = play.tick(2)
    assert (digest.rule, digest.details["count"]) == ("digest", 2)
    assert play.tick(100) == []
    (over,) = play.tick(300)
    assert (over.id, over.status, over.summary) == (digest.id, "resolved", f"over: {digest.summary}")


def test_what_comes_alone_is_told_as_itself_even_where_it_had_to_wait() -> None:
    play = Play(rate={"messages": 2, "seconds": 60}, resolved=True)
    play.hear(0, finding("malformed", "a"))
    assert brief(play.tick(2)) == [("firing", "malformed")]
    # Both messages are spent, on the alert and its end; two more come in 60 s.
    assert play.hear(10, finding("malformed", "b")) == []
    assert play.tick(61.9) == []
    assert brief(play.tick(62)) == [("firing", "malformed")]


def test_what_was_over_before_it_could_be_told_is_counted() -> None:
    play = Play(rate={"messages": 2, "seconds": 600})
    play.hear(0, finding("malformed", "a"))
    play.tick(2)
    play.hear(10, finding())
    assert play.tick(40) == []
    play.hear(500, finding("bad-ttl", "c"))
    assert brief(play.tick(599)) == [("resolved", "malformed")]
    (digest,) = play.tick(602)
    assert (digest.details["count"], digest.details["over"]) == (1, 1)
    assert digest.summary == "1 alert in one message: 1 bad-ttl on eth0; 1 more were over before they could be told"


def test_without_a_limit_everything_is_told_by_itself() -> None:
    play = Play(rate={"messages": 0})
    assert len(play.hear(0, *flood(500))) == 500


def test_what_is_followed_is_bounded_and_the_rest_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vrrpwatch.alerts.decide.MAX_FIRING", 8)
    play = Play()
    for quarter in range(3):
        play.hear(quarter / 4, *flood(20))
    assert len(play.route.firing) == 8
    (digest,) = play.tick(5)
    assert (digest.details["count"], digest.details["untracked"]) == (5, 12)


def test_after_a_restart_nothing_is_told_twice_and_what_has_ended_is_resolved() -> None:
    play = Play()
    (brain,) = play.hear(0, finding())
    play.hear(0, *flood(20))
    play.hear(0.5, *flood(22))
    (digest,) = play.tick(2)
    play.hear(3, finding("bad-ttl", "late"))
    play.restart()
    assert play.hear(1000, *flood(22)) == []
    assert brief(play.tick(1002)) == [("firing", "bad-ttl")]
    # The split brain has its whole quiet time from the first tick on.
    assert play.tick(1031) == []
    (over,) = play.tick(1032)
    assert (over.id, over.status, over.details) == (brain.id, "resolved", brain.details)
    resolved = play.tick(1302)
    assert digest.id in [alert.id for alert in resolved]
    assert {alert.status for alert in resolved} == {"resolved"}


def test_events_are_told_where_they_are_asked_for_with_the_new_masters_priority() -> None:
    changed = event()
    assert Play().hear(0, events=(changed,)) == []
    play = Play(events=["master-*"], severity="critical")
    (alert,) = play.hear(0, events=(changed,), groups=[group(priority=150)])
    assert (alert.rule, alert.severity, alert.status) == ("master-changed", Severity.INFO, "firing")
    assert alert.summary == "192.0.2.12 took over VRRP 51 on eth0 from 192.0.2.11 (timed-out)"
    assert alert.details == {
        "subject": "eth0|vrrp|4|51|224.0.0.18",
        "from": "192.0.2.11",
        "to": "192.0.2.12",
        "cause": "timed-out",
        "gap": 3.2,
        "expected_gap": 3.6,
        "priority": 150,
    }
    (again,) = play.hear(5, events=(event(second=5),))
    assert again.id != alert.id
    assert [alert.id for alert in play.tick(60)] == [alert.id]


def test_a_lost_master_is_over_as_soon_as_somebody_holds_the_group() -> None:
    play = Play(events=["master-lost"])
    (lost,) = play.hear(0, events=(event("master-lost"),))
    assert lost.summary == "nobody holds VRRP 51 on eth0 any more; 192.0.2.11 was the last"
    assert play.tick(3600) == []
    other = event("master-appeared", 3700, key=KEY._replace(id=52))
    assert play.hear(3700, events=(other,)) == []
    (over,) = play.hear(3701, events=(event("master-appeared", 3701),))
    assert (over.id, over.status, over.at) == (lost.id, "resolved", at(3701))


def test_a_group_that_was_lost_and_held_within_one_news_is_told_of_both() -> None:
    play = Play(events=["master-lost", "master-appeared"])
    lost, appeared = event("master-lost", 1), event("master-appeared", 2)
    assert brief(play.hear(2, events=(lost, appeared))) == [
        ("firing", "master-lost"),
        ("resolved", "master-lost"),
        ("firing", "master-appeared"),
    ]


def test_a_bucket_gains_what_was_spent_evenly() -> None:
    bucket = Bucket(10, 60.0)
    assert bucket.holds(10, at(0))
    bucket.take(10)
    assert not bucket.holds(1, at(5.9))
    assert bucket.holds(1, at(6))
    assert bucket.holds(1, at(-100))
    assert not bucket.holds(2, at(-100))
    assert bucket.holds(10, at(-40))
    assert not bucket.holds(11, at(6000))


def test_instants_are_rfc_3339_with_microseconds() -> None:
    assert rfc3339(START * 10**9 + 1_999) == "2026-01-31T12:00:00.000001Z"


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", "[1,2,3,4,5,6,7,8,9,10,11]", "[" * 5000, '"x"'])
def test_what_is_no_packed_alert_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        unpack(text)
