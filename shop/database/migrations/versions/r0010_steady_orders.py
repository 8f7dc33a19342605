"""The switch of the steady orders."""

import sqlalchemy as sa
from alembic import op

revision = "r0010"
down_revision = "r0009"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the table. It has a row while steady orders are switched on."""
    op.create_table(
        "steady_orders",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("next_at", MOMENT, nullable=False),
        sa.Column("ends_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
