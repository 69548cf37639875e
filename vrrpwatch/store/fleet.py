"""A store as a screen wants to see it: all sensors together, read again and again for what is new."""

import threading
from bisect import insort
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_address
from types import MappingProxyType
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from vrrpwatch.core.analysis import GroupInfo, Totals, VolumeInfo
from vrrpwatch.core.model import Event, Finding, GroupKey, Instant, Severity
from vrrpwatch.core.news import GroupRow, Member, Neighbour, QuerierInfo, RecentPacket
from vrrpwatch.store.backlog import Mark
from vrrpwatch.store.codec import event_of, finding_of, group_of, key_of
from vrrpwatch.store.connecting import existing
from vrrpwatch.store.migrating import require_current
from vrrpwatch.store.places import StoreError, file_identity, place, trouble
from vrrpwatch.store.reading import mark_of
from vrrpwatch.store.recent import Heartbeats, RecentVolume
from vrrpwatch.store.status import SensorStatus, sensor_status
from vrrpwatch.store.tables import EventRow, FindingRow, GroupRecord, SensorRow
from vrrpwatch.store.writing import acknowledged, mark, noted, silenced
from vrrpwatch.wire.values import IPAddress

# A store may hold years: a screen shows the newest.
MAX_EVENTS: Final = 10_000
MAX_FINDINGS: Final = 10_000
MAX_GROUPS: Final = 20_000
# Packets/s; the budgets of a sensor's policy are not in the store.
_BUDGET: Final = 100.0


Row = TypeVar("Row")
Value = TypeVar("Value")


