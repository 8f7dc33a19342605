"""Figures that cost the same however much has happened: counted when a row is written.

The database keeps them itself, by triggers, in the very transaction that adds or moves a row: no
code path can forget to. All but orders are kept for each endpoint by itself, since whoever records
an attempt holds that endpoint's row anyway: nobody waits for a row that all have in common.
Installed by ``database``, read by ``figures``, ``metrics``, ``webhooks.health`` and
``webhooks.log``.

A minute is a number: the minutes since 1970 (see ``windows``). ``amount``: how many rows there are.
"""

from datetime import datetime

from sqlalchemy import Connection, Index, text
from sqlmodel import Field

from shop.models import ShopTable, by_value
from shop.vocabulary import DeliveryState

SUCCEEDED = ""  # in the place of a reason to have failed

# SQLite keeps such a table in the order of its key, and has no second copy of that.
_BY_KEY_ALONE = {"sqlite_with_rowid": False}


class OrderTally(ShopTable, table=True):
    """Orders of one minute; in the row of ``ALL_TIME``, all orders."""

    __tablename__ = "order_tally"
    __table_args__ = _BY_KEY_ALONE

    minute: int = Field(primary_key=True)
    amount: int
    total_cents: int


ALL_TIME = -1


class StateTally(ShopTable, table=True):
    """Deliveries of one endpoint that are in a state now."""

    __tablename__ = "state_tally"
    __table_args__ = _BY_KEY_ALONE

    endpoint_id: str = Field(primary_key=True)
    state: DeliveryState = Field(primary_key=True, sa_type=by_value(DeliveryState))
    amount: int


class DeliveryTally(ShopTable, table=True):
    """Deliveries of one endpoint that were made in a minute and are in a state now."""

    __tablename__ = "delivery_tally"
    __table_args__ = _BY_KEY_ALONE

    minute: int = Field(primary_key=True)
    endpoint_id: str = Field(primary_key=True)
    state: DeliveryState = Field(primary_key=True, sa_type=by_value(DeliveryState))
    amount: int


class AttemptTally(ShopTable, table=True):
    """Attempts of one endpoint that began in a minute and ended alike.

    ``reason``: a status such as ``500``, the name of an error, or ``SUCCEEDED``. ``total_ms``: how
    long they took together. ``last_at``: when the last of them began.
    """

    __tablename__ = "attempt_tally"
    __table_args__ = (Index("attempts_by_minute", "minute"), _BY_KEY_ALONE)

    endpoint_id: str = Field(primary_key=True)
    minute: int = Field(primary_key=True)
    reason: str = Field(primary_key=True)
    amount: int
    total_ms: int
    last_at: datetime


# Upper bounds of the histogram of durations; the last bucket takes whatever took longer.
BUCKETS_MS = (5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000)
NO_BOUND_MS = 1_000_000_000


class AttemptTotal(ShopTable, table=True):
    """All attempts of one endpoint, ever, that ended alike and took about as long.

    Never taken back, also when the attempts themselves are pruned: for counters that only rise.
    ``outcome``: ``succeeded``, the class of a status such as ``5xx``, or the name of an error.
    ``up_to_ms``: one of ``BUCKETS_MS`` or ``NO_BOUND_MS``; an attempt is in one bucket only.
    """

    __tablename__ = "attempt_total"
    __table_args__ = _BY_KEY_ALONE

    endpoint_id: str = Field(primary_key=True)
    outcome: str = Field(primary_key=True)
    up_to_ms: int = Field(primary_key=True)
    amount: int
    total_ms: int


_BUCKET = " ".join(f"WHEN NEW.duration_ms <= {bound} THEN {bound}" for bound in BUCKETS_MS)

