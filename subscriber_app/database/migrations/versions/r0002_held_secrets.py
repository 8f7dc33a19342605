"""Secrets with their names at the shop, each held until the shop ends it; and its issuer."""

import sqlalchemy as sa
from alembic import op

revision = "r0002"
down_revision = "r0001"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the columns, bring former secrets under the new rule, and drop what they replace."""
    op.add_column("subscription", sa.Column("secret_id", sa.String(), nullable=True))
    op.add_column("subscription", sa.Column("secret_until", MOMENT, nullable=True))
    op.add_column("subscription", sa.Column("issuer", sa.String(), nullable=True))
    op.add_column("former_secret", sa.Column("secret_id", sa.String(), nullable=True))
    op.add_column("former_secret", sa.Column("endpoint_id", sa.String(), nullable=True))
    op.execute(FIND_ENDPOINT)
    op.execute(HOLD_FOR_A_DAY)
    # The secret before the newest stands in former_secret as well.
    op.drop_column("subscription", "previous_secret")
    op.drop_column("subscription", "previous_until")


# Older ones belong to subscriptions that have ended.
FIND_ENDPOINT = """
    UPDATE former_secret SET endpoint_id = (SELECT endpoint_id FROM subscription)
    WHERE since >= (SELECT created_at FROM subscription)
"""

# A second rotation ended the first secret at once, though the shop still signs with it: it was
# always asked for a day. Six digits of a second, as in all moments.
HOLD_FOR_A_DAY = """
    UPDATE former_secret SET until = strftime('%Y-%m-%d %H:%M:%f', replaced_at, '+1 day') || '000'
    WHERE endpoint_id IS NOT NULL
"""
