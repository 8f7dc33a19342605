"""Totals that cost the same however many receipts there are: counted when a row is written.

The database keeps them itself, by triggers, in the very transaction that adds or deletes a row: no
code path can forget to. Installed by ``database``, read by ``receipts`` and
``metrics``.
"""

from sqlalchemy import Connection, text

from subscriber_app.vocabulary import Verdict

PURCHASES, REVENUE_CENTS = "purchases", "revenue_cents"
REASON = "reason:"  # then the name of the reason: receipts that were rejected for it

# A comparison is 1 or 0 in SQLite: only sales count as purchases, refunds change the revenue alone.
_TRIGGERS = (
    """
    CREATE TRIGGER IF NOT EXISTS tally_receipt_added AFTER INSERT ON receipt BEGIN
        UPDATE tally SET amount = amount + 1 WHERE name = NEW.verdict;
    END
    """,
    """
    CREATE TRIGGER IF NOT EXISTS tally_receipt_deleted AFTER DELETE ON receipt BEGIN
        UPDATE tally SET amount = amount - 1 WHERE name = OLD.verdict;
    END
    """,
    """
    CREATE TRIGGER IF NOT EXISTS tally_reason_added AFTER INSERT ON receipt
    WHEN NEW.reason IS NOT NULL BEGIN
        INSERT INTO tally VALUES ('reason:' || NEW.reason, 1)
            ON CONFLICT DO UPDATE SET amount = tally.amount + 1;
    END
    """,
    """
    CREATE TRIGGER IF NOT EXISTS tally_reason_deleted AFTER DELETE ON receipt
    WHEN OLD.reason IS NOT NULL BEGIN
        UPDATE tally SET amount = amount - 1 WHERE name = 'reason:' || OLD.reason;
    END
    """,
    """
    CREATE TRIGGER IF NOT EXISTS tally_purchase_added AFTER INSERT ON purchase BEGIN
        UPDATE tally SET amount = amount + (NEW.event_type = 'purchase.created')
            WHERE name = 'purchases';
        UPDATE tally SET amount = amount + NEW.value_cents WHERE name = 'revenue_cents';
    END
    """,
    """
    CREATE TRIGGER IF NOT EXISTS tally_purchase_deleted AFTER DELETE ON purchase BEGIN
        UPDATE tally SET amount = amount - (OLD.event_type = 'purchase.created')
            WHERE name = 'purchases';
        UPDATE tally SET amount = amount - OLD.value_cents WHERE name = 'revenue_cents';
    END
    """,
)
_COUNT_VERDICT = """
    INSERT OR REPLACE INTO tally (name, amount)
    SELECT :verdict, count(*) FROM receipt WHERE verdict = :verdict
"""
_COUNT_REASONS = """
    INSERT OR REPLACE INTO tally (name, amount)
    SELECT 'reason:' || reason, count(*) FROM receipt WHERE reason IS NOT NULL GROUP BY reason
"""
_COUNT_MONEY = """
    INSERT OR REPLACE INTO tally (name, amount)
    SELECT 'purchases', count(*) FROM purchase WHERE event_type = 'purchase.created'
    UNION ALL SELECT 'revenue_cents', coalesce(sum(value_cents), 0) FROM purchase
"""


def install_tallies(connection: Connection) -> None:
    """Create the triggers, and count what is there already; safe to run again."""
    for trigger in _TRIGGERS:
        connection.execute(text(trigger))
    for verdict in Verdict:
        connection.execute(text(_COUNT_VERDICT), {"verdict": verdict.value})
    connection.execute(text(_COUNT_REASONS))
    connection.execute(text(_COUNT_MONEY))
