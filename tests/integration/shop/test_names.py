"""Names and descriptions: one rule for text from people, in forms and in the API."""

from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from tests.integration.shop.browsing import order_count
from tests.pages import Visitor

pytestmark = pytest.mark.one_database("is about the checks before anything is stored")

Shop = AsyncTestClient[Litestar]

PERSIAN_NAME = "علی\u200cرضا"  # spelled with a zero-width non-joiner
URL = "http://127.0.0.1:9001/hook"
GOOD = [
    PERSIAN_NAME,
    "Zoë 👩\u200d👩\u200d👧",  # a family: three emoji, two joiners
    "❤\ufe0f",  # with a variation selector
    "Anne\u00a0Marie",
    "O’Brien-Núñez",
    "नर्मदा",  # with combining marks
    "東京\u3000太郎",  # an ideographic space
]
BAD = [
    "Ada\u202eecalevoL",  # right-to-left override
    "Ada\u2066x",  # left-to-right isolate
    "Ada\u2069",  # pop directional isolate, at the end
    "Ada\u2028",  # line separator, at the end
    "Ada\u2029Lovelace",  # paragraph separator
    "Ada\u0085",  # next line, at the end
    "Ada\nLovelace",
    "Ada\n",
    "Ada\x00",
    "Ada\x7f",
    "Ada\x1b[31m",
    "\ufeffAda",  # a byte order mark
]


@pytest.mark.parametrize("name", GOOD, ids=ascii)
async def test_real_names_are_accepted_in_form_and_api(name: str, shop: Shop) -> None:
    visitor = Visitor(shop)
    await visitor.submit("/cart/items", product_id="mug")

    by_form = await visitor.submit("/orders", customer_name=name)
    by_api = await shop.post("/v1/orders", json=an_order(name))

    assert by_form.status == 303
    order_id = by_form.answer.headers["location"].removeprefix("/orders/")
    ordered = (await shop.get(f"/v1/orders/{order_id}")).json()
    assert ordered["customer_name"] == name
    assert by_api.status_code == 201
    assert by_api.json()["customer_name"] == name


@pytest.mark.parametrize("name", BAD, ids=ascii)
async def test_deceptive_names_are_refused_in_form_and_api(name: str, shop: Shop) -> None:
    visitor = Visitor(shop)
    await visitor.submit("/cart/items", product_id="mug")

    by_form = await visitor.submit("/orders", customer_name=name)
    by_api = await shop.post("/v1/orders", json=an_order(name))

    assert by_form.status == 422
    assert "Use printable characters only." in by_form.text
    assert by_api.status_code == 400
    assert "customer_name must be one line of printable characters" in by_api.json()["detail"]
    assert await order_count(shop) == 0


@pytest.mark.parametrize("description", GOOD, ids=ascii)
async def test_descriptions_follow_the_same_rule_wherever_they_are_written(
    description: str, shop: Shop
) -> None:
    typed: dict[str, Any] = {"webhook_url": URL, "event_types": ["purchase.created"]}

    by_form = await Visitor(shop).submit("/endpoints", **typed, description=description)
    by_api = await shop.post(
        "/v1/webhooks/register",
        json={"webhook_url": "http://127.0.0.1:9002/", "description": description},
    )
    endpoint = f"/v1/webhooks/{by_api.json()['id']}"
    changed = await shop.patch(endpoint, json={"description": f"{description}, changed"})

    assert (by_form.status, by_api.status_code, changed.status_code) == (201, 201, 200)
    listed = (await shop.get("/v1/webhooks")).json()["data"]
    assert {each["description"] for each in listed} == {description, f"{description}, changed"}


@pytest.mark.parametrize("description", BAD, ids=ascii)
async def test_descriptions_that_deceive_are_refused_wherever_they_are_written(
    description: str, shop: Shop
) -> None:
    standing = await shop.post(
        "/v1/webhooks/register",
        json={"webhook_url": "http://127.0.0.1:9002/", "description": "Mine"},
    )
    endpoint_id = standing.json()["id"]
    visitor = Visitor(shop)
    typed: dict[str, Any] = {"event_types": ["purchase.created"], "description": description}

    by_form = await visitor.submit("/endpoints", webhook_url=URL, **typed)
    by_edit = await visitor.submit(f"/endpoints/{endpoint_id}/edit", **typed)
    by_api = await shop.post(
        "/v1/webhooks/register",
        json={"webhook_url": URL, "description": description},
    )
    changed = await shop.patch(f"/v1/webhooks/{endpoint_id}", json={"description": description})

    assert [by_form.status, by_edit.status] == [422, 422]
    assert [by_api.status_code, changed.status_code] == [400, 400]
    listed = (await shop.get("/v1/webhooks")).json()["data"]
    assert [each["description"] for each in listed] == ["Mine"]


async def test_a_line_feed_at_the_end_of_an_idempotency_key_is_refused(shop: Shop) -> None:
    answer = await shop.post(
        "/v1/orders", json=an_order("Ada"), headers={"Idempotency-Key": "key-1\n"}
    )

    assert answer.status_code == 400
    assert await order_count(shop) == 0


async def test_blanks_around_what_is_typed_are_taken_away(shop: Shop) -> None:
    visitor = Visitor(shop)
    await visitor.submit("/cart/items", product_id="mug")

    placed = await visitor.submit("/orders", customer_name=f" {PERSIAN_NAME}\t ")

    assert f"{PERSIAN_NAME} " in (await visitor.get(placed.answer.headers["location"])).text


@pytest.mark.parametrize("name", ["", "  ", "\u00a0"], ids=ascii)
async def test_a_checkout_without_a_name_is_asked_for_one(name: str, shop: Shop) -> None:
    visitor = Visitor(shop)
    await visitor.submit("/cart/items", product_id="mug")

    page = await visitor.submit("/orders", customer_name=name)

    assert page.status == 422
    assert "Enter your name." in page.text


def an_order(name: str) -> dict[str, object]:
    return {"items": [{"product_id": "mug", "quantity": 1}], "customer_name": name}
