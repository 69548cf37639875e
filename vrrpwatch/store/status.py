"""What a store holds: its tables' sizes, its sensors, and whether it is up to date."""

from pathlib import Path
from typing import Final, NamedTuple

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from vrrpwatch.core.model import Instant
from vrrpwatch.store.connecting import asked
from vrrpwatch.store.migrating import HEAD, revision
from vrrpwatch.store.places import Place
from vrrpwatch.store.tables import (
    Base,
    EventRow,
    FindingRow,
    GroupRecord,
    HourRow,
    MinuteRow,
    RuleChangeRow,
    RunRow,
    SecondRow,
    SensorRow,
)

_TABLES: Final[tuple[type[Base], ...]] = (
    *(GroupRecord, EventRow, FindingRow, RunRow, RuleChangeRow),
    *(SecondRow, MinuteRow, HourRow),
)


class SensorStatus(NamedTuple):
    """One sensor; the instants are those of its first and its newest news."""

    name: str
    version: str
    first: Instant
    last: Instant
    dropped: int


class Status(NamedTuple):
    """A store; ``step`` is that of its tables (``None``: none yet), ``bytes`` its size on disk, ``rows`` by table."""

    store: str
    step: str | None
    current: bool
    bytes: int
    sensors: tuple[SensorStatus, ...]
    rows: dict[str, int]


def sensor_status(row: SensorRow) -> SensorStatus:
    """A sensor as its row has it."""
    return SensorStatus(row.name, row.version, row.first, row.last, row.dropped)


def status(where: Place) -> Status:
    """Looks; raises ``StoreError``."""
    with asked(where) as connection, Session(connection) as session:
        step = revision(connection)
        if where.path is not None:
            size = sum(file.stat().st_size for file in _files(where.path) if file.is_file())
        else:
            size = session.execute(text("SELECT pg_database_size(current_database())")).scalar_one()
        if step != HEAD:
            return Status(where.name, step, False, size, (), {})
        sensors = tuple(sensor_status(row) for row in session.scalars(select(SensorRow).order_by(SensorRow.name)))
        rows = {
            table.__tablename__: session.execute(select(func.count()).select_from(table)).scalar_one()
            for table in _TABLES
        }
        return Status(where.name, step, True, size, sensors, rows)


def _files(path: Path) -> list[Path]:
    # The write-ahead log holds what is not in the file yet.
    return [path.with_name(path.name + suffix) for suffix in ("", "-wal", "-shm")]
