"""The clock of each sandbox, and how much of a wait was skipped."""

import sqlalchemy as sa
from alembic import op

revision = "r0013"
down_revision = "r0012"

ID = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Create the table, and add a column to deliveries and attempts."""
    op.create_table(
        "clock",
        sa.Column("sandbox", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("skipped_ms", sa.BigInteger(), nullable=False),
        sa.Column("is_advancing", sa.Boolean(), nullable=False),
        sa.Column("remaining_ms", sa.BigInteger(), nullable=True),
        sa.Column("until_delivery_id", ID, nullable=True),
        sa.Column("until_attempt", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("sandbox"),
    )
    op.create_index(
        "advancing_clocks",
        "clock",
        ["sandbox"],
        sqlite_where=sa.text("is_advancing = 1"),
        postgresql_where=sa.text("is_advancing"),
    )
    for table in ("delivery", "attempt"):
        # A default of the database: programs of the previous version still write rows.
        skipped = sa.Column("skipped_ms", sa.BigInteger(), nullable=False, server_default="0")
        op.add_column(table, skipped)
