"""News, findings and events made by hand, with times in seconds."""

from collections.abc import Iterable
from ipaddress import ip_address

from vrrpwatch.core.analysis import GroupInfo, SpeakerInfo, Tenure, Totals
from vrrpwatch.core.findings import RULES
from vrrpwatch.core.model import (
    Cause,
    Event,
    EventKind,
    Evidence,
    Finding,
    GroupKey,
    GroupState,
    SpeakerKey,
    nanoseconds,
)
from vrrpwatch.core.news import News, Second

# 2026-01-31T12:00:00Z
START = 1_769_860_800
KEY = GroupKey("eth0", "vrrp", 4, 51, "224.0.0.18")
A, B = ip_address("192.0.2.11"), ip_address("192.0.2.12")


def at(second: float) -> int:
    """An instant, ``second`` seconds after the start."""
    return nanoseconds(START) + nanoseconds(second)


def finding(
    rule: str = "split-brain",
    subject: str = "192.0.2.11, 192.0.2.12",
    *,
    segment: str = "eth0",
    group: GroupKey | None = KEY,
    first: float = 0.0,
    last: float | None = None,
    count: int = 1,
    summary: str = "two masters",
) -> Finding:
    until = first if last is None else last
    shown = (Evidence(0, 7),)
    return Finding(rule, RULES[rule], segment, group, subject, at(first), at(until), count, summary, shown)


def event(kind: EventKind = "master-changed", second: float = 0.0, *, key: GroupKey = KEY) -> Event:
    old = None if kind == "master-appeared" else A
    new = None if kind in ("master-lost", "master-resigned") else B
    cause: Cause | None = "timed-out" if kind == "master-changed" else None
    return Event(at(second), kind, key, 0, 9, old, new, cause, 3.2, 3.6)


def group(
    key: GroupKey = KEY,
    *,
    adverts: int = 10,
    last: float = 0.0,
    state: GroupState = "held",
    timeline: tuple[Tenure, ...] = (),
    priority: int | None = 100,
) -> GroupInfo:
    speaker = SpeakerInfo(
        SpeakerKey(B, "02:00:00:00:00:12"),
        (2,),
        priority,
        None,
        None,
        None,
        1.0,
        adverts,
        at(0),
        at(last),
        (),
        "none",
        None,
        None,
        None,
    )
    return GroupInfo(key, state, speaker.key, (), 1.0, adverts, at(0), at(last), (speaker,), None, (), timeline)


def news(
    second: float,
    *findings: Finding,
    events: Iterable[Event] = (),
    groups: Iterable[GroupInfo] = (),
    seconds: Iterable[Second] = (),
    dropped: int = 0,
) -> News:
    totals = Totals(0, 0, 0, 0, 0)
    return News(at(second), tuple(events), findings, tuple(groups), tuple(seconds), totals, dropped, {})
