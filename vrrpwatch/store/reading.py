"""Questions to a store that several readers ask: which sensors there are, and what was wrong when one stopped."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from sqlalchemy import Connection, select
from sqlalchemy.orm import Session

from vrrpwatch.core.model import Finding, Seconds, nanoseconds
from vrrpwatch.store.backlog import Mark
from vrrpwatch.store.codec import MAX_KEY, clean, finding_of
from vrrpwatch.store.connecting import asked
from vrrpwatch.store.migrating import require_current, revision
from vrrpwatch.store.places import place
from vrrpwatch.store.tables import FindingRow, SensorRow

# A trouble that was last seen so long before the sensor's end was over, as far as anybody can tell.
OPEN_FOR: Final[Seconds] = 3_600.0


class OpenFinding(NamedTuple):
    """A finding that was still going on, and what people noted on it."""

    finding: Finding
    mark: Mark


def mark_of(row: FindingRow) -> Mark:
    """What people noted on a finding."""
    return Mark(row.acknowledged_by, row.acknowledged_at, row.silenced_until, row.note)


@contextmanager
def left_at(url: str) -> Iterator[Connection | None]:
    """A connection for questions to the store at ``url``; ``None`` where nobody has made one yet, or filled it.

    Raises ``StoreError`` where the store cannot be read.
    """
    where = place(url)
    if where.path is not None and not where.path.exists():
        yield None
        return
    with asked(where) as connection:
        if revision(connection) is None:
            yield None
            return
        require_current(connection)
        yield connection


def open_findings(url: str, sensor: str, within: Seconds = OPEN_FOR) -> dict[str, OpenFinding]:
    """By id, what was wrong when ``sensor`` stopped: findings seen in the last ``within`` seconds that it recorded.

    Empty where there is no store yet.  Raises ``StoreError`` where the store cannot be read.
    """
    with left_at(url) as connection:
        if connection is None:
            return {}
        with Session(connection) as session:
            found = session.scalars(select(SensorRow).where(SensorRow.name == clean(sensor, MAX_KEY))).one_or_none()
            if found is None:
                return {}
            since = found.last - nanoseconds(within)
            rows = select(FindingRow).where(FindingRow.sensor_id == found.id, FindingRow.last >= since)
            return {row.id: OpenFinding(finding_of(row), mark_of(row)) for row in session.scalars(rows)}
