"""What multicast costs: packets and bytes per segment and destination, one-second peaks, sources, and the budget.

Rows may be cut, merged and shuffled in any way within ``window`` seconds: the results are those of the traffic.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from vrrpwatch.core.analysis import Rate, VolumeInfo
from vrrpwatch.core.findings import Findings
from vrrpwatch.core.ledger import Column, Ledger, grouped
from vrrpwatch.core.model import NANOSECONDS, Instant
from vrrpwatch.core.names import protocol_name
from vrrpwatch.core.news import Second
from vrrpwatch.core.register import (
    MAX_DESTINATIONS,
    MAX_ORIGINS,
    MAX_SEGMENTS,
    MAX_TALKERS,
    Register,
    SegmentOf,
)
from vrrpwatch.wire.values import IPAddress

# What switches police multicast control traffic to, as a rule, in packets/s.
DEFAULT_BUDGET: Final = 100.0
# (destination, source) pairs that are remembered, and how many sources of one destination are named.
MAX_PAIRS: Final = 262_144
MAX_SOURCES: Final = 256
# Unfinished (destination, second) rows; beyond, seconds are closed before their window is over.
MAX_PENDING: Final = 524_288
# Buckets over the whole time, and over all destinations; beyond, the width of all buckets doubles.
MAX_BUCKETS: Final = 600
MAX_SERIES: Final = 262_144
# So many destinations, those with most bytes, come with a series.
DRAWN: Final = 1_024

# Keys of ledgers are (second or bucket, index): indices below 2**16, and seconds of 64-bit nanoseconds below 2**34.
_SHIFT: Final = 16
_MASK: Final = (1 << _SHIFT) - 1
_FAR: Final = np.iinfo(np.int64).max


class Budgets(Protocol):
    """Where the budgets of single segments come from: a policy."""

    def budget_for(self, segment: str) -> float | None: ...


class Flow(NamedTuple):
    """All that went to one IP group on one segment."""

    segment: str
    destination: IPAddress
    first: Instant
    last: Instant
    packets: int


@dataclass(slots=True)
class _Excess:
    """A segment's seconds beyond its budget: from when to when, and the packets in the worst of them."""

    first: int
    last: int
    peak: int