# strftime('%s', …): seconds since 1970; divided by a whole number, the result is a whole one.
_TRIGGERS = (
    """
    CREATE TRIGGER IF NOT EXISTS tally_order_added AFTER INSERT ON shop_order BEGIN
        INSERT INTO order_tally
            VALUES (strftime('%s', NEW.created_at) / 60, 1, NEW.total_cents),
                   (-1, 1, NEW.total_cents)
            ON CONFLICT DO UPDATE SET
                amount = amount + 1, total_cents = total_cents + excluded.total_cents;
    END
    """,
    """
    CREATE TRIGGER IF NOT EXISTS tally_delivery_added AFTER INSERT ON delivery BEGIN
        INSERT INTO state_tally VALUES (NEW.endpoint_id, NEW.state, 1)
            ON CONFLICT DO UPDATE SET amount = amount + excluded.amount;
        INSERT INTO delivery_tally
            VALUES (strftime('%s', NEW.created_at) / 60, NEW.endpoint_id, NEW.state, 1)
            ON CONFLICT DO UPDATE SET amount = amount + excluded.amount;
    END
    """,
    """
    CREATE TRIGGER IF NOT EXISTS tally_delivery_moved AFTER UPDATE OF state ON delivery
    WHEN NEW.state <> OLD.state BEGIN
        INSERT INTO state_tally VALUES (OLD.endpoint_id, OLD.state, -1)
            ON CONFLICT DO UPDATE SET amount = amount + excluded.amount;
        INSERT INTO delivery_tally
            VALUES (strftime('%s', OLD.created_at) / 60, OLD.endpoint_id, OLD.state, -1)
            ON CONFLICT DO UPDATE SET amount = amount + excluded.amount;
        INSERT INTO state_tally VALUES (NEW.endpoint_id, NEW.state, 1)
            ON CONFLICT DO UPDATE SET amount = amount + excluded.amount;
        INSERT INTO delivery_tally
            VALUES (strftime('%s', NEW.created_at) / 60, NEW.endpoint_id, NEW.state, 1)
            ON CONFLICT DO UPDATE SET amount = amount + excluded.amount;
    END
    """,
    """
    CREATE TRIGGER IF NOT EXISTS tally_attempt_added AFTER INSERT ON attempt BEGIN
        INSERT INTO attempt_tally VALUES (
                NEW.endpoint_id,
                strftime('%s', NEW.started_at) / 60,
                CASE WHEN NEW.response_status BETWEEN 200 AND 299 THEN ''
                     ELSE coalesce(NEW.response_status, NEW.error, 'internal_error') END,
                1, NEW.duration_ms, NEW.started_at)
            ON CONFLICT DO UPDATE SET
                amount = amount + 1,
                total_ms = total_ms + excluded.total_ms,
                last_at = max(last_at, excluded.last_at);
    END
    """,
    f"""
    CREATE TRIGGER IF NOT EXISTS total_attempt_added AFTER INSERT ON attempt BEGIN
        INSERT INTO attempt_total VALUES (
                NEW.endpoint_id,
                CASE WHEN NEW.response_status BETWEEN 200 AND 299 THEN 'succeeded'
                     WHEN NEW.response_status IS NOT NULL THEN (NEW.response_status / 100) || 'xx'
                     ELSE coalesce(NEW.error, 'internal_error') END,
                CASE {_BUCKET} ELSE {NO_BOUND_MS} END,
                1, NEW.duration_ms)
            ON CONFLICT DO UPDATE SET
                amount = attempt_total.amount + 1,
                total_ms = attempt_total.total_ms + excluded.total_ms;
    END
    """,  # noqa: S608 – numbers of our own
    # What is pruned is not there any more; what was ordered and attempted has been, for ever.
    """
    CREATE TRIGGER IF NOT EXISTS tally_delivery_removed AFTER DELETE ON delivery BEGIN
        UPDATE state_tally SET amount = amount - 1
            WHERE endpoint_id = OLD.endpoint_id AND state = OLD.state;
        UPDATE delivery_tally SET amount = amount - 1
            WHERE minute = strftime('%s', OLD.created_at) / 60
                AND endpoint_id = OLD.endpoint_id AND state = OLD.state;
        DELETE FROM delivery_tally
            WHERE minute = strftime('%s', OLD.created_at) / 60
                AND endpoint_id = OLD.endpoint_id AND amount = 0;
    END
    """,
)


def install_tallies(connection: Connection) -> None:
    """Create the triggers; safe to run again. Only SQLite's dialect is spoken here."""
    for trigger in _TRIGGERS:
        connection.execute(text(trigger))