class Fleet:
    """Implements :class:`vrrpwatch.core.news.View` over all sensors of the store at ``url``.

    Keys and segments have the sensor's name in front: ``berlin:eth0/10``.  :meth:`poll` asks the database, in whatever
    thread calls it; everything else answers at once from what the last poll found.  A store has no jitter,
    packets, neighbours or queriers: those are empty.  Of members it has the silent backups, of what multicast is for
    the virtual routers.  Raises :class:`StoreError` where there is no store.
    """

    def __init__(self, url: str, *, clock: Callable[[], Instant], budget: float = _BUDGET) -> None:
        self._place = place(url)
        self._clock = clock
        self._budget = budget
        # Before it is opened: one that is put in its place meanwhile differs from this.
        self._file = file_identity(self._place.path)
        self._engine = existing(self._place)
        # Readers see whole polls; polls and marks exclude each other.
        self._lock = threading.RLock()
        self._begin()
        try:
            self.poll()
        except StoreError:
            self.close()
            raise

    def _begin(self) -> None:
        """Knows nothing yet."""
        self._seen: dict[int, int] = {}
        self._names: dict[int, str] = {}
        self._sensors: tuple[SensorStatus, ...] = ()
        self._groups: dict[GroupKey, GroupInfo] = {}
        self._rows: dict[GroupKey, GroupRow] = {}
        self._order: list[GroupKey] = []
        self._events: deque[Event] = deque(maxlen=MAX_EVENTS)
        self._findings: dict[str, Finding] = {}
        self._marks: dict[str, Mark] = {}
        self._origin: dict[str, tuple[str, str]] = {}
        self._members: tuple[Member, ...] = ()
        self._protocols: dict[tuple[str, str], str] = {}
        self._totals = Totals(0, 0, 0, 0, 0)
        self._dropped = 0
        self._now: Instant = 0
        self._volume = RecentVolume()
        self._heartbeats = Heartbeats()
        self.skipped = 0

    def close(self) -> None:
        """Closes the connections."""
        self._engine.dispose()

    def poll(self) -> bool:
        """Reads what is new; whether anything was.  Raises :class:`StoreError`; the next poll goes on from there."""
        self._check_file()
        try:
            with Session(self._engine) as session:
                if not self._seen:
                    require_current(session.connection())
                sensors = session.scalars(select(SensorRow).order_by(SensorRow.id)).all()
                changed = [sensor for sensor in sensors if self._seen.get(sensor.id, -1) < sensor.revision]
                if not changed:
                    return False
                # What is committed after this reading has a later revision, and is read the next time.
                found = [(sensor, *self._read(session, sensor)) for sensor in changed]
                with self._lock:
                    self._sensors = tuple(map(sensor_status, sensors))
                    self._names = {sensor.id: sensor.name for sensor in sensors}
                    self._count(sensors)
                    for sensor, groups, findings, events in found:
                        self._take(sensor, groups, findings, events)
                        self._seen[sensor.id] = sensor.revision
                    self._rebuild()
                self._read_volume(session.connection())
                return True
        except SQLAlchemyError as error:
            # The next poll begins with a connection that knows nothing of what was wrong.
            self._engine.dispose()
            raise StoreError(trouble(self._place, error)) from None

    @property
    def now(self) -> Instant:
        """The newest time that any sensor told of."""
        return self._now

    @property
    def totals(self) -> Totals:
        return self._totals

    @property
    def dropped(self) -> int:
        return self._dropped

    def sensors(self) -> Sequence[SensorStatus]:
        """In the order in which they first wrote; ``last`` tells which of them has gone silent."""
        return self._sensors

    def marks(self) -> Mapping[str, Mark]:
        """What people noted, by the id of the finding."""
        return MappingProxyType(self._marks)

    def acknowledge(self, finding_id: str, who: str) -> bool:
        """Notes that a person has seen a finding (an empty ``who`` takes it back); whether there is such a finding.

        Writes to the database.  Raises :class:`StoreError`.
        """
        return self._mark(finding_id, acknowledged(who, self._clock()))

    def silence(self, finding_id: str, until: Instant | None) -> bool:
        """Notes that nobody wants to hear of a finding before ``until`` (``None`` ends that), as `acknowledge` does."""
        return self._mark(finding_id, silenced(until))

    def note(self, finding_id: str, text: str) -> bool:
        """Keeps a person's remark with a finding (an empty one removes it), as `acknowledge` does."""
        return self._mark(finding_id, noted(text))

    def rows(self) -> Sequence[GroupRow]:
        with self._lock:
            return [self._rows[key] for key in self._order]

    def row(self, key: GroupKey) -> GroupRow | None:
        return self._rows.get(key)

    def group(self, key: GroupKey) -> GroupInfo | None:
        return self._groups.get(key)

    def events(self, key: GroupKey | None = None) -> Sequence[Event]:
        with self._lock:
            return [event for event in self._events if key is None or event.group == key]

    def findings(self) -> Sequence[Finding]:
        with self._lock:
            return sorted(self._findings.values(), key=lambda item: (-item.severity.rank, item.first, item.rule))

    def multicast(self) -> Sequence[VolumeInfo]:
        return self._volume.flows

    def rates(self, segment: str, destination: str | None = None) -> Sequence[tuple[int, int]]:
        with self._lock:
            return self._volume.rates(segment, destination)

    def budget(self, segment: str) -> float:  # noqa: ARG002 - the same for all
        return self._budget

    def heartbeat(self, key: GroupKey) -> Sequence[int]:
        with self._lock:
            return self._heartbeats.of(key, self._now)

    def neighbours(self, key: GroupKey) -> Sequence[Neighbour]:  # noqa: ARG002
        return ()

    def members(self) -> Sequence[Member]:
        return self._members

    def queriers(self) -> Sequence[QuerierInfo]:
        return ()

    def packets(self, key: GroupKey) -> Sequence[RecentPacket]:  # noqa: ARG002
        return ()

    def _check_file(self) -> None:
        """Raises :class:`StoreError` where the file was moved or replaced: SQLite would go on with what was opened.

        What has taken its place is read from the next poll on.
        """
        found = file_identity(self._place.path)
        if found == self._file:
            return
        if found is None:
            raise StoreError(f"{self._place.name}: the file was moved or deleted; what is shown is what it held")
        with self._lock:
            self._engine.dispose()
            self._file = found
            self._begin()
        raise StoreError(f"{self._place.name}: the file was replaced by another one, which is read now")

    def _read(
        self, session: Session, sensor: SensorRow
    ) -> tuple[Sequence[GroupRecord], Sequence[FindingRow], list[EventRow]]:
        since = self._seen.get(sensor.id, -1)
        groups = select(GroupRecord).where(GroupRecord.sensor_id == sensor.id, GroupRecord.revision > since)
        findings = select(FindingRow).where(FindingRow.sensor_id == sensor.id, FindingRow.revision > since)
        events = select(EventRow).where(EventRow.sensor_id == sensor.id, EventRow.revision > since)
        return (
            session.scalars(groups.order_by(GroupRecord.last.desc()).limit(MAX_GROUPS)).all(),
            session.scalars(findings.order_by(FindingRow.last.desc()).limit(MAX_FINDINGS)).all(),
            list(session.scalars(events.order_by(EventRow.at.desc()).limit(MAX_EVENTS))),
        )

    def _take(
        self,
        sensor: SensorRow,
        groups: Sequence[GroupRecord],
        findings: Sequence[FindingRow],
        events: Sequence[EventRow],
    ) -> None:
        for group in groups:
            if (info := self._decoded(_group, group, sensor.name)) is None:
                continue
            if info.key not in self._groups:
                if len(self._groups) >= MAX_GROUPS:
                    self.skipped += 1
                    continue
                insort(self._order, info.key)
            else:
                self._heartbeats.hear(self._groups[info.key], info)
            self._groups[info.key] = info
        for row in findings:
            finding = self._decoded(finding_of, row, sensor.name)
            if finding is None:
                continue
            self._findings[finding.id] = finding
            self._marks[finding.id] = mark_of(row)
            self._origin[finding.id] = (sensor.name, row.id)
        if len(self._findings) > MAX_FINDINGS:
            self._forget_findings()
        fresh = [event for row in events if (event := self._decoded(event_of, row, sensor.name))]
        if fresh:
            # Sensors tell of one time at different times.
            merged = sorted([*self._events, *fresh], key=lambda event: event.at)
            self._events = deque(merged, maxlen=MAX_EVENTS)

    def _forget_findings(self) -> None:
        newest = sorted(self._findings, key=lambda name: self._findings[name].last, reverse=True)
        for name in newest[MAX_FINDINGS:]:
            del self._findings[name], self._marks[name], self._origin[name]
            self.skipped += 1

    def _decoded(self, decode: Callable[[Row, str], Value], row: Row, sensor: str) -> Value | None:
        # Rows are written by sensors of other versions too: one that cannot be understood hides no others.
        try:
            return decode(row, sensor)
        except (KeyError, TypeError, ValueError):
            self.skipped += 1
            return None

    def _count(self, sensors: Sequence[SensorRow]) -> None:
        self._totals = Totals(*(sum(getattr(sensor, name) for sensor in sensors) for name in Totals._fields))
        self._dropped = sum(sensor.dropped for sensor in sensors)
        self._now = max((sensor.last for sensor in sensors), default=0)

    def _rebuild(self) -> None:
        worst: dict[GroupKey, Severity] = {}
        for finding in self._findings.values():
            if finding.group is not None:
                before = worst.get(finding.group)
                if before is None or finding.severity.rank > before.rank:
                    worst[finding.group] = finding.severity
        self._rows = {key: _row(group, worst.get(key)) for key, group in self._groups.items()}
        self._members = tuple(
            Member(group.key.segment, scope, listener.ip, listener.mac, listener.joined)
            for group in self._groups.values()
            if group.listeners and (scope := _multicast(group.key)) is not None
            for listener in group.listeners
        )
        spoken: dict[tuple[str, str], set[str]] = {}
        for key in self._groups:
            spoken.setdefault((key.segment, key.scope), set()).add(key.protocol)
        self._protocols = {flow: ",".join(sorted(protocols)) for flow, protocols in spoken.items()}

    def _read_volume(self, connection: Connection) -> None:
        read = self._volume.read(connection, self._names, self._now)
        # What a flow is for is not in the store, but which virtual routers advertise to its destination is.
        flows = [
            flow._replace(protocol=protocol)
            if (protocol := self._protocols.get((flow.segment, flow.destination), ""))
            else flow
            for flow in read.flows
        ]
        read = read._replace(flows=tuple(flows))
        with self._lock:
            self._volume = read

    def _mark(self, finding_id: str, columns: Mapping[str, Any]) -> bool:
        origin = self._origin.get(finding_id)
        if origin is None:
            return False
        self._check_file()
        try:
            done = mark(self._engine, *origin, columns)
        except SQLAlchemyError as error:
            raise StoreError(trouble(self._place, error)) from None
        with self._lock:
            self._marks[finding_id] = self._marks[finding_id]._replace(**columns)
        return done


def _group(record: GroupRecord, sensor: str) -> GroupInfo:
    return group_of(key_of(record.key, sensor), record.info)


def _multicast(key: GroupKey) -> IPAddress | None:
    try:
        return ip_address(key.scope)
    except ValueError:
        # Unicast, broadcast, or what only a sensor of another version knows.
        return None


def _row(group: GroupInfo, severity: Severity | None) -> GroupRow:
    priority = next((speaker.priority for speaker in group.speakers if speaker.key == group.master), None)
    return GroupRow(
        key=group.key,
        state=group.state,
        master=None if group.master is None else group.master.ip,
        priority=priority,
        interval=group.interval,
        jitter=None,
        last=group.last,
        adverts=group.adverts,
        severity=severity,
    )
