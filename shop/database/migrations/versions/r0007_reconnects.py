"""Columns for reconnects, for counting a failed delivery only once, and for ``Retry-After``."""

import sqlalchemy as sa
from alembic import op

revision = "r0007"
down_revision = "r0006"


def upgrade() -> None:
    """Add the columns with defaults: programs of the previous version still write rows."""
    op.add_column(
        "delivery",
        sa.Column("reconnect_count", sa.Integer(), nullable=False, server_default="0"),
    )
    op.add_column(
        "delivery",
        sa.Column("counted_as_failed", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.execute("UPDATE delivery SET counted_as_failed = true WHERE state = 'failed'")
    op.add_column("endpoint", sa.Column("hold_until", sa.DateTime(timezone=True), nullable=True))
