"""With SHOP_ADMIN_TOKEN set: every route, for each kind of visitor.

Customers learn how many subscribers were notified, and no more: the URL of an endpoint often is a
credential.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest
from litestar import Litestar
from pydantic import SecretStr

from shop.app import create_app
from shop.config import Settings
from shop.database.transactions import Database
from tests.integration.shop.browsing import attempt
from tests.integration.shop.conftest import Clock, Engine
from tests.integration.shop.exams import exam_run, store
from tests.pages import Visitor, opened
from tests.programs import async_client
from tests.receiver import Receiver
from tests.serving import free_port, serving
from tests.who_may_see_what import BEARER, TOKEN, Scene, Who, walk

pytestmark = pytest.mark.one_database("what a page shows does not depend on it")

MUG = {"items": [{"product_id": "mug", "quantity": 1}]}
FORMS = {
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
    delivery_id: str
    endpoint_id: str
    exam_id: str
    private: tuple[str, ...]

    def scene(self) -> Scene:
        ids = {
            "order_id": self.order_id,
            "delivery_id": self.delivery_id,
            "endpoint_id": self.endpoint_id,
            "exam_id": self.exam_id,
            "name": "scorecard.json",
            "product_id": "mug",
            "sandbox_id": "lesson-7",
            "file_path": "css/base.css",
            "path": "nowhere",
        }
        return Scene(ids, self.private, FORMS, {"/v1/orders": MUG})


@pytest.fixture
def app(settings: Settings) -> Litestar:
    return create_app(settings.model_copy(update={"admin_token": SecretStr(TOKEN)}))


@pytest.fixture
async def shop(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    """A customer's client, on a real socket because of the streams."""
    with free_port() as listening:
        async with (
            serving(app, listening) as url,
            async_client(url) as client,
        ):
            yield client


@pytest.fixture
async def sold(
    shop: httpx.AsyncClient, engine: Engine, clock: Clock, receiver: Receiver, database: Database
) -> Sold:
    url = f"{receiver.url}/hooks/key-4711"
    registered = await shop.post("/v1/webhooks/register", json={"webhook_url": url}, headers=BEARER)
    order = (await shop.post("/v1/orders", json=MUG, headers=BEARER)).json()
    receiver.status, receiver.body = 500, b"out of disk"
    await attempt(engine, clock)
    [delivery] = (await shop.get("/v1/deliveries", headers=BEARER)).json()["data"]
    await shop.post("/v1/sandboxes", json={"id": "lesson-7"}, headers=BEARER)
    assert delivery["last_status"] == 500
    private = (
        "key-4711",
        receiver.url.partition("://")[2],
        registered.json()["id"],
        registered.json()["secret"],
        registered.json()["secret_id"],
        delivery["id"],
        delivery["message_id"],
        "out of disk",
        "retrying",
        "pending",
    )
    exam_id = await store(database, exam_run())
    return Sold(order["id"], delivery["id"], registered.json()["id"], exam_id, private)


async def test_each_visitor_sees_what_the_table_says(
    app: Litestar, shop: httpx.AsyncClient, sold: Sold
) -> None:
    visitors = [who for who in Who if who is not Who.ANYBODY]

    shown = await walk(app, "shop", str(shop.base_url), sold.scene(), visitors)

    of_the_admin = "".join(text for (who, _), text in shown.items() if who == Who.PERSON)
    not_shown_at_all = [text for text in sold.private[:2] if text not in of_the_admin]
    assert not_shown_at_all == []  # or else the walk would prove nothing


async def test_without_a_token_everybody_sees_everything(settings: Settings, sold: Sold) -> None:
    app = create_app(settings)  # with the same database
    with free_port() as listening:
        async with serving(app, listening) as url:
            await walk(app, "shop", url, sold.scene(), [Who.ANYBODY])


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
