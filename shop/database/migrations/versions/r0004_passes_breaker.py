"""Whether a delivery's next attempt ignores an open circuit breaker."""

import sqlalchemy as sa
from alembic import op

revision = "r0004"
down_revision = "r0003"


def upgrade() -> None:
    """Add the column with a default, because programs of the previous version still write rows."""
    op.add_column(
        "delivery",
        sa.Column("passes_breaker", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.create_index(
        "deliveries_that_pass_breakers",
        "delivery",
        ["state", "next_attempt_at"],
        sqlite_where=sa.text("passes_breaker = 1"),
        postgresql_where=sa.text("passes_breaker"),
    )
