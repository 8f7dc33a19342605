"""Pairs of sandboxes: the shop's and the subscriber's."""

from typing import Any

import httpx
import pytest

from tests.contract.conftest import World, read
from tests.pages import Page, Visitor

A_DAY = "86400"
MUG = {"items": [{"product_id": "mug", "quantity": 1}]}


@pytest.fixture
async def made(world: World) -> Page:
    """A pair, made on the subscriber's page."""
    visitor = Visitor(world.subscriber)
    page = await visitor.submit("/sandboxes", "/sandboxes", id="lesson-7", expires_in_seconds=A_DAY)
    assert page.status == 200, page.text
    return page


async def buy(world: World, prefix: str) -> dict[str, Any]:
    """Place an order, deliver it, and return it."""
    answer = await world.shop.post(f"{prefix}/v1/orders", json=MUG)
    assert answer.status_code == 201, answer.text
    await world.deliver_due()
    order: dict[str, Any] = answer.json()
    return order


async def receipts(client: httpx.AsyncClient, prefix: str, **query: str) -> list[dict[str, Any]]:
    listed = await client.get(f"{prefix}/v1/receipts", params=query)
    found: list[dict[str, Any]] = listed.json()["data"]
    return found


async def test_an_order_in_a_sandbox_arrives_in_its_inbox_only(world: World, made: Page) -> None:
    order = await buy(world, "/s/lesson-7")

    found = await receipts(world.subscriber, "/s/lesson-7", order_id=order["id"])

    assert [each["verdict"] for each in found] == ["accepted"]
    assert await receipts(world.subscriber, "") == []
    assert f"{str(world.shop.base_url).rstrip('/')}/s/lesson-7/" in made.links
    assert (await world.shop.get(f"/v1/orders/{order['id']}")).status_code == 404


@pytest.mark.usefixtures("made")
async def test_the_trace_in_a_sandbox_shows_both_halves(world: World) -> None:
    await buy(world, "/s/lesson-7")
    [receipt] = await receipts(world.subscriber, "/s/lesson-7")

    page = await world.subscriber.get(
        "/s/lesson-7/story", params={"message_id": receipt["message_id"]}
    )

    assert page.status_code == 200
    assert "In the shop:" in page.text
    assert "/s/lesson-7/deliveries/dlv_" in page.text


@pytest.mark.usefixtures("made")
async def test_a_reset_of_the_demo_empties_both_and_the_next_order_arrives(world: World) -> None:
    order = await buy(world, "/s/lesson-7")

    answer = await Visitor(world.subscriber).submit("/s/lesson-7/reset", "/s/lesson-7/reset")

    assert answer.status == 303, answer.text
    assert await receipts(world.subscriber, "/s/lesson-7") == []
    gone = await world.shop.get(f"/s/lesson-7/v1/orders/{order['id']}")
    assert gone.status_code == 404
    await buy(world, "/s/lesson-7")
    assert len(await receipts(world.subscriber, "/s/lesson-7")) == 1


async def test_main_is_reset_in_both(world: World) -> None:
    await world.deliver(await world.buy(mug=1))

    answer = await Visitor(world.subscriber).submit("/reset", "/reset")

    assert answer.status == 303, answer.text
    assert await receipts(world.subscriber, "") == []
    assert (await read(world.shop, "/v1/stats"))["orders"] == 0
    await world.deliver(await world.buy(mug=1))
    assert len(await receipts(world.subscriber, "")) == 1


@pytest.mark.usefixtures("made")
async def test_dropping_a_pair_on_the_page_drops_both(world: World) -> None:
    path = "/sandboxes/lesson-7/drop"

    await Visitor(world.subscriber).submit(path, path)

    for client in (world.shop, world.subscriber):
        assert (await client.get("/s/lesson-7/v1/stats")).status_code == 404
