"""What Prometheus reads: counters and gauges made from news, with bounded labels and never a source address."""

import threading
from bisect import bisect_left
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from vrrpwatch.core.analysis import GroupInfo
from vrrpwatch.core.findings import RULES
from vrrpwatch.core.model import NANOSECONDS, Event, Finding, GroupKey, Instant
from vrrpwatch.core.news import News
from vrrpwatch.core.quietest import Quietest

# Ids, VLAN tags and destinations are forgeable, and every label set is a time series in Prometheus: so many of each
# are kept, the quietest is forgotten for a new one and counted.
MAX_GROUPS: Final = 16_384
MAX_DESTINATIONS: Final = 4_096
MAX_SEGMENTS: Final = 1_024
# Findings whose count is remembered, to tell by how much they grew; the engine holds 10,000.
MAX_FINDINGS: Final = 20_000

# Upper bounds in seconds: sub-second VRRPv3 and CARP, the usual second, missed ones, and takeovers.
BUCKETS: Final = (0.05, 0.1, 0.2, 0.5, 0.9, 1.1, 1.5, 2.1, 3.1, 4.1, 10.0, 40.0)
_BOUNDS: Final = (*(f"{bound:g}" for bound in BUCKETS), "+Inf")

_GROUP: Final = ("segment", "protocol", "family", "id", "destination")
_PLACE: Final = ("segment", "protocol", "family")
_FLOW: Final = ("segment", "destination")

Key = TypeVar("Key", bound=Hashable)
Row = TypeVar("Row")


@dataclass(slots=True)
class _Group:
    last: Instant
    adverts: int = 0
    masters: int = 0
    changes: int = 0


@dataclass(slots=True)
class _Intervals:
    last: Instant
    counts: list[int] = field(default_factory=lambda: [0] * len(_BOUNDS))
    total: float = 0.0


@dataclass(slots=True)
class _Flow:
    last: Instant
    packets: int = 0
    bytes: int = 0


@dataclass(slots=True)
class _Rules:
    last: Instant
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(RULES, 0))


@dataclass(slots=True)
class _Count:
    last: Instant
    count: int = 0


class _Table(Generic[Key, Row]):
    """At most ``most`` rows; ``last`` says when one was heard, and the one that was quiet longest goes first."""

    def __init__(self, most: int, make: Callable[[Instant], Row], last: Callable[[Row], Instant]) -> None:
        self.rows: dict[Key, Row] = {}
        self.evicted = 0
        self._most = most
        self._make = make
        self._quietest = Quietest(self.rows, last)

    def get(self, key: Key, now: Instant) -> Row:
        row = self.rows.get(key)
        if row is None:
            if len(self.rows) >= self._most:
                del self.rows[self._quietest.find(now)]
                self.evicted += 1
            row = self.rows[key] = self._make(now)
        return row


