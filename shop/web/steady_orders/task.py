"""The background task of each web process that places steady orders."""

import asyncio
import logging
import secrets
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial

from sqlalchemy.exc import SQLAlchemyError

from shop.database.bound_sandbox import ALL, bound_to, require_number
from shop.database.transactions import Database
from shop.orders import steady
from shop.orders.catalog import CATALOG
from shop.orders.placing import Item
from shop.orders.steady import Switch
from shop.redis.change_feed import Change, ChangeFeed
from shop.web.actions import Actions

CUSTOMER_NAME = "Steady order"
# How long until a process learns that another one was asked to start or stop.
POLL_INTERVAL_SECONDS = 1.0

logger = logging.getLogger(__name__)


class SteadyOrdersTask:
    """Places steady orders in the sandboxes in which they are on."""

    def __init__(self, actions: Actions, database: Database, feed: ChangeFeed) -> None:
        self._ends_at: dict[int, datetime] = {}  # by the number of the sandbox
        self._actions = actions
        self._database = database
        self._feed = feed
        self._switched = asyncio.Event()

    @property
    def ends_at(self) -> datetime | None:
        """When they end in the bound sandbox; None if they are off there."""
        return self._ends_at.get(require_number())

    async def switch(self, *, on: bool) -> None:
        """Start or stop the orders of all processes in the bound sandbox."""
        await (self._actions.start_steady_orders() if on else self._actions.stop_steady_orders())
        await self._read()
        self._switched.set()

    async def run(self) -> None:
        """Place orders until the task is cancelled. Log a failed iteration and go on."""
        # Anew, because tests run one application in several event loops.
        self._switched, self._ends_at = asyncio.Event(), {}
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
        """Place the orders that are due. Return the seconds to wait."""
        return min(
            [await self._place(seen) for seen in await self._read()], default=POLL_INTERVAL_SECONDS
        )

    async def _place(self, seen: Switch) -> float:
        """Place the next order of a sandbox if it is due. Return the seconds to wait."""
        wait_seconds = (seen.next_at - datetime.now(UTC)).total_seconds()
        if wait_seconds > 0:
            return min(wait_seconds, POLL_INTERVAL_SECONDS)
        item = Item(secrets.choice(CATALOG).id, quantity=1)
        with bound_to(seen.sandbox):
            await self._actions.place_steady_order(seen, item, CUSTOMER_NAME)
        return 0

    async def _read(self) -> Sequence[Switch]:
        """Read all switches, and wake the pages of this process on which one has changed."""
        with bound_to(ALL):
            found = await self._database.read(partial(steady.find_all, now=datetime.now(UTC)))
        before, self._ends_at = self._ends_at, {each.sandbox: each.ends_at for each in found}
        for number in before.keys() | self._ends_at.keys():
            if before.get(number) != self._ends_at.get(number):
                self._feed.pass_on([Change("steady-orders", sandbox=number)])
        return found
