"""Subscribes to the shop, keeps the secret, and unsubscribes. Called by ``app`` and the pages."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime

from sqlmodel import delete, select

from hookshop.webkit.change_feed import LocalChangeFeed
from subscriber_app.database.models import FormerSecret, Subscription
from subscriber_app.database.transactions import Database
from subscriber_app.shop_api.client import AlreadyRegistered, ShopClient
from subscriber_app.shop_api.counting import begin_counting
from subscriber_app.shop_api.endpoint import Registration, RotatedSecret, ShopEndpoint, is_secret
from subscriber_app.shop_api.errors import ShopError, ShopUnreachable
from subscriber_app.shop_api.held_secrets import (
    USUAL_GRACE,
    end_all,
    follow_shop,
    read_live_former,
    replace_secret,
)
from subscriber_app.vocabulary import EventType

SUBSCRIBABLE = (
    EventType.PURCHASE_CREATED,
    EventType.PURCHASE_SHIPPED,
    EventType.PURCHASE_REFUNDED,
)
PAUSES_SECONDS = (0.2, 0.5, 1.0, 2.0)  # between tries to reach a shop that is not up yet
MAX_REPLACED_ENDPOINTS = 20  # a shop of an older version may hold our address in several spellings

logger = logging.getLogger(__name__)


class Subscriptions:
    """The one subscription of this subscriber: none, or one."""

    def __init__(
        self,
        database: Database,
        shop: ShopClient,
        feed: LocalChangeFeed,
        *,
        webhook_url: str,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._shop = shop
        self._feed = feed
        self._now = now
        self._changing = asyncio.Lock()  # of two clicks at once, the second finds the work done
        self._asking: asyncio.Task[None] | None = None
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

    async def rotate(self, *, replace_oldest: bool = False) -> None:
        """Have the shop make a new secret; the one before is held until the shop ends it.

        ``replace_oldest``: end the oldest if there would be too many. Raise ``TooManySecrets`` or
        another ``ShopError``; then nothing is changed.
        """
        async with self._changing:
            standing = await self.current()
            if standing:
                rotated = await self._shop.rotate_secret(
                    standing.endpoint_id, USUAL_GRACE, replace_oldest=replace_oldest
                )
                await self._replace_secret(rotated)
                await self._follow_if_possible(standing.endpoint_id)

    async def take_over(self, secret: str) -> None:
        """Use a secret that a person made in the shop. Raise ``ShopError`` if it is none."""
        if not is_secret(secret):
            raise ShopError("A secret begins with whsec_ and goes on in base64.")
        async with self._changing:
            await self._replace_secret(RotatedSecret(secret, None, None))
            standing = await self.current()
            if standing:
                await self._follow_if_possible(standing.endpoint_id)

    async def former_secrets(self) -> Sequence[FormerSecret]:
        """Return the secrets before the newest that may still sign, newest first."""
        async with self._database.reading() as session:
            return await read_live_former(session, self._now())

    async def status_at_shop(self) -> str | None:
        """Return what the shop says of the standing subscription, and follow what it says.

        None when there is no subscription, or the shop does not know it. Raise ``ShopUnreachable``.
        """
        standing = await self.current()
        endpoint = await self._ask_shop(standing.endpoint_id) if standing else None
        return endpoint.status if endpoint else None

    def ask_again(self) -> None:
        """Ask the shop in the background what it calls itself and until when it signs with what.

        For when that may have changed, as after a new version or a new address of the shop.
        """
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask_once())

    async def close(self) -> None:
        """Stop asking."""
        if self._asking:
            self._asking.cancel()
            with suppress(asyncio.CancelledError):
                await self._asking

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
                known = await self._ask_shop(standing.endpoint_id)
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
                    secret_id=registration.secret_id,
                    issuer=registration.issuer,
                    created_at=self._now(),
                )
            )
            await begin_counting(session, now=self._now(), registered_at=registration.registered_at)
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

    async def _replace_secret(self, new: RotatedSecret) -> None:
        async with self._database.writing() as session:
            await replace_secret(session, new, self._now())
        self._feed.announce()

    async def _ask_shop(self, endpoint_id: str) -> ShopEndpoint | None:
        """Return our endpoint as the shop sees it, and follow what it says.

        Raise ``ShopUnreachable``.
        """
        endpoint = await self._shop.endpoint(endpoint_id)
        if endpoint is None:
            return None
        async with self._database.writing() as session:
            is_news = await follow_shop(session, endpoint, self._now())
        if is_news:
            self._feed.announce()
        return endpoint

    async def _follow_if_possible(self, endpoint_id: str) -> None:
        with suppress(ShopError):  # what was just changed holds good without it
            await self._ask_shop(endpoint_id)

    async def _ask_once(self) -> None:
        try:
            await self.status_at_shop()
        except ShopError as error:
            logger.info("The shop cannot be asked about our secrets: %s", error)
        except Exception:
            logger.exception("The shop was asked about our secrets, in vain")

    async def _forget(self) -> None:
        async with self._database.writing() as session:
            standing = (await session.exec(select(Subscription))).first()
            if standing:
                await end_all(session, standing, self._now())
            await session.exec(delete(Subscription))
        self._feed.announce()
