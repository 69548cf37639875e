"""What is told but not yet written: bounded, each thing once in its newest form, volume given up first."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final, NamedTuple

from vrrpwatch.core.analysis import GroupInfo, Totals
from vrrpwatch.core.model import Event, Finding, GroupKey, Instant
from vrrpwatch.core.news import News
from vrrpwatch.store.runs import RunKey, RunNow, Runs

# Some 300 bytes each: a backlog of 60 MB holds hours of an ordinary segment while the database is away.
MAX_BACKLOG: Final = 200_000
# In the order in which they are written: a mark needs its finding.
_TABLES: Final = ("findings", "marks", "groups", "runs", "seconds")


class Mark(NamedTuple):
    """What people noted on a finding; ``None`` is not noted, instants are those of the person's clock."""

    acknowledged_by: str | None = None
    acknowledged_at: Instant | None = None
    silenced_until: Instant | None = None
    note: str | None = None


class Latest(NamedTuple):
    """The state of the sensor as its newest news had it."""

    now: Instant
    totals: Totals
    dropped: int
    evicted: Mapping[str, int]


@dataclass(slots=True)
class Backlog:
    """Everything up to the news numbered ``last``; ``lost`` counts by name what was given up for want of room."""

    limit: int = MAX_BACKLOG
    last: int = 0
    latest: Latest | None = None
    events: deque[Event] = field(default_factory=deque)
    findings: dict[str, Finding] = field(default_factory=dict)
    groups: dict[GroupKey, GroupInfo] = field(default_factory=dict)
    runs: dict[RunKey, RunNow] = field(default_factory=dict)
    marks: dict[str, dict[str, Any]] = field(default_factory=dict)
    # (segment, destination, second): packets and bytes.
    seconds: dict[tuple[str, str, int], tuple[int, int]] = field(default_factory=dict)
    lost: dict[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return (
            len(self.events)
            + len(self.findings)
            + len(self.groups)
            + len(self.runs)
            + len(self.marks)
            + len(self.seconds)
        )

    def put(self, number: int, news: News, runs: Runs) -> None:
        """Takes in what is new; ``runs`` follows what the speakers say."""
        self.last = number
        self.latest = Latest(news.now, news.totals, news.dropped, news.evicted)
        self.events.extend(news.events)
        for finding in news.findings:
            self.findings[finding.id] = finding
        for group in news.groups:
            self.groups[group.key] = group
            for key, run in runs.follow(group):
                self.runs[key] = run
        for second in news.seconds:
            self.seconds[second.segment, second.destination, second.second] = (second.packets, second.bytes)
        self._shrink()

    def mark(self, finding: str, **columns: Any) -> None:
        """Notes what a person said about a finding."""
        self.marks.setdefault(finding, {}).update(columns)

    def put_back(self, older: "Backlog") -> None:
        """Takes back what could not be written: where both tell of one thing, what is here is newer."""
        self.last = max(self.last, older.last)
        self.latest = self.latest or older.latest
        self.events.extendleft(reversed(older.events))
        self.findings = older.findings | self.findings
        self.groups = older.groups | self.groups
        self.runs = older.runs | self.runs
        self.marks = older.marks | {key: older.marks.get(key, {}) | value for key, value in self.marks.items()}
        self.seconds = older.seconds | self.seconds
        for name, count in older.lost.items():
            self.lost[name] = self.lost.get(name, 0) + count
        self._shrink()

    def head(self, count: int) -> "Backlog":
        """A part of ``count`` things at most, what matters most first; it stays here until it is taken."""
        part = Backlog(self.limit, latest=self.latest, events=deque(islice(self.events, count)))
        for name in _TABLES:
            table = getattr(self, name)
            setattr(part, name, dict(islice(table.items(), max(0, count - len(part)))))
        return part

    def take(self, part: "Backlog") -> None:
        """Removes a head that is written."""
        for _ in part.events:
            self.events.popleft()
        for name in _TABLES:
            table = getattr(self, name)
            for key in getattr(part, name):
                del table[key]

    @property
    def precious(self) -> bool:
        """Whether it holds what must survive a power cut: volume and states need not, they are told again."""
        return bool(self.events or self.findings or self.marks)

    def _shrink(self) -> None:
        # Volume is worth least, and its oldest seconds least of it; what happened and what is wrong goes last of all.
        excess = len(self) - self.limit
        if excess > 0:
            excess -= self._give_up_volume(excess)
        for name, table in (("runs", self.runs), ("groups", self.groups)):
            while excess > 0 and table:
                del table[next(iter(table))]  # type: ignore[arg-type]  # each has keys of its own
                self._count(name, 1)
                excess -= 1
        while excess > 0 and self.events:
            self.events.popleft()
            self._count("events", 1)
            excess -= 1
        while excess > 0 and self.findings:
            del self.findings[next(iter(self.findings))]
            self._count("findings", 1)
            excess -= 1

    def _give_up_volume(self, excess: int) -> int:
        # A tenth more, so that a long outage does not sort them for every news.
        count = min(len(self.seconds), excess + self.limit // 10)
        for key in sorted(self.seconds, key=lambda key: key[2])[:count]:
            del self.seconds[key]
        self._count("volume", count)
        return count

    def _count(self, name: str, count: int) -> None:
        if count:
            self.lost[name] = self.lost.get(name, 0) + count
