"""All attempts by outcome and duration, for metrics; a trigger that counts deleted deliveries."""

import sqlalchemy as sa
from alembic import op

revision = "r0003"
down_revision = "r0002"

ID = sa.String().with_variant(sa.String(collation="C"), "postgresql")
# As ``shop.database.counters`` had them at this step.
BUCKETS_MS = (5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000)
NO_BOUND_MS = 1_000_000_000


def upgrade() -> None:
    """Create the table, count the existing rows, then create the triggers."""
    op.create_table(
        "attempt_total",
        sa.Column("endpoint_id", ID, nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("up_to_ms", sa.Integer(), nullable=False),
        sa.Column("writer", sa.Integer(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("total_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("endpoint_id", "outcome", "up_to_ms", "writer"),
        sqlite_with_rowid=False,
    )
    op.execute(COUNT_WHAT_IS_THERE)
    is_sqlite = op.get_context().dialect.name == "sqlite"
    for statement in SQLITE_TRIGGERS if is_sqlite else POSTGRESQL_TRIGGERS:
        op.execute(statement)


def _outcome(row: str) -> str:
    return f"""
        CASE WHEN {row}response_status BETWEEN 200 AND 299 THEN 'succeeded'
             WHEN {row}response_status IS NOT NULL
                 THEN CAST({row}response_status / 100 AS varchar) || 'xx'
             ELSE coalesce({row}error, 'internal_error') END
    """


def _up_to(row: str) -> str:
    cases = " ".join(f"WHEN {row}duration_ms <= {bound} THEN {bound}" for bound in BUCKETS_MS)
    return f"CASE {cases} ELSE {NO_BOUND_MS} END"


# The statements contain only names and numbers from this module.
COUNT_WHAT_IS_THERE = f"""
    INSERT INTO attempt_total (endpoint_id, outcome, up_to_ms, writer, amount, total_ms)
        SELECT endpoint_id, {_outcome("")}, {_up_to("")}, 0, count(*), sum(duration_ms)
        FROM attempt GROUP BY 1, 2, 3
"""  # noqa: S608

SQLITE_TRIGGERS = (
    f"""
    CREATE TRIGGER total_attempt_added AFTER INSERT ON attempt BEGIN
        INSERT INTO attempt_total (endpoint_id, outcome, up_to_ms, writer, amount, total_ms)
            VALUES (NEW.endpoint_id, {_outcome("NEW.")}, {_up_to("NEW.")}, 0, 1, NEW.duration_ms)
            ON CONFLICT DO UPDATE SET
                amount = amount + 1, total_ms = total_ms + excluded.total_ms;
    END
    """,  # noqa: S608
    """
    CREATE TRIGGER tally_delivery_removed AFTER DELETE ON delivery BEGIN
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

POSTGRESQL_TRIGGERS = (
    f"""
    CREATE FUNCTION total_attempt_added() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO attempt_total AS total
            (endpoint_id, outcome, up_to_ms, writer, amount, total_ms)
            SELECT endpoint_id, {_outcome("")}, {_up_to("")}, pg_backend_pid(),
                count(*), sum(duration_ms)
            FROM added GROUP BY 1, 2, 3
            ON CONFLICT (endpoint_id, outcome, up_to_ms, writer) DO UPDATE SET
                amount = total.amount + excluded.amount,
                total_ms = total.total_ms + excluded.total_ms;
        RETURN NULL;
    END $$
    """,  # noqa: S608
    """
    CREATE TRIGGER total_attempt_added AFTER INSERT ON attempt
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION total_attempt_added()
    """,
    """
    CREATE FUNCTION tally_delivery_removed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO state_tally AS tally (endpoint_id, state, writer, amount)
            SELECT endpoint_id, state, pg_backend_pid(), -count(*) FROM removed GROUP BY 1, 2
            ON CONFLICT (endpoint_id, state, writer) DO UPDATE SET
                amount = tally.amount + excluded.amount;
        INSERT INTO delivery_tally AS tally (minute, endpoint_id, state, writer, amount)
            SELECT minute_of(created_at), endpoint_id, state, pg_backend_pid(), -count(*)
            FROM removed GROUP BY 1, 2, 3
            ON CONFLICT (minute, endpoint_id, state, writer) DO UPDATE SET
                amount = tally.amount + excluded.amount;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER tally_delivery_removed AFTER DELETE ON delivery
    REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION tally_delivery_removed()
    """,
)
