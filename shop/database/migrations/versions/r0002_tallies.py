"""Counter tables (see ``shop.database.counters``), and the triggers that update them."""

import sqlalchemy as sa
from alembic import op

revision = "r0002"
down_revision = "r0001"

ID = sa.String().with_variant(sa.String(collation="C"), "postgresql")
WORD = sa.String(32)
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the tables, count the existing rows, then create the triggers."""
    _create_tables()
    is_sqlite = op.get_context().dialect.name == "sqlite"
    minute_of = "strftime('%s', {}) / 60" if is_sqlite else "floor(extract(epoch FROM {}) / 60)"
    for count in COUNT_WHAT_IS_THERE:
        op.execute(
            count.format(
                created=minute_of.format("created_at"), started=minute_of.format("started_at")
            )
        )
    for statement in SQLITE_TRIGGERS if is_sqlite else POSTGRESQL_TRIGGERS:
        op.execute(statement)


def _create_tables() -> None:
    op.create_table(
        "order_tally",
        sa.Column("minute", sa.Integer(), nullable=False),
        sa.Column("writer", sa.Integer(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("total_cents", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("minute", "writer"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "state_tally",
        sa.Column("endpoint_id", ID, nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("writer", sa.Integer(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("endpoint_id", "state", "writer"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "delivery_tally",
        sa.Column("minute", sa.Integer(), nullable=False),
        sa.Column("endpoint_id", ID, nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("writer", sa.Integer(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("minute", "endpoint_id", "state", "writer"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "attempt_tally",
        sa.Column("endpoint_id", ID, nullable=False),
        sa.Column("minute", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("writer", sa.Integer(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("total_ms", sa.BigInteger(), nullable=False),
        sa.Column("last_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("endpoint_id", "minute", "reason", "writer"),
        sqlite_with_rowid=False,
    )
    op.create_index("attempts_by_minute", "attempt_tally", ["minute"])


COUNT_WHAT_IS_THERE = (
    """
    INSERT INTO order_tally (minute, writer, amount, total_cents)
        SELECT {created}, 0, count(*), sum(total_cents) FROM shop_order GROUP BY 1
        UNION ALL
        SELECT -1, 0, count(*), sum(total_cents) FROM shop_order HAVING count(*) > 0
    """,
    """
    INSERT INTO state_tally (endpoint_id, state, writer, amount)
        SELECT endpoint_id, state, 0, count(*) FROM delivery GROUP BY 1, 2
    """,
    """
    INSERT INTO delivery_tally (minute, endpoint_id, state, writer, amount)
        SELECT {created}, endpoint_id, state, 0, count(*) FROM delivery GROUP BY 1, 2, 3
    """,
    """
    INSERT INTO attempt_tally (endpoint_id, minute, reason, writer, amount, total_ms, last_at)
        SELECT endpoint_id, {started},
            CASE WHEN response_status BETWEEN 200 AND 299 THEN ''
                 ELSE coalesce(CAST(response_status AS varchar), error, 'internal_error') END,
            0, count(*), sum(duration_ms), max(started_at)
        FROM attempt GROUP BY 1, 2, 3
    """,
)

# strftime('%s', …) returns seconds since 1970; dividing them by an integer is integer division.
SQLITE_TRIGGERS = (
    """
    CREATE TRIGGER tally_order_added AFTER INSERT ON shop_order BEGIN
        INSERT INTO order_tally (minute, writer, amount, total_cents)
            VALUES (strftime('%s', NEW.created_at) / 60, 0, 1, NEW.total_cents),
                   (-1, 0, 1, NEW.total_cents)
            ON CONFLICT DO UPDATE SET
                amount = amount + 1, total_cents = total_cents + excluded.total_cents;
    END
    """,
    """
    CREATE TRIGGER tally_delivery_added AFTER INSERT ON delivery BEGIN
        INSERT INTO state_tally (endpoint_id, state, writer, amount)
            VALUES (NEW.endpoint_id, NEW.state, 0, 1)
            ON CONFLICT DO UPDATE SET amount = amount + excluded.amount;
        INSERT INTO delivery_tally (minute, endpoint_id, state, writer, amount)
            VALUES (strftime('%s', NEW.created_at) / 60, NEW.endpoint_id, NEW.state, 0, 1)
            ON CONFLICT DO UPDATE SET amount = amount + excluded.amount;
    END
    """,
    """
    CREATE TRIGGER tally_delivery_moved AFTER UPDATE OF state ON delivery
    WHEN NEW.state <> OLD.state BEGIN
        INSERT INTO state_tally (endpoint_id, state, writer, amount)
            VALUES (OLD.endpoint_id, OLD.state, 0, -1), (NEW.endpoint_id, NEW.state, 0, 1)
            ON CONFLICT DO UPDATE SET amount = amount + excluded.amount;
        INSERT INTO delivery_tally (minute, endpoint_id, state, writer, amount)
            VALUES (strftime('%s', OLD.created_at) / 60, OLD.endpoint_id, OLD.state, 0, -1),
                   (strftime('%s', NEW.created_at) / 60, NEW.endpoint_id, NEW.state, 0, 1)
            ON CONFLICT DO UPDATE SET amount = amount + excluded.amount;
    END
    """,
    """
    CREATE TRIGGER tally_attempt_added AFTER INSERT ON attempt BEGIN
        INSERT INTO attempt_tally (endpoint_id, minute, reason, writer, amount, total_ms, last_at)
            VALUES (
                NEW.endpoint_id,
                strftime('%s', NEW.started_at) / 60,
                CASE WHEN NEW.response_status BETWEEN 200 AND 299 THEN ''
                     ELSE coalesce(NEW.response_status, NEW.error, 'internal_error') END,
                0, 1, NEW.duration_ms, NEW.started_at)
            ON CONFLICT DO UPDATE SET
                amount = amount + 1,
                total_ms = total_ms + excluded.total_ms,
                last_at = max(last_at, excluded.last_at);
    END
    """,
)

# Run once for each statement, with all its rows in ``added`` and ``removed``.
POSTGRESQL_TRIGGERS = (
    """
    CREATE FUNCTION minute_of(moment timestamptz) RETURNS integer LANGUAGE sql IMMUTABLE
    AS $$ SELECT floor(extract(epoch FROM moment) / 60)::integer $$
    """,
    """
    CREATE FUNCTION tally_order_added() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO order_tally AS tally (minute, writer, amount, total_cents)
            SELECT minute_of(created_at), pg_backend_pid(), count(*), sum(total_cents)
            FROM added GROUP BY 1
            UNION ALL
            SELECT -1, pg_backend_pid(), count(*), sum(total_cents)
            FROM added HAVING count(*) > 0
            ON CONFLICT (minute, writer) DO UPDATE SET
                amount = tally.amount + excluded.amount,
                total_cents = tally.total_cents + excluded.total_cents;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER tally_order_added AFTER INSERT ON shop_order
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION tally_order_added()
    """,
    """
    CREATE FUNCTION tally_delivery_added() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO state_tally AS tally (endpoint_id, state, writer, amount)
            SELECT endpoint_id, state, pg_backend_pid(), count(*) FROM added GROUP BY 1, 2
            ON CONFLICT (endpoint_id, state, writer) DO UPDATE SET
                amount = tally.amount + excluded.amount;
        INSERT INTO delivery_tally AS tally (minute, endpoint_id, state, writer, amount)
            SELECT minute_of(created_at), endpoint_id, state, pg_backend_pid(), count(*)
            FROM added GROUP BY 1, 2, 3
            ON CONFLICT (minute, endpoint_id, state, writer) DO UPDATE SET
                amount = tally.amount + excluded.amount;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER tally_delivery_added AFTER INSERT ON delivery
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION tally_delivery_added()
    """,
    """
    CREATE FUNCTION tally_delivery_moved() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO state_tally AS tally (endpoint_id, state, writer, amount)
            SELECT endpoint_id, state, pg_backend_pid(), sum(moved.amount) FROM (
                SELECT endpoint_id, state, 1 AS amount FROM added
                UNION ALL SELECT endpoint_id, state, -1 FROM removed
            ) AS moved GROUP BY 1, 2 HAVING sum(moved.amount) <> 0
            ON CONFLICT (endpoint_id, state, writer) DO UPDATE SET
                amount = tally.amount + excluded.amount;
        INSERT INTO delivery_tally AS tally (minute, endpoint_id, state, writer, amount)
            SELECT minute_of(created_at), endpoint_id, state, pg_backend_pid(), sum(moved.amount)
            FROM (
                SELECT created_at, endpoint_id, state, 1 AS amount FROM added
                UNION ALL SELECT created_at, endpoint_id, state, -1 FROM removed
            ) AS moved GROUP BY 1, 2, 3 HAVING sum(moved.amount) <> 0
            ON CONFLICT (minute, endpoint_id, state, writer) DO UPDATE SET
                amount = tally.amount + excluded.amount;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER tally_delivery_moved AFTER UPDATE ON delivery
    REFERENCING NEW TABLE AS added OLD TABLE AS removed
    FOR EACH STATEMENT EXECUTE FUNCTION tally_delivery_moved()
    """,
    """
    CREATE FUNCTION tally_attempt_added() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO attempt_tally AS tally
            (endpoint_id, minute, reason, writer, amount, total_ms, last_at)
            SELECT endpoint_id, minute_of(started_at),
                CASE WHEN response_status BETWEEN 200 AND 299 THEN ''
                     ELSE coalesce(response_status::varchar, error, 'internal_error') END,
                pg_backend_pid(), count(*), sum(duration_ms), max(started_at)
            FROM added GROUP BY 1, 2, 3
            ON CONFLICT (endpoint_id, minute, reason, writer) DO UPDATE SET
                amount = tally.amount + excluded.amount,
                total_ms = tally.total_ms + excluded.total_ms,
                last_at = greatest(tally.last_at, excluded.last_at);
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER tally_attempt_added AFTER INSERT ON attempt
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION tally_attempt_added()
    """,
)
