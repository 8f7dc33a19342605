"""Runs of the receiver exam, with their results."""

import sqlalchemy as sa
from alembic import op

revision = "r0014"
down_revision = "r0013"

ID = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "exam",
        sa.Column("id", ID, nullable=False),
        sa.Column("sandbox", sa.Integer(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("alive_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("state", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("exams_of_sandbox", "exam", ["sandbox", "id"])
