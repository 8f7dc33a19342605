"""Subscribes to the shop, keeps the secret, and unsubscribes. Called by ``app`` and the pages."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from subscriber_app.database import Database
from subscriber_app.keyring import KnownSecret
from subscriber_app.models import FormerSecret, Subscription
from subscriber_app.news import NewsFeed
from subscriber_app.shop_client import (
    AlreadyRegistered,
    Registration,
    ShopClient,
    is_secret,
)
from subscriber_app.shop_errors import ShopError, ShopUnreachable
from subscriber_app.vocabulary import EventType

SUBSCRIBABLE = (
    EventType.PURCHASE_CREATED,
    EventType.PURCHASE_SHIPPED,
    EventType.PURCHASE_REFUNDED,
)
PAUSES_SECONDS = (0.2, 0.5, 1.0, 2.0)  # between tries to reach a shop that is not up yet
GRACE = timedelta(days=1)  # how long the secret before the newest still counts
FORMER_SECRETS_KEPT = 5
MAX_REPLACED_ENDPOINTS = 20  # a shop of an older version may hold our address in several spellings

logger = logging.getLogger(__name__)


class Subscriptions:
    """The one subscription of this subscriber: none, or one."""

    def __init__(
        self,
        database: Database,
        shop: ShopClient,
        feed: NewsFeed,
        *,
        webhook_url: str,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._shop = shop
        self._feed = feed
        self._now = now
        self._changing = asyncio.Lock()  # of two clicks at once, the second finds the work done
        self.webhook_url = webhook_url
        self.shop_url = shop.shop_url

    async def current(self) -> Subscription | None:
        """The standing subscription."""
        async with self._database.reading() as session:
            return (await session.exec(select(Subscription))).first()

    async def subscribe(self, event_types: Sequence[str] = SUBSCRIBABLE) -> None:
        """Register with the shop and keep the secret, unless it is done. Raises ``ShopError``."""
        async with self._changing:
            if await self.current() is None:
                await self._subscribe(event_types)

    async def unsubscribe(self) -> None:
        """Have the shop delete the endpoint, then forget the secret. Raises ``ShopError``.

        In this order: a shop that could not be told would go on sending.
        """
        async with self._changing:
            standing = await self.current()
            if standing:
                await self._shop.delete(standing.endpoint_id)
                await self._forget()

    async def rotate(self) -> None:
        """Have the shop make a new secret, and keep both until the grace is over.

        Raises ``ShopError``; then nothing is changed.
        """
        async with self._changing:
            standing = await self.current()
            if standing:
                secret = await self._shop.rotate_secret(standing.endpoint_id, GRACE)
                await self._replace_secret(secret)

    async def take_over(self, secret: str) -> None:
        """Keep a secret that a person made in the shop. Raises ``ShopError`` if it is none."""
        if not is_secret(secret):
            raise ShopError("A secret begins with whsec_ and goes on in base64.")
        async with self._changing:
            await self._replace_secret(secret)

    async def status_at_shop(self) -> str | None:
        """What the shop says of the standing subscription; None when there is none, or not there.

        Raises ``ShopUnreachable``.
        """
        standing = await self.current()
        return await self._shop.endpoint_status(standing.endpoint_id) if standing else None

    async def keep(self) -> None:
        """See to it that we are subscribed, however long the shop takes to come up."""
        tries = 0
        while True:
            try:
                await self._renew()
            except ShopUnreachable as error:
                if tries == 0:
                    logger.info("Waiting for the shop: %s", error)
                await asyncio.sleep(PAUSES_SECONDS[min(tries, len(PAUSES_SECONDS) - 1)])
                tries += 1
            except ShopError as error:
                logger.error("Not subscribed: %s", error)  # noqa: TRY400 – the shop's word says it all
                return
            else:
                return

    async def _renew(self) -> None:
        """Subscribe, unless the standing subscription is known to the shop and still fits."""
        async with self._changing:
            standing = await self.current()
            if standing:
                known = await self._shop.endpoint_status(standing.endpoint_id)
                if known and self._fits(standing):
                    logger.info("Subscribed as %s since before", standing.endpoint_id)
                    return
                await self._shop.delete(standing.endpoint_id)
                await self._forget()
            await self._subscribe(SUBSCRIBABLE)

    def _fits(self, standing: Subscription) -> bool:
        return (standing.webhook_url, standing.shop_url) == (self.webhook_url, self.shop_url)

    async def _subscribe(self, event_types: Sequence[str]) -> None:
        registration = await self._register(event_types)
        async with self._database.writing() as session:
            session.add(
                Subscription(
                    endpoint_id=registration.endpoint_id,
                    webhook_url=self.webhook_url,
                    shop_url=self.shop_url,
                    event_types=[str(each) for each in event_types],
                    secret=registration.secret,
                    created_at=self._now(),
                )
            )
        self._feed.announce()
        logger.info("Subscribed as %s", registration.endpoint_id)

    async def _register(self, event_types: Sequence[str]) -> Registration:
        for _ in range(MAX_REPLACED_ENDPOINTS):
            try:
                return await self._shop.register(self.webhook_url, event_types)
            except AlreadyRegistered as standing:
                # Our own address, from before our database was lost, and with it the secret.
                logger.warning(
                    "Replacing the endpoint %s, whose secret is lost", standing.endpoint_id
                )
                await self._shop.delete(standing.endpoint_id)
        return await self._shop.register(self.webhook_url, event_types)

    async def _replace_secret(self, secret: str) -> None:
        async with self._database.writing() as session:
            standing = (await session.exec(select(Subscription))).first()
            if standing and standing.secret != secret:
                now = self._now()
                await _cut_short(session, now)
                await _keep_former(session, standing, now, until=now + GRACE)
                standing.previous_secret = standing.secret
                standing.previous_until = now + GRACE
                standing.secret = secret
        self._feed.announce()

    async def _forget(self) -> None:
        async with self._database.writing() as session:
            standing = (await session.exec(select(Subscription))).first()
            if standing:
                now = self._now()
                await _cut_short(session, now)
                await _keep_former(session, standing, now, until=now)
            await session.exec(delete(Subscription))
        self._feed.announce()


async def read_keyring(session: AsyncSession) -> list[KnownSecret]:
    """Every secret that we have had since long enough, newest first."""
    standing = (await session.exec(select(Subscription))).first()
    former = await _former_secrets(session)
    known = [KnownSecret(each.secret, each.since, each.until) for each in former]
    if standing:
        known.insert(0, KnownSecret(standing.secret, _since(standing, former)))
    return known


async def _former_secrets(session: AsyncSession) -> Sequence[FormerSecret]:
    return (await session.exec(select(FormerSecret).order_by(col(FormerSecret.id).desc()))).all()


def _since(standing: Subscription, former: Sequence[FormerSecret]) -> datetime:
    """When the standing secret came: with the subscription, or when it replaced another."""
    return max([standing.created_at, *(each.replaced_at for each in former)])


async def _keep_former(
    session: AsyncSession, standing: Subscription, now: datetime, until: datetime
) -> None:
    former = await _former_secrets(session)
    session.add(
        FormerSecret(
            secret=standing.secret,
            since=_since(standing, former),
            replaced_at=now,
            until=until,
        )
    )
    for forgotten in former[FORMER_SECRETS_KEPT - 1 :]:
        await session.delete(forgotten)


async def _cut_short(session: AsyncSession, now: datetime) -> None:
    """Only one secret before the newest counts: a second rotation ends the grace of the first."""
    for former in await _former_secrets(session):
        former.until = min(former.until, now)
