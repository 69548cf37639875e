"""A store's tables as rows for other programs: the names are those of ``analyze``, times RFC 3339 in UTC."""

from collections.abc import Callable, Iterator
from typing import Any, Final, Literal, NamedTuple

from sqlalchemy import Connection, Select, select

from vrrpwatch.core.instants import rfc3339
from vrrpwatch.core.model import NANOSECONDS, Instant
from vrrpwatch.store.codec import Object
from vrrpwatch.store.connecting import asked
from vrrpwatch.store.migrating import require_current
from vrrpwatch.store.places import Place
from vrrpwatch.store.tables import (
    Base,
    EventRow,
    FindingRow,
    FlowRow,
    HourRow,
    MinuteRow,
    RuleChangeRow,
    RunRow,
    SecondRow,
    SensorRow,
)
from vrrpwatch.store.volume import HOUR, MINUTE

Table = Literal["events", "findings", "volume", "runs", "rules"]
Width = Literal["second", "minute", "hour"]
# Rows that are in memory at a time.
CHUNK: Final = 2_000


# What one row of each is called in newline-delimited JSON, as ``analyze`` has it.
TYPES: Final[dict[Table, str]] = {
    "events": "event",
    "findings": "finding",
    "volume": "volume",
    "runs": "run",
    "rules": "rule-change",
}


class Wanted(NamedTuple):
    """Which rows: of one ``sensor`` or all, from ``since`` until before ``until``; volume per ``width``."""

    table: Table
    sensor: str | None = None
    since: Instant | None = None
    until: Instant | None = None
    width: Width = "minute"


class Column(NamedTuple):
    """A column of an export; ``kind`` is that of its values, any of which may be ``None``."""

    name: str
    kind: Literal["text", "integer", "number", "time", "list", "boolean"]


COLUMNS: Final[dict[Table, tuple[Column, ...]]] = {
    "events": (
        Column("sensor", "text"),
        Column("at", "time"),
        Column("kind", "text"),
        Column("group", "text"),
        Column("from", "text"),
        Column("to", "text"),
        Column("cause", "text"),
        Column("gap", "number"),
        Column("expected_gap", "number"),
        Column("packet", "integer"),
    ),
    "findings": (
        Column("sensor", "text"),
        Column("id", "text"),
        Column("rule", "text"),
        Column("severity", "text"),
        Column("segment", "text"),
        Column("group", "text"),
        Column("subject", "text"),
        Column("first", "time"),
        Column("last", "time"),
        Column("count", "integer"),
        Column("summary", "text"),
        Column("evidence", "list"),
        Column("acknowledged_by", "text"),
        Column("acknowledged_at", "time"),
        Column("silenced_until", "time"),
        Column("note", "text"),
    ),
    "volume": (
        Column("sensor", "text"),
        Column("segment", "text"),
        Column("destination", "text"),
        Column("start", "time"),
        Column("seconds", "integer"),
        Column("packets", "integer"),
        Column("bytes", "integer"),
        Column("peak_packets", "integer"),
        Column("peak_bytes", "integer"),
    ),
    "runs": (
        Column("sensor", "text"),
        Column("group", "text"),
        Column("ip", "text"),
        Column("mac", "text"),
        Column("first", "time"),
        Column("last", "time"),
        Column("adverts", "integer"),
        Column("versions", "list"),
        Column("priority", "integer"),
        Column("advbase", "integer"),
        Column("advskew", "integer"),
        Column("demotion", "integer"),
        Column("interval", "number"),
        Column("addresses", "list"),
        Column("auth", "text"),
        Column("checksum", "text"),
        Column("implementation", "text"),
        Column("authentic", "boolean"),
    ),
    "rules": (
        Column("host", "text"),
        Column("at", "time"),
        Column("action", "text"),
        Column("who", "text"),
        Column("places", "list"),
        Column("files", "list"),
        Column("reason", "text"),
    ),
}


def rows(where: Place, wanted: Wanted) -> Iterator[Object]:
    """The rows in order of time, with the keys of :data:`COLUMNS` in their order.  Raises ``StoreError``."""
    with asked(where) as connection:
        require_current(connection)
        yield from _READERS[wanted.table](connection, wanted)