class Metrics(Collector):
    """Registers itself; :meth:`update` is called with all news of one engine, scrapes may come from any thread."""

    def __init__(self, registry: CollectorRegistry, version: str) -> None:
        self._version = version
        self._lock = threading.Lock()
        self._groups: _Table[GroupKey, _Group] = _Table(MAX_GROUPS, _Group, lambda row: row.last)
        self._intervals: _Table[tuple[str, str, int], _Intervals] = _Table(
            MAX_SEGMENTS, _Intervals, lambda row: row.last
        )
        self._flows: _Table[tuple[str, str], _Flow] = _Table(MAX_DESTINATIONS, _Flow, lambda row: row.last)
        self._rules: _Table[str, _Rules] = _Table(MAX_SEGMENTS, _Rules, lambda row: row.last)
        self._findings: _Table[str, _Count] = _Table(MAX_FINDINGS, _Count, lambda row: row.last)
        self._dropped = 0
        registry.register(self)

    def update(self, news: News) -> None:
        """Adds what the news tells."""
        with self._lock:
            for group in news.groups:
                self._heard(group, news.now)
            for event in news.events:
                self._happened(event, news.now)
            for finding in news.findings:
                self._found(finding, news.now)
            for segment, destination, _, packets, octets in news.seconds:
                flow = self._flows.get((segment, destination), news.now)
                flow.last = news.now
                flow.packets += packets
                flow.bytes += octets
            self._dropped = news.dropped

    def _heard(self, group: GroupInfo, now: Instant) -> None:
        key = group.key
        known = key in self._groups.rows
        row = self._groups.get(key, group.last)
        # An engine that forgot a group counts it from the beginning again.
        more = group.adverts - row.adverts if known and group.adverts >= row.adverts else 0
        if more > 0 and group.last > row.last:
            self._gaps((group.last - row.last) / NANOSECONDS / more, more, key, now)
        row.adverts, row.last = group.adverts, group.last
        row.masters = _masters(group)
        rules = self._rules.get(key.segment, now)
        rules.last = now

    def _gaps(self, mean: float, count: int, key: GroupKey, now: Instant) -> None:
        intervals = self._intervals.get((key.segment, key.protocol, key.family), now)
        intervals.last = now
        intervals.counts[bisect_left(BUCKETS, mean)] += count
        intervals.total += mean * count

    def _happened(self, event: Event, now: Instant) -> None:
        row = self._groups.get(event.group, now)
        if event.kind == "master-lost":
            row.masters = 0
        elif event.kind == "master-changed":
            row.changes += 1

    def _found(self, finding: Finding, now: Instant) -> None:
        known = self._findings.get(finding.id, now)
        known.last = now
        # As above: an engine that forgot it begins again.
        more = finding.count - known.count if finding.count >= known.count else finding.count
        known.count = finding.count
        rules = self._rules.get(finding.segment, now)
        rules.last = now
        rules.counts[finding.rule] = rules.counts.get(finding.rule, 0) + more

    def collect(self) -> Iterator[Metric]:
        """All metrics as they are now."""
        with self._lock:
            families = [
                *self._group_families(),
                self._interval_family(),
                *self._flow_families(),
                self._finding_family(),
                self._evicted_family(),
            ]
        families.append(
            CounterMetricFamily(
                "vrrpwatch_capture_dropped", "Packets that the kernel had no room for.", value=self._dropped
            )
        )
        families.append(InfoMetricFamily("vrrpwatch_build", "The program.", value={"version": self._version}))
        yield from families

    def describe(self) -> list[Metric]:
        """Nothing: names are checked when they are collected."""
        return []

    def _group_families(self) -> list[Metric]:
        adverts = CounterMetricFamily(
            "vrrpwatch_advertisements", "Advertisements that a router could accept.", labels=_GROUP
        )
        masters = GaugeMetricFamily(
            "vrrpwatch_masters", "Speakers that hold the group; above 1: contested, 0: lost.", labels=_GROUP
        )
        changes = CounterMetricFamily(
            "vrrpwatch_master_changes", "Times that another speaker took the group over.", labels=_GROUP
        )
        last = GaugeMetricFamily(
            "vrrpwatch_last_advertisement_timestamp_seconds",
            "When the group was last advertised, in seconds since the epoch.",
            labels=_GROUP,
        )
        for key, row in self._groups.rows.items():
            labels = (_text(key.segment), key.protocol, str(key.family), str(key.id), _text(key.scope))
            adverts.add_metric(labels, row.adverts)
            masters.add_metric(labels, row.masters)
            changes.add_metric(labels, row.changes)
            last.add_metric(labels, row.last / NANOSECONDS)
        return [adverts, masters, changes, last]

    def _interval_family(self) -> Metric:
        family = HistogramMetricFamily(
            "vrrpwatch_advertisement_interval_seconds",
            "Time between two advertisements of a group, whoever sent them.",
            labels=_PLACE,
        )
        for (segment, protocol, version), row in self._intervals.rows.items():
            buckets, below = [], 0
            for bound, count in zip(_BOUNDS, row.counts, strict=True):
                below += count
                buckets.append((bound, float(below)))
            family.add_metric((_text(segment), protocol, str(version)), buckets, row.total)
        return family

    def _flow_families(self) -> list[Metric]:
        octets = CounterMetricFamily("vrrpwatch_multicast_bytes", "Multicast on the wire, in bytes.", labels=_FLOW)
        packets = CounterMetricFamily("vrrpwatch_multicast_packets", "Multicast frames.", labels=_FLOW)
        for (segment, destination), row in self._flows.rows.items():
            labels = (_text(segment), _text(destination))
            octets.add_metric(labels, row.bytes)
            packets.add_metric(labels, row.packets)
        return [octets, packets]

    def _finding_family(self) -> Metric:
        family = CounterMetricFamily(
            "vrrpwatch_findings", "How often something showed a finding, by rule.", labels=("segment", "rule")
        )
        for segment, row in self._rules.rows.items():
            for rule, count in row.counts.items():
                family.add_metric((_text(segment), rule), count)
        return family

    def _evicted_family(self) -> Metric:
        family = CounterMetricFamily(
            "vrrpwatch_metrics_evicted", "Series that were forgotten for want of room, by table.", labels=("table",)
        )
        tables = {
            "groups": self._groups.evicted,
            "intervals": self._intervals.evicted,
            "destinations": self._flows.evicted,
            "segments": self._rules.evicted,
            "findings": self._findings.evicted,
        }
        for table, evicted in tables.items():
            family.add_metric((table,), evicted)
        return family


def _masters(group: GroupInfo) -> int:
    match group.state:
        case "held":
            return 1
        case "lost":
            return 0
        case "contested":
            return max(2, len(group.timeline[-1].holders)) if group.timeline else 2


def _text(text: str) -> str:
    """Without lone surrogates, which no scrape could carry."""
    return text.encode("utf-8", "replace").decode()
