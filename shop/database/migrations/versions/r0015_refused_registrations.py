"""Registrations that were refused, for operators and learners."""

import sqlalchemy as sa
from alembic import op

revision = "r0015"
down_revision = "r0014"

ID = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "refused_registration",
        sa.Column("id", ID, nullable=False),
        sa.Column("sandbox", sa.Integer(), nullable=False),
        sa.Column("refused_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("refused_registrations_of_sandbox", "refused_registration", ["sandbox", "id"])
