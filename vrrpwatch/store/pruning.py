"""Deletes what is old, a bounded number of rows at a time, so that sensors can write in between."""

import sqlite3
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, Engine, delete, func, select, tuple_
from sqlalchemy.exc import SQLAlchemyError

from vrrpwatch.core.model import NANOSECONDS, Instant, Seconds, nanoseconds
from vrrpwatch.store.connecting import existing, writing
from vrrpwatch.store.migrating import require_current
from vrrpwatch.store.places import Place, StoreError, trouble
from vrrpwatch.store.tables import Base, EventRow, FindingRow, GroupRecord, RuleChangeRow, RunRow, SensorRow
from vrrpwatch.store.volume import Retention, old_volume

# A transaction of this size takes some tenths of a second.
MAX_ROWS: Final = 10_000


class Keep(NamedTuple):
    """How long to keep events, findings, runs and silent groups (``None``: for ever), and how long which volume."""

    history: Seconds | None = None
    volume: Retention = Retention()


def prune(where: Place, keep: Keep, now: Instant, *, dry_run: bool = False) -> dict[str, int]:
    """Deletes what is older than ``keep`` at ``now``; returns how many rows of which table went (or would go).

    Raises :class:`StoreError`.
    """
    engine = existing(where)
    try:
        with engine.connect() as connection:
            require_current(connection)
            old = _old(connection, keep, now)
            counts = {table.__tablename__: 0 for table, _ in old}
            if dry_run:
                for table, condition in old:
                    counts[table.__tablename__] += connection.execute(
                        select(func.count()).select_from(table).where(condition)
                    ).scalar_one()
                return counts
        for table, condition in old:
            counts[table.__tablename__] += _delete(engine, table, condition)
        _give_back(engine)
    except SQLAlchemyError as error:
        raise StoreError(trouble(where, error)) from None
    finally:
        engine.dispose()
    return counts


def _old(connection: Connection, keep: Keep, now: Instant) -> list[tuple[type[Base], ColumnElement[bool]]]:
    old: list[tuple[type[Base], ColumnElement[bool]]] = []
    if keep.history is not None:
        before = now - nanoseconds(keep.history)
        old += [
            (EventRow, EventRow.at < before),
            (FindingRow, FindingRow.last < before),
            (RunRow, RunRow.last < before),
            (GroupRecord, GroupRecord.last < before),
            (RuleChangeRow, RuleChangeRow.at < before),
        ]
    for sensor in connection.execute(select(SensorRow.id)).scalars():
        old += old_volume(connection, sensor, now // NANOSECONDS, keep.volume)
    return old


def _delete(engine: Engine, table: type[Base], condition: ColumnElement[bool]) -> int:
    key: Any = tuple_(*table.__table__.primary_key)
    some = delete(table).where(key.in_(select(*table.__table__.primary_key).where(condition).limit(MAX_ROWS)))
    total = 0
    while True:
        with writing(engine) as connection, connection.begin():
            # A sensor locks its row before all others: in the same order, nobody waits for each other (PostgreSQL).
            connection.execute(select(SensorRow.id).order_by(SensorRow.id).with_for_update())
            gone = connection.execute(some).rowcount
        total += gone
        if gone < MAX_ROWS:
            return total


def _give_back(engine: Engine) -> None:
    """Returns free space to the file system; PostgreSQL does so by itself (autovacuum)."""
    if engine.dialect.name != "sqlite":
        return
    pooled = engine.raw_connection()
    try:
        connection: Any = pooled.driver_connection
        # It frees a page with each step, and the driver takes all the steps in scripts only.
        connection.executescript("PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(TRUNCATE);")
    except sqlite3.OperationalError:
        # Another reads what was there before: the space is given back the next time.
        return
    finally:
        pooled.close()
