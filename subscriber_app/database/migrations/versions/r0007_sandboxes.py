"""A table of the sandboxes. Each has a database of its own; what was there before stays in main."""

import sqlalchemy as sa
from alembic import op

revision = "r0007"
down_revision = "r0006"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "sandbox",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("shop_url", sa.String(), nullable=False),
        sa.Column("shop_token", sa.String(), nullable=True),
        sa.Column("token_hash", sa.String(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index("ix_sandbox_id", "sandbox", ["id"], unique=True)
