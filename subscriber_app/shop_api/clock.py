"""The shop's clock, parsed from its JSON API, and our former secrets, which follow it.

Skipping time moves the plan of the shop, and with it the time when former secrets expire. The shop
signs with them until then. So ours must not expire before: they are read from the shop again when
all time is skipped.
"""

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec

from hookshop.webkit.change_feed import LocalChangeFeed
from hookshop.webkit.clock_api import StepWaitDocument
from subscriber_app.shop_api.client import ShopClient
from subscriber_app.shop_api.errors import ShopError, ShopUnreachable
from subscriber_app.shop_api.subscription import Subscriptions

FOLLOWED_WAIT_SECONDS = 10.0
RETRY_DELAY_SECONDS = 1.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ShopClockReading:
    """The shop's clock. ``remaining_seconds``: None for an advance to the next attempt."""

    is_ready: bool
    skipped_seconds: float
    remaining_seconds: float | None
    step_waits_for: StepWaitDocument | None


def read_clock(document: dict[str, Any]) -> ShopClockReading:
    """Parse the clock. Raise ``ShopUnreachable`` if it is malformed."""
    skipped, remaining = document.get("skipped_seconds"), document.get("remaining_seconds")
    is_valid = isinstance(skipped, int | float) and isinstance(remaining, int | float | None)
    if document.get("state") not in {"ready", "advancing"} or not is_valid:
        raise ShopUnreachable("The shop's response has no valid clock")
    return ShopClockReading(
        document["state"] == "ready",
        document["skipped_seconds"],
        remaining,
        _step_wait(document.get("step_waits_for")),
    )


def _step_wait(value: object) -> StepWaitDocument | None:
    try:
        return msgspec.convert(value, StepWaitDocument | None)
    except msgspec.ValidationError:
        return None  # only an explanation


class ShopClock:
    """Skips time in the shop of one subscriber."""

    def __init__(
        self, shop: ShopClient, subscriptions: Subscriptions, feed: LocalChangeFeed
    ) -> None:
        self._shop, self._subscriptions, self._feed = shop, subscriptions, feed
        self._following: asyncio.Task[None] | None = None
        self._synced_at_seconds: float | None = None  # skipped when our secrets were last read

    async def advance(self, distance: timedelta | None) -> ShopClockReading:
        """Start an advance of the shop; None: to the next attempt.

        Raise ``CannotAdvance`` or another ``ShopError``.
        """
        reading = read_clock(await self._shop.advance_clock(distance))
        self._follow()
        return reading

    async def read(self, *, wait_seconds: float = 0) -> ShopClockReading:
        """Return the shop's clock. If it is ready, our former secrets expire as the shop's do.

        ``wait_seconds``: wait so long for that. Raise ``ShopError``.
        """
        reading = read_clock(await self._shop.clock(wait_seconds=wait_seconds))
        if not reading.is_ready:
            self._follow()
        elif reading.skipped_seconds != self._synced_at_seconds:
            await self._subscriptions.status_at_shop()
            self._synced_at_seconds = reading.skipped_seconds
        return reading

    async def close(self) -> None:
        """End the task in the background."""
        if self._following:
            self._following.cancel()
            with suppress(asyncio.CancelledError):
                await self._following
        self._following = None

    def _follow(self) -> None:
        """Wait for the shop in the background, for clients that do not, and to announce the end."""
        if self._following is None or self._following.done():
            self._following = asyncio.create_task(self._wait_until_ready())

    async def _wait_until_ready(self) -> None:
        while True:
            try:
                if (await self.read(wait_seconds=FOLLOWED_WAIT_SECONDS)).is_ready:
                    break
            except ShopUnreachable as error:
                logger.info("Cannot read the shop's clock, trying again: %s", error)
                await asyncio.sleep(RETRY_DELAY_SECONDS)
            except ShopError as error:
                logger.warning("Cannot read the shop's clock: %s", error)
                break
        self._feed.announce()
