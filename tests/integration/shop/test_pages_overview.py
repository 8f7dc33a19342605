"""The overview of an empty shop, of a busy one, and of current problems."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from litestar.testing import AsyncTestClient

from shop.app import create_app
from shop.config import Settings
from shop.redis.heartbeats import Heartbeats, WorkerStatus
from tests.integration.shop.browsing import Shop, order, register
from tests.integration.shop.conftest import Clock, Engine
from tests.pages import Visitor
from tests.receiver import Receiver

NO_REDIS = "Redis does not answer."
NO_WORKER = "No worker is alive, so nothing is sent."


@pytest.fixture
async def shop_with_redis(settings: Settings, redis_url: str) -> AsyncIterator[Shop]:
    with_redis = settings.model_copy(update={"redis_url": redis_url})
    async with AsyncTestClient(create_app(with_redis), raise_server_exceptions=False) as client:
        yield client


async def test_an_empty_shop_says_what_to_do_first(shop: Shop) -> None:
    page = await Visitor(shop).get("/overview")

    assert "No orders yet" in page.text
    assert page.links["/endpoints"] == "Register an endpoint"
    assert "No orders in the last hour." in page.text


async def test_without_redis_it_says_so_and_what_to_do(shop: Shop) -> None:
    await order(shop)

    page = await Visitor(shop).get("/overview")

    assert NO_REDIS in page.text
    assert "make demo" in page.text
    assert "Nothing is lost" in page.text
    assert NO_WORKER not in page.text
    assert "unknown: Redis does not answer" in page.text


async def test_without_a_worker_it_says_so_and_what_to_do(shop_with_redis: Shop) -> None:
    page = await Visitor(shop_with_redis).get("/overview")

    assert NO_WORKER in page.text
    assert "python -m shop.worker" in page.text
    assert NO_REDIS not in page.text


async def test_workers_are_shown_with_their_status(shop_with_redis: Shop, redis_url: str) -> None:
    heartbeats = Heartbeats(redis_url)
    sign = WorkerStatus("wrk_1", "a-machine", 4711, datetime.now(UTC), 7, 400)
    await heartbeats.beat(sign)
    await heartbeats.close()

    page = await Visitor(shop_with_redis).get("/overview")

    assert "process 4711" in page.text
    assert "a-machine" in page.text
    assert "7 of 400" in page.text
    assert "0 deliveries in flight" in page.text  # from the database, as on the flow
    assert NO_WORKER not in page.text


async def test_the_numbers_of_the_charts_are_also_text(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    endpoint_id = await register(shop, receiver.url)
    [_succeeding] = (await order(shop))["delivery_ids"]
    [failing] = (await order(shop))["delivery_ids"]
    await order(shop)
    clock.catch_up()
    await engine.deliver()
    receiver.status = 503
    await engine.deliver()

    page = await Visitor(shop).get("/overview")

    assert "3 orders in the last hour; the most in one minute: " in page.text
    assert "3 deliveries created in the last hour; now 1 succeeded, 2 pending." in page.text
    assert "50 % of 2 attempts in the last hour had a 2xx response" in page.text
    assert "503" in page.text
    assert "Service Unavailable" in page.text
    assert f"/deliveries/{failing}" in page.links
    assert page.links[f"/endpoints/{endpoint_id}"] in {
        receiver.url.partition("://")[2],
        "its endpoint",
    }
    assert "style=" not in page.answer.text


async def test_an_endpoints_page_shows_its_health_and_reasons_of_failures(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    endpoint_id = await register(shop, receiver.url)
    fresh = await Visitor(shop).get(f"/endpoints/{endpoint_id}")
    for status in (200, 500, 500, 404):
        receiver.status = status
        [delivery_id] = (await order(shop))["delivery_ids"]
        clock.catch_up()
        await engine.deliver()

    page = await Visitor(shop).get(f"/endpoints/{endpoint_id}")

    assert "nothing was sent" in fresh.text
    assert "Nothing was sent in the last day." in fresh.text
    assert (
        page.text.count("25 % of 4 attempts had a 2xx response") == 2
    )  # for the hour, for the day
    assert page.text.count("1 succeeded, 3 failed.") == 2
    assert "of 4 responses" in page.text
    assert page.text.index("Internal Server Error 2") < page.text.index("Not Found 1")
    assert f"/deliveries/{delivery_id}" in page.links


async def test_an_endpoints_page_distinguishes_current_and_old_secrets(shop: Shop) -> None:
    endpoint_id = await register(shop)
    answer = await shop.post(f"/v1/webhooks/{endpoint_id}/rotate-secret", json={})
    assert answer.status_code == 200, answer.text

    page = await Visitor(shop).get(f"/endpoints/{endpoint_id}")

    assert page.text.index("current") < page.text.index("being replaced")
    assert "s old" in page.text
