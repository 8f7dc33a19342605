"""Steady orders: one a second, placed by exactly one process, until they are switched off."""

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial

import httpx
import pytest

from shop.config import Settings
from shop.database.transactions import Database
from shop.orders import steady
from shop.orders.steady import Switch
from tests.integration.shop.browsing import Shop, order_count
from tests.integration.shop.test_pages_live import shop as live_shop
from tests.pages import Visitor, opened
from tests.waiting import eventually

serving = live_shop  # the same fixture, over a real socket

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
NOTICE = "Steady orders are on: one order a second."


async def switch(shop: Shop, state: str, back: str = "/flow") -> str:
    answer = await Visitor(shop).submit("/steady-orders", state=state, back=back)
    assert answer.status == 303
    return answer.answer.headers["location"]


async def test_orders_are_placed_until_they_are_switched_off(shop: Shop) -> None:
    await switch(shop, "on")
    await eventually(lambda: _at_least(shop, 2), "two orders")

    back = await switch(shop, "off", back="/orders?before=ord_1")

    assert back == "/orders?before=ord_1"
    placed = await order_count(shop)
    await asyncio.sleep(1.2)  # longer than the interval: nothing else shows that none comes
    assert await order_count(shop) == placed


async def _at_least(shop: Shop, count: int) -> bool:
    return await order_count(shop) >= count


@pytest.mark.parametrize("path", ["/", "/cart", "/overview", "/deliveries", "/nowhere"])
async def test_every_page_says_that_they_are_on_and_can_stop_them(path: str, shop: Shop) -> None:
    assert NOTICE not in (await Visitor(shop).get(path)).text

    await switch(shop, "on")
    page = await Visitor(shop).get(path)

    assert NOTICE in page.text
    assert "Stop steady orders" in page.text or page.links["/flow"]


async def test_the_switch_on_the_flow_page_shows_its_state(shop: Shop) -> None:
    before = await Visitor(shop).get("/flow")
    await switch(shop, "on")
    after = await Visitor(shop).get("/flow")

    assert 'value="on" role="switch" aria-checked="false"' in before.answer.text
    assert 'value="off" role="switch" aria-checked="true"' in after.answer.text


async def test_open_pages_show_the_switch_as_it_changes(serving: httpx.AsyncClient) -> None:
    async with opened(serving, "/endpoints/live") as stream:
        await stream.until("No endpoints yet")
        await switch(serving, "on")  # type: ignore[arg-type]  # any client will do
        await stream.until(NOTICE)
        await switch(serving, "off")  # type: ignore[arg-type]  # any client will do
        off = await stream.next_message()

    assert NOTICE not in off.text


async def test_no_other_state_is_accepted(shop: Shop) -> None:
    answer = await Visitor(shop).submit("/steady-orders", state="fast")

    assert answer.status == 400
    assert "switched on or off, not 'fast'" in answer.text


async def test_of_several_processes_exactly_one_places_each_order(
    database: Database, settings: Settings
) -> None:
    other = Database(settings.resolved_database_url)
    seen = await started(database)

    won = await asyncio.gather(*(claim(each, seen, NOW) for each in (database, other) * 3))

    assert sorted(won) == [False] * 5 + [True]
    await other.close()


async def test_they_go_on_at_the_same_pace_and_skip_what_was_missed(database: Database) -> None:
    seen = await started(database)
    late, much_later = NOW + SECOND / 4, NOW + 30 * SECOND

    assert await claim(database, seen, late)
    second = await read(database, late)
    assert second
    assert second.next_at == NOW + SECOND
    assert not await claim(database, second, late)
    assert await claim(database, second, much_later)
    third = await read(database, much_later)
    assert third
    assert third.next_at == much_later


async def test_they_end_after_ten_minutes(database: Database) -> None:
    seen = await started(database)
    end = NOW + timedelta(minutes=10)

    assert await read(database, end - SECOND)
    assert await read(database, end) is None
    assert not await claim(database, seen, end)


async def started(database: Database) -> Switch:
    async with database.writing() as session:
        await steady.start(session, now=NOW)
    found = await read(database, NOW)
    assert found
    return found


async def read(database: Database, now: datetime) -> Switch | None:
    found = await database.read(partial(steady.find_all, now=now))
    return next(iter(found), None)


async def claim(database: Database, seen: Switch, now: datetime) -> bool:
    async with database.writing() as session:
        return await steady.claim_next(session, seen, now=now)
