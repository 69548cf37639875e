"""Step 2: the multicast volume, per second, minute and hour."""

import sqlalchemy as sa
from alembic import op

revision = "r0002"
down_revision = "r0001"


def _volume(name: str, *peaks: str) -> None:
    op.create_table(
        name,
        sa.Column("start", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("flow_id", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("packets", sa.BigInteger, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        *(sa.Column(peak, sa.BigInteger, nullable=False) for peak in peaks),
        sa.PrimaryKeyConstraint("start", "flow_id", name=f"pk_{name}"),
        sa.ForeignKeyConstraint(["flow_id"], ["flows.id"], name=f"fk_{name}_flow_id_flows"),
    )


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "flows",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        sa.Column("sensor_id", sa.BigInteger, nullable=False),
        sa.Column("segment", sa.Text, nullable=False),
        sa.Column("destination", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_flows"),
        sa.UniqueConstraint("sensor_id", "segment", "destination", name="uq_flows_sensor_id_segment_destination"),
        sa.ForeignKeyConstraint(["sensor_id"], ["sensors.id"], name="fk_flows_sensor_id_sensors"),
    )
    _volume("volume_seconds")
    _volume("volume_minutes", "peak_packets", "peak_bytes")
    _volume("volume_hours", "peak_packets", "peak_bytes")
    op.create_table(
        "rollups",
        sa.Column("sensor_id", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("minutes_from", sa.BigInteger, nullable=False),
        sa.Column("hours_from", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("sensor_id", name="pk_rollups"),
        sa.ForeignKeyConstraint(["sensor_id"], ["sensors.id"], name="fk_rollups_sensor_id_sensors"),
    )
