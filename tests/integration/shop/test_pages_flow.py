"""The flow page without JavaScript, and its stream."""

import asyncio
import re
from pathlib import Path

import httpx
import pytest

from shop.config import Settings
from shop.database.transactions import Database
from shop.redis.heartbeats import Heartbeats
from shop.redis.wake_ups import WakeUps
from shop.web.flow import reader
from shop.web.flow.facts import MAX_COUNT
from shop.web.flow.picture import MAX_VISIBLE
from shop.web.flow.reader import EngineGauge, read_facts
from shop.web.flow.stages import Stage
from shop.webhooks.queries.dashboard_stats import MAX_DUE
from tests.integration.shop.browsing import (
    Shop,
    attempt,
    fail_attempts,
    order,
    order_count,
    register,
)
from tests.integration.shop.conftest import Clock, Engine, StartWorker
from tests.integration.shop.test_pages_live import register as register_live
from tests.integration.shop.test_pages_live import shop as live_shop
from tests.pages import HEAVIEST_PAGE, Page, Visitor, first_load, opened
from tests.receiver import Receiver
from tests.waiting import eventually

serving = live_shop  # the same fixture, over a real socket


def dots(page: Page) -> dict[str, str]:
    """Return the stop of each dot, by id."""
    found = re.findall(r'id="dot-(\w+)".*? data-stop="([\w-]+)"', page.answer.text)
    return dict(found)


async def flow(shop: Shop) -> Page:
    return await Visitor(shop).get("/flow")


async def test_a_refund_shows_a_negative_amount(shop: Shop) -> None:
    await register(shop, event_types=["purchase.refunded"])
    refunded = await order(shop)
    await shop.post(f"/v1/orders/{refunded['id']}/refund", json={})

    page = await flow(shop)

    assert f"−${refunded['total_cents'] / 100:.2f}, purchase.refunded to" in page.answer.text


async def test_a_shop_without_redis_says_what_is_stuck_and_still_takes_orders(shop: Shop) -> None:
    await register(shop)
    [delivery_id] = (await order(shop))["delivery_ids"]

    page = await flow(shop)

    assert "Stuck: Redis does not answer" in page.text
    assert "nothing is lost: workers poll the database" in page.text
    assert dots(page) == {delivery_id: "database"}
    assert page.links[f"/deliveries/{delivery_id}"] is not None


