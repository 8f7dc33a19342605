"""Deletes what arrived long ago, in steps so small that nobody waits for them. For ``worker``.

Only deliveries that succeeded go, with their attempts: those that failed or were cancelled can
still be sent again. A message goes with the last of its deliveries; one that never had any, because
no active endpoint had subscribed to it, goes by its own age. Orders stay for ever, and so do the
figures of all time; what counts the deliveries that there are follows (see ``tallies``).

Several workers at once do no harm: what one has deleted, the next one does not find.
"""

import asyncio
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, tuple_
from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from shop.database.counters import AttemptTally
from shop.database.models import Attempt, Delivery, Message
from shop.database.transactions import Database
from shop.ids import first_id
from shop.vocabulary import DeliveryState
from shop.webhooks.batches import id_batches
from shop.webhooks.rules.time_buckets import minute_of

STEP = 200  # deliveries in a transaction: some hundredths of a second on SQLite
PAUSE_SECONDS = 0.05  # between two of them, in which others write


async def prune(database: Database, *, before: datetime) -> int:
    """Delete all deliveries that were made and had succeeded before that moment; answers how many.

    ``before``: at least a day ago, or charts of the last day would lose attempts.
    """
    count, looked_at = 0, ""
    while True:
        async with database.writing() as session:
            found = await _succeeded(session, before, after_id=looked_at)
            # One that was sent again since is kept, though it was made long ago.
            old = {id_: message_id for id_, message_id, at in found if at and at < before}
            await _delete(session, old.keys(), set(old.values()))
        count += len(old)
        if len(found) < STEP:
            break
        looked_at = found[-1][0]
        await asyncio.sleep(PAUSE_SECONDS)
    await _delete_messages_without_deliveries(database, before=before)
    await _forget_minutes(database, before=before)
    return count


async def _succeeded(
    session: AsyncSession, before: datetime, *, after_id: str
) -> list[tuple[str, str, datetime | None]]:
    """Delivery, message and when it succeeded, of the next ones that were made before."""
    query = (
        select(Delivery.id, Delivery.message_id, Delivery.completed_at)
        .where(
            Delivery.state == DeliveryState.SUCCEEDED,
            Delivery.id > after_id,
            Delivery.id < first_id("dlv", before),  # ids sort by time
        )
        .order_by(col(Delivery.id))
        .limit(STEP)
        .with_for_update(skip_locked=True)  # another worker is at it; SQLite has one writer only
    )
    return list((await session.exec(query)).all())


async def _delete(
    session: AsyncSession, delivery_ids: Collection[str], message_ids: Collection[str]
) -> None:
    """The attempts first: each row goes before what it refers to."""
    if not delivery_ids:
        return
    await session.exec(delete(Attempt).where(col(Attempt.delivery_id).in_(delivery_ids)))
    await session.exec(delete(Delivery).where(col(Delivery.id).in_(delivery_ids)))
    await _delete_messages(session, message_ids)


async def _delete_messages_without_deliveries(database: Database, *, before: datetime) -> None:
    old = select(Message.id).where(
        Message.id < first_id("msg", before), Message.created_at < before, ~_has_deliveries()
    )
    async for step in id_batches(database, old):
        async with database.writing() as session:
            await _delete_messages(session, step)


async def _delete_messages(session: AsyncSession, message_ids: Collection[str]) -> None:
    """Delete those of these messages that have no deliveries."""
    of_these = col(Message.id).in_(message_ids)
    # Locked, so that of two workers with the last two deliveries of a message one sees both gone.
    # A recovery that creates a delivery of one of them meanwhile is waited for, too.
    await session.exec(select(Message.id).where(of_these).order_by(Message.id).with_for_update())
    await session.exec(delete(Message).where(of_these, ~_has_deliveries()))


def _has_deliveries() -> ColumnElement[bool]:
    return select(Delivery.id).where(Delivery.message_id == Message.id).exists()


async def _forget_minutes(database: Database, *, before: datetime) -> None:
    """Delete what was counted of single minutes; nobody looks back further than a day."""
    key = tuple_(col(AttemptTally.endpoint_id), col(AttemptTally.minute), col(AttemptTally.reason))
    oldest = (
        select(AttemptTally.endpoint_id, AttemptTally.minute, AttemptTally.reason)
        .where(AttemptTally.minute < minute_of(before))
        .limit(STEP)
    )
    while True:
        async with database.writing() as session:
            result = await session.exec(delete(AttemptTally).where(key.in_(oldest)))
        if result.rowcount < STEP:
            return
        await asyncio.sleep(PAUSE_SECONDS)
