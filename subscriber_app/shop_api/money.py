"""Polls what the shop has sold, and compares it with what is booked here.

A page waits only briefly for the shop. Then it shows the last totals, and a change is announced on
the change feed.
"""

import asyncio
import contextlib
import logging
import math
import time
from dataclasses import dataclass, replace
from typing import Literal

from sqlalchemy.exc import SQLAlchemyError

from hookshop.webkit.change_feed import LocalChangeFeed
from subscriber_app.database.transactions import Database
from subscriber_app.shop_api.client import ShopClient, ShopTotals
from subscriber_app.shop_api.counting import Counted, read_counted
from subscriber_app.shop_api.errors import ShopError
from subscriber_app.vocabulary import EventType

POLL_SECONDS = 1.0
# A delivery that needs no retry takes milliseconds; this also covers the first retries of the demo.
NORMAL_DELIVERY_SECONDS = 5.0
PAGE_TIMEOUT_SECONDS = 0.3  # a person waits for the page

MoneyState = Literal["agrees", "on-its-way", "waits", "differs"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ShopAnswer:
    """The last answer of the shop. ``totals``: None without one; ``problem``: why.

    ``counted``: the counted money here just before the request; None before the first request.
    ``is_overdue``: money is missing here, and none came for longer than a delivery normally takes.
    """

    totals: ShopTotals | None = None
    problem: str = ""
    counted: Counted | None = None
    is_overdue: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """Sold by the shop and booked here, both net and since ``counted.since``.

    ``sold_cents``: of the event types that we are subscribed to; without refunds, the gross.
    ``difference_cents``: booked minus sold. ``is_settled``: the difference does not come from
    undelivered webhooks, or from a booking after the shop's answer. ``is_overdue``: see
    ``ShopAnswer``.
    """

    counted: Counted
    totals: ShopTotals
    sold_cents: int
    difference_cents: int
    is_settled: bool
    is_overdue: bool

    @property
    def state(self) -> MoneyState:
        """Return what the difference means: nothing, soon booked, held up, or an error."""
        if not self.difference_cents:
            return "agrees"
        if self.is_settled:
            return "differs"
        return "waits" if self.is_overdue else "on-its-way"

    @property
    def has_refunds(self) -> bool:
        """Return whether we are subscribed to refunds."""
        return EventType.PURCHASE_REFUNDED in self.counted.event_types


def compare(answer: ShopAnswer, counted: Counted | None) -> Comparison | None:
    """Compare the shop's last answer with the counted money; None if that is not possible yet."""
    totals = answer.totals
    if counted is None or totals is None or answer.counted is None:
        return None
    if (answer.counted.since, answer.counted.event_types) != (counted.since, counted.event_types):
        return None  # the answer is about other events
    sold_cents = _sold_cents(totals, counted)
    return Comparison(
        counted,
        totals,
        sold_cents,
        difference_cents=counted.cents - sold_cents,
        is_settled=not totals.undelivered and counted == answer.counted,
        is_overdue=answer.is_overdue and counted == answer.counted,
    )


def _sold_cents(totals: ShopTotals, counted: Counted) -> int:
    """Return the net money of the event types that we are subscribed to."""
    sold_cents = 0
    if EventType.PURCHASE_CREATED in counted.event_types:
        sold_cents += totals.gross_cents
    if EventType.PURCHASE_REFUNDED in counted.event_types:
        sold_cents -= totals.refunded_cents
    return sold_cents


class OverdueWatch:
    """Tells money that is held up from money on its way, by the answers of the shop.

    With steady orders there is always some money on its way. It is held up only if nothing more is
    booked meanwhile.
    """

    def __init__(self) -> None:
        self._behind_with: Counted | None = None
        self._behind_since = -math.inf

    def is_overdue(self, answer: ShopAnswer, now_seconds: float) -> bool:
        """Return whether money is missing and none was booked for ``NORMAL_DELIVERY_SECONDS``.

        ``now_seconds``: by any clock that only runs forward.
        """
        comparison = compare(answer, answer.counted)
        if comparison is None or not comparison.difference_cents:
            self._behind_with = None
            return False
        if comparison.counted != self._behind_with:
            self._behind_with, self._behind_since = comparison.counted, now_seconds
        return now_seconds - self._behind_since >= NORMAL_DELIVERY_SECONDS


class ShopTotalsPoller:
    """Polls the shop while a page is subscribed to the change feed.

    ``latest``: the last answer.
    """

    def __init__(
        self,
        shop: ShopClient,
        database: Database,
        feed: LocalChangeFeed,
        *,
        interval_seconds: float = POLL_SECONDS,
    ) -> None:
        self._shop = shop
        self._database = database
        self._feed = feed
        self._interval_seconds = interval_seconds
        self._polling: asyncio.Task[None] | None = None
        self._asked_at = -math.inf
        self._overdue = OverdueWatch()
        self.latest = ShopAnswer()

    def start(self) -> None:
        """Start to poll, if a page is listening and no poll is running."""
        if self._feed.has_subscribers and (self._polling is None or self._polling.done()):
            self._polling = asyncio.create_task(self._poll())

    async def refresh(self) -> None:
        """Ask the shop and wait briefly, unless the last answer is recent and still applies."""
        counted = await self._read_counted()
        is_recent = time.monotonic() - self._asked_at < self._interval_seconds
        if is_recent and counted == self.latest.counted:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PAGE_TIMEOUT_SECONDS):
                await self._ask(counted)

    async def close(self) -> None:
        """Stop polling, and forget the last answer."""
        if self._polling:
            self._polling.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._polling
        self._polling = None
        self._asked_at = -math.inf
        self.latest = ShopAnswer()

    async def _poll(self) -> None:
        while self._feed.has_subscribers:
            try:
                await self._ask(await self._read_counted())
            except SQLAlchemyError as error:
                logger.warning("Not polling the shop: the database is unavailable: %s", error)
            await asyncio.sleep(self._interval_seconds)

    async def _ask(self, counted: Counted | None) -> None:
        """Ask the shop. ``counted``: read just before.

        If it has not changed afterwards and nothing is undelivered, both sides cover exactly the
        same events.
        """
        self._asked_at = time.monotonic()
        if counted is None:
            latest = ShopAnswer()
        else:
            try:
                totals = await self._shop.totals(
                    since=counted.since, endpoint_id=counted.endpoint_id
                )
                latest = ShopAnswer(totals, counted=counted)
            except ShopError as error:
                latest = ShopAnswer(problem=str(error), counted=counted)
        is_overdue = self._overdue.is_overdue(latest, time.monotonic())
        latest = replace(latest, is_overdue=is_overdue)
        if latest != self.latest:
            self.latest = latest
            self._feed.announce()

    async def _read_counted(self) -> Counted | None:
        async with self._database.reading() as session:
            return await read_counted(session)
