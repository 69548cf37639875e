"""Step 1: what sensors heard: groups, events, findings and runs."""

import sqlalchemy as sa
from alembic import op

revision = "r0001"
down_revision = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "sensors",
        sa.Column("id", _ID, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("first", sa.BigInteger, nullable=False),
        sa.Column("last", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("packets", sa.BigInteger, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("multicast_packets", sa.BigInteger, nullable=False),
        sa.Column("multicast_bytes", sa.BigInteger, nullable=False),
        sa.Column("adverts", sa.BigInteger, nullable=False),
        sa.Column("dropped", sa.BigInteger, nullable=False),
        sa.Column("evicted", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sensors"),
        sa.UniqueConstraint("name", name="uq_sensors_name"),
    )
    op.create_table(
        "groups",
        sa.Column("sensor_id", sa.BigInteger, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("master", sa.Text),
        sa.Column("last", sa.BigInteger, nullable=False),
        sa.Column("info", sa.JSON, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("sensor_id", "key", name="pk_groups"),
        sa.ForeignKeyConstraint(["sensor_id"], ["sensors.id"], name="fk_groups_sensor_id_sensors"),
    )
    op.create_index("ix_groups_sensor_id_revision", "groups", ["sensor_id", "revision"])
    op.create_table(
        "events",
        sa.Column("id", _ID, nullable=False),
        sa.Column("sensor_id", sa.BigInteger, nullable=False),
        sa.Column("group", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("source", sa.BigInteger, nullable=False),
        sa.Column("packet", sa.BigInteger, nullable=False),
        sa.Column("old", sa.Text),
        sa.Column("new", sa.Text),
        sa.Column("cause", sa.Text),
        sa.Column("gap", sa.Float),
        sa.Column("expected_gap", sa.Float),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
        sa.UniqueConstraint("sensor_id", "group", "at", "kind", name="uq_events_sensor_id_group_at_kind"),
        sa.ForeignKeyConstraint(["sensor_id"], ["sensors.id"], name="fk_events_sensor_id_sensors"),
    )
    op.create_index("ix_events_at", "events", ["at"])
    op.create_index("ix_events_sensor_id_revision", "events", ["sensor_id", "revision"])
    op.create_table(
        "findings",
        sa.Column("sensor_id", sa.BigInteger, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("severity", sa.Text, nullable=False),
        sa.Column("segment", sa.Text, nullable=False),
        sa.Column("group", sa.Text),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("first", sa.BigInteger, nullable=False),
        sa.Column("last", sa.BigInteger, nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("earlier", sa.BigInteger, nullable=False),
        sa.Column("session", sa.BigInteger, nullable=False),
        sa.Column("summary", sa.Text, nullable=False),
        sa.Column("evidence", sa.JSON, nullable=False),
        sa.Column("acknowledged_by", sa.Text),
        sa.Column("acknowledged_at", sa.BigInteger),
        sa.Column("silenced_until", sa.BigInteger),
        sa.Column("note", sa.Text),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("sensor_id", "id", name="pk_findings"),
        sa.ForeignKeyConstraint(["sensor_id"], ["sensors.id"], name="fk_findings_sensor_id_sensors"),
    )
    op.create_index("ix_findings_last", "findings", ["last"])
    op.create_index("ix_findings_sensor_id_revision", "findings", ["sensor_id", "revision"])
    op.create_table(
        "runs",
        sa.Column("sensor_id", sa.BigInteger, nullable=False),
        sa.Column("group", sa.Text, nullable=False),
        sa.Column("ip", sa.Text, nullable=False),
        sa.Column("mac", sa.Text, nullable=False),
        sa.Column("first", sa.BigInteger, nullable=False),
        sa.Column("last", sa.BigInteger, nullable=False),
        sa.Column("adverts", sa.BigInteger, nullable=False),
        sa.Column("settings", sa.JSON, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("sensor_id", "group", "ip", "mac", "first", name="pk_runs"),
        sa.ForeignKeyConstraint(["sensor_id"], ["sensors.id"], name="fk_runs_sensor_id_sensors"),
    )
    op.create_index("ix_runs_last", "runs", ["last"])
