"""The receiver that the learner writes: an endpoint of our shop, beside this subscriber.

This application never calls it. The shop does, by its rules for addresses.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import delete, select

from hookshop.webkit.change_feed import LocalChangeFeed
from hookshop.webkit.encryption import Encryption
from subscriber_app.database.models import OwnReceiver
from subscriber_app.database.transactions import Database
from subscriber_app.missions import progress
from subscriber_app.shop_api.client import AlreadyRegistered, ShopClient
from subscriber_app.shop_api.endpoint import is_secret
from subscriber_app.shop_api.errors import ShopError
from subscriber_app.shop_api.subscription import SUBSCRIBABLE

DESCRIPTION = "Your own receiver"
MALFORMED_SECRET = "A secret starts with whsec_, followed by base64."  # noqa: S105 – a message


@dataclass(frozen=True, slots=True)
class ProbeSetting:
    """Where a receiver reports its side effects. ``url``: "" without a probe. ``token``: or ""."""

    url: str = ""
    token: str = ""


NO_PROBE = ProbeSetting()


class OwnReceivers:
    """The receiver of the learner in this sandbox. There is at most one."""

    def __init__(
        self,
        database: Database,
        shop: ShopClient,
        feed: LocalChangeFeed,
        encryption: Encryption,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._shop = shop
        self._feed = feed
        self._encryption = encryption
        self._now = now
        self._lock = asyncio.Lock()  # one change at a time, so that a double click registers once

    async def current(self) -> OwnReceiver | None:
        """Return the learner's receiver, or None."""
        async with self._database.reading() as session:
            return (await session.exec(select(OwnReceiver))).first()

    def secret_of(self, receiver: OwnReceiver) -> str:
        """Return the decrypted secret. Raise ``DecryptionFailed`` if it is damaged."""
        return self._encryption.decrypt(receiver.encrypted_secret)

    def probe_token_of(self, receiver: OwnReceiver) -> str:
        """Return the decrypted token of the probe, or ""."""
        encrypted = receiver.encrypted_probe_token
        return self._encryption.decrypt(encrypted) if encrypted else ""

    async def register(self, webhook_url: str, probe: ProbeSetting) -> str:
        """Register the URL at the shop, and return the new secret. Raise ``ShopError``."""
        async with self._lock:
            await self._require_none()
            try:
                made = await self._shop.register(webhook_url, SUBSCRIBABLE, description=DESCRIPTION)
            except AlreadyRegistered as endpoint:
                raise ShopError(
                    f"This URL is registered already, as {endpoint.endpoint_id}. Enter its secret, "
                    "or delete that endpoint in the shop."
                ) from None
            await self._store(made.endpoint_id, webhook_url, made.secret, probe, is_new=True)
        return made.secret

    async def adopt(self, webhook_url: str, secret: str, probe: ProbeSetting) -> None:
        """Use an endpoint that a person has registered at the shop. Raise ``ShopError``."""
        if not is_secret(secret):
            raise ShopError(MALFORMED_SECRET)
        async with self._lock:
            await self._require_none()
            endpoints = await self._shop.endpoints()
            found = next((each for each in endpoints if each.webhook_url == webhook_url), None)
            if found is None:
                raise ShopError(
                    "The shop has no endpoint with this URL. Leave the secret empty to register it."
                )
            await self._store(found.id, webhook_url, secret, probe, is_new=False)

    async def replace_secret(self, secret: str) -> None:
        """Use another secret, after it was rotated in the shop. Raise ``ShopError``."""
        if not is_secret(secret):
            raise ShopError(MALFORMED_SECRET)
        async with self._lock, self._database.writing() as session:
            if receiver := (await session.exec(select(OwnReceiver))).first():
                receiver.encrypted_secret = self._encryption.encrypt(secret)
        self._feed.announce()

    async def set_probe(self, probe: ProbeSetting) -> None:
        """Change where the receiver reports its side effects. An empty URL: nowhere."""
        async with self._lock, self._database.writing() as session:
            if receiver := (await session.exec(select(OwnReceiver))).first():
                receiver.probe_url = probe.url
                receiver.encrypted_probe_token = self._encrypted(probe.token)
        self._feed.announce()

    async def remove(self) -> None:
        """Delete the endpoint at the shop, if it was registered here, and forget it.

        Raise ``ShopError``; then nothing has changed.
        """
        async with self._lock:
            receiver = await self.current()
            if receiver and receiver.is_registered_here:
                await self._shop.delete(receiver.endpoint_id)
            await self._forget()

    async def forget(self) -> None:
        """Forget the receiver, but leave the endpoint at the shop."""
        async with self._lock:
            await self._forget()

    async def _forget(self) -> None:
        async with self._database.writing() as session:
            await session.exec(delete(OwnReceiver))
            await progress.forget_checks(session)
        self._feed.announce()

    async def _require_none(self) -> None:
        if await self.current():
            raise ShopError("You have a receiver already. Remove it first.")

    async def _store(
        self, endpoint_id: str, webhook_url: str, secret: str, probe: ProbeSetting, *, is_new: bool
    ) -> None:
        async with self._database.writing() as session:
            session.add(
                OwnReceiver(
                    endpoint_id=endpoint_id,
                    webhook_url=webhook_url,
                    encrypted_secret=self._encryption.encrypt(secret),
                    probe_url=probe.url,
                    encrypted_probe_token=self._encrypted(probe.token),
                    is_registered_here=is_new,
                    created_at=self._now(),
                )
            )
        self._feed.announce()

    def _encrypted(self, text: str) -> str | None:
        return self._encryption.encrypt(text) if text else None
