"""The subscription to the shop: subscribe, rotate the secret, unsubscribe."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime

from sqlmodel import col, delete, select

from hookshop.webkit.change_feed import LocalChangeFeed
from hookshop.webkit.encryption import Encryption
from subscriber_app.database.models import FormerSecret, Subscription
from subscriber_app.database.transactions import Database
from subscriber_app.shop_api.client import AlreadyRegistered, ShopClient
from subscriber_app.shop_api.counting import begin_counting
from subscriber_app.shop_api.endpoint import Registration, RotatedSecret, ShopEndpoint, is_secret
from subscriber_app.shop_api.errors import ShopError, ShopUnreachable
from subscriber_app.shop_api.held_secrets import (
    DEFAULT_GRACE,
    expire_all,
    read_live_former,
    replace_secret,
    sync_with_shop,
)
from subscriber_app.vocabulary import EventType

SUBSCRIBABLE = (
    EventType.PURCHASE_CREATED,
    EventType.PURCHASE_SHIPPED,
    EventType.PURCHASE_REFUNDED,
)
RETRY_DELAYS_SECONDS = (0.2, 0.5, 1.0, 2.0)  # while the shop is not running yet
MAX_REPLACED_ENDPOINTS = 20  # an older shop may have registered several spellings of our URL

logger = logging.getLogger(__name__)


class Subscriptions:
    """The subscription of this subscriber. There is at most one."""

    def __init__(  # noqa: PLR0913 – a subscription needs all of these parts
        self,
        database: Database,
        shop: ShopClient,
        feed: LocalChangeFeed,
        encryption: Encryption,
        *,
        webhook_url: str,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._shop = shop
        self._feed = feed
        self._encryption = encryption
        self._now = now
        self._lock = asyncio.Lock()  # one change at a time, so that a double click subscribes once
        self._refreshing: asyncio.Task[None] | None = None
        self.webhook_url = webhook_url
        self.shop_url = shop.shop_url

    async def current(self) -> Subscription | None:
        """Return the current subscription, or None."""
        async with self._database.reading() as session:
            return (await session.exec(select(Subscription))).first()

    def secret_of(self, held: Subscription | FormerSecret) -> str:
        """Return the decrypted secret. Raise ``DecryptionFailed`` if it is damaged."""
        return self._encryption.decrypt(held.encrypted_secret)

    async def subscribe(self, event_types: Sequence[str] = SUBSCRIBABLE) -> str:
        """Register with the shop and store the secret, unless subscribed. Raise ``ShopError``.

        Return the id of our endpoint.
        """
        async with self._lock:
            subscription = await self.current()
            return subscription.endpoint_id if subscription else await self._subscribe(event_types)

    async def unsubscribe(self) -> None:
        """Delete the endpoint at the shop, then the subscription here. Raise ``ShopError``.

        In this order: an unreachable shop continues to send, so the secret is still needed.
        """
        async with self._lock:
            subscription = await self.current()
            if subscription:
                await self._shop.delete(subscription.endpoint_id)
                await self._delete()

    async def rotate(self, *, replace_oldest: bool = False) -> None:
        """Rotate the secret at the shop. The previous one stays live until the shop ends it.

        ``replace_oldest``: expire the oldest if there would be too many. Raise ``TooManySecrets``
        or another ``ShopError``; then nothing has changed.
        """
        async with self._lock:
            subscription = await self.current()
            if subscription:
                rotated = await self._shop.rotate_secret(
                    subscription.endpoint_id, DEFAULT_GRACE, replace_oldest=replace_oldest
                )
                await self._replace_secret(rotated)
                await self._sync_if_possible(subscription.endpoint_id)

    async def adopt_secret(self, secret: str) -> None:
        """Use a secret that a person created in the shop. Raise ``ShopError`` if it is invalid."""
        if not is_secret(secret):
            raise ShopError("A secret starts with whsec_, followed by base64.")
        async with self._lock:
            await self._replace_secret(RotatedSecret(secret, None, None))
            subscription = await self.current()
            if subscription:
                await self._sync_if_possible(subscription.endpoint_id)

    async def former_secrets(self) -> Sequence[FormerSecret]:
        """Return the former secrets that are still live, newest first."""
        async with self._database.reading() as session:
            return await read_live_former(session, self._now())

    async def newest_former_secret(self) -> str | None:
        """Return the secret that was replaced last, even if it has expired; None without any."""
        query = select(FormerSecret).order_by(col(FormerSecret.id).desc()).limit(1)
        async with self._database.reading() as session:
            row = (await session.exec(query)).first()
        if row is None or not self._encryption.can_decrypt(row.encrypted_secret):
            return None
        return self.secret_of(row)

    async def status_at_shop(self) -> str | None:
        """Return the status of our endpoint at the shop, and sync its secrets and issuer.

        None without a subscription, or if the shop does not know it. Raise ``ShopUnreachable``.
        """
        subscription = await self.current()
        endpoint = await self._sync_with_shop(subscription.endpoint_id) if subscription else None
        return endpoint.status if endpoint else None

    def refresh_in_background(self) -> None:
        """Ask the shop in the background for its issuer and the expiry of our secrets.

        They may have changed, for example with a new version or a new URL of the shop.
        """
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = asyncio.create_task(self._refresh())

    async def close(self) -> None:
        """Cancel the request in the background."""
        if self._refreshing:
            self._refreshing.cancel()
            with suppress(asyncio.CancelledError):
                await self._refreshing
        self._refreshing = None
        self._lock = asyncio.Lock()  # the next use may be in another event loop

    async def ensure_subscribed(self) -> None:
        """Subscribe unless subscribed, and retry until the shop is reachable."""
        tries = 0
        while True:
            try:
                await self._subscribe_if_needed()
            except ShopUnreachable as error:
                if tries == 0:
                    logger.info("Waiting for the shop: %s", error)
                await asyncio.sleep(RETRY_DELAYS_SECONDS[min(tries, len(RETRY_DELAYS_SECONDS) - 1)])
                tries += 1
            except ShopError as error:
                logger.error("Not subscribed: %s", error)  # noqa: TRY400 – the message is enough
                return
            else:
                return

    async def _subscribe_if_needed(self) -> None:
        """Subscribe, unless the current subscription is known to the shop and has the same URLs."""
        async with self._lock:
            subscription = await self.current()
            if subscription:
                known = await self._sync_with_shop(subscription.endpoint_id)
                if known and self._has_our_urls(subscription):
                    logger.info("Subscribed as %s, registered earlier", subscription.endpoint_id)
                    return
                await self._shop.delete(subscription.endpoint_id)
                await self._delete()
            await self._subscribe(SUBSCRIBABLE)

    def _has_our_urls(self, subscription: Subscription) -> bool:
        return (subscription.webhook_url, subscription.shop_url) == (
            self.webhook_url,
            self.shop_url,
        )

    async def _subscribe(self, event_types: Sequence[str]) -> str:
        registration = await self._register(event_types)
        async with self._database.writing() as session:
            session.add(
                Subscription(
                    endpoint_id=registration.endpoint_id,
                    webhook_url=self.webhook_url,
                    shop_url=self.shop_url,
                    event_types=[str(each) for each in event_types],
                    encrypted_secret=self._encryption.encrypt(registration.secret),
                    secret_id=registration.secret_id,
                    issuer=registration.issuer,
                    created_at=self._now(),
                )
            )
            await begin_counting(session, now=self._now(), registered_at=registration.registered_at)
        self._feed.announce()
        logger.info("Subscribed as %s", registration.endpoint_id)
        return registration.endpoint_id

    async def _register(self, event_types: Sequence[str]) -> Registration:
        for _ in range(MAX_REPLACED_ENDPOINTS):
            try:
                return await self._shop.register(self.webhook_url, event_types)
            except AlreadyRegistered as subscription:
                # Our URL is registered, but the secret is lost with an earlier database.
                logger.warning(
                    "Replacing the endpoint %s, whose secret is lost", subscription.endpoint_id
                )
                await self._shop.delete(subscription.endpoint_id)
        return await self._shop.register(self.webhook_url, event_types)

    async def _replace_secret(self, new: RotatedSecret) -> None:
        async with self._database.writing() as session:
            await replace_secret(session, new, self._now(), self._encryption)
        self._feed.announce()

    async def _sync_with_shop(self, endpoint_id: str) -> ShopEndpoint | None:
        """Return our endpoint at the shop, and sync its secrets and issuer.

        Raise ``ShopUnreachable``.
        """
        endpoint = await self._shop.endpoint(endpoint_id)
        if endpoint is None:
            return None
        async with self._database.writing() as session:
            has_changed = await sync_with_shop(session, endpoint, self._now())
        if has_changed:
            self._feed.announce()
        return endpoint

    async def _sync_if_possible(self, endpoint_id: str) -> None:
        with suppress(ShopError):  # optional: the change itself has succeeded
            await self._sync_with_shop(endpoint_id)

    async def _refresh(self) -> None:
        try:
            await self.status_at_shop()
        except ShopError as error:
            logger.info("Cannot read our endpoint from the shop: %s", error)
        except Exception:
            logger.exception("Reading our endpoint from the shop failed unexpectedly")

    async def _delete(self) -> None:
        async with self._database.writing() as session:
            subscription = (await session.exec(select(Subscription))).first()
            if subscription:
                await expire_all(session, subscription, self._now())
            await session.exec(delete(Subscription))
        self._feed.announce()
