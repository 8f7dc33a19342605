"""What the shop says it sold, asked for in the background while somebody watches.

The inbox puts it beside what is booked here. A page waits a moment for the shop and no longer: then
what it said last is shown, and news is announced like any other change.
"""

import asyncio
import contextlib
import math
import time
from dataclasses import dataclass

from subscriber_app.news import NewsFeed
from subscriber_app.shop_client import ShopClient, ShopTotals
from subscriber_app.shop_errors import ShopError

PAUSE_SECONDS = 1.0
PATIENCE_SECONDS = 0.3  # of a page that is opened; the shop is near, or it is away


@dataclass(frozen=True, slots=True)
class Sales:
    """What is known of the shop. ``totals``: None without an answer; ``problem`` says why.

    ``is_known``: whether it has been asked at all.
    """

    totals: ShopTotals | None = None
    problem: str = ""
    is_known: bool = False


class SalesWatch:
    """Asks the shop every second, for as long as a page listens."""

    def __init__(self, shop: ShopClient, feed: NewsFeed, *, pause: float = PAUSE_SECONDS) -> None:
        self._shop = shop
        self._feed = feed
        self._pause = pause
        self._watching: asyncio.Task[None] | None = None
        self._asked_at = -math.inf
        self.latest = Sales()

    def look(self) -> Sales:
        """What the shop said last; from now on it is asked again until nobody listens."""
        if self._feed.has_listeners and (self._watching is None or self._watching.done()):
            self._watching = asyncio.create_task(self._watch())
        return self.latest

    async def ask_briefly(self) -> None:
        """Ask before a page is shown, unless that was done a moment ago."""
        if time.monotonic() - self._asked_at < self._pause:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._ask()

    async def close(self) -> None:
        """Ask no more."""
        if self._watching:
            self._watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watching

    async def _watch(self) -> None:
        while self._feed.has_listeners:
            await self._ask()
            await asyncio.sleep(self._pause)

    async def _ask(self) -> None:
        self._asked_at = time.monotonic()
        try:
            latest = Sales(await self._shop.totals(), is_known=True)
        except ShopError as error:
            latest = Sales(problem=str(error), is_known=True)
        if latest != self.latest:
            self.latest = latest
            self._feed.announce()
