"""With SHOP_ADMIN_TOKEN set: customers learn how many subscribers were notified, and no more.

The URLs of endpoints often are credentials, so the walk is over everything that is open to all.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute
from pydantic import SecretStr

from shop.app import create_app
from shop.config import Settings
from tests.integration.shop.browsing import attempt
from tests.integration.shop.conftest import Clock, Engine
from tests.pages import Visitor, opened
from tests.receiver import Receiver
from tests.serving import free_port, serving

pytestmark = pytest.mark.one_database("what a page shows does not depend on it")

TOKEN = "correct horse battery"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
MUG = {"items": [{"product_id": "mug", "quantity": 1}]}
FIELDS = {
    "/cart/items": {"product_id": "mug"},
    "/cart/items/{product_id:str}": {"quantity": "2"},
    "/orders": {"customer_name": "Ada"},
    "/login": {"admin_token": "wrong"},
    "/appearance": {"theme": "dark"},
}


@dataclass(frozen=True, slots=True)
class Sold:
    """An order with a failed attempt, and what only the admin may see of it."""

    order_id: str
    private: tuple[str, ...]


@pytest.fixture
def app(settings: Settings) -> Litestar:
    return create_app(settings.model_copy(update={"admin_token": SecretStr(TOKEN)}))


@pytest.fixture
async def shop(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    """A customer's client, on a real socket because of the streams."""
    with free_port() as listening:
        async with (
            serving(app, listening) as url,
            httpx.AsyncClient(base_url=url, trust_env=False) as client,
        ):
            yield client


@pytest.fixture
async def sold(shop: httpx.AsyncClient, engine: Engine, clock: Clock, receiver: Receiver) -> Sold:
    url = f"{receiver.url}/hooks/key-4711"
    registered = await shop.post("/v1/webhooks/register", json={"webhook_url": url}, headers=BEARER)
    order = (await shop.post("/v1/orders", json=MUG, headers=BEARER)).json()
    receiver.status, receiver.body = 500, b"out of disk"
    await attempt(engine, clock)
    [delivery] = (await shop.get("/v1/deliveries", headers=BEARER)).json()["data"]
    assert delivery["last_status"] == 500
    private = (
        "key-4711",
        receiver.url.partition("://")[2],
        registered.json()["id"],
        registered.json()["secret_id"],
        delivery["id"],
        delivery["message_id"],
        "out of disk",
        "retrying",
        "pending",
    )
    return Sold(order["id"], private)


def open_routes(app: Litestar) -> list[tuple[str, str]]:
    """Return method and path of each route that needs no login."""
    return [
        (method, route.path)
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        if handler.opt.get("open_to_all")
        for method in sorted({"GET", "POST"} & handler.http_methods)
        if not route.path.startswith("/static")
    ]


async def answer_of(shop: httpx.AsyncClient, method: str, path: str, order_id: str) -> str:
    """Return everything that a customer gets from this route."""
    address = path.replace("{order_id:str}", order_id).replace("{product_id:str}", "mug")
    if path.endswith("/live"):
        async with opened(shop, address) as stream:
            return (await stream.next_message()).answer.text
    if path.startswith("/v1/"):
        answer = await shop.request(method, address, json=MUG if method == "POST" else None)
    elif method == "POST":
        answer = (await Visitor(shop).submit(address, **FIELDS[path])).answer
    else:
        answer = await shop.get(address)
    assert answer.status_code < 500
    return f"{answer.headers}\n{answer.text}"


async def test_nothing_open_to_all_shows_anything_of_an_endpoint(
    app: Litestar, shop: httpx.AsyncClient, sold: Sold
) -> None:
    routes = open_routes(app)
    assert ("GET", "/orders/{order_id:str}/live") in routes

    for method, path in routes:
        shown = await answer_of(shop, method, path, sold.order_id)

        assert not [text for text in sold.private if text in shown], (method, path)


async def test_customers_see_how_many_subscribers_were_notified(
    shop: httpx.AsyncClient, sold: Sold
) -> None:
    page = await Visitor(shop).get(f"/orders/{sold.order_id}")
    async with opened(shop, f"/orders/{sold.order_id}/live") as stream:
        live = await stream.next_message()
    document = (await shop.get(f"/v1/orders/{sold.order_id}")).json()

    assert "1 subscriber notified" in page.text
    assert "1 subscriber notified" in live.text
    assert document["subscribers"] == 1
    assert "delivery_ids" not in document


async def test_customers_see_that_there_were_no_subscribers(shop: httpx.AsyncClient) -> None:
    placed = (await shop.post("/v1/orders", json=MUG)).json()

    page = await Visitor(shop).get(f"/orders/{placed['id']}")

    assert placed["subscribers"] == 0
    assert "No subscribers" in page.text
    assert "/endpoints" not in page.links or page.links["/endpoints"] == "Endpoints"


async def test_the_admin_sees_the_deliveries_of_an_order(
    shop: httpx.AsyncClient, sold: Sold
) -> None:
    document = (await shop.get(f"/v1/orders/{sold.order_id}", headers=BEARER)).json()
    visitor = Visitor(shop)
    await visitor.submit("/login", admin_token=TOKEN)
    page = await visitor.get(f"/orders/{sold.order_id}")

    assert len(document["delivery_ids"]) == 1
    assert "key-4711" in page.text
