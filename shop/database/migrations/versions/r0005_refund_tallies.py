"""Refunds by minute, counted by triggers like orders (see ``shop.database.counters``)."""

import sqlalchemy as sa
from alembic import op

revision = "r0005"
down_revision = "r0004"


def upgrade() -> None:
    """Create the table and the index, count the existing refunds, then create the triggers."""
    op.create_table(
        "refund_tally",
        sa.Column("minute", sa.Integer(), nullable=False),
        sa.Column("writer", sa.Integer(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("total_cents", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("minute", "writer"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "refunds_by_time",
        "shop_order",
        ["refunded_at"],
        sqlite_where=sa.text("refunded_at IS NOT NULL"),
        postgresql_where=sa.text("refunded_at IS NOT NULL"),
    )
    is_sqlite = op.get_context().dialect.name == "sqlite"
    minute = "strftime('%s', refunded_at) / 60" if is_sqlite else "minute_of(refunded_at)"
    op.execute(COUNT_WHAT_IS_THERE.format(minute=minute))
    for statement in SQLITE_TRIGGERS if is_sqlite else POSTGRESQL_TRIGGERS:
        op.execute(statement)


COUNT_WHAT_IS_THERE = """
    INSERT INTO refund_tally (minute, writer, amount, total_cents)
        SELECT {minute}, 0, count(*), sum(total_cents)
        FROM shop_order WHERE refunded_at IS NOT NULL GROUP BY 1
        UNION ALL
        SELECT -1, 0, count(*), sum(total_cents)
        FROM shop_order WHERE refunded_at IS NOT NULL HAVING count(*) > 0
"""

_SQLITE_COUNT = """
        INSERT INTO refund_tally (minute, writer, amount, total_cents)
            VALUES (strftime('%s', NEW.refunded_at) / 60, 0, 1, NEW.total_cents),
                   (-1, 0, 1, NEW.total_cents)
            ON CONFLICT DO UPDATE SET
                amount = amount + 1, total_cents = total_cents + excluded.total_cents;
"""

# An import may insert an order that is already refunded, so inserts count too.
SQLITE_TRIGGERS = (
    f"""
    CREATE TRIGGER tally_refund_added AFTER INSERT ON shop_order
    WHEN NEW.refunded_at IS NOT NULL BEGIN {_SQLITE_COUNT} END
    """,
    f"""
    CREATE TRIGGER tally_refund_given AFTER UPDATE OF refunded_at ON shop_order
    WHEN OLD.refunded_at IS NULL AND NEW.refunded_at IS NOT NULL BEGIN {_SQLITE_COUNT} END
    """,
)


def _postgresql_count(name: str, refunds: str) -> str:
    """Return the trigger function. ``refunds``: FROM and WHERE for the refunds, as ``added``."""
    return f"""
    CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO refund_tally AS tally (minute, writer, amount, total_cents)
            SELECT minute_of(added.refunded_at), pg_backend_pid(),
                count(*), sum(added.total_cents)
            {refunds} GROUP BY 1
            UNION ALL
            SELECT -1, pg_backend_pid(), count(*), sum(added.total_cents)
            {refunds} HAVING count(*) > 0
            ON CONFLICT (minute, writer) DO UPDATE SET
                amount = tally.amount + excluded.amount,
                total_cents = tally.total_cents + excluded.total_cents;
        RETURN NULL;
    END $$
    """


POSTGRESQL_TRIGGERS = (
    _postgresql_count("tally_refund_added", "FROM added WHERE added.refunded_at IS NOT NULL"),
    """
    CREATE TRIGGER tally_refund_added AFTER INSERT ON shop_order
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION tally_refund_added()
    """,
    _postgresql_count(
        "tally_refund_given",
        "FROM added JOIN removed USING (id) "
        "WHERE removed.refunded_at IS NULL AND added.refunded_at IS NOT NULL",
    ),
    """
    CREATE TRIGGER tally_refund_given AFTER UPDATE ON shop_order
    REFERENCING NEW TABLE AS added OLD TABLE AS removed
    FOR EACH STATEMENT EXECUTE FUNCTION tally_refund_given()
    """,
)
