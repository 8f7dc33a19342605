"""The rules for every call of the shop's JSON API: what needs no body, and the query string."""

import re

import pytest

from tests.applications import unstarted_shop
from tests.fuzzing import Route, routes_of
from tests.integration.shop.browsing import Shop, new_delivery, order, register

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}
CHECKED_FIRST = pytest.mark.one_database("is about checks before the database is asked")


def api_routes() -> list[Route]:
    every = routes_of(unstarted_shop(), ("GET", "POST", "PATCH", "DELETE"))
    return [route for route in every if route.path.startswith("/v1/")]


@pytest.mark.parametrize("headers", [{}, FORM, JSON], ids=str)
@pytest.mark.parametrize("action", ["ship", "refund"])
async def test_an_order_is_shipped_and_refunded_without_a_body(
    headers: dict[str, str], action: str, shop: Shop
) -> None:
    order_id = (await order(shop))["id"]

    answer = await shop.post(f"/v1/orders/{order_id}/{action}", headers=headers)

    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("action", ["attempts", "cancel"])
async def test_a_delivery_is_resent_and_cancelled_without_a_body(action: str, shop: Shop) -> None:
    delivery_id = await new_delivery(shop)

    answer = await shop.post(f"/v1/deliveries/{delivery_id}/{action}")

    assert answer.is_success, answer.text


async def test_an_endpoint_is_pinged_and_gets_a_new_secret_without_a_body(shop: Shop) -> None:
    endpoint_id = await register(shop)

    pinged = await shop.post(f"/v1/webhooks/{endpoint_id}/ping")
    rotated = await shop.post(f"/v1/webhooks/{endpoint_id}/rotate-secret")

    assert pinged.status_code == 202
    assert rotated.status_code == 200
    assert rotated.json()["secret"].startswith("whsec_")


@CHECKED_FIRST
@pytest.mark.parametrize("path", ["/v1/orders", "/v1/webhooks/register"])
async def test_a_call_that_needs_a_body_says_so(path: str, shop: Shop) -> None:
    answer = await shop.post(path)

    assert answer.status_code == 400
    assert "body" in answer.json()["detail"]


async def test_a_body_that_is_not_needed_must_be_json_all_the_same(shop: Shop) -> None:
    order_id = (await order(shop))["id"]

    answer = await shop.post(f"/v1/orders/{order_id}/ship", content=b"a=1", headers=FORM)

    assert answer.status_code == 415


@CHECKED_FIRST
@pytest.mark.parametrize("route", api_routes(), ids=str)
async def test_an_unknown_query_parameter_is_a_bad_request(route: Route, shop: Shop) -> None:
    answer = await shop.request(route.method, route.path.replace(":str", ""), params={"sort": "id"})

    assert answer.status_code == 400
    assert "there is no query parameter 'sort'" in answer.json()["detail"]


@CHECKED_FIRST
async def test_a_misspelled_filter_is_refused_and_the_right_ones_are_named(shop: Shop) -> None:
    answer = await shop.get("/v1/deliveries?status=failed")

    assert answer.status_code == 400
    assert "state, endpoint_id" in answer.json()["detail"]


@CHECKED_FIRST
async def test_a_query_parameter_that_is_there_twice_is_a_bad_request(shop: Shop) -> None:
    answer = await shop.get("/v1/deliveries?state=failed&state=pending")

    assert answer.status_code == 400
    assert "the query parameter 'state' is there 2 times: send one" in answer.json()["detail"]


LONG_NUMBER = f'{{"items": {"9" * 5000}}}'
PYTHON_WORDS = re.compile(
    r"`(str|int|float|bool|datetime)`|in_state|_key|regex|codec|sys\.|[A-Z]\w+Error"
)


@CHECKED_FIRST
@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/v1/deliveries?state=lost", "state: Invalid enum value 'lost'"),
        ("/v1/deliveries?limit=ten", "limit: Expected `integer`, got `string`"),
        ("/v1/deliveries?q=" + "x" * 201, "q: Expected `string` of length <= 200"),
        ("/v1/stats?since=today", "since: Expected a time such as 2026-11-23T12:00:00Z"),
        ("/v1/stats?since=1764547200", "since: Expected a time such as 2026-11-23T12:00:00Z"),
        ("/v1/nowhere", "there is no such path"),
    ],
)
async def test_a_message_names_the_parameter_as_clients_know_it(
    path: str, told: str, shop: Shop
) -> None:
    answer = await shop.get(path)

    assert answer.json()["detail"] == told


@CHECKED_FIRST
@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("", "Idempotency-Key: Expected `string` of length >= 1"),
        ("a b", "Idempotency-Key: Expected `string` of the documented pattern"),
    ],
)
async def test_a_message_names_the_header(key: str, told: str, shop: Shop) -> None:
    body = {"items": [{"product_id": "mug", "quantity": 1}]}

    answer = await shop.post("/v1/orders", json=body, headers={"Idempotency-Key": key})

    assert answer.json()["detail"] == told


@CHECKED_FIRST
@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"items": [{"product_id": 1, "quantity": 1}]}', "Expected `string`, got `integer`"),
        (LONG_NUMBER.encode(), "Number out of range"),
        (b"\xff", "the body is not UTF-8: byte 0 is wrong"),
        (b'{"a": 1, "a": 2}', "an object has the same key twice"),
        (b"x" * 200_000, "the body is too long"),
    ],
    ids=["type", "number", "encoding", "key", "length"],
)
async def test_a_message_about_a_body_speaks_of_json(body: bytes, told: str, shop: Shop) -> None:
    answer = await shop.post("/v1/orders", content=body, headers=JSON)

    assert told in answer.json()["detail"]
    assert not PYTHON_WORDS.search(answer.json()["detail"])


BODIES = (b"[]", b"{}", b'{"since": 1}', b'{"since": "2026-11-23T12:00"}')


@pytest.mark.parametrize("route", [it for it in api_routes() if it.method != "GET"], ids=str)
async def test_no_message_names_anything_of_our_code(route: Route, shop: Shop) -> None:
    path = route.path.replace(":str", "")
    for body in BODIES:
        answer = await shop.request(route.method, path, content=body, headers=JSON)

        assert not PYTHON_WORDS.search(answer.json().get("detail", "")), body
