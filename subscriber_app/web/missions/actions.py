"""The buttons that only missions have, for something that no page offers."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from sqlmodel import col, select

from hookshop.webkit.errors import Problem
from subscriber_app.database.models import Receipt
from subscriber_app.faults import NORMAL
from subscriber_app.lab.attack_desk import request_of
from subscriber_app.lab.attacks import Attack
from subscriber_app.lab.old_secret import signed_with
from subscriber_app.missions.failing_endpoints import (
    CHANGING_NAME,
    changing_url,
    fails_on_purpose,
    hanging_url,
)
from subscriber_app.missions.watch.at_least_once import CRASH, KEEP
from subscriber_app.missions.watch.leaving import SKIP_HOURS
from subscriber_app.missions.watch.new_keys import SEND_OLD, SKIP_GRACE
from subscriber_app.missions.watch.once_only import AT_ONCE, REPAIR, REPLAY
from subscriber_app.missions.watch.one_slow import REGISTER_HANGING
from subscriber_app.missions.watch.where_may_it_go import REGISTER_CHANGING_NAME
from subscriber_app.parts import SubscriberParts
from subscriber_app.receiving.repair import remove_double_bookings
from subscriber_app.shop_api.client import AlreadyRegistered, ShopClient
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


async def skip_grace(parts: SubscriberParts) -> None:
    """Skip time in the shop until no former secret is valid any more."""
    former = await parts.subscriptions.former_secrets()
    if not former:
        raise Problem(422, "no former secret is valid; rotate the secret first")
    left = max(each.until for each in former) - datetime.fromtimestamp(
        parts.attack_desk.unix_now(), UTC
    )
    await _skip(parts, left + timedelta(seconds=1))


async def skip_hours(parts: SubscriberParts) -> None:
    """Skip two hours in the shop: each attempt on the way is really made."""
    await _skip(parts, timedelta(hours=2))


async def _skip(parts: SubscriberParts, distance: timedelta) -> None:
    """Skip time, unless the shop still makes the attempts of an earlier click."""
    if (await parts.shop_clock.read()).is_ready:
        await parts.shop_clock.advance(distance)


async def send_old_secret(parts: SubscriberParts) -> None:
    """Send the newest purchase again, signed with the former secret alone."""
    receipt = await _newest_purchase(parts)
    secret = await parts.subscriptions.newest_former_secret()
    if secret is None:
        raise Problem(422, "there is no former secret; rotate the secret first")
    request = signed_with(secret, request_of(receipt), parts.attack_desk.unix_now())
    await parts.attack_desk.send(receipt, request)


async def register_hanging(parts: SubscriberParts) -> None:
    """Register an address of this subscriber that never responds."""
    with suppress(AlreadyRegistered):
        await parts.shop.register(
            hanging_url(parts.site.webhook_url),
            [EventType.PURCHASE_CREATED],
            "An endpoint that hangs",
        )


async def register_changing_name(parts: SubscriberParts) -> None:
    """Register the name that changes its mind."""
    with suppress(AlreadyRegistered):
        await parts.shop.register(
            changing_url(parts.site.base_url), [EventType.PURCHASE_CREATED], CHANGING_NAME
        )


async def crash_worker(parts: SubscriberParts) -> None:
    """Kill the shop's worker once, after the next booking."""
    await parts.faults.crash_worker_once()


async def keep_worker(parts: SubscriberParts) -> None:
    """Take that back."""
    await parts.faults.set(NORMAL)


async def delete_failing_endpoints(shop: ShopClient) -> None:
    """Delete the endpoints that these two have registered."""
    for each in await shop.endpoints():
        if fails_on_purpose(each.webhook_url):
            await shop.delete(each.id)


ACTIONS: dict[str, Callable[[SubscriberParts], Awaitable[None]]] = {
    REPLAY: replay_ten_times,
    REPAIR: repair,
    SKIP_HOURS: skip_hours,
    SKIP_GRACE: skip_grace,
    SEND_OLD: send_old_secret,
    REGISTER_HANGING: register_hanging,
    REGISTER_CHANGING_NAME: register_changing_name,
    CRASH: crash_worker,
    KEEP: keep_worker,
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
