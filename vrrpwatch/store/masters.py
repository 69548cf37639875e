"""Who was master of what when a sensor stopped, as its journal has it."""

from ipaddress import ip_address
from math import isfinite
from typing import Final, NamedTuple

from sqlalchemy import Connection, select

from vrrpwatch.core.mastership import MAX_GROUPS
from vrrpwatch.core.model import GroupKey, Instant, Seconds, nanoseconds
from vrrpwatch.store.codec import MAX_KEY, clean, key_of
from vrrpwatch.store.reading import left_at
from vrrpwatch.store.tables import EventRow, GroupRecord, SensorRow
from vrrpwatch.wire.values import IPAddress

# Events are on the disk at once, states of groups about a second later: so far back they may disagree.
_LATE: Final[Seconds] = 10.0


class LastMaster(NamedTuple):
    """A group's master, when the group was heard last, and how often the master advertised (``None``: not known)."""

    address: IPAddress
    last: Instant
    interval: Seconds | None


class _Row(NamedTuple):
    """Master, if any, when it was heard, and what stands where its interval should."""

    master: str | None
    last: Instant
    interval: object


def last_masters(url: str, sensor: str) -> dict[GroupKey, LastMaster]:
    """The groups that somebody held when ``sensor`` stopped.

    Empty where there is no store yet.  Raises ``StoreError`` where the store cannot be read.
    """
    with left_at(url) as connection:
        return {} if connection is None else _decoded(_read(connection, clean(sensor, MAX_KEY)))


def _read(connection: Connection, sensor: str) -> dict[str, _Row]:
    """What is stored, by the group's key."""
    row = connection.execute(select(SensorRow.id, SensorRow.last).where(SensorRow.name == sensor)).one_or_none()
    if row is None:
        return {}
    number, end = row
    interval = GroupRecord.info["interval"]
    columns = GroupRecord.key, GroupRecord.master, GroupRecord.last, interval
    groups = select(*columns).where(GroupRecord.sensor_id == number)
    # As many as an engine follows: a store may keep more of them for years.
    newest = groups.order_by(GroupRecord.last.desc()).limit(MAX_GROUPS)
    found = {key: _Row(master, last, interval) for key, master, last, interval in connection.execute(newest)}
    late = EventRow.at >= end - nanoseconds(_LATE)
    events = select(EventRow.group, EventRow.new, EventRow.at).where(EventRow.sensor_id == number, late)
    for key, master, at in reversed(connection.execute(events.order_by(EventRow.at.desc()).limit(MAX_GROUPS)).all()):
        known = found.get(key)
        if known is None or at > known.last:
            found[key] = _Row(master, at, None if known is None else known.interval)
    return found


def _decoded(found: dict[str, _Row]) -> dict[GroupKey, LastMaster]:
    masters: dict[GroupKey, LastMaster] = {}
    for key, (master, last, interval) in found.items():
        if master is None:
            continue
        # Rows may be another version's: one that cannot be understood hides no others.
        try:
            masters[key_of(key)] = LastMaster(ip_address(master), last, _seconds(interval))
        except ValueError:
            continue
    return masters


def _seconds(value: object) -> Seconds | None:
    return float(value) if isinstance(value, int | float) and isfinite(value) and value > 0 else None
