"""The background task of each web process that places steady orders."""

import asyncio
import logging
import secrets
from contextlib import suppress
from datetime import UTC, datetime

from sqlalchemy.exc import SQLAlchemyError

from shop.database.models import SteadyOrders
from shop.database.transactions import Database
from shop.orders import steady
from shop.orders.catalog import CATALOG
from shop.orders.placing import Item
from shop.redis.change_feed import Change, ChangeFeed
from shop.web.actions import Actions

CUSTOMER_NAME = "Steady order"
# How long until a process learns that another one was asked to start or stop.
POLL_INTERVAL_SECONDS = 1.0

logger = logging.getLogger(__name__)


class SteadyOrdersTask:
    """Places steady orders while they are on. ``ends_at``: when they end; None if they are off."""

    def __init__(self, actions: Actions, database: Database, feed: ChangeFeed) -> None:
        self.ends_at: datetime | None = None
        self._actions = actions
        self._database = database
        self._feed = feed
        self._switched = asyncio.Event()

    async def switch(self, *, on: bool) -> None:
        """Start or stop the orders of all processes."""
        await (self._actions.start_steady_orders() if on else self._actions.stop_steady_orders())
        await self._read()
        self._switched.set()

    async def run(self) -> None:
        """Place orders until the task is cancelled. Log a failed iteration and go on."""
        # Anew, because tests run one application in several event loops.
        self._switched, self.ends_at = asyncio.Event(), None
        while True:
            try:
                wait_seconds = await self._step()
            except SQLAlchemyError as error:
                logger.debug("Steady orders: database unavailable: %s", error)
                wait_seconds = POLL_INTERVAL_SECONDS
            except Exception:
                logger.exception("Placing a steady order failed, trying again")
                wait_seconds = POLL_INTERVAL_SECONDS
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_seconds):
                    await self._switched.wait()
            self._switched.clear()

    async def _step(self) -> float:
        """Place the next order if it is due. Return the seconds to wait."""
        seen = await self._read()
        if seen is None:
            return POLL_INTERVAL_SECONDS
        wait_seconds = (seen.next_at - datetime.now(UTC)).total_seconds()
        if wait_seconds > 0:
            return min(wait_seconds, POLL_INTERVAL_SECONDS)
        item = Item(secrets.choice(CATALOG).id, quantity=1)
        await self._actions.place_steady_order(seen, item, CUSTOMER_NAME)
        return 0

    async def _read(self) -> SteadyOrders | None:
        """Read the switch, and wake the pages of this process if it has changed."""
        async with self._database.reading() as session:
            found = await steady.find(session, now=datetime.now(UTC))
        ends_at = found.ends_at if found else None
        if ends_at != self.ends_at:
            self.ends_at = ends_at
            self._feed.pass_on([Change("steady-orders")])
        return found
