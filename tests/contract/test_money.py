"""The money sold by the shop equals the money booked by the subscriber."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.contract.conftest import World, read
from tests.pages import Visitor
from tests.waiting import eventually

AGREEMENT = "Difference $0.00"


async def counting_has_begun(world: World) -> None:
    """Wait for the second at which counting starts."""

    async def is_past() -> bool:
        since = (await read(world.subscriber, "/v1/stats"))["counted_since"]
        return bool(since) and datetime.fromisoformat(since) <= datetime.now(UTC)

    await eventually(is_past, "counting has begun")


async def difference(world: World) -> int:
    """Return booked minus sold, in cents, from both JSON APIs."""
    booked = await read(world.subscriber, "/v1/stats")
    sold = await read(world.shop, f"/v1/stats?since={booked['counted_since']}")
    assert sold["since"] == booked["counted_since"]
    return int(booked["counted_cents"] - sold["revenue_cents"])


async def inbox(world: World) -> str:
    return (await Visitor(world.subscriber).get("/")).text


async def page_that_says(world: World, words: str) -> str:
    """Return the inbox when it says this: the subscriber polls the shop's totals once a second."""

    async def says() -> str | None:
        page = await inbox(world)
        return page if words in page else None

    return await eventually(says, f"the page says {words!r}")


async def refund(world: World, order: dict[str, Any]) -> str:
    """Refund an order; return the id of its delivery to the subscriber."""
    answer = await world.shop.post(f"/v1/orders/{order['id']}/refund", json={})
    assert answer.status_code == 200, answer.text
    [told] = [id_ for id_ in answer.json()["delivery_ids"] if id_ not in order["delivery_ids"]]
    await world.deliver({"delivery_ids": [told]})
    return str(told)


async def submit(world: World, path: str, **fields: Any) -> None:
    page = await Visitor(world.subscriber).submit(path, seen_on="/subscription", **fields)
    assert page.status == 303


async def test_after_a_refund_the_difference_is_zero(world: World) -> None:
    await counting_has_begun(world)
    refunded, kept = await world.buy(mug=1), await world.buy(hook=2)
    for order in (refunded, kept):
        await world.deliver(order)
    await refund(world, refunded)

    assert await difference(world) == 0
    page = await page_that_says(world, AGREEMENT)
    assert f"Booked ${kept['total_cents'] / 100:.2f}" in page


async def test_after_deleting_all_receipts_the_difference_is_zero(world: World) -> None:
    await counting_has_begun(world)
    before = await world.buy(mug=1)
    await world.deliver(before)

    await world.subscriber.delete("/v1/receipts")
    after = await world.buy(hook=1)  # immediately after the response, and counted
    await world.deliver(after)
    await refund(world, before)

    assert await difference(world) == 0
    page = await page_that_says(world, AGREEMENT)
    assert f"Earlier events, not counted: ${before['total_cents'] / 100:.2f} sold" in page

    await world.subscriber.delete("/v1/receipts")
    assert await difference(world) == 0
    await page_that_says(world, AGREEMENT)  # also when nothing has happened since


async def test_with_orders_before_the_subscription_the_difference_is_zero(
    world: World,
) -> None:
    await submit(world, "/subscription/delete")
    before = await world.buy(mug=1)
    all_types = ["purchase.created", "purchase.shipped", "purchase.refunded"]
    await submit(world, "/subscription", event_types=all_types)
    await counting_has_begun(world)
    after = await world.buy(hook=1)
    await world.deliver(after)

    assert before["delivery_ids"] == []
    assert await difference(world) == 0
    await page_that_says(world, AGREEMENT)
    await refund(world, before)  # the refund is recent, although its order is not
    assert await difference(world) == 0
    await page_that_says(world, AGREEMENT)


async def test_an_order_that_arrives_after_its_deletion_counts_on_neither_side(
    world: World,
) -> None:
    await counting_has_begun(world)
    order = await world.buy(mug=1)
    await world.subscriber.delete("/v1/receipts")

    await world.deliver(order)

    stats = await read(world.subscriber, "/v1/stats")
    assert (stats["revenue_cents"], stats["counted_cents"]) == (order["total_cents"], 0)
    assert await difference(world) == 0
    await page_that_says(world, AGREEMENT)


@pytest.mark.parametrize(
    ("again", "sign"),
    [(lambda bought, _refund: bought, 1), (lambda _bought, refund: refund, -1)],
    ids=["a sale", "a refund"],
)
async def test_without_deduplication_a_resent_delivery_is_a_signed_difference(
    again: Callable[[str, str], str], sign: int, world: World
) -> None:
    await counting_has_begun(world)
    defenses = (await read(world.subscriber, "/v1/defences")) | {"deduplication": False}
    await world.subscriber.put("/v1/defences", json=defenses)
    order = await world.buy(mug=1)
    await world.deliver(order)
    delivery_id = again(order["delivery_ids"][0], await refund(world, order))
    assert await difference(world) == 0

    await world.shop.post(f"/v1/deliveries/{delivery_id}/attempts", json={})
    await world.deliver({"delivery_ids": [delivery_id]})

    assert await difference(world) == sign * order["total_cents"]
    words = "More booked than sold" if sign > 0 else "Less booked than sold"
    await page_that_says(world, words)


async def test_a_delivery_that_another_endpoint_lacks_does_not_hide_a_difference(
    world: World,
) -> None:
    await counting_has_begun(world)
    dead = {"webhook_url": "http://127.0.0.1:9009/"}
    other = (await world.shop.post("/v1/webhooks/register", json=dead)).json()["id"]
    await world.shop.patch(f"/v1/webhooks/{other}", json={"status": "paused"})
    defenses = (await read(world.subscriber, "/v1/defences")) | {"deduplication": False}
    await world.subscriber.put("/v1/defences", json=defenses)
    order = await world.buy(mug=1)
    listed = await read(world.shop, "/v1/deliveries")
    [ours] = [each["id"] for each in listed["data"] if each["endpoint_id"] != other]
    await world.deliver({"delivery_ids": [ours]})

    await world.shop.post(f"/v1/deliveries/{ours}/attempts", json={})
    await world.deliver({"delivery_ids": [ours]})

    assert await difference(world) == order["total_cents"]
    await page_that_says(world, "More booked than sold")