async def test_an_order_lands_at_each_of_its_endpoints(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    await register(shop, receiver.url)
    await register(shop, f"{receiver.url}/second")
    ids = (await order(shop))["delivery_ids"]
    for _delivery_id in ids:
        await attempt(engine, clock)

    page = await flow(shop)

    assert sorted(dots(page).values()) == ["delivered-lane-1", "delivered-lane-2"]
    assert page.text.count("1 succeeded") == 2


async def test_a_rejected_delivery_waits_and_ends_among_the_failed(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    receiver.status = 500
    await register(shop, receiver.url)
    [delivery_id] = (await order(shop))["delivery_ids"]
    await attempt(engine, clock)
    waiting = await flow(shop)
    for _ in range(2):
        await attempt(engine, clock)

    failed = await flow(shop)

    assert dots(waiting) == {delivery_id: "waiting"}
    assert "1 for the next attempt" in waiting.text
    assert 'data-until="' in waiting.answer.text
    assert "retrying" in waiting.text
    assert dots(failed) == {delivery_id: "failed"}
    assert "1 delivery Out of retries." in failed.text


async def test_deliveries_to_a_paused_endpoint_wait(shop: Shop) -> None:
    endpoint_id = await register(shop)
    await shop.patch(f"/v1/webhooks/{endpoint_id}", json={"status": "paused"})
    [delivery_id] = (await order(shop))["delivery_ids"]

    page = await flow(shop)

    assert dots(page) == {delivery_id: "waiting"}
    assert "1 on hold (endpoint paused)" in page.text
    assert "1 on hold (endpoint paused)" in (await Visitor(shop).get("/overview")).text
    assert "And 1 more." in page.text  # besides Redis, which this shop does not have


async def test_an_open_breaker_counts_down_to_its_probe(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    receiver.status = 500
    await register(shop, receiver.url)
    clock.pass_seconds(60)  # so that the breaker is also open by the page's clock
    await fail_attempts(shop, engine, clock, times=20)

    page = await flow(shop)

    assert "20 failures in a row: deliveries are on hold" in page.text
    assert set(dots(page).values()) == {"waiting"}


async def test_an_order_without_subscribers_is_shown(shop: Shop) -> None:
    order_id = (await order(shop))["id"]

    page = await flow(shop)

    assert dots(page) == {order_id: "database"}
    assert "No subscribers yet." in page.text


async def test_a_deleted_endpoint_has_no_lane(shop: Shop) -> None:
    endpoint_id = await register(shop)
    await order(shop)
    await shop.delete(f"/v1/webhooks/{endpoint_id}")

    page = await flow(shop)

    assert f"/endpoints/{endpoint_id}" not in page.links
    assert "No subscribers yet." in page.text


@pytest.mark.parametrize("count", [1, 20])
async def test_a_button_places_orders_as_customers_do(count: int, shop: Shop) -> None:
    await register(shop)

    answer = await Visitor(shop).submit("/flow/orders", count=str(count))

    assert answer.status == 303
    assert answer.answer.headers["location"] == "/flow"
    assert await order_count(shop) == count
    deliveries = (await shop.get("/v1/deliveries", params={"limit": 100})).json()["data"]
    assert len(deliveries) == count


async def test_htmx_gets_no_content_so_that_animations_continue(shop: Shop) -> None:
    token = (await flow(shop)).values["_csrf_token"][0]

    answer = await shop.post(
        "/flow/orders",
        data={"_csrf_token": token, "count": "1"},
        headers={"HX-Request": "true"},
        follow_redirects=False,
    )

    assert answer.status_code == 204
    assert await order_count(shop) == 1


@pytest.mark.parametrize("count", ["", "0", "2", "21", "-1", "1_0", "１", "many", "9" * 5000])
async def test_no_other_number_of_orders_is_placed(count: str, shop: Shop) -> None:
    answer = await Visitor(shop).submit("/flow/orders", count=count)

    assert answer.status == 400
    assert await order_count(shop) == 0


async def test_the_first_load_is_light(shop: Shop) -> None:
    for number in range(8):
        await register(shop, f"http://127.0.0.1:9001/{number}")
    await Visitor(shop).submit("/flow/orders", count="20")

    page = await flow(shop)

    assert first_load(page) < HEAVIEST_PAGE


async def test_all_dots_are_on_the_page_and_those_without_room_are_hidden(shop: Shop) -> None:
    endpoint_id = await register(shop)
    await shop.patch(f"/v1/webhooks/{endpoint_id}", json={"status": "paused"})
    for _ in range(2):
        await Visitor(shop).submit("/flow/orders", count="20")

    page = await flow(shop)

    waiting = [stop for stop in dots(page).values() if stop == "waiting"]
    hidden = page.answer.text.count(" hidden id=")
    assert len(waiting) - hidden == MAX_VISIBLE[Stage.WAITING]
    assert f"+ {40 - MAX_VISIBLE[Stage.WAITING]}" in page.text


async def test_counting_ends_where_it_would_cost_too_much(
    shop: Shop, database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shop.web.flow.reader.MAX_COUNT", 3)
    monkeypatch.setattr("shop.web.flow.reader.MAX_DUE", 3)
    await register(shop)
    for _ in range(5):
        await order(shop)
    clock.pass_seconds(1)

    async with database.reading() as session:
        facts = await read_facts(session, reader.Engine(0, 1), now=clock.now)

    assert MAX_COUNT > 3 < MAX_DUE
    [endpoint] = facts.endpoints
    assert (facts.orders_in_last_minute, endpoint.due) == (3, 3)
    assert (facts.orders, endpoint.pending) == (5, 5)


class TestWithRedis:
    @pytest.fixture
    def settings(self, tmp_path: Path, redis_url: str, shop_database_url: str | None) -> Settings:
        return Settings(
            HOOKSHOP_VAR=tmp_path,  # type: ignore[call-arg]
            redis_url=redis_url,
            database_url=shop_database_url,
        )

    async def test_the_stream_shows_a_worker_that_starts_and_stops(
        self, serving: httpx.AsyncClient, start_worker: StartWorker
    ) -> None:
        async with opened(serving, "/flow/live") as stream:
            await stream.until("no worker is alive")
            worker = start_worker()
            await stream.until("Everything flows.")
            worker.terminate()

            gone = await stream.until("no worker is alive")

        assert "nothing is sent" in gone.text

    async def test_the_stream_shows_an_order_on_its_way(
        self, serving: httpx.AsyncClient, start_worker: StartWorker, receiver: Receiver
    ) -> None:
        await register_live(serving, receiver.url)
        async with opened(serving, "/flow/live") as stream:
            await stream.until("no worker is alive")
            await serving.post(
                "/v1/orders",
                json={"items": [{"product_id": "mug", "quantity": 1}], "customer_name": "Ada"},
            )
            waiting = await stream.until("1 wake-up ")
            start_worker()

            landed = await stream.until("1 succeeded")

        assert set(dots(waiting).values()) == {"redis"}
        assert set(dots(landed).values()) == {"delivered-lane-1"}

    async def test_workers_are_unknown_when_redis_is_back_until_their_next_heartbeat(
        self, redis_url: str
    ) -> None:
        wake_ups, absent = WakeUps(redis_url), WakeUps("unix:///nowhere")
        heartbeats = Heartbeats(redis_url)
        gauge = EngineGauge(absent, heartbeats)

        away = await gauge.read()
        gauge._wake_ups = wake_ups  # noqa: SLF001 – as after a restart
        back = await eventually(lambda: _answer(gauge), "Redis answers again")
        later = await eventually(lambda: _known(gauge), "the workers are known again")

        assert away == reader.Engine(None, None)
        assert back == reader.Engine(0, None)
        assert later == reader.Engine(0, 0)
        await asyncio.gather(wake_ups.close(), absent.close(), heartbeats.close())


async def _answer(gauge: EngineGauge) -> reader.Engine | None:
    engine = await gauge.read()
    return engine if engine.queue_length is not None else None


async def _known(gauge: EngineGauge) -> reader.Engine | None:
    engine = await gauge.read()
    return engine if engine.workers is not None else None
