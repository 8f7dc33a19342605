"""The first tables: orders, endpoints, messages, deliveries and attempts."""

import sqlalchemy as sa
from alembic import op

revision = "r0001"
down_revision = None

ID = sa.String().with_variant(sa.String(collation="C"), "postgresql")
WORD = sa.String(32)
MOMENT = sa.DateTime(timezone=True)
LIVE = sa.text("deleted_at IS NULL")
UNFINISHED = sa.text("state IN ('pending', 'sending')")
LAST_DIGITS = sa.text("substr(id, 29)")


def upgrade() -> None:
    """Create all tables with their indexes, referenced tables first."""
    _create_orders()
    _create_endpoints()
    _create_messages()
    _create_deliveries()
    _create_attempts()
    _create_indexes_of_ends()


def _create_orders() -> None:
    op.create_table(
        "shop_order",
        sa.Column("id", ID, nullable=False),
        sa.Column("customer_name", sa.String(), nullable=False),
        sa.Column("total_cents", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("shipped_at", MOMENT, nullable=True),
        sa.Column("refunded_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_shop_order_created_at", "shop_order", ["created_at"])
    op.create_table(
        "used_idempotency_key",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("order_id", ID, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["shop_order.id"]),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "order_line",
        sa.Column("order_id", ID, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("product_id", sa.String(), nullable=False),
        sa.Column("product_name", sa.String(), nullable=False),
        sa.Column("unit_price_cents", sa.Integer(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["shop_order.id"]),
        sa.PrimaryKeyConstraint("order_id", "position"),
    )


def _create_endpoints() -> None:
    op.create_table(
        "endpoint",
        sa.Column("id", ID, nullable=False),
        sa.Column("webhook_url", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("event_types", sa.JSON(), nullable=False),
        sa.Column("status", WORD, nullable=False),
        sa.Column("disabled_reason", sa.String(), nullable=True),
        sa.Column("failed_deliveries", sa.Integer(), nullable=False),
        sa.Column("failed_attempts", sa.Integer(), nullable=False),
        sa.Column("places", sa.Integer(), nullable=False),
        sa.Column("probe_at", MOMENT, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("deleted_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "one_live_endpoint_per_url",
        "endpoint",
        ["webhook_url"],
        unique=True,
        sqlite_where=LIVE,
        postgresql_where=LIVE,
    )
    op.create_table(
        "endpoint_secret",
        sa.Column("id", ID, nullable=False),
        sa.Column("endpoint_id", ID, nullable=False),
        sa.Column("locked_secret", sa.String(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["endpoint_id"], ["endpoint.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_endpoint_secret_endpoint_id", "endpoint_secret", ["endpoint_id"])


def _create_messages() -> None:
    op.create_table(
        "message",
        sa.Column("id", ID, nullable=False),
        sa.Column("event_type", WORD, nullable=False),
        sa.Column("order_id", ID, nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["shop_order.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_message_order_id", "message", ["order_id"])


def _create_deliveries() -> None:
    op.create_table(
        "delivery",
        sa.Column("id", ID, nullable=False),
        sa.Column("message_id", ID, nullable=False),
        sa.Column("endpoint_id", ID, nullable=False),
        sa.Column("event_type", WORD, nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("attempt_count", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", MOMENT, nullable=True),
        sa.Column("waits_since", MOMENT, nullable=False),
        sa.Column("next_trigger", WORD, nullable=False),
        sa.Column("next_delay", sa.JSON(), nullable=True),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("lease_expires_at", MOMENT, nullable=True),
        sa.Column("last_status", sa.Integer(), nullable=True),
        sa.Column("last_error", sa.String(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("completed_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["endpoint_id"], ["endpoint.id"]),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("deliveries_by_endpoint", "delivery", ["endpoint_id", "id"])
    op.create_index(
        "deliveries_by_endpoint_and_state", "delivery", ["endpoint_id", "state", "id", "event_type"]
    )
    op.create_index(
        "deliveries_by_endpoint_and_event_type", "delivery", ["endpoint_id", "event_type", "id"]
    )
    op.create_index("deliveries_by_event_type", "delivery", ["event_type", "id"])
    op.create_index("deliveries_by_state", "delivery", ["state", "id", "event_type"])
    op.create_index(
        "deliveries_of_endpoint", "delivery", ["endpoint_id", "state", "next_attempt_at"]
    )
    op.create_index("due_deliveries", "delivery", ["state", "next_attempt_at"])
    op.create_index("ix_delivery_message_id", "delivery", ["message_id"])
    op.create_index(
        "unfinished_deliveries",
        "delivery",
        ["endpoint_id", "created_at"],
        sqlite_where=UNFINISHED,
        postgresql_where=UNFINISHED,
    )


def _create_attempts() -> None:
    op.create_table(
        "attempt",
        sa.Column("delivery_id", ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("endpoint_id", ID, nullable=False),
        sa.Column("trigger", WORD, nullable=False),
        sa.Column("decided_at", MOMENT, nullable=True),
        sa.Column("due_at", MOMENT, nullable=True),
        sa.Column("delay", sa.JSON(), nullable=True),
        sa.Column("enqueued_at", MOMENT, nullable=True),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.Column("timings", sa.JSON(), nullable=True),
        sa.Column("request_url", sa.String(), nullable=False),
        sa.Column("request_headers", sa.JSON(), nullable=False),
        sa.Column("response_status", sa.Integer(), nullable=True),
        sa.Column("response_headers", sa.JSON(), nullable=True),
        sa.Column("response_body", sa.LargeBinary(), nullable=True),
        sa.Column("response_truncated", sa.Boolean(), nullable=False),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("error_detail", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"]),
        sa.ForeignKeyConstraint(["endpoint_id"], ["endpoint.id"]),
        sa.PrimaryKeyConstraint("delivery_id", "number"),
    )
    op.create_index(
        "attempts_of_endpoint",
        "attempt",
        ["endpoint_id", "started_at", "response_status", "duration_ms"],
    )


def _create_indexes_of_ends() -> None:
    op.create_index("ends_of_deliveries", "delivery", [LAST_DIGITS])
    op.create_index("ends_of_messages", "message", [LAST_DIGITS])
    op.create_index("ends_of_orders", "shop_order", [LAST_DIGITS])
