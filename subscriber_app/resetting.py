"""Empties one subscriber: ``main``, or a sandbox."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from sqlmodel import delete
from sqlmodel.ext.asyncio.session import AsyncSession

from subscriber_app.database.models import Counting, FormerSecret, Subscription
from subscriber_app.faults import NORMAL
from subscriber_app.parts import SubscriberParts
from subscriber_app.receiving.defences import NONE_OFF
from subscriber_app.receiving.receipts import delete_received
from subscriber_app.shop_api.counting import begin_counting
from subscriber_app.shop_api.errors import ShopError

UNSUBSCRIBE_TIMEOUT_SECONDS = 2.0


async def reset(
    parts: SubscriberParts, *, keep_subscription: bool, now: Callable[[], datetime]
) -> None:
    """Delete receipts, purchases, attacks and the progress in missions; set everything else back.

    Without ``keep_subscription``, also unsubscribe and remove the learner's receiver, even if the
    shop does not respond. A request that is being verified meanwhile leaves no receipt. Return when
    the subscriber is empty.
    """
    if not keep_subscription:
        await _unregister(parts)
    await parts.faults.set(NORMAL)
    await parts.defences.set(NONE_OFF)
    await parts.missions.reset()
    await parts.poller.forget()
    await delete_received(parts.database)
    async with parts.database.writing() as session:
        parts.inbox.refuse_what_is_under_way()
        if keep_subscription:
            await begin_counting(session, now=now())
        else:
            await _forget_subscription(session)
    # Again, for what came between the two.
    await delete_received(parts.database)
    parts.feed.announce()


async def _unregister(parts: SubscriberParts) -> None:
    """Delete our endpoint and that of the learner's receiver, if the shop responds."""
    subscription = await parts.subscriptions.current()
    with suppress(ShopError, TimeoutError):
        async with asyncio.timeout(UNSUBSCRIBE_TIMEOUT_SECONDS):
            if subscription:
                await parts.shop.delete(subscription.endpoint_id)
            await parts.own_receivers.remove()
    await parts.own_receivers.forget()


async def _forget_subscription(session: AsyncSession) -> None:
    for table in (Subscription, FormerSecret, Counting):
        await session.exec(delete(table))
