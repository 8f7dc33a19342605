"""Shipping and refunding an order, once each; idempotency keys for orders."""

import asyncio
from typing import Any

import httpx
import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from shop.app import create_app
from shop.config import Settings
from tests.serving import free_port, serving

Shop = AsyncTestClient[Litestar]

MUG = {"items": [{"product_id": "mug", "quantity": 1}]}
EVERYTHING = ["purchase.created", "purchase.shipped", "purchase.refunded"]


async def buy(shop: Shop) -> str:
    body = {"webhook_url": "http://127.0.0.1:9001/", "event_types": EVERYTHING}
    await shop.post("/v1/webhooks/register", json=body)
    order_id: str = (await shop.post("/v1/orders", json=MUG)).json()["id"]
    return order_id


async def events(shop: Shop) -> list[str]:
    """Return the event types of all deliveries, oldest first."""
    listed = (await shop.get("/v1/deliveries")).json()["data"]
    return [delivery["event_type"] for delivery in listed[::-1]]


async def order_count(shop: httpx.AsyncClient) -> int:
    count: int = (await shop.get("/v1/stats")).json()["orders"]
    return count


async def order_with(shop: httpx.AsyncClient, key: str, body: Any = None) -> Any:
    return await shop.post("/v1/orders", json=body or MUG, headers={"Idempotency-Key": key})


async def test_shipping_notifies_the_endpoints_and_is_shown_on_the_order(shop: Shop) -> None:
    order_id = await buy(shop)

    answer = await shop.post(f"/v1/orders/{order_id}/ship", json={})

    assert answer.status_code == 200
    assert answer.json()["shipped_at"]
    assert len(answer.json()["delivery_ids"]) == 2
    assert await events(shop) == ["purchase.created", "purchase.shipped"]


async def test_a_refund_sends_a_negative_value(shop: Shop) -> None:
    order_id = await buy(shop)

    answer = await shop.post(f"/v1/orders/{order_id}/refund", json={})

    assert answer.json()["refunded_at"]
    assert await events(shop) == ["purchase.created", "purchase.refunded"]


@pytest.mark.parametrize(
    ("first", "second"), [("ship", "ship"), ("refund", "refund"), ("refund", "ship")]
)
async def test_an_action_that_is_no_longer_possible_conflicts_and_sends_nothing(
    first: str, second: str, shop: Shop
) -> None:
    order_id = await buy(shop)
    await shop.post(f"/v1/orders/{order_id}/{first}", json={})

    answer = await shop.post(f"/v1/orders/{order_id}/{second}", json={})

    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(await events(shop)) == 2


async def test_a_shipped_order_can_be_refunded(shop: Shop) -> None:
    order_id = await buy(shop)
    await shop.post(f"/v1/orders/{order_id}/ship", json={})

    assert (await shop.post(f"/v1/orders/{order_id}/refund", json={})).status_code == 200


@pytest.mark.parametrize("what", ["ship", "refund"])
async def test_an_unknown_order_is_not_found(what: str, shop: Shop) -> None:
    assert (await shop.post(f"/v1/orders/ord_nope/{what}", json={})).status_code == 404


async def test_of_fifty_simultaneous_requests_with_one_key_one_places_the_order(
    settings: Settings,
) -> None:
    # On a real socket: Litestar's test client sends one request after the other.
    with free_port() as listening:
        async with (
            serving(create_app(settings), listening) as url,
            httpx.AsyncClient(base_url=url, timeout=30) as shop,
        ):
            answers = await asyncio.gather(*(order_with(shop, "wish-1") for _ in range(50)))
            orders = await order_count(shop)

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert orders == 1


async def test_the_same_order_in_other_json_is_the_same_request(shop: Shop) -> None:
    first = await order_with(shop, "wish-1")

    again = await shop.post(
        "/v1/orders",
        content=b'{ "customer_name":"", "items":[ {"quantity":1,"product_id":"mug"} ] }',
        headers={"Idempotency-Key": "wish-1", "Content-Type": "application/json"},
    )

    assert again.json() == first.json()


async def test_a_key_with_another_order_is_refused(shop: Shop) -> None:
    await order_with(shop, "wish-1")

    answer = await order_with(shop, "wish-1", {"items": [{"product_id": "hook", "quantity": 1}]})

    assert answer.status_code == 422
    assert await order_count(shop) == 1


async def test_other_keys_and_no_key_place_new_orders(shop: Shop) -> None:
    await order_with(shop, "wish-1")
    await order_with(shop, "wish-2")
    await shop.post("/v1/orders", json=MUG)

    assert await order_count(shop) == 3


async def test_a_key_of_a_refused_order_is_free_again(shop: Shop) -> None:
    unknown = {"items": [{"product_id": "unicorn", "quantity": 1}]}
    assert (await order_with(shop, "wish-1", unknown)).status_code == 404

    assert (await order_with(shop, "wish-1")).status_code == 201


@pytest.mark.parametrize("key", ["", "x" * 256, "two words", "tab\tinside"])
async def test_a_key_of_the_wrong_form_is_refused(key: str, shop: Shop) -> None:
    answer = await order_with(shop, key)

    assert answer.status_code == 400
    assert await order_count(shop) == 0


async def test_totals_count_the_deliveries_of_one_endpoint_if_asked(shop: Shop) -> None:
    ids = []
    for port in (9001, 9002):
        body = {"webhook_url": f"http://127.0.0.1:{port}/"}
        ids.append((await shop.post("/v1/webhooks/register", json=body)).json()["id"])
    first_only = (await shop.post("/v1/orders", json=MUG)).json()["delivery_ids"][0]
    await shop.post(f"/v1/deliveries/{first_only}/cancel")

    counts = [
        (await shop.get(f"/v1/stats{query}")).json()["deliveries"]["pending"]
        for query in ("", *(f"?endpoint_id={id_}" for id_ in ids))
    ]

    assert sorted(counts) == [0, 1, 1]
    assert counts[0] == 1
    assert (await shop.get(f"/v1/stats?endpoint_id={ids[0]}")).json()["orders"] == 1
