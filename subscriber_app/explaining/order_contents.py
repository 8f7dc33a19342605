"""What was bought with each message: the order's lines, read from the shop's API."""

import asyncio
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence

from sqlmodel import col, select

from subscriber_app.database.models import Purchase
from subscriber_app.database.transactions import Database
from subscriber_app.shop_api.client import ShopClient
from subscriber_app.shop_api.delivery_log import OrderLine
from subscriber_app.shop_api.errors import ShopError

TIMEOUT_SECONDS = 1.0  # for all orders together; a page without the names is better than none
MAX_CACHED_ORDERS = 500
MAX_SHOWN_LINES = 3


class OrderContents:
    """Names what was bought. An order's lines never change, so they are cached."""

    def __init__(self, database: Database, shop: ShopClient) -> None:
        self._database = database
        self._shop = shop
        self._lines: OrderedDict[str, Sequence[OrderLine]] = OrderedDict()

    async def of_messages(self, message_ids: Collection[str]) -> dict[str, str]:
        """Return for example ``2 × Teapot, 1 × Storm Lantern`` for each message of a purchase.

        Messages are left out if no purchase was booked for them or the shop does not respond.
        """
        orders = await self._orders(message_ids)
        await self._read_missing({*orders.values()} - self._lines.keys())
        return {
            message_id: describe(self._lines[order_id])
            for message_id, order_id in orders.items()
            if order_id in self._lines
        }

    async def _orders(self, message_ids: Collection[str]) -> Mapping[str, str]:
        booked = select(Purchase.message_id, Purchase.order_id).where(
            col(Purchase.message_id).in_(message_ids)
        )
        async with self._database.reading() as session:
            rows = (await session.exec(booked)).all()
        return {message_id: order_id for message_id, order_id in rows if order_id}

    async def _read_missing(self, order_ids: Collection[str]) -> None:
        reading = [asyncio.ensure_future(self._read(order_id)) for order_id in order_ids]
        if not reading:
            return
        _done, late = await asyncio.wait(reading, timeout=TIMEOUT_SECONDS)
        for task in late:
            task.cancel()
        while len(self._lines) > MAX_CACHED_ORDERS:
            self._lines.popitem(last=False)

    async def _read(self, order_id: str) -> None:
        try:
            self._lines[order_id] = await self._shop.order_lines(order_id)
        except ShopError:
            return  # the page shows the order without its contents


def describe(lines: Sequence[OrderLine]) -> str:
    """Return the first lines of an order as one line of text."""
    shown = [f"{line.quantity} × {line.product_name}" for line in lines[:MAX_SHOWN_LINES]]
    more = len(lines) - len(shown)
    return ", ".join([*shown, f"and {more} more"] if more else shown)