def _limited(statement: Select[Any], wanted: Wanted, first: Any, last: Any, unit: int = 1) -> Select[Any]:
    if wanted.sensor is not None:
        statement = statement.where(SensorRow.name == wanted.sensor)
    if wanted.since is not None:
        # Rounded up: what began before is not meant.
        statement = statement.where(last >= -(-wanted.since // unit))
    if wanted.until is not None:
        statement = statement.where(first < -(-wanted.until // unit))
    return statement


def _stream(connection: Connection, statement: Select[Any]) -> Iterator[Any]:
    with connection.execution_options(yield_per=CHUNK).execute(statement) as result:
        yield from result


def _events(connection: Connection, wanted: Wanted) -> Iterator[Object]:
    table = EventRow.__table__.c
    statement = (
        select(SensorRow.name, EventRow.__table__)
        .join(SensorRow, SensorRow.id == table.sensor_id)
        .order_by(table.at, table.id)
    )
    for row in _stream(connection, _limited(statement, wanted, table.at, table.at)):
        event = row._mapping
        yield {
            "sensor": row[0],
            "at": rfc3339(event[table.at]),
            "kind": event[table.kind],
            "group": event[table.group],
            "from": event[table.old],
            "to": event[table.new],
            "cause": event[table.cause],
            "gap": event[table.gap],
            "expected_gap": event[table.expected_gap],
            "packet": event[table.packet],
        }


def _findings(connection: Connection, wanted: Wanted) -> Iterator[Object]:
    table = FindingRow.__table__.c
    statement = (
        select(SensorRow.name, FindingRow.__table__)
        .join(SensorRow, SensorRow.id == table.sensor_id)
        .order_by(table.first, table.id)
    )
    for row in _stream(connection, _limited(statement, wanted, table.first, table.last)):
        finding = row._mapping
        yield {
            "sensor": row[0],
            **{name: finding[table[name]] for name in ("id", "rule", "severity", "segment", "group", "subject")},
            "first": rfc3339(finding[table.first]),
            "last": rfc3339(finding[table.last]),
            "count": finding[table["count"]],
            "summary": finding[table.summary],
            "evidence": [{"source": source, "packet": packet} for source, packet in finding[table.evidence]],
            "acknowledged_by": finding[table.acknowledged_by],
            "acknowledged_at": _time(finding[table.acknowledged_at]),
            "silenced_until": _time(finding[table.silenced_until]),
            "note": finding[table.note],
        }


def _runs(connection: Connection, wanted: Wanted) -> Iterator[Object]:
    table = RunRow.__table__.c
    statement = (
        select(SensorRow.name, RunRow.__table__)
        .join(SensorRow, SensorRow.id == table.sensor_id)
        .order_by(table.first, table.group, table.ip, table.mac)
    )
    names = [column.name for column in COLUMNS["runs"][7:]]
    for row in _stream(connection, _limited(statement, wanted, table.first, table.last)):
        run = row._mapping
        yield {
            "sensor": row[0],
            "group": run[table.group],
            "ip": run[table.ip],
            "mac": run[table.mac] or None,
            "first": rfc3339(run[table.first]),
            "last": rfc3339(run[table.last]),
            "adverts": run[table.adverts],
            **{name: run[table.settings].get(name) for name in names},
        }


def _rules(connection: Connection, wanted: Wanted) -> Iterator[Object]:
    table = RuleChangeRow.__table__.c
    statement = select(RuleChangeRow.__table__).order_by(table.at, table.key)
    # Whoever changes rules is no sensor, but has the name of a host as most sensors do.
    if wanted.sensor is not None:
        statement = statement.where(table.host == wanted.sensor)
    for row in _stream(connection, _limited(statement, wanted._replace(sensor=None), table.at, table.at)):
        change = row._mapping
        yield {
            "host": change[table.host],
            "at": rfc3339(change[table.at]),
            **{name: change[table[name]] for name in ("action", "who", "places")},
            "files": [f"{name} sha256:{digest}" for name, digest in change[table.files]],
            "reason": change[table.reason],
        }


def _volume(connection: Connection, wanted: Wanted) -> Iterator[Object]:
    row_type: type[Base] = {"second": SecondRow, "minute": MinuteRow, "hour": HourRow}[wanted.width]
    width = {"second": 1, "minute": MINUTE, "hour": HOUR}[wanted.width]
    table = row_type.__table__.c
    # A second is its own peak.
    peaks = (table.packets, table.bytes) if wanted.width == "second" else (table.peak_packets, table.peak_bytes)
    statement = (
        select(SensorRow.name, FlowRow.segment, FlowRow.destination, table.start, table.packets, table.bytes, *peaks)
        .join(FlowRow, FlowRow.id == table.flow_id)
        .join(SensorRow, SensorRow.id == FlowRow.sensor_id)
        .order_by(table.start, table.flow_id)
    )
    for row in _stream(connection, _limited(statement, wanted, table.start, table.start, NANOSECONDS)):
        sensor, segment, destination, start, packets, octets, *most = row
        yield {
            "sensor": sensor,
            "segment": segment,
            "destination": destination,
            "start": rfc3339(start * NANOSECONDS),
            "seconds": width,
            "packets": packets,
            "bytes": octets,
            "peak_packets": most[0] if most else packets,
            "peak_bytes": most[1] if most else octets,
        }


def _time(at: Instant | None) -> str | None:
    return None if at is None else rfc3339(at)


_READERS: Final[dict[Table, Callable[[Connection, Wanted], Iterator[Object]]]] = {
    "events": _events,
    "findings": _findings,
    "volume": _volume,
    "runs": _runs,
    "rules": _rules,
}
