"""Public names and expiry of secrets, and the shop's issuer."""

import sqlalchemy as sa
from alembic import op

revision = "r0002"
down_revision = "r0001"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the columns, apply the new rule to former secrets, and drop the old columns."""
    op.add_column("subscription", sa.Column("secret_id", sa.String(), nullable=True))
    op.add_column("subscription", sa.Column("secret_until", MOMENT, nullable=True))
    op.add_column("subscription", sa.Column("issuer", sa.String(), nullable=True))
    op.add_column("former_secret", sa.Column("secret_id", sa.String(), nullable=True))
    op.add_column("former_secret", sa.Column("endpoint_id", sa.String(), nullable=True))
    op.execute(FIND_ENDPOINT)
    op.execute(HOLD_FOR_A_DAY)
    # The previous secret is also in former_secret.
    op.drop_column("subscription", "previous_secret")
    op.drop_column("subscription", "previous_until")


# Older secrets belong to subscriptions that have ended.
FIND_ENDPOINT = """
    UPDATE former_secret SET endpoint_id = (SELECT endpoint_id FROM subscription)
    WHERE since >= (SELECT created_at FROM subscription)
"""

# A second rotation used to expire the first secret immediately, but the shop still signs with it:
# each rotation asked for a grace of one day. Stored times have six digits for the fraction.
HOLD_FOR_A_DAY = """
    UPDATE former_secret SET until = strftime('%Y-%m-%d %H:%M:%f', replaced_at, '+1 day') || '000'
    WHERE endpoint_id IS NOT NULL
"""
