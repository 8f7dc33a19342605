"""The rules for every call of the shop's JSON API: what needs no body, and the query string."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from shop.app import create_app
from shop.config import Settings
from tests.fuzzing import Route, routes_of
from tests.integration.shop.browsing import Shop, new_delivery, order, register

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}


def api_routes() -> list[Route]:
    with TemporaryDirectory() as folder:
        app = create_app(Settings(HOOKSHOP_VAR=Path(folder)))  # type: ignore[call-arg]
    every = routes_of(app, ("GET", "POST", "PATCH", "DELETE"))
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


@pytest.mark.parametrize("path", ["/v1/orders", "/v1/webhooks/register"])
async def test_a_call_that_needs_a_body_says_so(path: str, shop: Shop) -> None:
    answer = await shop.post(path)

    assert answer.status_code == 400
    assert "body" in answer.json()["detail"]


async def test_a_body_that_is_not_needed_must_be_json_all_the_same(shop: Shop) -> None:
    order_id = (await order(shop))["id"]

    answer = await shop.post(f"/v1/orders/{order_id}/ship", content=b"a=1", headers=FORM)

    assert answer.status_code == 415


@pytest.mark.parametrize("route", api_routes(), ids=str)
async def test_an_unknown_query_parameter_is_a_bad_request(route: Route, shop: Shop) -> None:
    answer = await shop.request(route.method, route.path.replace(":str", ""), params={"sort": "id"})

    assert answer.status_code == 400
    assert "there is no query parameter 'sort'" in answer.json()["detail"]


async def test_a_misspelled_filter_is_refused_and_the_right_ones_are_named(shop: Shop) -> None:
    answer = await shop.get("/v1/deliveries?status=failed")

    assert answer.status_code == 400
    assert "state, endpoint_id" in answer.json()["detail"]
