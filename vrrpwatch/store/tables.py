"""The tables of a store, for SQLite and PostgreSQL alike; how they came to be is told by the migrations.

Instants are nanoseconds since the Unix epoch, starts of volume rows whole seconds since then.  Every row that a sensor
writes carries the ``revision`` of its sensor at that time, so that readers can ask for what is new.
"""

from typing import Any, Final

from sqlalchemy import JSON, BigInteger, Float, ForeignKey, Index, Integer, MetaData, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAMES: Final = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
# SQLite numbers rows only where the type is called INTEGER.
_ID: Final = BigInteger().with_variant(Integer, "sqlite")


class Base(DeclarativeBase):
    """What all tables share: names of constraints that are the same in both databases."""

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map = {int: BigInteger, str: Text, float: Float, dict[str, Any]: JSON, list[Any]: JSON}  # noqa: RUF012


class SensorRow(Base):
    """A program that watched; ``last`` is the time of its newest news, the counters are those of its last start."""

    __tablename__ = "sensors"
    id: Mapped[int] = mapped_column(_ID, primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    version: Mapped[str]
    first: Mapped[int]
    last: Mapped[int]
    revision: Mapped[int] = mapped_column(default=0)
    packets: Mapped[int] = mapped_column(default=0)
    bytes: Mapped[int] = mapped_column(default=0)
    multicast_packets: Mapped[int] = mapped_column(default=0)
    multicast_bytes: Mapped[int] = mapped_column(default=0)
    adverts: Mapped[int] = mapped_column(default=0)
    dropped: Mapped[int] = mapped_column(default=0)
    evicted: Mapped[dict[str, Any]] = mapped_column(default=dict)


class GroupRecord(Base):
    """A virtual router as it was last; ``info`` is all that is known of it (see the codec)."""

    __tablename__ = "groups"
    sensor_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("sensors.id"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str]
    master: Mapped[str | None]
    last: Mapped[int]
    info: Mapped[dict[str, Any]]
    revision: Mapped[int]
    __table_args__ = (Index(None, "sensor_id", "revision"),)


class EventRow(Base):
    """A change of mastership."""

    __tablename__ = "events"
    id: Mapped[int] = mapped_column(_ID, primary_key=True)
    sensor_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("sensors.id"))
    group: Mapped[str]
    at: Mapped[int]
    kind: Mapped[str]
    source: Mapped[int]
    packet: Mapped[int]
    old: Mapped[str | None]
    new: Mapped[str | None]
    cause: Mapped[str | None]
    gap: Mapped[float | None]
    expected_gap: Mapped[float | None]
    revision: Mapped[int]
    __table_args__ = (
        UniqueConstraint("sensor_id", "group", "at", "kind"),
        Index(None, "at"),
        Index(None, "sensor_id", "revision"),
    )


class FindingRow(Base):
    """Something wrong; ``earlier`` of its ``count`` were counted before the ``session`` (a start of the sensor)."""

    __tablename__ = "findings"
    sensor_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("sensors.id"), primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    rule: Mapped[str]
    severity: Mapped[str]
    segment: Mapped[str]
    group: Mapped[str | None]
    subject: Mapped[str]
    first: Mapped[int]
    last: Mapped[int]
    count: Mapped[int]
    earlier: Mapped[int]
    session: Mapped[int]
    summary: Mapped[str]
    evidence: Mapped[list[Any]]
    acknowledged_by: Mapped[str | None]
    acknowledged_at: Mapped[int | None]
    silenced_until: Mapped[int | None]
    note: Mapped[str | None]
    revision: Mapped[int]
    __table_args__ = (Index(None, "last"), Index(None, "sensor_id", "revision"))


class RunRow(Base):
    """A stretch in which a speaker's settings stayed the same; ``mac`` is empty where there is none."""

    __tablename__ = "runs"
    sensor_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("sensors.id"), primary_key=True)
    group: Mapped[str] = mapped_column(primary_key=True)
    ip: Mapped[str] = mapped_column(primary_key=True)
    mac: Mapped[str] = mapped_column(primary_key=True)
    first: Mapped[int] = mapped_column(primary_key=True)
    last: Mapped[int]
    adverts: Mapped[int]
    settings: Mapped[dict[str, Any]]
    revision: Mapped[int]
    __table_args__ = (Index(None, "last"),)


class RuleChangeRow(Base):
    """Something that was done to a host's firewall rules (:class:`vrrpwatch.core.rulechange.RuleChange`)."""

    __tablename__ = "rule_changes"
    key: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[int]
    host: Mapped[str]
    who: Mapped[str]
    action: Mapped[str]
    places: Mapped[list[Any]]
    files: Mapped[list[Any]]
    reason: Mapped[str]
    __table_args__ = (Index(None, "at"),)


class FlowRow(Base):
    """A multicast destination of a segment: what volume is counted for."""

    __tablename__ = "flows"
    id: Mapped[int] = mapped_column(_ID, primary_key=True)
    sensor_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("sensors.id"))
    segment: Mapped[str]
    destination: Mapped[str]
    __table_args__ = (UniqueConstraint("sensor_id", "segment", "destination"),)


class SecondRow(Base):
    """The volume of one flow in one whole second."""

    __tablename__ = "volume_seconds"
    # Time first: rows are added, read and pruned by time.
    start: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    flow_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("flows.id"), primary_key=True, autoincrement=False)
    packets: Mapped[int]
    bytes: Mapped[int]


class MinuteRow(Base):
    """The volume of one flow in one minute; the peaks are those of its busiest whole second."""

    __tablename__ = "volume_minutes"
    start: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    flow_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("flows.id"), primary_key=True, autoincrement=False)
    packets: Mapped[int]
    bytes: Mapped[int]
    peak_packets: Mapped[int]
    peak_bytes: Mapped[int]


class HourRow(Base):
    """The volume of one flow in one hour; the peaks are those of its busiest whole second."""

    __tablename__ = "volume_hours"
    start: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    flow_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("flows.id"), primary_key=True, autoincrement=False)
    packets: Mapped[int]
    bytes: Mapped[int]
    peak_packets: Mapped[int]
    peak_bytes: Mapped[int]


class RollupRow(Base):
    """How far a sensor's volume is rolled up: starts of the first minute and the first hour that are not."""

    __tablename__ = "rollups"
    sensor_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("sensors.id"), primary_key=True, autoincrement=False)
    minutes_from: Mapped[int]
    hours_from: Mapped[int]
