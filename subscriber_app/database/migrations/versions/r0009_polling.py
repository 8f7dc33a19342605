"""Tables of the poller: when it asks the shop, and which orders it has seen."""

import sqlalchemy as sa
from alembic import op

revision = "r0009"
down_revision = "r0008"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the tables, without any rows: polling is off."""
    op.create_table(
        "polling",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("ends_at", MOMENT, nullable=False),
        sa.Column("polls", sa.Integer(), nullable=False),
        sa.Column("polls_in_vain", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "polled_order",
        sa.Column("order_id", sa.String(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("order_id"),
    )
