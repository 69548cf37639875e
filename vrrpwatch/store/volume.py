"""Multicast volume in a store: seconds as they are told, rolled up to minutes and hours, and pruned by age.

A row only ever grows: what is told again, and sums that are made again of what is left, change nothing.
"""

from collections.abc import Collection, Mapping
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, case, func, literal, select

from vrrpwatch.core.model import Seconds
from vrrpwatch.store.codec import MAX_KEY, clean, whole
from vrrpwatch.store.dialects import insert, insert_many
from vrrpwatch.store.tables import FlowRow, HourRow, MinuteRow, RollupRow, SecondRow

MINUTE: Final = 60
HOUR: Final = 3_600
# Destinations are forgeable: those beyond count as one per segment, so that the table cannot grow without end.
MAX_FLOWS: Final = 16_384
OTHERS: Final = "others"
# A second is told once its window is over, at most so many seconds after it.
_LATENESS: Final = 120
# So many minutes are rolled up again one by one; when more come late, all between them are.
_MAX_SINGLE: Final = 30


class Retention(NamedTuple):
    """How long volume is kept per second, minute and hour, in seconds of time; ``None`` is for ever."""

    seconds: Seconds = 48 * 3_600
    minutes: Seconds = 90 * 86_400
    hours: Seconds | None = None


class Flows:
    """The numbers of a sensor's flows: what a second's row is keyed by."""

    def __init__(self, limit: int = MAX_FLOWS) -> None:
        self._ids: dict[tuple[str, str], int] = {}
        self._limit = limit

    def forget(self) -> None:
        """The database is another, or may have lost them."""
        self._ids.clear()

    def ids(self, connection: Connection, sensor: int, wanted: Collection[tuple[str, str]]) -> list[int]:
        """The numbers of (segment, destination) pairs, in their order; new ones are made."""
        if not self._ids:
            rows = connection.execute(
                select(FlowRow.id, FlowRow.segment, FlowRow.destination).where(FlowRow.sensor_id == sensor)
            )
            self._ids = {(segment, destination): id_ for id_, segment, destination in rows}
        return [self._id(connection, sensor, segment, destination) for segment, destination in wanted]

    def _id(self, connection: Connection, sensor: int, segment: str, destination: str) -> int:
        flow = (clean(segment, MAX_KEY), clean(destination, MAX_KEY))
        if flow not in self._ids and len(self._ids) >= self._limit:
            flow = (flow[0], OTHERS)
        if flow not in self._ids:
            values = {"sensor_id": sensor, "segment": flow[0], "destination": flow[1]}
            made = connection.execute(insert(connection, FlowRow).values(values).returning(FlowRow.id)).scalar_one()
            self._ids[flow] = made
        return self._ids[flow]


def write_seconds(
    connection: Connection, sensor: int, flows: Flows, seconds: Mapping[tuple[str, str, int], tuple[int, int]]
) -> set[int]:
    """Writes (segment, destination, second): (packets, bytes); returns the starts of the minutes they are in."""
    ids = flows.ids(connection, sensor, [(segment, destination) for segment, destination, _ in seconds])
    rows: dict[tuple[int, int], tuple[int, int]] = {}
    for flow, (key, (packets, octets)) in zip(ids, seconds.items(), strict=True):
        start = max(0, whole(key[2]))
        before = rows.get((start, flow), (0, 0))
        rows[start, flow] = (before[0] + packets, before[1] + octets)
    insert_many(
        connection,
        SecondRow,
        [
            {"start": start, "flow_id": flow, "packets": whole(packets), "bytes": whole(octets)}
            for (start, flow), (packets, octets) in rows.items()
        ],
        grows=("packets", "bytes"),
    )
    return {start - start % MINUTE for start, _ in rows}


