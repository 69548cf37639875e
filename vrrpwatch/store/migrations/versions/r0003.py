"""Step 3: what was done to firewall rules."""

import sqlalchemy as sa
from alembic import op

revision = "r0003"
down_revision = "r0002"


def upgrade() -> None:
    """Makes the table."""
    op.create_table(
        "rule_changes",
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("host", "who", "action")),
        *(sa.Column(name, sa.JSON, nullable=False) for name in ("places", "files")),
        sa.Column("reason", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_rule_changes"),
    )
    op.create_index("ix_rule_changes_at", "rule_changes", ["at"])
