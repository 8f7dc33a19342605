"""The database keeps the totals by itself, whoever writes."""

from sqlalchemy import text

from subscriber_app.app import create_app
from subscriber_app.config import Settings
from subscriber_app.database import Database
from tests.integration.subscriber.conftest import Client, Clock, running
from tests.integration.subscriber.requests import deliver, stats, totals
from tests.integration.subscriber.signer import Delivery, purchase

BOOKED = {"purchases": 1, "revenue_cents": 3075}


async def fill(subscriber: Client) -> None:
    """One sale, part of it refunded, and one forgery."""
    await deliver(subscriber)
    refund = purchase(-20, type_="purchase.refunded")
    await deliver(subscriber, Delivery(message_id="msg_2", body=refund))
    await deliver(subscriber, Delivery(message_id="no id"))


async def execute(settings: Settings, *statements: str) -> None:
    database = Database(settings.resolved_database_url)
    async with database.writing() as session:
        connection = await session.connection()
        for statement in statements:
            await connection.execute(text(statement))
    await database.close()


async def test_what_somebody_else_deletes_is_counted_too(
    subscribed: Client, settings: Settings
) -> None:
    await fill(subscribed)
    assert await stats(subscribed) == totals(accepted=2, rejected=1, **BOOKED)

    await execute(settings, "DELETE FROM receipt WHERE verdict = 'rejected'")

    assert await stats(subscribed) == totals(accepted=2, **BOOKED)


async def test_a_database_from_before_is_counted_and_indexed_at_the_start(
    subscribed: Client, settings: Settings, clock: Clock
) -> None:
    await fill(subscribed)
    await execute(settings, "DROP TABLE tally", "DROP INDEX receipts_by_reason")

    async with running(create_app(settings, now=clock)) as restarted:
        assert await stats(restarted) == totals(accepted=2, rejected=1, **BOOKED)
        await deliver(restarted, Delivery(message_id="no id"))
        assert await stats(restarted) == totals(accepted=2, rejected=2, **BOOKED)