class Volume:
    """Adds up flows and seconds; ``budget`` (packets/s) holds for the segments that ``budgets`` sets none for."""

    def __init__(
        self,
        findings: Findings,
        budget: float | None = None,
        budgets: Budgets | None = None,
        window: int = 120,
        *,
        live: bool = False,
    ) -> None:
        self._findings = findings
        self._budget = DEFAULT_BUDGET if budget is None else budget
        self._budgets = budgets
        self._window = window
        self._register = Register()
        # Each segment may have one destination more, and each destination one talker more: OTHER.
        size = MAX_DESTINATIONS + MAX_SEGMENTS + 1
        self._segment = np.zeros(size, dtype=np.int64)
        self._talked = np.zeros(MAX_TALKERS + size, dtype=np.int64)
        self._packets, self._bytes, self._protocols, self._peak_packets, self._peak_bytes = (
            np.zeros(size, dtype=np.int64) for _ in range(5)
        )
        self._first = np.full(size, _FAR, dtype=np.int64)
        self._last = np.full(size, -_FAR, dtype=np.int64)
        self._seconds = Ledger(np.add, np.add)
        self._spent = Ledger(np.add)
        self._pairs = Ledger(np.minimum)
        self._series = Ledger(np.add, np.add)
        self._doublings = 0
        self._earliest, self._latest = _FAR, -_FAR
        self._closed = -_FAR
        self._newest: int | None = None
        self._excesses: dict[int, _Excess] = {}
        self._evicted = 0
        self._fresh = Ledger(np.add, np.add) if live else None
        # Who is told the numbers of flows, the seconds and the packets of seconds that are over.
        self.listener: Callable[[Column, Column, Column], None] | None = None

    @property
    def evicted(self) -> int:
        """How often something was not told apart from others because there were too many."""
        return self._evicted + self._register.evicted

    def add(self, flows: NDArray[np.void], seconds: NDArray[np.void], segment_of: SegmentOf) -> None:
        """Adds ``FLOWS`` and ``SECONDS`` rows; ``segment_of(source, interface, ifindex, vlans)`` names their segments.

        The row of a flow comes with or before those of its seconds.  :meth:`settle` follows.
        """
        if len(flows):
            self._add_flows(flows, segment_of)
        if len(seconds):
            self._add_seconds(seconds, segment_of)

    def _add_flows(self, rows: NDArray[np.void], segment_of: SegmentOf) -> None:
        known = len(self._register.destinations)
        flows, origins, talkers = self._register.flows(rows, segment_of)
        self._place(known)
        packets, size, first, last, protocols = (
            rows[name].astype(np.int64) for name in ("packets", "bytes", "first", "last", "protocol")
        )
        np.add.at(self._packets, flows, packets)
        np.add.at(self._bytes, flows, size)
        np.minimum.at(self._first, flows, first)
        np.maximum.at(self._last, flows, last)
        np.bitwise_or.at(self._protocols, flows, np.left_shift(1, protocols & 63))
        self._pairs.add((flows << _SHIFT) | origins, first)
        self._trim_pairs()
        talk = talkers >= 0
        np.add.at(self._talked, talkers[talk], packets[talk])

    def _add_seconds(self, rows: NDArray[np.void], segment_of: SegmentOf) -> None:
        known = len(self._register.destinations)
        flows = self._register.seconds(rows, segment_of)
        self._place(known)
        packets, size, seconds = (rows[name].astype(np.int64) for name in ("packets", "bytes", "second"))
        self._seconds.add((seconds << _SHIFT) | flows, packets, size)
        if self._fresh is not None:
            self._fresh.add((seconds << _SHIFT) | flows, packets, size)
        spent = rows["redundancy"] != 0
        if spent.any():
            self._spent.add((seconds[spent] << _SHIFT) | self._segment[flows[spent]], packets[spent])
        # This batch's time, not the latest ever: one packet from the future must not cut all later seconds to pieces.
        self._newest = int(seconds.max())

    def settle(self) -> None:
        """All else that came with what was added is known: closes the seconds that are too old to get any more."""
        newest = self._newest
        if newest is None:
            return
        self._newest = None
        if abs(newest - self._closed) > self._window + self._window // 4:
            self._close(newest - self._window)
        if len(self._seconds) > MAX_PENDING and len(self._seconds.merged()[0]) > MAX_PENDING:
            self._close(newest)
            if len(self._seconds) > MAX_PENDING:
                self._close(None)

    def _place(self, known: int) -> None:
        """Notes the segments of the destinations from ``known`` on."""
        for flow, destination in enumerate(self._register.destinations[known:], known):
            self._segment[flow] = destination.segment

    def budget(self, segment: str) -> float:
        """Packets/s of redundancy and state-sync multicast that ``segment`` may carry."""
        own = self._budgets.budget_for(segment) if self._budgets is not None else None
        return self._budget if own is None else own

    def obey(self, budgets: Budgets | None) -> None:
        """From now on other budgets hold for single segments."""
        self._budgets = budgets

    def close(self, now: Instant) -> None:
        """No more will come of the seconds before ``now``: judges what they spent."""
        self._close(now // NANOSECONDS)

    def take_fresh(self) -> Iterator[Second]:
        """What was added to each destination's seconds since this was asked last, by time; for live volumes."""
        if self._fresh is None or not len(self._fresh):
            return
        keys, (packets, size) = self._fresh.merged()
        rows = zip(keys.tolist(), packets.tolist(), size.tolist(), strict=True)
        self._fresh.clear()
        for key, count, octets in rows:
            yield Second(*self._register.name(key & _MASK), key >> _SHIFT, count, octets)

    def finish(self) -> None:
        """The traffic is over: closes every second, so that all findings are raised as they stay."""
        self._close(None)
        for segment, excess in self._excesses.items():
            self._report(segment, excess, 0)

    def flow(self, number: int) -> Flow | None:
        """All that went to the destination with this number; ``None`` for one that is no IP address."""
        destination = self._register.destinations[number]
        if destination.family not in (4, 6):
            return None
        return Flow(
            self._register.segments[destination.segment],
            IPv4Address(destination.address[:4]) if destination.family == 4 else IPv6Address(destination.address),
            int(self._first[number]),
            int(self._last[number]),
            int(self._packets[number]),
        )

    def results(self) -> tuple[VolumeInfo, ...]:
        """Every destination, the one with most bytes first.  May be asked at any time; changes nothing."""
        keys, (packets, size) = self._seconds.merged()
        flows = keys & _MASK
        peak_packets, peak_bytes = self._peak_packets.copy(), self._peak_bytes.copy()
        np.maximum.at(peak_packets, flows, packets)
        np.maximum.at(peak_bytes, flows, size)
        sources = self._sources()
        order = sorted(
            range(len(self._register.destinations)),
            key=lambda flow: (-int(self._bytes[flow]), self._register.name(flow)),
        )
        series, width = self._drawn(order[:DRAWN])
        return tuple(
            self._info(flow, int(peak_packets[flow]), int(peak_bytes[flow]), sources.get(flow, ()), width, series)
            for flow in order
        )

    def _info(
        self,
        flow: int,
        peak_packets: int,
        peak_bytes: int,
        sources: tuple[str, ...],
        width: int,
        series: dict[int, tuple[tuple[int, int], ...]],
    ) -> VolumeInfo:
        segment, destination = self._register.name(flow)
        packets, size = int(self._packets[flow]), int(self._bytes[flow])
        first, last = int(self._first[flow]), int(self._last[flow])
        duration = max((last - first) / NANOSECONDS, 1.0)
        mask = int(self._protocols[flow])
        return VolumeInfo(
            segment=segment,
            destination=destination,
            protocol=",".join(sorted({protocol_name(kind) for kind in range(63) if mask >> kind & 1})),
            packets=packets,
            bytes=size,
            sources=sources,
            first=first,
            last=last,
            packets_per_second=Rate(packets / duration, float(peak_packets)),
            bits_per_second=Rate(size * 8 / duration, peak_bytes * 8.0),
            bucket=width,
            series=series.get(flow, ()),
        )

    def _trim_pairs(self) -> None:
        if len(self._pairs) <= 2 * MAX_PAIRS:
            return
        keys, (first,) = self._pairs.merged()
        if len(keys) > MAX_PAIRS:
            # The earliest are kept: they can only become earlier, so the choice does not depend on cuts.
            kept = np.sort(np.lexsort((keys, first))[:MAX_PAIRS])
            self._evicted += len(keys) - MAX_PAIRS
            self._pairs.replace(keys[kept], (first[kept],))

    def _sources(self) -> dict[int, tuple[str, ...]]:
        """The named sources of every destination, in order of first appearance."""
        keys, (first,) = self._pairs.merged()
        listed: dict[int, list[tuple[int, str]]] = {}
        for key, at in zip(keys.tolist(), first.tolist(), strict=True):
            origin = key & _MASK
            if origin < MAX_ORIGINS:
                listed.setdefault(key >> _SHIFT, []).append((at, self._register.origins[origin]))
        return {flow: tuple(name for _, name in sorted(found)[:MAX_SOURCES]) for flow, found in listed.items()}

    def _close(self, second: int | None) -> None:
        """Folds the seconds before ``second`` (``None``: all) into peaks and series, and judges their budgets."""
        end = _FAR if second is None else second << _SHIFT
        if second is not None:
            self._closed = second
        keys, (packets, size) = self._seconds.take_below(end)
        flows = keys & _MASK
        if self.listener is not None and len(keys):
            self.listener(flows, keys >> _SHIFT, packets)
        np.maximum.at(self._peak_packets, flows, packets)
        np.maximum.at(self._peak_bytes, flows, size)
        self._series.add((keys >> _SHIFT >> self._doublings << _SHIFT) | flows, packets, size)
        if len(keys):
            self._earliest = min(self._earliest, int(keys[0] >> _SHIFT))
            self._latest = max(self._latest, int(keys[-1] >> _SHIFT))
        span = (self._latest >> self._doublings) - (self._earliest >> self._doublings)
        if span >= MAX_BUCKETS or len(self._series) > MAX_SERIES:
            kept, columns, doublings = _widen(*self._series.merged())
            self._doublings += doublings
            self._series.replace(kept, columns)
        self._judge(*self._spent.take_below(end))

    def _drawn(self, flows: list[int]) -> tuple[dict[int, tuple[tuple[int, int], ...]], int]:
        """The series of those of ``flows`` that have any seconds, without gaps, and the width of their buckets."""
        keys, columns = self._series.merged()
        pending, fresh = self._seconds.merged()
        keys = np.concatenate((keys, (pending >> _SHIFT >> self._doublings << _SHIFT) | (pending & _MASK)))
        columns = tuple(np.concatenate(pair) for pair in zip(columns, fresh, strict=True))
        keys, columns, doublings = _widen(*grouped(keys, columns, (np.add, np.add)))
        owners, buckets = keys & _MASK, keys >> _SHIFT
        order = np.argsort(owners, kind="stable")
        owners = owners[order]
        series: dict[int, tuple[tuple[int, int], ...]] = {}
        for flow in flows:
            start, end = np.searchsorted(owners, [flow, flow + 1])
            if start == end:
                # Its seconds are still to come.
                continue
            chosen = order[start:end]
            filled = [(0, 0)] * int(buckets[chosen[-1]] - buckets[chosen[0]] + 1)
            for bucket, packets, size in zip(
                (buckets[chosen] - buckets[chosen[0]]).tolist(),
                columns[0][chosen].tolist(),
                columns[1][chosen].tolist(),
                strict=True,
            ):
                filled[bucket] = (packets, size)
            series[flow] = tuple(filled)
        return series, 1 << (self._doublings + doublings)

    def _judge(self, keys: Column, columns: tuple[Column, ...]) -> None:
        """Raises multicast-budget for the closed seconds in which a segment's redundancy traffic exceeds its budget."""
        if not len(keys):
            return
        (packets,) = columns
        budgets = np.array([self.budget(name) for name in self._register.segments])
        exceeding = packets > budgets[keys & _MASK]
        segments, seconds, packets = keys[exceeding] & _MASK, keys[exceeding] >> _SHIFT, packets[exceeding]
        for segment in sorted(set(segments.tolist())):
            mine = segments == segment
            first, last = int(seconds[mine].min()), int(seconds[mine].max())
            excess = self._excesses.setdefault(segment, _Excess(first, last, 0))
            excess.first, excess.last = min(excess.first, first), max(excess.last, last)
            excess.peak = max(excess.peak, int(packets[mine].max()))
            self._report(segment, excess, int(mine.sum()))

    def _report(self, segment: int, excess: _Excess, count: int) -> None:
        name = self._register.segments[segment]
        share, who = self._greatest(segment)
        self._findings.add(
            "multicast-budget",
            segment=name,
            group=None,
            subject=name,
            first=excess.first * NANOSECONDS,
            last=excess.last * NANOSECONDS,
            count=count,
            summary=(
                f"redundancy and state-sync multicast peaks at {excess.peak} packets/s, "
                f"the budget is {self.budget(name):g}; most of it in all: {share} packets of {who}"
            ),
        )

    def _greatest(self, segment: int) -> tuple[int, str]:
        """How many packets the talker that sent most of them on ``segment`` so far has sent, and who that is."""
        talkers = self._register.talkers
        places = self._segment[np.array([talker.destination for talker in talkers], dtype=np.int64)]
        sent = np.where(places == segment, self._talked[: len(talkers)], 0)
        most = int(sent.max())
        return most, min(self._register.describe(talker) for talker in np.flatnonzero(sent == most).tolist())


def _widen(keys: Column, columns: tuple[Column, ...]) -> tuple[Column, tuple[Column, ...], int]:
    """Doubles the width of buckets until they are few enough; returns how often.

    More traffic only ever makes more buckets, so the final width does not depend on when this is asked.
    """
    doublings = 0
    while len(keys):
        span = int(keys[-1] >> _SHIFT) - int(keys[0] >> _SHIFT)
        # Seconds before and after the epoch never share a bucket, so two is as few as there may be.
        if span <= 1 or (len(keys) <= MAX_SERIES and span < MAX_BUCKETS):
            break
        halved = (keys >> _SHIFT >> 1 << _SHIFT) | (keys & _MASK)
        keys, columns = grouped(halved, columns, (np.add, np.add))
        doublings += 1
    return keys, columns, doublings
