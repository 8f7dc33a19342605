"""Actions at the shop for the tests of its pages."""

from typing import Any

from httpx import AsyncClient
from litestar import Litestar
from litestar.testing import AsyncTestClient

from tests.integration.shop.conftest import Clock, Engine

Shop = AsyncTestClient[Litestar]

SCRIPT = "<script>alert(1)</script>"
EXPRESSION = "{{7*7}}"
HOSTILE_NAME = f"{SCRIPT} {EXPRESSION} \"'&amp;"


async def register(shop: AsyncClient, url: str = "http://127.0.0.1:9001/hook", **body: Any) -> str:
    """Register an endpoint; return its id."""
    answer = await shop.post("/v1/webhooks/register", json={"webhook_url": url, **body})
    assert answer.status_code == 201, answer.text
    endpoint_id: str = answer.json()["id"]
    return endpoint_id


async def order(shop: Shop, customer_name: str = "Ada") -> dict[str, Any]:
    """Order one mug; return the order as the API shows it."""
    body = {"items": [{"product_id": "mug", "quantity": 1}], "customer_name": customer_name}
    answer = await shop.post("/v1/orders", json=body)
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def order_count(shop: Shop) -> int:
    count: int = (await shop.get("/v1/stats")).json()["orders"]
    return count


async def new_delivery(shop: Shop, url: str = "http://127.0.0.1:9001/hook") -> str:
    """Create an endpoint and an order; return the id of the due delivery."""
    await register(shop, url)
    delivery_id: str = (await order(shop))["delivery_ids"][0]
    return delivery_id


async def state(shop: Shop, delivery_id: str) -> str:
    found: str = (await shop.get(f"/v1/deliveries/{delivery_id}")).json()["state"]
    return found


async def fail_attempts(shop: Shop, engine: Engine, clock: Clock, times: int) -> None:
    """Make this many attempts fail, each of a new delivery; 20 open the circuit breaker."""
    placed = [await order(shop) for _ in range(times)]
    clock.catch_up()
    for one in placed:
        await engine.deliver(limit=len(one["delivery_ids"]))


async def attempt(engine: Engine, clock: Clock) -> None:
    """Make the next attempt of the oldest open delivery, even if it is not due yet."""
    clock.pass_seconds(100)
    await engine.deliver()
