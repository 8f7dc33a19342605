"""The buttons that only missions have, for something that no page offers."""

import asyncio
from collections.abc import Awaitable, Callable

from sqlmodel import col, select

from hookshop.webkit.errors import Problem
from subscriber_app.database.models import Receipt
from subscriber_app.lab.attacks import Attack
from subscriber_app.missions.watch.once_only import AT_ONCE, REPAIR, REPLAY
from subscriber_app.parts import SubscriberParts
from subscriber_app.receiving.repair import remove_double_bookings
from subscriber_app.vocabulary import EventType, Verdict


async def replay_ten_times(parts: SubscriberParts) -> None:
    """Send the newest accepted purchase again, ten times at once."""
    receipt = await _newest_purchase(parts)
    await asyncio.gather(
        *(parts.attack_desk.attack(receipt, Attack.REPLAY) for _ in range(AT_ONCE))
    )


async def repair(parts: SubscriberParts) -> None:
    """Delete all bookings of each message but the first."""
    async with parts.database.writing() as session:
        await remove_double_bookings(session)
    parts.feed.announce()


ACTIONS: dict[str, Callable[[SubscriberParts], Awaitable[None]]] = {
    REPLAY: replay_ten_times,
    REPAIR: repair,
}


async def _newest_purchase(parts: SubscriberParts) -> Receipt:
    query = (
        select(Receipt)
        .where(
            col(Receipt.verdict) == Verdict.ACCEPTED,
            col(Receipt.event_type) == EventType.PURCHASE_CREATED.value,
        )
        .order_by(col(Receipt.id).desc())
        .limit(1)
    )
    async with parts.database.reading() as session:
        found = (await session.exec(query)).first()
    if found is None:
        raise Problem(422, "there is no accepted purchase yet; buy something in the shop first")
    return found
