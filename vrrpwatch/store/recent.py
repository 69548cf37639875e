"""What graphs over a store are drawn from: the newest seconds of multicast, a day of it per flow, and heartbeats."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from sqlalchemy import Connection, func, literal, select

from vrrpwatch.core.analysis import GroupInfo, Rate, VolumeInfo
from vrrpwatch.core.model import NANOSECONDS, GroupKey, Instant
from vrrpwatch.store.tables import FlowRow, MinuteRow, RollupRow, SecondRow

# Seconds that a graph shows, and how far back the newest of them are read again because they may have come late.
WINDOW: Final = 300
_OVERLAP: Final = 10
# What is told of a flow is that of a day, drawn in steps of five minutes.
SPAN: Final = 86_400
BUCKET: Final = 300
# The loudest flows are shown; destinations are forgeable.
MAX_SHOWN: Final = 2_048
MAX_DRAWN: Final = 256

# Seconds of advertisements that are remembered per group.
BEATS: Final = 60

Counts = tuple[int, int]


class Heartbeats:
    """Advertisements of groups per second, as far as their counts at two readings tell: spread evenly in between."""

    def __init__(self) -> None:
        self._counts: dict[GroupKey, dict[int, int]] = {}

    def hear(self, before: GroupInfo, now: GroupInfo) -> None:
        """A group as it was at the last reading, and as it is at this one."""
        heard = now.adverts - before.adverts
        last = now.last // NANOSECONDS
        first = min(before.last // NANOSECONDS + 1, last)
        if heard <= 0:
            return
        share, rest = divmod(heard, last - first + 1)
        oldest = last - BEATS
        counts = {at: count for at, count in self._counts.get(now.key, {}).items() if at > oldest}
        for at in range(max(first, oldest + 1), last + 1):
            counts[at] = counts.get(at, 0) + share + (1 if at - first < rest else 0)
        self._counts[now.key] = counts

    def of(self, key: GroupKey, now: Instant) -> list[int]:
        """Counts of the last seconds, that of ``now`` last; empty where nothing was heard since the first reading."""
        counts = self._counts.get(key)
        if counts is None:
            return []
        end = now // NANOSECONDS
        return [counts.get(at, 0) for at in range(end - BEATS + 1, end + 1)]


class RecentVolume(NamedTuple):
    """``seconds``: packets and bytes by (segment, destination) and second; ``flows``: the last day, loudest first.

    Flows of which no minute is rolled up yet come last, as their seconds tell of them.
    """

    seconds: Mapping[tuple[str, str], Mapping[int, Counts]] = {}
    newest: int = 0
    flows: tuple[VolumeInfo, ...] = ()
    day: tuple[VolumeInfo, ...] = ()
    rolled: int = -1

    def rates(self, segment: str, destination: str | None) -> list[Counts]:
        """Packets and bytes of each of the last seconds, the newest last."""
        chosen = [
            counts
            for (of, to), counts in self.seconds.items()
            if of == segment and (destination is None or to == destination)
        ]
        span = range(self.newest - WINDOW + 1, self.newest + 1)
        return [
            (sum(counts.get(at, _NONE)[0] for counts in chosen), sum(counts.get(at, _NONE)[1] for counts in chosen))
            for at in span
            if self.newest
        ]

    def read(self, connection: Connection, sensors: Mapping[int, str], now: Instant) -> "RecentVolume":
        """What is there now; only new seconds are read, and the day only when another minute of it is rolled up."""
        second = now // NANOSECONDS
        since = max(second - WINDOW, self.newest - _OVERLAP)
        rows = connection.execute(
            select(
                FlowRow.sensor_id,
                FlowRow.segment,
                FlowRow.destination,
                SecondRow.start,
                SecondRow.packets,
                SecondRow.bytes,
            )
            .join(FlowRow, FlowRow.id == SecondRow.flow_id)
            .where(SecondRow.start > since)
        ).all()
        newest = max((row[3] for row in rows), default=self.newest)
        oldest = newest - WINDOW
        seconds: dict[tuple[str, str], dict[int, Counts]] = {}
        for flow, counts in self.seconds.items():
            if kept := {at: count for at, count in counts.items() if at > oldest}:
                seconds[flow] = kept
        for sensor, segment, destination, at, packets, octets in rows:
            if at > oldest:
                flow = (f"{sensors.get(sensor, '?')}:{segment}", destination)
                seconds.setdefault(flow, {})[at] = (packets, octets)
        rolled = connection.execute(select(func.max(RollupRow.minutes_from))).scalar() or 0
        day = self.day if rolled == self.rolled else _day(connection, sensors, second)
        return RecentVolume(seconds, newest, (day + _young(seconds, day))[:MAX_SHOWN], day, rolled)


_NONE: Final = (0, 0)


def _young(
    seconds: Mapping[tuple[str, str], Mapping[int, Counts]], known: tuple[VolumeInfo, ...]
) -> tuple[VolumeInfo, ...]:
    """The flows that are not ``known``, loudest first."""
    told = {(info.segment, info.destination) for info in known}
    found = [_from_seconds(*flow, counts) for flow, counts in seconds.items() if flow not in told]
    return tuple(sorted(found, key=lambda info: (-info.bytes, info.segment, info.destination)))


def _from_seconds(segment: str, destination: str, counts: Mapping[int, Counts]) -> VolumeInfo:
    first, end = min(counts), max(counts) + 1
    packets, octets = (sum(count[column] for count in counts.values()) for column in (0, 1))
    return VolumeInfo(
        segment=segment,
        destination=destination,
        protocol="",
        packets=packets,
        bytes=octets,
        sources=(),
        first=first * NANOSECONDS,
        last=end * NANOSECONDS,
        packets_per_second=Rate(packets / (end - first), max(count[0] for count in counts.values())),
        bits_per_second=Rate(octets * 8 / (end - first), max(count[1] for count in counts.values()) * 8),
        bucket=BUCKET,
        series=(),
    )


def _day(connection: Connection, sensors: Mapping[int, str], now: int) -> tuple[VolumeInfo, ...]:
    begin = now - SPAN
    loudest = connection.execute(
        select(
            MinuteRow.flow_id,
            FlowRow.sensor_id,
            FlowRow.segment,
            FlowRow.destination,
            func.sum(MinuteRow.packets),
            func.sum(MinuteRow.bytes).label("octets"),
            func.min(MinuteRow.start),
            func.max(MinuteRow.start),
            func.max(MinuteRow.peak_packets),
            func.max(MinuteRow.peak_bytes),
        )
        .join(FlowRow, FlowRow.id == MinuteRow.flow_id)
        .where(MinuteRow.start >= begin, MinuteRow.start <= now)
        .group_by(MinuteRow.flow_id, FlowRow.sensor_id, FlowRow.segment, FlowRow.destination)
        .order_by(func.sum(MinuteRow.bytes).desc())
        .limit(MAX_SHOWN)
    ).all()
    bucket = (MinuteRow.start - MinuteRow.start % literal(BUCKET, literal_execute=True)).label("bucket")
    drawn: dict[int, dict[int, Counts]] = {}
    for flow, start, packets, octets in connection.execute(
        select(MinuteRow.flow_id, bucket, func.sum(MinuteRow.packets), func.sum(MinuteRow.bytes))
        .where(MinuteRow.start >= begin, MinuteRow.start <= now)
        .where(MinuteRow.flow_id.in_([row[0] for row in loudest[:MAX_DRAWN]]))
        .group_by(MinuteRow.flow_id, bucket)
    ):
        drawn.setdefault(flow, {})[start] = (int(packets), int(octets))
    found = []
    for flow, sensor, segment, destination, packets, octets, first, last, peak_packets, peak_octets in loudest:
        end = last + 60
        whole = end - first
        steps = range(first - first % BUCKET, end, BUCKET)
        found.append(
            VolumeInfo(
                segment=f"{sensors.get(sensor, '?')}:{segment}",
                destination=destination,
                # A store keeps no protocols and no sources of what is only counted.
                protocol="",
                packets=int(packets),
                bytes=int(octets),
                sources=(),
                first=first * NANOSECONDS,
                last=end * NANOSECONDS,
                packets_per_second=Rate(int(packets) / whole, peak_packets),
                bits_per_second=Rate(int(octets) * 8 / whole, peak_octets * 8),
                bucket=BUCKET,
                series=tuple(drawn[flow].get(step, _NONE) for step in steps) if flow in drawn else (),
            )
        )
    return tuple(found)
