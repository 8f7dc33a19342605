"""An index for deleting orders: the database looks for the idempotency key of each."""

from alembic import op

revision = "r0012"
down_revision = "r0011"


def upgrade() -> None:
    """Add the index."""
    op.create_index("keys_of_orders", "used_idempotency_key", ["order_id"])
