"""The money card: sold, booked and the difference, on a real socket with a fake shop."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from subscriber_app.receiving.defences import Defence
from tests.integration.subscriber.conftest import Client, Clock, served_subscriber
from tests.integration.subscriber.desk import switch_off
from tests.integration.subscriber.fake_shop import FakeShop, running_shop, sold
from tests.integration.subscriber.requests import deliver
from tests.integration.subscriber.signer import Delivery, purchase
from tests.pages import Page, Visitor, opened

BEFORE, BEGIN, AFTER = "2026-11-23T11:59:59Z", "2026-11-23T12:00:00Z", "2026-11-23T12:00:01Z"
SALE = Delivery(body=purchase(date=AFTER))  # of $50.75
REFUND = Delivery(
    body=purchase(-50.75, type_="purchase.refunded", date=AFTER), message_id="msg_refund"
)


@pytest.fixture
async def subscriber(tmp_path: Path, clock: Clock, shop: FakeShop) -> AsyncIterator[Client]:
    """A subscriber that is subscribed and counting since ``BEGIN``."""
    async with served_subscriber(tmp_path, clock, shop.url) as (client, _settings):
        yield client


async def inbox(subscriber: Client) -> Page:
    return await Visitor(subscriber).get("/")


async def counted(subscriber: Client) -> tuple[str | None, int, int]:
    """Return the start of counting, the counted money, and all booked money."""
    stats = (await subscriber.get("/v1/stats")).json()
    return stats["counted_since"], stats["counted_cents"], stats["revenue_cents"]


def asked_since(shop: FakeShop) -> list[str]:
    """Return the ``since`` of each request to the shop's totals."""
    queries = [parse_qs(urlsplit(path).query) for _method, path in shop.calls if "stats" in path]
    return [since for query in queries for since in query["since"]]


async def test_without_a_difference_both_sides_agree(subscriber: Client, shop: FakeShop) -> None:
    shop.stats = sold(5075)
    await deliver(subscriber, SALE)

    page = await inbox(subscriber)

    assert "Sold $50.75 Booked $50.75 Difference $0.00" in page.text
    assert "Both sides agree" in page.text
    assert asked_since(shop) == [BEGIN]


async def test_after_a_refund_net_is_compared_with_net(subscriber: Client, shop: FakeShop) -> None:
    shop.stats = sold(5075 + 1250, refunded=5075)
    await deliver(subscriber, SALE)
    await deliver(subscriber, Delivery(body=purchase(12.5, date=AFTER), message_id="msg_2"))
    await deliver(subscriber, REFUND)

    page = await inbox(subscriber)

    assert "Sold $12.50 Booked $12.50 Difference $0.00" in page.text
    assert "net of refunds. Sold $63.25, refunded $50.75." in page.text


async def test_an_event_from_before_the_subscription_is_shown_and_not_counted(
    subscriber: Client, shop: FakeShop
) -> None:
    shop.stats = sold(5075, earlier=2000)
    await deliver(subscriber, Delivery(body=purchase(10, date=BEFORE), message_id="msg_0"))
    await deliver(subscriber, Delivery(body=purchase(50.75, date=BEGIN)))

    page = await inbox(subscriber)

    assert "Difference $0.00" in page.text
    assert "Earlier events, not counted: $20.00 sold, $10.00 booked." in page.text
    assert "Purchases 2" in page.text
    assert await counted(subscriber) == (BEGIN, 5075, 6075)


async def test_after_deleting_all_receipts_both_sides_count_from_the_next_second(
    subscriber: Client, shop: FakeShop, clock: Clock
) -> None:
    await deliver(subscriber, SALE)
    clock.pass_seconds(10.25)
    await subscriber.delete("/v1/receipts")
    shop.stats = sold(300)
    await deliver(subscriber, Delivery(body=purchase(2, date="2026-11-23T12:00:10Z")))
    late = Delivery(body=purchase(3, date="2026-11-23T12:00:11Z"), message_id="msg_2")
    await deliver(subscriber, late)

    page = await inbox(subscriber)

    assert "Sold $3.00 Booked $3.00 Difference $0.00" in page.text
    assert asked_since(shop) == ["2026-11-23T12:00:11Z"]
    assert await counted(subscriber) == ("2026-11-23T12:00:11Z", 300, 500)


async def test_sales_by_a_faster_clock_before_the_deletion_are_not_counted(
    subscriber: Client,
) -> None:
    """Deleting all receipts also deletes an event whose date is in the future here."""
    await deliver(subscriber, Delivery(body=purchase(date="2026-11-23T12:00:04Z")))

    await subscriber.delete("/v1/receipts")

    assert await counted(subscriber) == ("2026-11-23T12:00:05Z", 0, 0)


async def test_a_forged_date_far_ahead_does_not_stop_the_counting(subscriber: Client) -> None:
    await deliver(subscriber, Delivery(body=purchase(date="2099-01-01T00:00:00Z")))

    await subscriber.delete("/v1/receipts")

    assert await counted(subscriber) == (BEGIN, 0, 0)


async def test_deleting_while_receiving_leaves_the_sum_correct(
    subscriber: Client,
) -> None:
    many = [
        Delivery(body=purchase(1, date=AFTER), message_id=f"msg_{number}") for number in range(40)
    ]

    await asyncio.gather(
        *(deliver(subscriber, each) for each in many[:20]),
        subscriber.delete("/v1/receipts"),
        *(deliver(subscriber, each) for each in many[20:]),
    )

    since, cents, booked_cents = await counted(subscriber)
    assert cents == (booked_cents if since == BEGIN else 0)


