"""What multicast costs: packets and bytes per segment and destination, one-second peaks, sources, and the budget.

Rows may be cut, merged and shuffled in any way within ``window`` seconds: the results are those of the traffic.
"""

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from vrrpwatch.core.analysis import Rate, VolumeInfo
from vrrpwatch.core.findings import Findings
from vrrpwatch.core.ledger import Column, Ledger, factor, grouped
from vrrpwatch.core.model import NANOSECONDS, Instant
from vrrpwatch.core.names import STATE_SYNC, protocol_name
from vrrpwatch.wire.values import IPAddress

SegmentOf = Callable[[int, int, int, int], str]

# What switches police multicast control traffic to, as a rule, in packets/s.
DEFAULT_BUDGET: Final = 100.0
# Tags, destinations and sources are forgeable.  Beyond these, what is new is folded into the entry named OTHER.
MAX_SEGMENTS: Final = 1_024
MAX_FLOWS: Final = 16_384
MAX_ORIGINS: Final = 32_768
MAX_TALKERS: Final = 32_768
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

OTHER: Final = "other"

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


class _Destination(NamedTuple):
    segment: int
    family: int | None
    address: bytes


class _Talker(NamedTuple):
    """Who spends the budget: an origin (``None``: one of too many) that sends one protocol to one destination."""

    flow: int
    origin: int | None
    protocol: int


@dataclass(slots=True)
class _Peak:
    second: int
    packets: int
    talker: int
    share: int


def _text(family: int | None, address: bytes) -> str:
    if family is None:
        return OTHER
    if family == 4:
        return str(IPv4Address(address[:4]))
    if family == 6:
        return str(IPv6Address(address))
    return address[:6].hex(":")


