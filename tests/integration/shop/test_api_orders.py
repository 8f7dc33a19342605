import asyncio
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from shop.orders.catalog import CATALOG

Shop = AsyncTestClient[Litestar]


async def order(shop: Shop, *items: dict[str, Any], **body: Any) -> Any:
    return await shop.post("/v1/orders", json={"items": list(items), **body})


async def stats(shop: Shop) -> dict[str, Any]:
    document: dict[str, Any] = (await shop.get("/v1/stats")).json()
    return document


async def test_the_catalog_lists_a_dozen_products_priced_in_cents(shop: Shop) -> None:
    products = (await shop.get("/v1/products")).json()["data"]

    assert len(products) == 12
    assert all(isinstance(product["price_cents"], int) for product in products)


async def test_an_order_is_priced_by_the_shop(shop: Shop) -> None:
    answer = await order(
        shop, {"product_id": "mug", "quantity": 2}, {"product_id": "hook", "quantity": 1}
    )

    assert answer.status_code == 201
    document = answer.json()
    assert document["total_cents"] == 2 * 1490 + 1250
    assert [item["unit_price_cents"] for item in document["items"]] == [1490, 1250]
    read = await shop.get(f"/v1/orders/{document['id']}")
    assert read.json() == document


async def test_every_order_counts_in_the_stats(shop: Shop) -> None:
    await order(shop, {"product_id": "mug", "quantity": 1})
    await order(shop, {"product_id": "hook", "quantity": 1})

    document = await stats(shop)

    assert (document["orders"], document["revenue_cents"]) == (2, 1490 + 1250)
    assert set(document["deliveries"].values()) == {0}


async def test_an_order_creates_one_delivery_for_each_subscribed_endpoint(shop: Shop) -> None:
    for port, event_type in ((9001, "purchase.created"), (9002, "purchase.refunded")):
        body = {"webhook_url": f"http://127.0.0.1:{port}/", "event_types": [event_type]}
        await shop.post("/v1/webhooks/register", json=body)

    document = (await order(shop, {"product_id": "mug", "quantity": 1})).json()

    assert len(document["delivery_ids"]) == 1
    listed = (await shop.get("/v1/deliveries")).json()["data"]
    assert [delivery["id"] for delivery in listed] == document["delivery_ids"]
    assert listed[0]["state"] == "pending"


async def test_an_unknown_product_is_not_found_and_nothing_is_ordered(shop: Shop) -> None:
    answer = await order(
        shop, {"product_id": "mug", "quantity": 1}, {"product_id": "unicorn", "quantity": 1}
    )

    assert answer.status_code == 404
    assert "unicorn" in answer.json()["detail"]
    assert (await stats(shop))["orders"] == 0


@pytest.mark.parametrize("quantity", [0, -1, 100, 1.5, 1.0, "1", True, None, 10**30])
async def test_a_quantity_must_be_an_integer_from_1_to_99(quantity: object, shop: Shop) -> None:
    answer = await order(shop, {"product_id": "mug", "quantity": quantity})

    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert (await stats(shop))["orders"] == 0


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"items": []},
        {"items": {}},
        {"items": [{"product_id": "mug"}]},
        {"items": [{"product_id": "mug", "quantity": 1, "price_cents": 1}]},
        {"items": [{"product_id": "mug", "quantity": 1}], "customer_name": "x" * 101},
        {"items": [{"product_id": "mug", "quantity": 1}] * 51},
    ],
    ids=str,
)
async def test_an_order_that_is_not_as_documented_is_refused(
    body: dict[str, Any], shop: Shop
) -> None:
    answer = await shop.post("/v1/orders", json=body)

    assert answer.status_code == 400
    assert (await stats(shop))["orders"] == 0


async def test_the_largest_order_adds_up(shop: Shop) -> None:
    dearest = max(CATALOG, key=lambda product: product.price_cents)

    answer = await order(shop, *[{"product_id": dearest.id, "quantity": 99}] * 50)

    assert answer.json()["total_cents"] == 50 * 99 * dearest.price_cents


async def test_a_name_is_kept_as_typed(shop: Shop) -> None:
    name = "<script>alert(1)</script> {{7*7}} Zoë"

    answer = await order(shop, {"product_id": "mug", "quantity": 1}, customer_name=name)

    assert answer.json()["customer_name"] == name


async def test_twenty_orders_at_once_are_twenty_orders(shop: Shop) -> None:
    answers = await asyncio.gather(
        *(order(shop, {"product_id": "mug", "quantity": 1}) for _ in range(20))
    )

    assert {answer.status_code for answer in answers} == {201}
    assert (await stats(shop))["orders"] == 20


async def test_an_unknown_order_is_a_problem_document(shop: Shop) -> None:
    answer = await shop.get("/v1/orders/ord_nope")

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
