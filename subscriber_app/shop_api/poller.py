"""Polls the shop for new orders, to compare that with webhooks. Off by default.

A program that polls seldom sees each order late; one that polls often mostly gets no news.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import delete, select

from hookshop.webkit.change_feed import LocalChangeFeed
from subscriber_app.database.models import PolledOrder, Polling
from subscriber_app.database.transactions import Database
from subscriber_app.shop_api.client import ShopClient
from subscriber_app.shop_api.errors import ShopError

INTERVAL_SECONDS = 5.0
MAX_DURATION = timedelta(minutes=10)  # nobody polls forever by mistake
MAX_ORDERS = 100  # in one poll
_ONLY_ROW = 1

logger = logging.getLogger(__name__)


class Poller:
    """Asks the shop every few seconds while it is on."""

    def __init__(
        self,
        database: Database,
        shop: ShopClient,
        feed: LocalChangeFeed,
        now: Callable[[], datetime],
        *,
        interval_seconds: float = INTERVAL_SECONDS,
    ) -> None:
        self._database = database
        self._shop = shop
        self._feed = feed
        self._now = now
        self._interval_seconds = interval_seconds
        self._task: asyncio.Task[None] | None = None

    async def load(self) -> None:
        """Go on polling after a restart, if it was on."""
        row = await self.current()
        if row and row.ends_at > self._now():
            self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """End the task. It goes on after the next ``load``."""
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._task = None

    async def current(self) -> Polling | None:
        """Return the current or the last period of polling; None if there was none."""
        async with self._database.reading() as session:
            return await session.get(Polling, _ONLY_ROW)

    async def is_on(self) -> bool:
        """Return whether it polls now."""
        row = await self.current()
        return row is not None and row.ends_at > self._now()

    async def switch_on(self) -> None:
        """Poll from now on, for at most ``MAX_DURATION``. Forget what an earlier period found."""
        await self.close()
        now = self._now()
        await self.forget()
        async with self._database.writing() as session:
            session.add(Polling(id=_ONLY_ROW, started_at=now, ends_at=now + MAX_DURATION))
        self._task = asyncio.create_task(self._run())
        self._feed.announce()

    async def switch_off(self) -> None:
        """Stop to poll, and keep what was found."""
        await self.close()
        async with self._database.writing() as session:
            row = await session.get(Polling, _ONLY_ROW)
            if row:
                row.ends_at = min(row.ends_at, self._now())
        self._feed.announce()

    async def forget(self) -> None:
        """Stop to poll, and delete what was found."""
        await self.close()
        async with self._database.writing() as session:
            await session.exec(delete(PolledOrder))
            await session.exec(delete(Polling))

    async def _run(self) -> None:
        while await self.is_on():
            try:
                await self._poll()
            except ShopError as error:
                logger.info("Polling the shop failed: %s", error)
            except SQLAlchemyError as error:
                logger.warning("Not polling: the database is unavailable: %s", error)
            await asyncio.sleep(self._interval_seconds)
        self._feed.announce()

    async def _poll(self) -> None:
        orders = await self._shop.newest_orders(MAX_ORDERS)
        seen_at = self._now()
        async with self._database.writing() as session:
            row = await session.get(Polling, _ONLY_ROW)
            if row is None:
                return
            known = set((await session.exec(select(PolledOrder.order_id))).all())
            new = [
                PolledOrder(order_id=each.id, created_at=each.created_at, seen_at=seen_at)
                for each in orders
                if each.created_at >= row.started_at and each.id not in known
            ]
            session.add_all(new)
            row.polls += 1
            row.polls_in_vain += not new
        self._feed.announce()
