"""The table of login sessions."""

import sqlalchemy as sa
from alembic import op

revision = "r0004"
down_revision = "r0003"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the table. Sessions from before were in cookies; they end."""
    op.create_table(
        "login_session",
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("token_hash"),
    )