def roll_up(connection: Connection, sensor: int, touched: Collection[int], now: int) -> bool:
    """Adds up the minutes and hours that are over, and again those ``touched`` late; whether an hour was completed.

    A minute is over when a later one was touched, or when ``now`` (seconds since the epoch) is so far past it that
    nothing more of it will be told.
    """
    found = connection.execute(
        select(RollupRow.minutes_from, RollupRow.hours_from).where(RollupRow.sensor_id == sensor)
    ).one_or_none()
    if found is None:
        if not touched:
            return False
        minutes_from, hours_from = min(touched), _floor(min(touched), HOUR)
    else:
        minutes_from, hours_from = found
    until = max([_floor(now - _LATENESS, MINUTE), minutes_from, *touched])
    late = [minute for minute in touched if minute < minutes_from]
    for first, end in _stretches(late, MINUTE):
        _minutes(connection, sensor, first, end)
    _minutes(connection, sensor, minutes_from, until)
    hours_until = max(_floor(until, HOUR), hours_from)
    late_hours = {_floor(minute, HOUR) for minute in late}
    for first, end in _stretches([hour for hour in late_hours if hour < hours_from], HOUR):
        _hours(connection, sensor, first, end)
    _hours(connection, sensor, hours_from, hours_until)
    if found is None or (until, hours_until) != (minutes_from, hours_from):
        values = {"sensor_id": sensor, "minutes_from": until, "hours_from": hours_until}
        statement = insert(connection, RollupRow).values(values)
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["sensor_id"], set_={"minutes_from": until, "hours_from": hours_until}
            )
        )
    return hours_until != hours_from


def old_volume(
    connection: Connection, sensor: int, now: int, keep: Retention
) -> list[tuple[type[SecondRow | MinuteRow | HourRow], ColumnElement[bool]]]:
    """Which of the sensor's rows are rolled up and older than they are to be kept, at ``now`` (seconds)."""
    found = connection.execute(
        select(RollupRow.minutes_from, RollupRow.hours_from).where(RollupRow.sensor_id == sensor)
    ).one_or_none()
    if found is None:
        return []
    flows = select(FlowRow.id).where(FlowRow.sensor_id == sensor)
    # A minute is only ever made of all its seconds, and an hour of all its minutes: whole ones go.
    seconds_before = min(found[0], _floor(now - int(keep.seconds), MINUTE))
    minutes_before = min(found[1], _floor(now - int(keep.minutes), HOUR))
    old: list[tuple[type[SecondRow | MinuteRow | HourRow], ColumnElement[bool]]] = [
        (SecondRow, and_(SecondRow.start < seconds_before, SecondRow.flow_id.in_(flows))),
        (MinuteRow, and_(MinuteRow.start < minutes_before, MinuteRow.flow_id.in_(flows))),
    ]
    if keep.hours is not None:
        old.append((HourRow, and_(HourRow.start < now - int(keep.hours), HourRow.flow_id.in_(flows))))
    return old


def _floor(second: int, width: int) -> int:
    return second - second % width


def _stretches(starts: Collection[int], width: int) -> list[tuple[int, int]]:
    if len(starts) > _MAX_SINGLE:
        return [(min(starts), max(starts) + width)]
    return [(start, start + width) for start in starts]


def _minutes(connection: Connection, sensor: int, first: int, end: int) -> None:
    if first < end:
        _add_up(connection, sensor, SecondRow, MinuteRow, MINUTE, (first, end), peaks=("packets", "bytes"))


def _hours(connection: Connection, sensor: int, first: int, end: int) -> None:
    if first < end:
        _add_up(connection, sensor, MinuteRow, HourRow, HOUR, (first, end), peaks=("peak_packets", "peak_bytes"))


def _add_up(
    connection: Connection,
    sensor: int,
    source: type[SecondRow | MinuteRow],
    target: type[MinuteRow | HourRow],
    width: int,
    span: tuple[int, int],
    peaks: tuple[str, str],
) -> None:
    # A literal in the text: as parameters, PostgreSQL would not see that the two expressions are the same.
    start = (source.start - source.start % literal(width, literal_execute=True)).label("start")
    sums: Any = (
        select(
            start,
            source.flow_id,
            func.sum(source.packets),
            func.sum(source.bytes),
            func.max(getattr(source, peaks[0])),
            func.max(getattr(source, peaks[1])),
        )
        .join(FlowRow, FlowRow.id == source.flow_id)
        .where(FlowRow.sensor_id == sensor, source.start >= span[0], source.start < span[1])
        .group_by(start, source.flow_id)
    )
    columns = ("packets", "bytes", "peak_packets", "peak_bytes")
    statement = insert(connection, target).from_select(["start", "flow_id", *columns], sums)
    table = target.__table__.c
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["start", "flow_id"],
            set_={
                name: case((statement.excluded[name] > table[name], statement.excluded[name]), else_=table[name])
                for name in columns
            },
        )
    )
