"""Prunes old deliveries that succeeded, in transactions small enough not to block other writers.

Their attempts are deleted with them. Failed and cancelled deliveries are kept, because they can be
resent. A message is deleted with the last of its deliveries. A message without any, which had no
subscribed endpoint, is deleted at the same age, and so are refused registrations. Orders and totals
of all time are kept; counts of current deliveries change with the rows (see ``database.counters``).

Several workers may prune at the same time.
"""

import asyncio
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, tuple_
from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from shop.database.counters import AttemptTally
from shop.database.models import Attempt, Delivery, Message, RefusedRegistration
from shop.database.transactions import Database
from shop.ids import first_id
from shop.vocabulary import DeliveryState
from shop.webhooks.batches import MAX_BATCH_ROWS, id_batches
from shop.webhooks.rules.time_buckets import minute_of

PAUSE_SECONDS = 0.05  # between two transactions, for other writers


async def prune(database: Database, *, before: datetime) -> int:
    """Delete deliveries that were created and succeeded before this time. Return their number.

    ``before``: at least a day ago, or charts of the last day would lose attempts.
    """
    count, after_id = 0, ""
    while True:
        async with database.writing() as session:
            found = await _next_succeeded(session, before, after_id=after_id)
            # Keep an old delivery that was resent since then.
            old = {id_: message_id for id_, message_id, at in found if at and at < before}
            await delete_deliveries(session, old.keys(), set(old.values()))
        count += len(old)
        if len(found) < MAX_BATCH_ROWS:
            break
        after_id = found[-1][0]
        await asyncio.sleep(PAUSE_SECONDS)
    await _delete_messages_without_deliveries(database, before=before)
    await _delete_minute_counters(database, before=before)
    await _delete_refused_registrations(database, before=before)
    return count


async def _next_succeeded(
    session: AsyncSession, before: datetime, *, after_id: str
) -> list[tuple[str, str, datetime | None]]:
    """Return and lock the next succeeded deliveries that were created before this time.

    Of each: its id, its message's id and when it succeeded.
    """
    query = (
        select(Delivery.id, Delivery.message_id, Delivery.completed_at)
        .where(
            Delivery.state == DeliveryState.SUCCEEDED,
            Delivery.id > after_id,
            Delivery.id < first_id("dlv", before),  # ids sort by time
        )
        .order_by(col(Delivery.id))
        .limit(MAX_BATCH_ROWS)
        .with_for_update(skip_locked=True)  # another worker deletes those; ignored on SQLite
    )
    return list((await session.exec(query)).all())


async def delete_deliveries(
    session: AsyncSession, delivery_ids: Collection[str], message_ids: Collection[str]
) -> None:
    """Delete deliveries and their attempts, and those of the messages that are left without any."""
    if not delivery_ids:
        return
    # In this order because of the foreign keys.
    await session.exec(delete(Attempt).where(col(Attempt.delivery_id).in_(delivery_ids)))
    await session.exec(delete(Delivery).where(col(Delivery.id).in_(delivery_ids)))
    await delete_messages(session, message_ids)


async def _delete_messages_without_deliveries(database: Database, *, before: datetime) -> None:
    old = select(Message.id).where(
        Message.id < first_id("msg", before), Message.created_at < before, ~_has_deliveries()
    )
    async for batch in id_batches(database, old):
        async with database.writing() as session:
            await delete_messages(session, batch)


async def delete_messages(session: AsyncSession, message_ids: Collection[str]) -> None:
    """Delete those of these messages that have no deliveries."""
    of_these = col(Message.id).in_(message_ids)
    # Lock them first. If two workers delete the last two deliveries of a message, the second one
    # then sees that none is left. This also waits for a recovery that creates a delivery of one.
    await session.exec(select(Message.id).where(of_these).order_by(Message.id).with_for_update())
    await session.exec(delete(Message).where(of_these, ~_has_deliveries()))


def _has_deliveries() -> ColumnElement[bool]:
    return select(Delivery.id).where(Delivery.message_id == Message.id).exists()


async def _delete_refused_registrations(database: Database, *, before: datetime) -> None:
    old = select(RefusedRegistration.id).where(RefusedRegistration.id < first_id("rfr", before))
    async for batch in id_batches(database, old):
        async with database.writing() as session:
            of_these = col(RefusedRegistration.id).in_(batch)
            await session.exec(delete(RefusedRegistration).where(of_these))


async def _delete_minute_counters(database: Database, *, before: datetime) -> None:
    """Delete counters of single minutes before this time. Pages show those of the last day."""
    key = (
        col(AttemptTally.sandbox),
        col(AttemptTally.endpoint_id),
        col(AttemptTally.minute),
        col(AttemptTally.reason),
    )
    oldest = select(*key).where(AttemptTally.minute < minute_of(before)).limit(MAX_BATCH_ROWS)
    while True:
        async with database.writing() as session:
            result = await session.exec(delete(AttemptTally).where(tuple_(*key).in_(oldest)))
        if result.rowcount < MAX_BATCH_ROWS:
            return
        await asyncio.sleep(PAUSE_SECONDS)
