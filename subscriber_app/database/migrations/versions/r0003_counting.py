"""The start time for counting money, and the counter of the money booked since."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op

revision = "r0003"
down_revision = "r0002"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Start counting now, if there is a subscription."""
    table = op.create_table(
        "counting",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_purchase_occurred_at", "purchase", ["occurred_at"])
    op.execute("INSERT INTO tally (name, amount) VALUES ('counted_cents', 0)")
    for trigger in TRIGGERS:
        op.execute(trigger)
    if op.get_bind().execute(sa.text("SELECT 1 FROM subscription")).first():
        # Not since the subscription: receipts may have been deleted after it.
        op.bulk_insert(table, [{"id": 1, "since": _next_second()}])


def _next_second() -> datetime:
    return datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)


# Without a row in "counting", the comparison with NULL is not true, and nothing is counted.
TRIGGERS = (
    """
    CREATE TRIGGER tally_counted_added AFTER INSERT ON purchase BEGIN
        UPDATE tally SET amount = amount + NEW.value_cents
            WHERE name = 'counted_cents' AND NEW.occurred_at >= (SELECT since FROM counting);
    END
    """,
    """
    CREATE TRIGGER tally_counted_deleted AFTER DELETE ON purchase BEGIN
        UPDATE tally SET amount = amount - OLD.value_cents
            WHERE name = 'counted_cents' AND OLD.occurred_at >= (SELECT since FROM counting);
    END
    """,
    """
    CREATE TRIGGER tally_counting_begun AFTER INSERT ON counting BEGIN
        UPDATE tally SET amount = (
            SELECT coalesce(sum(value_cents), 0) FROM purchase WHERE occurred_at >= NEW.since
        ) WHERE name = 'counted_cents';
    END
    """,
    """
    CREATE TRIGGER tally_counting_begun_anew AFTER UPDATE ON counting BEGIN
        UPDATE tally SET amount = (
            SELECT coalesce(sum(value_cents), 0) FROM purchase WHERE occurred_at >= NEW.since
        ) WHERE name = 'counted_cents';
    END
    """,
)