@pytest.mark.parametrize(
    ("twice", "booked", "difference", "words"),
    [
        (SALE, "$101.50", "$50.75", "More booked than sold"),
        (REFUND, "−$50.75", "−$50.75", "Less booked than sold"),
    ],
    ids=["a sale", "a refund"],
)
async def test_without_deduplication_a_double_booking_is_a_signed_difference(
    twice: Delivery, booked: str, difference: str, words: str, subscriber: Client, shop: FakeShop
) -> None:
    shop.stats = sold(5075, refunded=5075 if twice is REFUND else 0)
    await switch_off(subscriber, {Defence.DEDUPLICATION})
    await deliver(subscriber, SALE)
    if twice is REFUND:
        await deliver(subscriber, REFUND)

    async with opened(subscriber, "/receipts/live") as stream:
        await stream.until("Difference $0.00")
        await deliver(subscriber, twice)
        after = await stream.until(words)

    assert f"Booked {booked} Difference {difference}" in after.text


async def test_undelivered_webhooks_are_no_alarm(subscriber: Client, shop: FakeShop) -> None:
    shop.stats = sold(5075, pending=1, sending=1)

    page = await inbox(subscriber)

    assert "Difference −$50.75" in page.text
    assert "On its way" in page.text


async def test_a_booking_after_the_shops_answer_is_no_alarm(
    subscriber: Client, shop: FakeShop
) -> None:
    async with opened(subscriber, "/receipts/live") as stream:
        await stream.until("Difference $0.00")
        await deliver(subscriber, SALE)
        before = await stream.until("Difference $50.75")
        shop.stats = sold(5075)
        await stream.until("Sold $50.75 Booked $50.75 Difference $0.00")

    assert "Asking the shop again…" in before.text


async def test_a_subscription_without_refunds_is_compared_with_the_gross(
    subscriber: Client, shop: FakeShop
) -> None:
    await Visitor(subscriber).submit("/subscription/delete", seen_on="/subscription")
    subscribing = await Visitor(subscriber).submit("/subscription", event_types="purchase.created")
    shop.stats = sold(0, refunded=700)

    page = await inbox(subscriber)

    assert subscribing.status == 303
    assert "Difference $0.00" in page.text
    assert "before refunds, which are not part of the subscription" in page.text


async def test_without_a_subscription_there_is_nothing_to_compare(
    subscriber: Client, shop: FakeShop
) -> None:
    await deliver(subscriber, SALE)
    shop.endpoints["ep_1"] = {}
    await Visitor(subscriber).submit("/subscription/delete", seen_on="/subscription")
    shop.calls.clear()

    page = await inbox(subscriber)

    assert "Without a subscription there is nothing to compare." in page.text
    assert "Booked $50.75 Purchases 1" in page.text
    assert asked_since(shop) == []


async def test_subscribing_again_restarts_counting_by_the_later_clock(
    subscriber: Client, shop: FakeShop, clock: Clock
) -> None:
    await deliver(subscriber, SALE)
    await Visitor(subscriber).submit("/subscription/delete", seen_on="/subscription")
    clock.pass_seconds(60.5)
    shop.registered_at = "2026-11-23T12:01:03Z"

    await Visitor(subscriber).submit("/subscription", event_types="purchase.created")

    assert await counted(subscriber) == ("2026-11-23T12:01:04Z", 0, 5075)


async def test_a_sale_is_shown_live(subscriber: Client, shop: FakeShop) -> None:
    async with opened(subscriber, "/receipts/live") as stream:
        await stream.until("Sold $0.00")
        shop.stats = sold(100)
        await stream.until("Sold $1.00")


async def test_a_shop_that_becomes_unreachable_and_reachable_again(
    subscriber: Client, shop: FakeShop
) -> None:
    async with opened(subscriber, "/receipts/live") as stream:
        await stream.until("Sold $0.00")
        shop.answers["GET"] = (503, b"")
        await stream.until("Shop unreachable The shop answered 503.")
        del shop.answers["GET"]
        await stream.until("Sold $0.00")


@pytest.mark.parametrize(
    "answer",
    [
        (200, b"[]"),
        (200, b"{}"),
        (200, b'{"gross_cents": "1", "refunded_cents": 0, "deliveries": {"pending": 0}}'),
        (200, b'{"gross_cents": 1, "refunded_cents": 0, "deliveries": {"pending": 0}}'),
        (200, b'{"gross_cents": 1, "refunded_cents": 0, "deliveries": 5}'),
        (401, b'{"status": 401}'),
        (302, b""),
    ],
)
async def test_the_inbox_is_shown_for_any_answer_of_the_shop(
    answer: tuple[int, bytes], subscriber: Client, shop: FakeShop
) -> None:
    shop.answers["GET"] = answer

    page = await inbox(subscriber)

    assert page.status == 200
    assert "Shop unreachable" in page.text


async def test_the_shop_is_not_polled_without_an_open_page(tmp_path: Path, clock: Clock) -> None:
    with running_shop() as shop:
        async with served_subscriber(tmp_path, clock, shop.url) as (subscriber, _settings):
            await deliver(subscriber)
            await subscriber.get("/subscription")

        assert asked_since(shop) == []
