"""When something is worth telling, and to whom: from news to alerts, one route per sink; time is an argument."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Final, NamedTuple

from vrrpwatch.alerts.alert import Alert, of_event, of_finding
from vrrpwatch.alerts.digest import Unlisted, digest, resolved
from vrrpwatch.alerts.quiet import QUIET, USUAL
from vrrpwatch.alerts.rate import Bucket
from vrrpwatch.alerts.settings import AlertSettings, Sink
from vrrpwatch.core.model import Finding, GroupKey, Instant, Seconds, Severity, nanoseconds
from vrrpwatch.core.monitor import GROWTH
from vrrpwatch.core.news import News

# The engine holds 10,000 findings; events come on top.  Beyond, alerts are only counted.
MAX_FIRING: Final = 20_000
# What belongs to one flood comes within a few seconds and shall be one digest; one that goes on fills few more.
GATHER: Final[Seconds] = 2.0
GATHER_AGAIN: Final[Seconds] = 10.0
FLOOD: Final[Seconds] = 60.0
# Digests that room is kept for: what comes after a burst must not wait for long.
RESERVE: Final = 2
# What shows with the advertisements shows no more often than these come, so quiet is more than three missed ones.
INTERVALS: Final = 3.5
# And news of what goes on come only so often.
LEAST: Final[Mapping[Severity, Instant]] = {severity: 2 * pause for severity, pause in GROWTH.items()}
# Patterns are matched once for each rule, segment and group that was heard lately.
MAX_JUDGED: Final = 32_768
# After these events somebody holds the group.
_HELD: Final = ("master-appeared", "master-changed")


@dataclass(slots=True)
class Told:
    """An alert that fires on a route.

    ``alert`` is as it fired, ``finding`` as it grew last, at ``grown``.  ``message`` is the id under which it was told:
    its own, that of a digest, or ``None`` while it waits for one.  ``patience`` is how long its group's advertisements
    ask to wait before it is held for over, in nanoseconds.
    """

    alert: Alert
    grown: Instant | None
    message: str | None
    finding: Finding | None = None
    patience: int = 0


@dataclass(slots=True)
class Digest:
    """A digest that was told, and how many of its alerts still fire."""

    alert: Alert
    open: int = 0


class Outcome(NamedTuple):
    """What a route decided: ``messages`` to send in this order; the ids of what ``changed`` in or is ``gone`` from
    :attr:`Route.firing`, and of the digests that were ``opened`` and ``closed``.
    """

    messages: list[Alert]
    changed: list[str]
    gone: list[str]
    opened: list[str]
    closed: list[str]


class Route:
    """What one sink has been told, and what it will be told next."""

    def __init__(self, sink: Sink, quiet: dict[str, Seconds], sensor: str) -> None:
        self.firing: dict[str, Told] = {}
        self.digests: dict[str, Digest] = {}
        self._sink = sink
        self._sensor = sensor
        self._quiet = {rule: nanoseconds(seconds) for rule, seconds in {**QUIET, **quiet, **sink.quiet}.items()}
        self._bucket = Bucket(sink.rate.messages, sink.rate.seconds)
        # An alert that fires pays for its resolution too, so what is told once is never left open for want of room.
        self._cost = min(2 if sink.resolved else 1, max(sink.rate.messages, 1))
        self._waiting: dict[str, None] = {}
        self._unlisted = Unlisted()
        self._since: Instant | None = None
        self._digested: Instant | None = None
        self._wanted = lru_cache(MAX_JUDGED)(self._judged)

    def restore(self, firing: Iterable[tuple[str, Told]], digests: Iterable[Alert]) -> None:
        """Goes on where an earlier process stopped: nothing is told twice, and what has ended meanwhile is resolved."""
        self.digests = {alert.id: Digest(alert) for alert in digests}
        for id_, told in firing:
            if told.message is not None and told.message != id_ and told.message not in self.digests:
                told.message = None
            self.firing[id_] = told
            if told.message is None:
                self._waiting[id_] = None
            elif told.message in self.digests:
                self.digests[told.message].open += 1
        self.digests = {id_: entry for id_, entry in self.digests.items() if entry.open}

    def tell(
        self,
        findings: Sequence[tuple[str, Finding]],
        events: Sequence[Alert],
        now: Instant,
        patience: Mapping[GroupKey, int],
    ) -> Outcome:
        """Hears what was raised or has grown, each with its id, and what happened; ``patience`` of the groups heard."""
        outcome = Outcome([], [], [], [], [])
        fresh: list[tuple[str, Finding]] = []
        for id_, finding in findings:
            told = self.firing.get(id_)
            if told is not None:
                told.grown, told.finding = now, finding
            elif self._wants_finding(finding):
                fresh.append((id_, finding))
        if self._bucket.messages:
            fresh.sort(key=lambda item: (-item[1].severity.rank, item[1].first, item[1].rule))
        room = max(MAX_FIRING - len(self.firing), 0)
        for id_, finding in fresh[:room]:
            alert = of_finding(finding, id_, self._sensor, now)
            self._fire(alert, finding, now, outcome)
        # What finds no room is offered again as it grows, so the sum would count it often.
        self._unlisted.untracked = max(self._unlisted.untracked, len(fresh) - room)
        if patience:
            for id_, finding in findings:
                if finding.group is not None and finding.group in patience and id_ in self.firing:
                    self.firing[id_].patience = patience[finding.group]
        for alert in events:
            self._happened(alert, now, outcome)
        self._flush(now, outcome)
        return outcome

    def tick(self, now: Instant) -> Outcome:
        """Time has passed: resolves what has been quiet long enough, and sends a digest that is due."""
        outcome = Outcome([], [], [], [], [])
        over: list[str] = []
        for id_, told in self.firing.items():
            if told.grown is None:
                # After a restart everything gets its whole quiet time to show again.
                told.grown = now
                continue
            quiet = self._quiet.get(told.alert.rule, nanoseconds(USUAL))
            if now - told.grown >= max(quiet, told.patience, LEAST[told.alert.severity]):
                over.append(id_)
        for id_ in over:
            self._resolve(id_, now, outcome)
        self._flush(now, outcome)
        return outcome

    def _wants_finding(self, finding: Finding) -> bool:
        if finding.severity.rank < self._sink.severity.rank:
            return False
        return self._wanted(finding.rule, finding.segment, None if finding.group is None else str(finding.group))

    def _wants_event(self, alert: Alert) -> bool:
        return any(fnmatchcase(alert.rule, glob) for glob in self._sink.events) and self._wanted(
            None, alert.segment, alert.group
        )

    def _judged(self, rule: str | None, segment: str | None, group: str | None) -> bool:
        """Whether the patterns let an alert pass; an event has no rule here, the sink names its events elsewhere."""
        include, exclude = self._sink.include, self._sink.exclude
        if rule is not None and not _passes(rule, include.rules, exclude.rules):
            return False
        return _passes(segment, include.segments, exclude.segments) and _passes(group, include.groups, exclude.groups)

    def _happened(self, alert: Alert, now: Instant, outcome: Outcome) -> None:
        if alert.rule in _HELD:
            self._held(alert, now, outcome)
        if alert.id in self.firing or not self._wants_event(alert):
            return
        if len(self.firing) < MAX_FIRING:
            self._fire(alert, None, now, outcome)
        else:
            self._unlisted.untracked += 1

    def _fire(self, alert: Alert, finding: Finding | None, now: Instant, outcome: Outcome) -> None:
        told = self.firing[alert.id] = Told(alert, now, None, finding)
        outcome.changed.append(alert.id)
        if self._bucket.holds((1 + RESERVE) * self._cost, now):
            self._bucket.take(self._cost)
            told.message = alert.id
            outcome.messages.append(alert)
        else:
            self._waiting[alert.id] = None

    def _held(self, alert: Alert, now: Instant, outcome: Outcome) -> None:
        """Somebody holds a group: nobody did, and that is over."""
        for id_ in [
            id_
            for id_, told in self.firing.items()
            if told.alert.rule == "master-lost" and told.alert.group == alert.group
        ]:
            self._resolve(id_, now, outcome)

    def _resolve(self, id_: str, now: Instant, outcome: Outcome) -> None:
        told = self.firing.pop(id_)
        outcome.gone.append(id_)
        if told.message is None:
            del self._waiting[id_]
            self._unlisted.over += 1
        elif told.message == id_:
            if self._sink.resolved:
                outcome.messages.append(_over(told, now))
        else:
            entry = self.digests[told.message]
            entry.open -= 1
            if entry.open == 0:
                self._close(entry, now, outcome)

    def _close(self, entry: Digest, now: Instant, outcome: Outcome) -> None:
        del self.digests[entry.alert.id]
        outcome.closed.append(entry.alert.id)
        if self._sink.resolved:
            outcome.messages.append(resolved(entry.alert, now))

    def _flush(self, now: Instant, outcome: Outcome) -> None:
        """Sends what waits, once what belongs to it has had time to come and there is room for a message."""
        if not self._waiting and not self._unlisted:
            self._since = None
            return
        if self._since is None or now < self._since:
            self._since = now
        if now - self._since < self._gather(now) or not self._bucket.holds(self._cost, now):
            return
        self._bucket.take(self._cost)
        self._since = None
        members = list(self._waiting)
        self._waiting.clear()
        outcome.changed.extend(members)
        if len(members) == 1 and not self._unlisted:
            told = self.firing[members[0]]
            told.message = members[0]
            outcome.messages.append(told.alert)
            return
        alerts = [self.firing[id_].alert for id_ in members]
        message = digest(alerts, self._unlisted, sink=self._sink.name, sensor=self._sensor, at=now)
        self._unlisted = Unlisted()
        entry = self.digests[message.id] = Digest(message, len(members))
        self._digested = now
        for id_ in members:
            self.firing[id_].message = message.id
        outcome.messages.append(message)
        outcome.opened.append(message.id)
        if not members:
            self._close(entry, now, outcome)

    def _gather(self, now: Instant) -> int:
        """How long what waits is gathered, in nanoseconds."""
        flooded = self._digested is not None and 0 <= now - self._digested < nanoseconds(FLOOD)
        return nanoseconds(GATHER_AGAIN if flooded else GATHER)


class Desk:
    """All routes."""

    def __init__(self, settings: AlertSettings, sensor: str) -> None:
        self.routes = {sink.name: Route(sink, settings.quiet, sensor) for sink in settings.sink}
        self._sensor = sensor
        self._ids: dict[tuple[str, str, GroupKey | None, str], str] = {}

    def tell(self, news: News) -> dict[str, Outcome]:
        """What each route makes of the news, by the sinks' names."""
        findings = [(self._id(finding), finding) for finding in news.findings]
        events = self._events(news) if news.events else []
        patience = {group.key: nanoseconds(INTERVALS * group.interval) for group in news.groups} if findings else {}
        return {name: route.tell(findings, events, news.now, patience) for name, route in self.routes.items()}

    def tick(self, now: Instant) -> dict[str, Outcome]:
        """What time alone brings about, by the sinks' names."""
        return {name: route.tick(now) for name, route in self.routes.items()}

    def _id(self, finding: Finding) -> str:
        """A finding's id, which is asked for four times a second while it grows and takes time to work out."""
        key = (finding.rule, finding.segment, finding.group, finding.subject)
        id_ = self._ids.get(key)
        if id_ is None:
            if len(self._ids) >= MAX_FIRING:
                self._ids.clear()
            id_ = self._ids[key] = finding.id
        return id_

    def _events(self, news: News) -> list[Alert]:
        priorities = {
            (group.key, speaker.key.ip): speaker.priority for group in news.groups for speaker in group.speakers
        }
        return [
            of_event(event, self._sensor, None if event.new is None else priorities.get((event.group, event.new)))
            for event in news.events
        ]


def _passes(value: str | None, wanted: tuple[str, ...] | None, unwanted: tuple[str, ...] | None) -> bool:
    text = value or ""
    if wanted is not None and not any(fnmatchcase(text, glob) for glob in wanted):
        return False
    return unwanted is None or not any(fnmatchcase(text, glob) for glob in unwanted)


def _over(told: Told, now: Instant) -> Alert:
    alert = told.alert
    if told.finding is None:
        return alert._replace(status="resolved", at=now)
    return of_finding(told.finding, alert.id, alert.sensor, now, "resolved")
