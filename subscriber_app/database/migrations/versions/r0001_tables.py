"""The first tables: receipts and purchases, the subscription, faults and attacks."""

import sqlalchemy as sa
from alembic import op

revision = "r0001"
down_revision = None

WORD = sa.String(32)
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create tables and indexes, referenced tables first; then the counters and their triggers."""
    _create_receipts()
    _create_purchases()
    _create_subscription()
    _create_lab()
    for trigger in TRIGGERS:
        op.execute(trigger)
    for statement in INITIAL_COUNTERS:
        op.execute(statement)


def _create_receipts() -> None:
    op.create_table(
        "receipt",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.Column("duration_ms", sa.Float(), nullable=False),
        sa.Column("booked_ms", sa.Float(), nullable=True),
        sa.Column("verdict", WORD, nullable=False),
        sa.Column("reason", WORD, nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("message_id", sa.String(), nullable=True),
        sa.Column("event_type", sa.String(), nullable=True),
        sa.Column("value_cents", sa.Integer(), nullable=True),
        sa.Column("headers", sa.JSON(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("steps", sa.JSON(), nullable=False),
        sa.Column("fault", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_receipt_message_id", "receipt", ["message_id"])
    op.create_index("receipts_by_event_type", "receipt", ["event_type", "id"])
    op.create_index("receipts_by_reason", "receipt", ["reason", "id", "event_type"])
    op.create_index("receipts_by_verdict", "receipt", ["verdict", "id"])
    op.create_index(
        "receipts_by_verdict_and_event_type", "receipt", ["verdict", "event_type", "id"]
    )
    op.create_index("ends_of_receipts", "receipt", [sa.text("substr(id, -8)")])
    op.create_index("ends_of_messages", "receipt", [sa.text("substr(message_id, -8)")])
    op.create_table(
        "handled_message",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("body_sha256", sa.String(), nullable=False),
        sa.Column("receipt_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["receipt_id"], ["receipt.id"]),
        sa.PrimaryKeyConstraint("id"),
    )


def _create_purchases() -> None:
    op.create_table(
        "purchase",
        sa.Column("receipt_id", sa.String(), nullable=False),
        sa.Column("message_id", sa.String(), nullable=False),
        sa.Column("event_type", WORD, nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("order_id", sa.String(), nullable=True),
        sa.Column("value_cents", sa.Integer(), nullable=False),
        sa.Column("occurred_at", MOMENT, nullable=False),
        sa.Column("booked_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["message_id"], ["handled_message.id"]),
        sa.ForeignKeyConstraint(["receipt_id"], ["receipt.id"]),
        sa.PrimaryKeyConstraint("receipt_id"),
    )
    op.create_index("ix_purchase_message_id", "purchase", ["message_id"])
    op.create_table(
        "purchase_state",
        sa.Column("order_id", sa.String(), nullable=False),
        sa.Column("first_receipt_id", sa.String(), nullable=False),
        sa.Column("is_overtaken", sa.Boolean(), nullable=False),
        sa.Column("bought_cents", sa.Integer(), nullable=False),
        sa.Column("refunded_cents", sa.Integer(), nullable=False),
        sa.Column("bought_at", MOMENT, nullable=True),
        sa.Column("shipped_at", MOMENT, nullable=True),
        sa.Column("refunded_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("order_id"),
    )
    op.create_index("ix_purchase_state_first_receipt_id", "purchase_state", ["first_receipt_id"])
    op.create_table(
        "tally",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )


def _create_subscription() -> None:
    op.create_table(
        "subscription",
        sa.Column("endpoint_id", sa.String(), nullable=False),
        sa.Column("webhook_url", sa.String(), nullable=False),
        sa.Column("shop_url", sa.String(), nullable=False),
        sa.Column("event_types", sa.JSON(), nullable=False),
        sa.Column("secret", sa.String(), nullable=False),
        sa.Column("previous_secret", sa.String(), nullable=True),
        sa.Column("previous_until", MOMENT, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("endpoint_id"),
    )
    op.create_table(
        "former_secret",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("secret", sa.String(), nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.Column("replaced_at", MOMENT, nullable=False),
        sa.Column("until", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def _create_lab() -> None:
    op.create_table(
        "fault",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "switched_off_defence",
        sa.Column("name", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "attack_result",
        sa.Column("receipt_id", sa.String(), nullable=False),
        sa.Column("original_id", sa.String(), nullable=False),
        sa.Column("attack", sa.String(), nullable=True),
        sa.Column("predicted_verdict", WORD, nullable=False),
        sa.Column("predicted_reason", WORD, nullable=True),
        sa.ForeignKeyConstraint(["receipt_id"], ["receipt.id"]),
        sa.PrimaryKeyConstraint("receipt_id"),
    )


# These rows are only updated. A trigger adds the counter of a reason when it first occurs.
INITIAL_COUNTERS = (
    """
    INSERT INTO tally (name, amount) VALUES
        ('accepted', 0), ('duplicate', 0), ('ignored', 0), ('rejected', 0),
        ('purchases', 0), ('revenue_cents', 0)
    """,
)

# A comparison is 1 or 0 in SQLite: refunds change the revenue, but do not count as purchases.
TRIGGERS = (
    """
    CREATE TRIGGER tally_receipt_added AFTER INSERT ON receipt BEGIN
        UPDATE tally SET amount = amount + 1 WHERE name = NEW.verdict;
    END
    """,
    """
    CREATE TRIGGER tally_receipt_deleted AFTER DELETE ON receipt BEGIN
        UPDATE tally SET amount = amount - 1 WHERE name = OLD.verdict;
    END
    """,
    """
    CREATE TRIGGER tally_reason_added AFTER INSERT ON receipt
    WHEN NEW.reason IS NOT NULL BEGIN
        INSERT INTO tally VALUES ('reason:' || NEW.reason, 1)
            ON CONFLICT DO UPDATE SET amount = tally.amount + 1;
    END
    """,
    """
    CREATE TRIGGER tally_reason_deleted AFTER DELETE ON receipt
    WHEN OLD.reason IS NOT NULL BEGIN
        UPDATE tally SET amount = amount - 1 WHERE name = 'reason:' || OLD.reason;
    END
    """,
    """
    CREATE TRIGGER tally_purchase_added AFTER INSERT ON purchase BEGIN
        UPDATE tally SET amount = amount + (NEW.event_type = 'purchase.created')
            WHERE name = 'purchases';
        UPDATE tally SET amount = amount + NEW.value_cents WHERE name = 'revenue_cents';
    END
    """,
    """
    CREATE TRIGGER tally_purchase_deleted AFTER DELETE ON purchase BEGIN
        UPDATE tally SET amount = amount - (OLD.event_type = 'purchase.created')
            WHERE name = 'purchases';
        UPDATE tally SET amount = amount - OLD.value_cents WHERE name = 'revenue_cents';
    END
    """,
)
