"""A table of the sandboxes, and the order of each receipt.

Each sandbox has a database of its own. What was there before stays in ``main``.
"""

import json
from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

revision = "r0007"
down_revision = "r0006"

MAX_LENGTH = 200  # characters
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the table, and the column with the order that each stored body names."""
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
    op.add_column("receipt", sa.Column("order_id", sa.String(), nullable=True))
    connection = op.get_bind()
    set_order = sa.text("UPDATE receipt SET order_id = :order_id WHERE id = :id")
    for receipt_id, order_id in _orders(connection):
        connection.execute(set_order, {"order_id": order_id, "id": receipt_id})
    op.create_index("receipts_by_order", "receipt", ["order_id", "id"])


def _orders(connection: sa.Connection) -> Iterator[tuple[str, str]]:
    """Yield the id of each receipt whose body names an order, and the order's id."""
    ids = sa.text("SELECT id FROM receipt WHERE instr(body, CAST('\"order_id\"' AS BLOB)) > 0")
    body_of = sa.text("SELECT body FROM receipt WHERE id = :id")
    for receipt_id in connection.execute(ids).scalars().all():
        body = connection.execute(body_of, {"id": receipt_id}).scalar_one()
        try:
            order_id = json.loads(body.decode())["event"]["order_id"]
        except (ValueError, RecursionError, KeyError, TypeError):
            continue
        if isinstance(order_id, str) and order_id.isprintable() and 0 < len(order_id) <= MAX_LENGTH:
            yield receipt_id, order_id
