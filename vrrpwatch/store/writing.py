"""Writes a backlog to the database in few transactions, so that writing a thing twice is as good as once."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Engine, and_, case, delete, or_, select, update
from sqlalchemy.exc import DataError, IntegrityError

from vrrpwatch import __version__
from vrrpwatch.core.model import NANOSECONDS, Finding, Instant
from vrrpwatch.store.backlog import Backlog, Latest
from vrrpwatch.store.codec import (
    MAX_KEY,
    clean,
    event_values,
    finding_values,
    group_object,
    key_text,
    settings_object,
    whole,
)
from vrrpwatch.store.connecting import writing
from vrrpwatch.store.dialects import insert, insert_many
from vrrpwatch.store.tables import EventRow, FindingRow, GroupRecord, RunRow, SensorRow
from vrrpwatch.store.volume import Flows, Retention, old_volume, roll_up, write_seconds

# Rows of one transaction: others that write to the same database wait no longer than these take.
MAX_ROWS: Final = 5_000


class Writer:
    """One sensor's hand in a store; ``session`` tells its starts apart, ``refused`` counts what no database took."""

    def __init__(self, sensor: str, session: int, keep: Retention) -> None:
        self.name: Final = clean(sensor, MAX_KEY)
        self.refused = 0
        self._session = session
        self._keep = keep
        self._flows = Flows()

    def reopen(self) -> None:
        """Forgets what it knows of the database, which may be another one now."""
        self._flows.forget()

    def write(self, engine: Engine, backlog: Backlog) -> None:
        """Writes all of ``backlog``, and takes out of it what is written, so that what is left may be tried again.

        Raises SQLAlchemy's errors, except for values that the database refuses: these are given up and counted.
        """
        while True:
            part = backlog.head(MAX_ROWS)
            self._part(engine, part)
            backlog.take(part)
            if not len(backlog):
                return

    def _part(self, engine: Engine, part: Backlog, again: bool = True) -> None:
        try:
            self._transaction(engine, part)
        except (DataError, IntegrityError):
            # What the writer knew may have been deleted by another program; what it wrote then is undone.
            self.reopen()
            if again:
                self._part(engine, part, again=False)
                return
            if len(part) <= 1:
                self.refused += len(part)
                return
            # One value that the database refuses must not hold up the others for ever.
            first = part.head(len(part) // 2)
            self._part(engine, first)
            rest = part.head(len(part))
            rest.take(first)
            self._part(engine, rest)

    def _transaction(self, engine: Engine, part: Backlog) -> None:
        with writing(engine, durable=part.precious) as connection, connection.begin():
            sensor, revision = self._sensor(connection, part.latest)
            common = {"sensor_id": sensor, "revision": revision}
            self._events(connection, common, part)
            self._findings(connection, common, tuple(part.findings.values()))
            _marks(connection, common, part.marks)
            self._groups(connection, common, part)
            self._runs(connection, common, part)
            self._volume(connection, sensor, part)

    def _sensor(self, connection: Connection, latest: Latest | None) -> tuple[int, int]:
        values: dict[str, Any] = {"version": __version__}
        if latest is not None:
            values |= {name: whole(count) for name, count in latest.totals._asdict().items()}
            values["dropped"] = whole(latest.dropped)
            values["evicted"] = {clean(name): whole(count) for name, count in latest.evicted.items()}
        now = whole(latest.now) if latest is not None else 0
        change = (
            update(SensorRow)
            .where(SensorRow.name == self.name)
            .values(
                revision=SensorRow.revision + 1,
                # Before its first packet a sensor knows no time.
                first=case((SensorRow.first == 0, now), else_=SensorRow.first),
                last=case((SensorRow.last < now, now), else_=SensorRow.last),
                **values,
            )
            .returning(SensorRow.id, SensorRow.revision)
        )
        found = connection.execute(change).one_or_none()
        if found is None:
            # Another process of the same name may come first.
            new = insert(connection, SensorRow).values(
                name=self.name, version=__version__, first=now, last=now, revision=0, evicted={}, **_NOTHING
            )
            connection.execute(new.on_conflict_do_nothing())
            found = connection.execute(change).one()
        return found[0], found[1]

    def _events(self, connection: Connection, common: Mapping[str, Any], part: Backlog) -> None:
        if part.events:
            rows = [{**common, **event_values(event)} for event in part.events]
            connection.execute(insert(connection, EventRow).on_conflict_do_nothing(), rows)

    def _findings(self, connection: Connection, common: Mapping[str, Any], findings: Sequence[Finding]) -> None:
        if not findings:
            return
        statement = insert(connection, FindingRow)
        old, new = FindingRow.__table__.c, statement.excluded
        # A sensor counts from one after every start.  What it tells of a time that is known already (a file once more)
        # is a repetition and adds nothing.
        same = new.session == old.session
        later = and_(new.session != old.session, new.first > old.last)
        current = or_(same, later)
        count = case((same, old.earlier + new.count), (later, old.count + new.count), else_=new.count)
        statement = statement.on_conflict_do_update(
            index_elements=["sensor_id", "id"],
            set_={
                "severity": new.severity,
                "first": case((new.first < old.first, new.first), else_=old.first),
                "last": case((new.last > old.last, new.last), else_=old.last),
                "count": case((count > old.count, count), else_=old.count),
                "earlier": case((later, old.count), else_=old.earlier),
                "session": case((current, new.session), else_=old.session),
                "summary": case((current, new.summary), else_=old.summary),
                "evidence": case((current, new.evidence), else_=old.evidence),
                "revision": new.revision,
            },
        )
        rows = [{**common, **finding_values(finding), "earlier": 0, "session": self._session} for finding in findings]
        connection.execute(statement, rows)

    def _groups(self, connection: Connection, common: Mapping[str, Any], part: Backlog) -> None:
        rows = [
            {
                **common,
                "key": key_text(group.key),
                "state": group.state,
                "master": None if group.master is None else str(group.master.ip),
                "last": whole(group.last),
                "info": group_object(group),
            }
            for group in part.groups.values()
        ]
        insert_many(connection, GroupRecord, rows, replaces=("state", "master", "last", "info", "revision"))

    def _runs(self, connection: Connection, common: Mapping[str, Any], part: Backlog) -> None:
        rows = [
            {
                **common,
                "group": key_text(key.group),
                "ip": str(key.speaker.ip),
                "mac": key.speaker.mac or "",
                "first": whole(key.first),
                "last": whole(run.last),
                "adverts": whole(run.adverts),
                "settings": settings_object(run.info),
            }
            for key, run in part.runs.items()
        ]
        insert_many(connection, RunRow, rows, grows=("last", "adverts"), replaces=("settings", "revision"))

    def _volume(self, connection: Connection, sensor: int, part: Backlog) -> None:
        touched = write_seconds(connection, sensor, self._flows, part.seconds) if part.seconds else set()
        now = 0 if part.latest is None else whole(part.latest.now) // NANOSECONDS
        if roll_up(connection, sensor, touched, now):
            for table, old in old_volume(connection, sensor, now, self._keep):
                connection.execute(delete(table).where(old))


_NOTHING: Final = dict.fromkeys(("packets", "bytes", "multicast_packets", "multicast_bytes", "adverts", "dropped"), 0)


def _marks(connection: Connection, common: Mapping[str, Any], marks: Mapping[str, Mapping[str, Any]]) -> None:
    for finding, columns in marks.items():
        connection.execute(
            update(FindingRow)
            .where(FindingRow.sensor_id == common["sensor_id"], FindingRow.id == finding)
            .values(revision=common["revision"], **columns)
        )


def mark(engine: Engine, sensor: str, finding: str, columns: Mapping[str, Any]) -> bool:
    """Notes at once what a person said about a sensor's finding; whether there is such a finding."""
    with writing(engine) as connection, connection.begin():
        found = connection.execute(
            update(SensorRow)
            .where(SensorRow.name == sensor)
            .values(revision=SensorRow.revision + 1)
            .returning(SensorRow.id, SensorRow.revision)
        ).one_or_none()
        if found is None:
            return False
        _marks(connection, {"sensor_id": found[0], "revision": found[1]}, {finding: columns})
        exists = select(FindingRow.id).where(FindingRow.sensor_id == found[0], FindingRow.id == finding)
        return connection.execute(exists).first() is not None


def acknowledged(who: str, at: Instant) -> dict[str, Any]:
    """The columns of an acknowledgement; nobody's takes it back."""
    return {"acknowledged_by": clean(who) if who else None, "acknowledged_at": whole(at) if who else None}


def silenced(until: Instant | None) -> dict[str, Any]:
    """The columns of a silence; ``None`` ends it."""
    return {"silenced_until": None if until is None else whole(until)}


def noted(note: str) -> dict[str, Any]:
    """The columns of a note; an empty one removes it."""
    return {"note": clean(note) or None}
