"""The database maintains the totals with triggers, for every writer."""

from sqlalchemy import text

from subscriber_app.config import Settings
from subscriber_app.database.transactions import Database
from tests.integration.subscriber.conftest import Client
from tests.integration.subscriber.requests import deliver, stats, totals
from tests.integration.subscriber.signer import Delivery, purchase

BOOKED = {"purchases": 1, "revenue_cents": 3075}


async def fill(subscriber: Client) -> None:
    """Add one sale, a partial refund and one forgery."""
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


async def test_deletions_by_another_program_are_counted(
    subscribed: Client, settings: Settings
) -> None:
    await fill(subscribed)
    assert await stats(subscribed) == totals(accepted=2, rejected=1, **BOOKED)

    await execute(settings, "DELETE FROM receipt WHERE verdict = 'rejected'")

    assert await stats(subscribed) == totals(accepted=2, **BOOKED)
