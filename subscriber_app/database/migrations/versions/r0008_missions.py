"""A table of the progress in each mission."""

import sqlalchemy as sa
from alembic import op

revision = "r0008"
down_revision = "r0007"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the table, without any rows: no mission has been started."""
    op.create_table(
        "mission",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("done_at", MOMENT, nullable=True),
        sa.Column("hints_shown", sa.Integer(), nullable=False),
        sa.Column("answers", sa.JSON(), nullable=False),
        sa.Column("seen", sa.JSON(), nullable=False),
        sa.Column("is_put_away", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
