"""Sold in the shop, booked here, and the difference; over a real socket, beside a stand-in shop."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from subscriber_app.defences import Defence
from tests.integration.subscriber.conftest import Client, Clock, reaching_itself
from tests.integration.subscriber.desk import switch_off
from tests.integration.subscriber.requests import deliver
from tests.integration.subscriber.shop_stand_in import ShopStandIn, running_shop, sold
from tests.pages import Visitor, opened


@pytest.fixture
async def subscriber(tmp_path: Path, clock: Clock, shop: ShopStandIn) -> AsyncIterator[Client]:
    async with reaching_itself(tmp_path, clock, shop.url) as (client, _settings):
        yield client


async def test_all_is_well_when_both_sides_agree(subscriber: Client, shop: ShopStandIn) -> None:
    shop.stats = sold(5075)
    await deliver(subscriber)

    page = await Visitor(subscriber).get("/")

    assert "Sold in the shop $50.75 Booked here $50.75 Difference $0.00" in page.text


async def test_without_deduplication_a_resent_delivery_is_a_difference(
    subscriber: Client, shop: ShopStandIn
) -> None:
    shop.stats = sold(5075)
    await switch_off(subscriber, {Defence.DEDUPLICATION})

    async with opened(subscriber, "/receipts/live") as stream:
        await deliver(subscriber)
        await stream.until("Difference $0.00")
        await deliver(subscriber)
        after = await stream.until("Difference $50.75")

    assert "More is booked than was sold." in after.text


async def test_what_is_on_its_way_is_no_alarm(subscriber: Client, shop: ShopStandIn) -> None:
    shop.stats = sold(5075, pending=1, sending=1)

    page = await Visitor(subscriber).get("/")

    assert "Difference −$50.75" in page.text
    assert "Webhooks on their way: 2." in page.text


async def test_a_sale_shows_while_one_watches(subscriber: Client, shop: ShopStandIn) -> None:
    async with opened(subscriber, "/receipts/live") as stream:
        await stream.until("Sold in the shop $0.00")
        shop.stats = sold(100)
        await stream.until("Sold in the shop $1.00")


async def test_a_shop_that_goes_and_comes_back(subscriber: Client, shop: ShopStandIn) -> None:
    async with opened(subscriber, "/receipts/live") as stream:
        await stream.until("Sold in the shop $0.00")
        shop.answers["GET"] = (503, b"")
        await stream.until("Shop unreachable. The shop answers 503.")
        del shop.answers["GET"]
        await stream.until("Sold in the shop $0.00")


@pytest.mark.parametrize(
    "answer",
    [
        (200, b"[]"),
        (200, b"{}"),
        (200, b'{"revenue_cents": "1", "deliveries": {"pending": 0, "sending": 0}}'),
        (200, b'{"revenue_cents": 1, "deliveries": {"pending": 0}}'),
        (200, b'{"revenue_cents": 1, "deliveries": 5}'),
        (401, b'{"status": 401}'),
        (302, b""),
    ],
)
async def test_whatever_the_shop_says_the_inbox_is_shown(
    answer: tuple[int, bytes], subscriber: Client, shop: ShopStandIn
) -> None:
    shop.answers["GET"] = answer

    page = await Visitor(subscriber).get("/")

    assert page.status == 200
    assert "Shop unreachable." in page.text


async def test_nobody_is_asked_when_nobody_watches(tmp_path: Path, clock: Clock) -> None:
    with running_shop() as shop:
        async with reaching_itself(tmp_path, clock, shop.url) as (subscriber, _settings):
            await deliver(subscriber)
            await subscriber.get("/subscription")

        assert ("GET", "/v1/stats") not in shop.calls