class Volume:
    """Adds up ``VOLUME`` rows; ``budget`` (packets/s) holds for the segments that ``budgets`` sets none for."""

    def __init__(
        self,
        findings: Findings,
        budget: float | None = None,
        budgets: Budgets | None = None,
        window: int = 120,
    ) -> None:
        self._findings = findings
        self._budget = DEFAULT_BUDGET if budget is None else budget
        self._budgets = budgets
        self._window = window
        self._segments: dict[str, int] = {}
        self._names: list[str] = []
        self._flows: dict[_Destination, int] = {}
        self._destinations: list[_Destination] = []
        self._origins: dict[tuple[int, bytes], int] = {}
        self._origin_names: list[str] = []
        self._talkers: dict[_Talker, int] = {}
        self._talker_list: list[_Talker] = []
        size = MAX_FLOWS + MAX_SEGMENTS + 1
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
        self._closed = -_FAR
        self._peaks: dict[int, _Peak] = {}
        self.evicted = 0

    def add(self, rows: NDArray[np.void], segment_of: SegmentOf) -> None:
        """Adds ``VOLUME`` rows; ``segment_of(source, interface, ifindex, vlans)`` names the segment of each."""
        if not len(rows):
            return
        rows = rows[np.argsort(rows["first"], kind="stable")]
        flows = self._flows_of(rows, self._segments_of(rows, segment_of))
        packets, size, seconds = (rows[name].astype(np.int64) for name in ("packets", "bytes", "second"))
        np.add.at(self._packets, flows, packets)
        np.add.at(self._bytes, flows, size)
        np.minimum.at(self._first, flows, rows["first"])
        np.maximum.at(self._last, flows, rows["last"])
        np.bitwise_or.at(self._protocols, flows, np.left_shift(1, rows["protocol"].astype(np.int64) & 63))
        origins = self._origins_of(rows)
        self._pairs.add((flows << _SHIFT) | origins, rows["first"].astype(np.int64))
        self._trim_pairs()
        self._seconds.add((seconds << _SHIFT) | flows, packets, size)
        spending = np.isin(rows["protocol"], [int(kind) for kind in STATE_SYNC])
        if spending.any():
            talkers = self._talkers_of(flows[spending], origins[spending], rows["protocol"][spending])
            self._spent.add((seconds[spending] << _SHIFT) | talkers, packets[spending])
        # This batch's time, not the latest ever: one packet from the future must not cut all later seconds to pieces.
        newest = int(seconds.max())
        if abs(newest - self._closed) > self._window + self._window // 4:
            self._close(newest - self._window)
        if len(self._seconds) > MAX_PENDING and len(self._seconds.merged()[0]) > MAX_PENDING:
            self._close(newest)
            if len(self._seconds) > MAX_PENDING:
                self._close(None)

    def finish(self) -> None:
        """The traffic is over: closes every second, so that all findings are raised."""
        self._close(None)

    def flows(self) -> tuple[Flow, ...]:
        """What went to IP destinations, for the judgement of memberships."""
        return tuple(
            Flow(
                self._names[destination.segment],
                IPv4Address(destination.address[:4]) if destination.family == 4 else IPv6Address(destination.address),
                int(self._first[flow]),
                int(self._last[flow]),
                int(self._packets[flow]),
            )
            for flow, destination in enumerate(self._destinations)
            if destination.family in (4, 6)
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
            range(len(self._destinations)),
            key=lambda flow: (-int(self._bytes[flow]), self._name(flow)),
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
        segment, destination = self._name(flow)
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

    def _name(self, flow: int) -> tuple[str, str]:
        destination = self._destinations[flow]
        return self._names[destination.segment], _text(destination.family, destination.address)

    def _segments_of(self, rows: NDArray[np.void], segment_of: SegmentOf) -> Column:
        index, codes = factor(rows["source"], rows["interface"], rows["ifindex"], rows["vlans"])
        numbers = np.empty(len(index), dtype=np.int64)
        for code, row in enumerate(rows[index]):
            name = segment_of(int(row["source"]), int(row["interface"]), int(row["ifindex"]), int(row["vlans"]))
            if name not in self._segments and len(self._segments) >= MAX_SEGMENTS:
                self.evicted += 1
                name = OTHER
            if name not in self._segments:
                self._segments[name] = len(self._names)
                self._names.append(name)
            numbers[code] = self._segments[name]
        return numbers[codes]

    def _flows_of(self, rows: NDArray[np.void], segments: Column) -> Column:
        address = np.ascontiguousarray(rows["destination"]).view(np.uint64)
        index, codes = factor(segments, rows["family"], address[:, 0], address[:, 1])
        numbers = np.empty(len(index), dtype=np.int64)
        for code, at in enumerate(index):
            row = rows[at]
            destination = _Destination(int(segments[at]), int(row["family"]), row["destination"].tobytes())
            if destination not in self._flows and len(self._flows) >= MAX_FLOWS:
                self.evicted += 1
                destination = _Destination(destination.segment, None, b"")
            if destination not in self._flows:
                self._flows[destination] = len(self._destinations)
                self._destinations.append(destination)
            numbers[code] = self._flows[destination]
        return numbers[codes]

    def _origins_of(self, rows: NDArray[np.void]) -> Column:
        """The origins' numbers; ``MAX_ORIGINS`` stands for all that are too many."""
        address = np.ascontiguousarray(rows["origin"]).view(np.uint64)
        index, codes = factor(rows["origin_family"], address[:, 0], address[:, 1])
        numbers = np.empty(len(index), dtype=np.int64)
        for code, row in enumerate(rows[index]):
            origin = (int(row["origin_family"]), row["origin"].tobytes())
            if origin not in self._origins:
                if len(self._origins) >= MAX_ORIGINS:
                    self.evicted += 1
                    numbers[code] = MAX_ORIGINS
                    continue
                self._origins[origin] = len(self._origin_names)
                self._origin_names.append(_text(*origin))
            numbers[code] = self._origins[origin]
        return numbers[codes]

    def _talkers_of(self, flows: Column, origins: Column, protocols: NDArray[np.generic]) -> Column:
        index, codes = factor(flows, origins, protocols)
        numbers = np.empty(len(index), dtype=np.int64)
        for code, at in enumerate(index):
            origin = int(origins[at])
            talker = _Talker(int(flows[at]), origin if origin < MAX_ORIGINS else None, int(protocols[at]))
            if talker not in self._talkers and len(self._talkers) >= MAX_TALKERS:
                self.evicted += 1
                talker = _Talker(talker.flow, None, 0)
            if talker not in self._talkers:
                self._talkers[talker] = len(self._talker_list)
                self._talker_list.append(talker)
            numbers[code] = self._talkers[talker]
        return numbers[codes]

    def _trim_pairs(self) -> None:
        if len(self._pairs) <= 2 * MAX_PAIRS:
            return
        keys, (first,) = self._pairs.merged()
        if len(keys) > MAX_PAIRS:
            # The earliest are kept: they can only become earlier, so the choice does not depend on cuts.
            kept = np.sort(np.lexsort((keys, first))[:MAX_PAIRS])
            self.evicted += len(keys) - MAX_PAIRS
            self._pairs.replace(keys[kept], (first[kept],))

    def _sources(self) -> dict[int, tuple[str, ...]]:
        """The named sources of every destination, in order of first appearance."""
        keys, (first,) = self._pairs.merged()
        listed: dict[int, list[tuple[int, str]]] = {}
        for key, at in zip(keys.tolist(), first.tolist(), strict=True):
            origin = key & _MASK
            if origin < MAX_ORIGINS:
                listed.setdefault(key >> _SHIFT, []).append((at, self._origin_names[origin]))
        return {flow: tuple(name for _, name in sorted(found)[:MAX_SOURCES]) for flow, found in listed.items()}

    def _close(self, second: int | None) -> None:
        """Folds the seconds before ``second`` (``None``: all) into peaks and series, and judges their budgets."""
        end = _FAR if second is None else second << _SHIFT
        if second is not None:
            self._closed = second
        keys, (packets, size) = self._seconds.take_below(end)
        flows = keys & _MASK
        np.maximum.at(self._peak_packets, flows, packets)
        np.maximum.at(self._peak_bytes, flows, size)
        self._series.add((keys >> _SHIFT >> self._doublings << _SHIFT) | flows, packets, size)
        kept, columns = self._series.merged()
        kept, columns, doublings = _widen(kept, columns)
        if doublings:
            self._doublings += doublings
            self._series.replace(kept, columns)
        self._judge(*self._spent.take_below(end))

    def _drawn(self, flows: list[int]) -> tuple[dict[int, tuple[tuple[int, int], ...]], int]:
        """The series of ``flows``, without gaps, and the width of their buckets."""
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
        seconds, talkers = keys >> _SHIFT, keys & _MASK
        place = np.array([self._destinations[talker.flow].segment for talker in self._talker_list], dtype=np.int64)
        budgets = np.array([self._budget_of(name) for name in self._names])
        segments = place[talkers]
        index, codes = factor(seconds, segments)
        sums = np.zeros(len(index), dtype=np.int64)
        np.add.at(sums, codes, packets)
        exceeding = np.flatnonzero(sums > budgets[segments[index]])
        for segment in np.unique(segments[index[exceeding]]).tolist():
            chosen = exceeding[segments[index[exceeding]] == segment]
            worst = int(chosen[np.argmax(sums[chosen])])
            second = int(seconds[index[worst]])
            peak = self._peaks.get(segment)
            if peak is None or (int(sums[worst]), -second) > (peak.packets, -peak.second):
                shares = np.flatnonzero(codes == worst)
                named = [(-int(packets[row]), self._who(int(talkers[row])), int(talkers[row])) for row in shares]
                share, _, talker = min(named)
                peak = self._peaks[segment] = _Peak(second, int(sums[worst]), talker, -share)
            times = seconds[index[chosen]]
            self._report(segment, peak, int(times.min()), int(times.max()), len(chosen))

    def _report(self, segment: int, peak: _Peak, first: int, last: int, count: int) -> None:
        name = self._names[segment]
        self._findings.add(
            "multicast-budget",
            segment=name,
            group=None,
            subject=name,
            first=first * NANOSECONDS,
            last=last * NANOSECONDS,
            count=count,
            summary=(
                f"redundancy and state-sync multicast peaks at {peak.packets} packets/s, "
                f"the budget is {self._budget_of(name):g}; most of that second: "
                f"{peak.share} packets of {self._who(peak.talker)}"
            ),
        )

    def _budget_of(self, segment: str) -> float:
        own = self._budgets.budget_for(segment) if self._budgets is not None else None
        return self._budget if own is None else own

    def _who(self, talker: int) -> str:
        flow, origin, protocol = self._talker_list[talker]
        sender = "many sources" if origin is None else self._origin_names[origin]
        return f"{protocol_name(protocol)} from {sender} to {self._name(flow)[1]}"


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
