"""What the shop says it sold, asked for in the background while somebody watches, and compared.

The inbox puts it beside what is booked here. A page waits a moment for the shop and no longer: then
what it said last is shown, and news is announced like any other change.
"""

import asyncio
import contextlib
import logging
import math
import time
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from hookshop.webkit.change_feed import LocalChangeFeed
from subscriber_app.database.transactions import Database
from subscriber_app.shop_api.client import ShopClient, ShopTotals
from subscriber_app.shop_api.counting import Counted, read_counted
from subscriber_app.shop_api.errors import ShopError
from subscriber_app.vocabulary import EventType

PAUSE_SECONDS = 1.0
PATIENCE_SECONDS = 0.3  # of a page that is opened; the shop is near, or it is away

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sales:
    """What is known of the shop. ``totals``: None without an answer; ``problem`` says why.

    ``counted``: what counted here just before the shop was asked; None as long as it was not.
    """

    totals: ShopTotals | None = None
    problem: str = ""
    counted: Counted | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """The shop's side beside ours, both net and of the events since ``counted.since``.

    ``sold_cents``: what the shop sent us events of; without a subscription to refunds, its gross.
    ``difference_cents``: above 0, more is booked than was sold. ``is_settled``: no difference can
    come from a webhook under way, or from one that was booked after the shop answered.
    """

    counted: Counted
    totals: ShopTotals
    sold_cents: int
    difference_cents: int
    is_settled: bool

    @property
    def has_refunds(self) -> bool:
        """Whether the shop tells us of refunds."""
        return EventType.PURCHASE_REFUNDED in self.counted.event_types


def compare(sales: Sales, counted: Counted | None) -> Comparison | None:
    """Compare what the shop said last with what counts now; None as long as that is impossible."""
    totals = sales.totals
    if counted is None or totals is None or sales.counted is None:
        return None
    if (sales.counted.since, sales.counted.event_types) != (counted.since, counted.event_types):
        return None  # the shop was asked about other events
    sold_cents = _sold_cents(totals, counted)
    return Comparison(
        counted,
        totals,
        sold_cents,
        difference_cents=counted.cents - sold_cents,
        is_settled=not totals.on_their_way and counted == sales.counted,
    )


def _sold_cents(totals: ShopTotals, counted: Counted) -> int:
    """Return the net of those events that the shop sends to us."""
    sold_cents = 0
    if EventType.PURCHASE_CREATED in counted.event_types:
        sold_cents += totals.gross_cents
    if EventType.PURCHASE_REFUNDED in counted.event_types:
        sold_cents -= totals.refunded_cents
    return sold_cents


class ShopTotalsPoller:
    """Asks the shop every second, for as long as a page listens and there is a subscription."""

    def __init__(
        self,
        shop: ShopClient,
        database: Database,
        feed: LocalChangeFeed,
        *,
        pause: float = PAUSE_SECONDS,
    ) -> None:
        self._shop = shop
        self._database = database
        self._feed = feed
        self._pause = pause
        self._watching: asyncio.Task[None] | None = None
        self._asked_at = -math.inf
        self.latest = Sales()

    def look(self) -> Sales:
        """What the shop said last; from now on it is asked again until nobody listens."""
        if self._feed.has_subscribers and (self._watching is None or self._watching.done()):
            self._watching = asyncio.create_task(self._watch())
        return self.latest

    async def ask_briefly(self) -> None:
        """Ask before a page is shown, unless that was done a moment ago and nothing has changed."""
        counted = await self._read_counted()
        was_asked = time.monotonic() - self._asked_at < self._pause
        if was_asked and counted == self.latest.counted:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._ask(counted)

    async def close(self) -> None:
        """Ask no more."""
        if self._watching:
            self._watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watching

    async def _watch(self) -> None:
        while self._feed.has_subscribers:
            try:
                await self._ask(await self._read_counted())
            except SQLAlchemyError as error:
                logger.warning("The shop is not asked, the database is unavailable: %s", error)
            await asyncio.sleep(self._pause)

    async def _ask(self, counted: Counted | None) -> None:
        """Ask the shop. ``counted``: read just before.

        If it is still the same afterwards, and nothing is under way, the two can be compared: all
        that the shop has counted is booked, and nothing that it has not.
        """
        self._asked_at = time.monotonic()
        if counted is None:
            latest = Sales()
        else:
            try:
                totals = await self._shop.totals(since=counted.since)
                latest = Sales(totals, counted=counted)
            except ShopError as error:
                latest = Sales(problem=str(error), counted=counted)
        if latest != self.latest:
            self.latest = latest
            self._feed.announce()

    async def _read_counted(self) -> Counted | None:
        async with self._database.reading() as session:
            return await read_counted(session)
