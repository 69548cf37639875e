"""Builders of news with ordinary defaults: tests name only what matters.  Times are in seconds."""

from ipaddress import ip_address

from vrrpwatch.core.analysis import GroupInfo, Listener, SpeakerInfo, Successor, Tenure, Totals
from vrrpwatch.core.findings import RULES
from vrrpwatch.core.model import NANOSECONDS, Event, Evidence, Finding, GroupKey, SpeakerKey
from vrrpwatch.core.news import News, Second

KEY = GroupKey("eth0", "vrrp", 4, 51, "224.0.0.18")
A, B = ip_address("10.0.0.1"), ip_address("10.0.0.2")
VIP = ip_address("10.0.0.100")
# Thursday, 1 January 2026, 00:00:00 UTC: the start of an hour and a minute.
START = 1_767_225_600
TOTALS = Totals(10, 1000, 5, 300, 4)


def instant(seconds: float) -> int:
    return round((START + seconds) * NANOSECONDS)


def clock() -> int:
    """A clock that stands still, a day after everything."""
    return instant(86_400)


def event(seconds: float, number: int = 1, key: GroupKey = KEY) -> Event:
    return Event(
        instant(seconds), "master-changed", key, 0, number, old=A, new=B, cause="timed-out", gap=3.5, expected_gap=3.25
    )


def finding(
    *,
    rule: str = "split-brain",
    subject: str = "10.0.0.1 and 10.0.0.2",
    first: float = 0,
    last: float = 0,
    count: int = 1,
    key: GroupKey | None = KEY,
    segment: str = "eth0",
    summary: str = "two masters",
) -> Finding:
    return Finding(
        rule, RULES[rule], segment, key, subject, instant(first), instant(last), count, summary, (Evidence(0, 7),)
    )


def speaker(*, priority: int = 200, adverts: int = 1, first: float = 0, last: float = 0) -> SpeakerInfo:
    return SpeakerInfo(
        key=SpeakerKey(A, "02:00:0a:00:00:01"),
        versions=(2,),
        priority=priority,
        advbase=None,
        advskew=None,
        demotion=None,
        interval=1.0,
        adverts=adverts,
        first=instant(first),
        last=instant(last),
        addresses=(VIP,),
        auth="none",
        checksum="plain",
        implementation="keepalived",
        authentic=None,
    )


def group(*speakers: SpeakerInfo, key: GroupKey = KEY, last: float = 0, adverts: int = 1) -> GroupInfo:
    return GroupInfo(
        key=key,
        state="held",
        master=SpeakerKey(A, "02:00:0a:00:00:01"),
        addresses=(VIP,),
        interval=1.0,
        adverts=adverts,
        first=instant(0),
        last=instant(last),
        speakers=speakers or (speaker(last=last, adverts=adverts),),
        successor=Successor(B, 3.609375),
        listeners=(Listener(B, None, instant(0)),),
        timeline=(Tenure(instant(0), instant(last), (A,)),),
    )


def second(at: int, packets: int = 1, octets: int = 60, *, to: str = "224.0.0.18", segment: str = "eth0") -> Second:
    return Second(segment, to, START + at, packets, octets)


def news(
    now: float = 0,
    *,
    events: tuple[Event, ...] = (),
    findings: tuple[Finding, ...] = (),
    groups: tuple[GroupInfo, ...] = (),
    seconds: tuple[Second, ...] = (),
    totals: Totals = TOTALS,
    dropped: int = 0,
) -> News:
    return News(instant(now), events, findings, groups, seconds, totals, dropped, {})
