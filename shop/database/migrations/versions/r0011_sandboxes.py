"""The sandbox of each row. All rows that are there belong to ``main``, whose number is 0.

The counters get the sandbox in their keys, so their tables are made anew, and so are the triggers.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "r0011"
down_revision = "r0010"

ID = sa.String().with_variant(sa.String(collation="C"), "postgresql")
WORD = sa.String(32)
MOMENT = sa.DateTime(timezone=True)
# As ``shop.database.counters`` had them at this step.
BUCKETS_MS = (5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000)
NO_BOUND_MS = 1_000_000_000

TABLES = (
    *("shop_order", "order_line", "endpoint", "endpoint_secret", "message", "delivery", "attempt"),
)
REFUNDED = sa.text("refunded_at IS NOT NULL")
LIVE = sa.text("deleted_at IS NULL")
NOT_DROPPED = sa.text("dropped_at IS NULL")


def upgrade() -> None:
    """Add the sandboxes, the column to each table, and new keys to the counters."""
    is_sqlite = op.get_context().dialect.name == "sqlite"
    _create_sandboxes()
    _drop_triggers(is_sqlite)
    for table in TABLES:
        # A default of the database: programs of the previous version still write rows.
        op.add_column(table, _sandbox())
    _renew_indexes()
    _renew_small_tables()
    _renew_counters()
    for statement in SQLITE_TRIGGERS if is_sqlite else POSTGRESQL_TRIGGERS:
        op.execute(statement)


def _sandbox() -> sa.Column[int]:
    return sa.Column(
        "sandbox", sa.Integer(), nullable=False, server_default="0", autoincrement=False
    )


def _create_sandboxes() -> None:
    op.create_table(
        "sandbox",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("token_hash", sa.String(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=True),
        sa.Column("dropped_at", MOMENT, nullable=True),
        sa.Column("retry_schedule", sa.String(), nullable=True),
        sa.Column("jitter", sa.Float(), nullable=True),
        sa.Column("request_timeout_seconds", sa.Float(), nullable=True),
        sa.Column("breaker_failures", sa.Integer(), nullable=True),
        sa.Column("disable_after_failures", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("number"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "one_live_sandbox_per_id",
        "sandbox",
        ["id"],
        unique=True,
        sqlite_where=NOT_DROPPED,
        postgresql_where=NOT_DROPPED,
    )
    op.execute("INSERT INTO sandbox (number, id, created_at) VALUES (0, 'main', CURRENT_TIMESTAMP)")


def _renew_indexes() -> None:
    _renew("refunds_by_time", "shop_order", ["sandbox", "refunded_at"], where=REFUNDED)
    op.drop_index("ix_shop_order_created_at", "shop_order")
    op.create_index("orders_by_time", "shop_order", ["sandbox", "created_at"])
    op.create_index("orders_of_sandbox", "shop_order", ["sandbox", "id"])
    _renew("one_live_endpoint_per_url", "endpoint", ["sandbox", "url_key"], where=LIVE, unique=True)
    op.create_index("endpoints_of_sandbox", "endpoint", ["sandbox", "id"])
    for name, columns in DELIVERY_INDEXES.items():
        _renew(name, "delivery", columns)
    op.create_index("deliveries_of_sandbox", "delivery", ["sandbox", "id"])
    _renew(
        "attempts_of_endpoint",
        "attempt",
        ["endpoint_id", "started_at", "response_status", "duration_ms", "sandbox"],
    )


DELIVERY_INDEXES = {
    "due_deliveries": ["sandbox", "state", "next_attempt_at"],
    "deliveries_of_endpoint": ["state", "endpoint_id", "next_attempt_at", "sandbox"],
    "deliveries_by_state": ["sandbox", "state", "id", "event_type"],
    "deliveries_by_event_type": ["sandbox", "event_type", "id"],
    "deliveries_by_endpoint": ["endpoint_id", "id", "sandbox"],
    "deliveries_by_endpoint_and_state": ["endpoint_id", "state", "id", "event_type", "sandbox"],
    "deliveries_by_endpoint_and_event_type": ["endpoint_id", "event_type", "id", "sandbox"],
}


def _renew(
    name: str,
    table: str,
    columns: Sequence[str],
    *,
    where: sa.TextClause | None = None,
    unique: bool = False,
) -> None:
    op.drop_index(name, table)
    op.create_index(
        name, table, list(columns), unique=unique, sqlite_where=where, postgresql_where=where
    )


def _renew_small_tables() -> None:
    op.rename_table("used_idempotency_key", "old_key")
    op.create_table(
        "used_idempotency_key",
        _sandbox(),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("order_id", ID, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["shop_order.id"]),
        sa.PrimaryKeyConstraint("sandbox", "key"),
    )
    op.execute(
        "INSERT INTO used_idempotency_key (sandbox, key, fingerprint, order_id, created_at) "
        "SELECT 0, key, fingerprint, order_id, created_at FROM old_key"
    )
    op.drop_table("old_key")
    # The switch is off after an upgrade.
    op.drop_table("steady_orders")
    op.create_table(
        "steady_orders",
        _sandbox(),
        sa.Column("next_at", MOMENT, nullable=False),
        sa.Column("ends_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("sandbox"),
    )


def _renew_counters() -> None:
    for table, columns in COUNTERS.items():
        op.rename_table(table, f"old_{table}")
        if table == "attempt_tally":
            op.drop_index("attempts_by_minute", f"old_{table}")
        keys = [name for name, (_type, is_key) in columns.items() if is_key]
        op.create_table(
            table,
            _sandbox(),
            *(sa.Column(name, type_, nullable=False) for name, (type_, _) in columns.items()),
            sa.PrimaryKeyConstraint("sandbox", *keys),
            sqlite_with_rowid=False,
        )
        names = ", ".join(columns)
        op.execute(
            f"INSERT INTO {table} (sandbox, {names}) SELECT 0, {names} FROM old_{table}"  # noqa: S608 – names from here
        )
        op.drop_table(f"old_{table}")
    op.create_index("attempts_by_minute", "attempt_tally", ["sandbox", "minute"])


INT, BIG = sa.Integer(), sa.BigInteger()
# Each column with its type, and whether it is a part of the key.
COUNTERS: dict[str, dict[str, tuple[Any, bool]]] = {
    "order_tally": {
        "minute": (INT, True),
        "writer": (INT, True),
        "amount": (BIG, False),
        "total_cents": (BIG, False),
    },
    "refund_tally": {
        "minute": (INT, True),
        "writer": (INT, True),
        "amount": (BIG, False),
        "total_cents": (BIG, False),
    },
    "state_tally": {
        "endpoint_id": (ID, True),
        "state": (WORD, True),
        "writer": (INT, True),
        "amount": (BIG, False),
    },
    "delivery_tally": {
        "minute": (INT, True),
        "endpoint_id": (ID, True),
        "state": (WORD, True),
        "writer": (INT, True),
        "amount": (BIG, False),
    },
    "attempt_tally": {
        "endpoint_id": (ID, True),
        "minute": (INT, True),
        "reason": (sa.String(), True),
        "writer": (INT, True),
        "amount": (BIG, False),
        "total_ms": (BIG, False),
        "last_at": (MOMENT, False),
    },
    "attempt_total": {
        "endpoint_id": (ID, True),
        "outcome": (sa.String(), True),
        "up_to_ms": (INT, True),
        "writer": (INT, True),
        "amount": (BIG, False),
        "total_ms": (BIG, False),
    },
}

# Each trigger with its table.
TRIGGERS = {
    "tally_order_added": "shop_order",
    "tally_refund_added": "shop_order",
    "tally_refund_given": "shop_order",
    "tally_delivery_added": "delivery",
    "tally_delivery_moved": "delivery",
    "tally_delivery_removed": "delivery",
    "tally_attempt_added": "attempt",
    "total_attempt_added": "attempt",
}


def _drop_triggers(is_sqlite: bool) -> None:
    for name, table in TRIGGERS.items():
        op.execute(f"DROP TRIGGER {name}" if is_sqlite else f"DROP TRIGGER {name} ON {table}")
        if not is_sqlite:
            op.execute(f"DROP FUNCTION {name}()")


def _outcome(row: str) -> str:
    return f"""
        CASE WHEN {row}response_status BETWEEN 200 AND 299 THEN 'succeeded'
             WHEN {row}response_status IS NOT NULL
                 THEN CAST({row}response_status / 100 AS varchar) || 'xx'
             ELSE coalesce({row}error, 'internal_error') END
    """


def _reason(row: str) -> str:
    return f"""
        CASE WHEN {row}response_status BETWEEN 200 AND 299 THEN ''
             ELSE coalesce(CAST({row}response_status AS varchar), {row}error, 'internal_error') END
    """


def _up_to(row: str) -> str:
    cases = " ".join(f"WHEN {row}duration_ms <= {bound} THEN {bound}" for bound in BUCKETS_MS)
    return f"CASE {cases} ELSE {NO_BOUND_MS} END"


def _sqlite_refund() -> str:
    return """
        INSERT INTO refund_tally (sandbox, minute, writer, amount, total_cents)
            VALUES
                (NEW.sandbox, strftime('%s', NEW.refunded_at) / 60, 0, 1, NEW.total_cents),
                (NEW.sandbox, -1, 0, 1, NEW.total_cents)
            ON CONFLICT DO UPDATE SET
                amount = amount + 1, total_cents = total_cents + excluded.total_cents;
    """


# strftime('%s', …) returns seconds since 1970; dividing them by an integer is integer division.
# The statements contain only names and numbers from this module.
SQLITE_TRIGGERS = (
    """
    CREATE TRIGGER tally_order_added AFTER INSERT ON shop_order BEGIN
        INSERT INTO order_tally (sandbox, minute, writer, amount, total_cents)
            VALUES
                (NEW.sandbox, strftime('%s', NEW.created_at) / 60, 0, 1, NEW.total_cents),
                (NEW.sandbox, -1, 0, 1, NEW.total_cents)
            ON CONFLICT DO UPDATE SET
                amount = amount + 1, total_cents = total_cents + excluded.total_cents;
    END
    """,
    f"""
    CREATE TRIGGER tally_refund_added AFTER INSERT ON shop_order
    WHEN NEW.refunded_at IS NOT NULL BEGIN {_sqlite_refund()} END
    """,
    f"""
    CREATE TRIGGER tally_refund_given AFTER UPDATE OF refunded_at ON shop_order
    WHEN OLD.refunded_at IS NULL AND NEW.refunded_at IS NOT NULL BEGIN {_sqlite_refund()} END
    """,
    """
    CREATE TRIGGER tally_delivery_added AFTER INSERT ON delivery BEGIN
        INSERT INTO state_tally (sandbox, endpoint_id, state, writer, amount)
            VALUES (NEW.sandbox, NEW.endpoint_id, NEW.state, 0, 1)
            ON CONFLICT DO UPDATE SET amount = amount + excluded.amount;
        INSERT INTO delivery_tally (sandbox, minute, endpoint_id, state, writer, amount)
            VALUES (NEW.sandbox, strftime('%s', NEW.created_at) / 60,
                    NEW.endpoint_id, NEW.state, 0, 1)
            ON CONFLICT DO UPDATE SET amount = amount + excluded.amount;
    END
    """,
    """
    CREATE TRIGGER tally_delivery_moved AFTER UPDATE OF state ON delivery
    WHEN NEW.state <> OLD.state BEGIN
        INSERT INTO state_tally (sandbox, endpoint_id, state, writer, amount)
            VALUES (OLD.sandbox, OLD.endpoint_id, OLD.state, 0, -1),
                   (NEW.sandbox, NEW.endpoint_id, NEW.state, 0, 1)
            ON CONFLICT DO UPDATE SET amount = amount + excluded.amount;
        INSERT INTO delivery_tally (sandbox, minute, endpoint_id, state, writer, amount)
            VALUES (OLD.sandbox, strftime('%s', OLD.created_at) / 60,
                    OLD.endpoint_id, OLD.state, 0, -1),
                   (NEW.sandbox, strftime('%s', NEW.created_at) / 60,
                    NEW.endpoint_id, NEW.state, 0, 1)
            ON CONFLICT DO UPDATE SET amount = amount + excluded.amount;
    END
    """,
    """
    CREATE TRIGGER tally_delivery_removed AFTER DELETE ON delivery BEGIN
        UPDATE state_tally SET amount = amount - 1
            WHERE sandbox = OLD.sandbox AND endpoint_id = OLD.endpoint_id AND state = OLD.state;
        UPDATE delivery_tally SET amount = amount - 1
            WHERE sandbox = OLD.sandbox AND minute = strftime('%s', OLD.created_at) / 60
                AND endpoint_id = OLD.endpoint_id AND state = OLD.state;
        DELETE FROM delivery_tally
            WHERE sandbox = OLD.sandbox AND minute = strftime('%s', OLD.created_at) / 60
                AND endpoint_id = OLD.endpoint_id AND amount = 0;
    END
    """,
    f"""
    CREATE TRIGGER tally_attempt_added AFTER INSERT ON attempt BEGIN
        INSERT INTO attempt_tally
            (sandbox, endpoint_id, minute, reason, writer, amount, total_ms, last_at)
            VALUES (NEW.sandbox, NEW.endpoint_id, strftime('%s', NEW.started_at) / 60,
                {_reason("NEW.")}, 0, 1, NEW.duration_ms, NEW.started_at)
            ON CONFLICT DO UPDATE SET
                amount = amount + 1,
                total_ms = total_ms + excluded.total_ms,
                last_at = max(last_at, excluded.last_at);
    END
    """,  # noqa: S608
    f"""
    CREATE TRIGGER total_attempt_added AFTER INSERT ON attempt BEGIN
        INSERT INTO attempt_total
            (sandbox, endpoint_id, outcome, up_to_ms, writer, amount, total_ms)
            VALUES (NEW.sandbox, NEW.endpoint_id, {_outcome("NEW.")}, {_up_to("NEW.")},
                0, 1, NEW.duration_ms)
            ON CONFLICT DO UPDATE SET
                amount = amount + 1, total_ms = total_ms + excluded.total_ms;
    END
    """,  # noqa: S608
)


def _function(name: str, body: str) -> str:
    return f"""
    CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body}
        RETURN NULL;
    END $$
    """


def _trigger(name: str, event: str) -> str:
    """Return the trigger, which runs once for each statement, with its rows in ``added``.

    ``event``: INSERT, UPDATE or DELETE. The rows as they were are in ``removed``.
    """
    tables = {
        "INSERT": "NEW TABLE AS added",
        "UPDATE": "NEW TABLE AS added OLD TABLE AS removed",
        "DELETE": "OLD TABLE AS removed",
    }
    return f"""
    CREATE TRIGGER {name} AFTER {event} ON {TRIGGERS[name]}
    REFERENCING {tables[event]} FOR EACH STATEMENT EXECUTE FUNCTION {name}()
    """


def _sum_money(table: str, moment: str, rows: str) -> str:
    """Return SQL that counts ``rows``, FROM and WHERE of orders as ``added``, by minute."""
    return f"""
        INSERT INTO {table} AS tally (sandbox, minute, writer, amount, total_cents)
            SELECT added.sandbox, minute_of(added.{moment}), pg_backend_pid(),
                count(*), sum(added.total_cents)
            {rows} GROUP BY 1, 2
            UNION ALL
            SELECT added.sandbox, -1, pg_backend_pid(), count(*), sum(added.total_cents)
            {rows} GROUP BY 1
            ON CONFLICT (sandbox, minute, writer) DO UPDATE SET
                amount = tally.amount + excluded.amount,
                total_cents = tally.total_cents + excluded.total_cents;
    """


def _count_deliveries(rows: str) -> str:
    """Return SQL that adds the ``amount`` of ``rows``, a subquery, to both counters."""
    return f"""
        INSERT INTO state_tally AS tally (sandbox, endpoint_id, state, writer, amount)
            SELECT sandbox, endpoint_id, state, pg_backend_pid(), sum(amount)
            FROM ({rows}) AS moved GROUP BY 1, 2, 3 HAVING sum(amount) <> 0
            ON CONFLICT (sandbox, endpoint_id, state, writer) DO UPDATE SET
                amount = tally.amount + excluded.amount;
        INSERT INTO delivery_tally AS tally
            (sandbox, minute, endpoint_id, state, writer, amount)
            SELECT sandbox, minute_of(created_at), endpoint_id, state, pg_backend_pid(),
                sum(amount)
            FROM ({rows}) AS moved GROUP BY 1, 2, 3, 4 HAVING sum(amount) <> 0
            ON CONFLICT (sandbox, minute, endpoint_id, state, writer) DO UPDATE SET
                amount = tally.amount + excluded.amount;
    """  # noqa: S608 – names from here


_ADDED = "SELECT sandbox, endpoint_id, state, created_at, 1 AS amount FROM added"
_REMOVED = "SELECT sandbox, endpoint_id, state, created_at, -1 AS amount FROM removed"

POSTGRESQL_TRIGGERS = (
    _function("tally_order_added", _sum_money("order_tally", "created_at", "FROM added")),
    _trigger("tally_order_added", "INSERT"),
    _function(
        "tally_refund_added",
        _sum_money("refund_tally", "refunded_at", "FROM added WHERE added.refunded_at IS NOT NULL"),
    ),
    _trigger("tally_refund_added", "INSERT"),
    _function(
        "tally_refund_given",
        _sum_money(
            "refund_tally",
            "refunded_at",
            "FROM added JOIN removed ON removed.id = added.id "
            "WHERE removed.refunded_at IS NULL AND added.refunded_at IS NOT NULL",
        ),
    ),
    _trigger("tally_refund_given", "UPDATE"),
    _function("tally_delivery_added", _count_deliveries(_ADDED)),
    _trigger("tally_delivery_added", "INSERT"),
    _function("tally_delivery_moved", _count_deliveries(f"{_ADDED} UNION ALL {_REMOVED}")),
    _trigger("tally_delivery_moved", "UPDATE"),
    _function("tally_delivery_removed", _count_deliveries(_REMOVED)),
    _trigger("tally_delivery_removed", "DELETE"),
    _function(
        "tally_attempt_added",
        f"""
        INSERT INTO attempt_tally AS tally
            (sandbox, endpoint_id, minute, reason, writer, amount, total_ms, last_at)
            SELECT sandbox, endpoint_id, minute_of(started_at), {_reason("")},
                pg_backend_pid(), count(*), sum(duration_ms), max(started_at)
            FROM added GROUP BY 1, 2, 3, 4
            ON CONFLICT (sandbox, endpoint_id, minute, reason, writer) DO UPDATE SET
                amount = tally.amount + excluded.amount,
                total_ms = tally.total_ms + excluded.total_ms,
                last_at = greatest(tally.last_at, excluded.last_at);
        """,  # noqa: S608 – names and numbers from here
    ),
    _trigger("tally_attempt_added", "INSERT"),
    _function(
        "total_attempt_added",
        f"""
        INSERT INTO attempt_total AS total
            (sandbox, endpoint_id, outcome, up_to_ms, writer, amount, total_ms)
            SELECT sandbox, endpoint_id, {_outcome("")}, {_up_to("")}, pg_backend_pid(),
                count(*), sum(duration_ms)
            FROM added GROUP BY 1, 2, 3, 4
            ON CONFLICT (sandbox, endpoint_id, outcome, up_to_ms, writer) DO UPDATE SET
                amount = total.amount + excluded.amount,
                total_ms = total.total_ms + excluded.total_ms;
        """,  # noqa: S608 – names and numbers from here
    ),
    _trigger("total_attempt_added", "INSERT"),
)
