"""The shop's metrics: read from the database and Redis, so the same from every process."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from litestar.testing import AsyncTestClient
from sqlalchemy import text

from shop.app import create_app
from shop.config import Settings
from shop.database.counters import BUCKETS_MS
from shop.database.transactions import Database
from shop.redis.heartbeats import Heartbeats, WorkerStatus
from tests.integration.shop.browsing import Shop, order, register
from tests.integration.shop.conftest import TEST_HOST, Clock, Engine
from tests.metrics import Scrape
from tests.receiver import Receiver
from tests.waiting import eventually

TOKEN = "correct horse battery"
NOBODY = "http://127.0.0.1:1025/nobody"


async def scrape(shop: httpx.AsyncClient) -> Scrape:
    return Scrape(await shop.get("/metrics"))


async def test_an_empty_shop_is_all_zeros_each_explained(shop: Shop) -> None:
    told = await scrape(shop)

    assert set(told.samples.values()) == {0}
    assert told.undocumented == []
    assert told.types == {
        "hookshop_orders": "counter",
        "hookshop_gross_cents": "counter",
        "hookshop_refunded_cents": "counter",
        "hookshop_deliveries": "gauge",
        "hookshop_attempts": "counter",
        "hookshop_attempt_duration_seconds": "histogram",
        "hookshop_deliveries_in_flight": "gauge",
        "hookshop_deliveries_due": "gauge",
        "hookshop_deliveries_held_back": "gauge",
        "hookshop_oldest_waiting_seconds": "gauge",
        "hookshop_endpoints": "gauge",
    }


async def test_orders_deliveries_and_attempts_are_counted(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    await register(shop, receiver.url)
    await register(shop, NOBODY)
    for status in (200, 503):
        receiver.status = status
        delivery_ids = (await order(shop))["delivery_ids"]
        clock.pass_seconds(1)  # only the clock of the engine
        for _delivery in delivery_ids:
            await engine.deliver()

    told = await scrape(shop)

    assert told["hookshop_orders_total"] == 2
    assert told["hookshop_deliveries{state=succeeded}"] == 1
    assert told["hookshop_deliveries{state=pending}"] == 3
    assert told["hookshop_attempts_total{outcome=succeeded}"] == 1
    assert told["hookshop_attempts_total{outcome=5xx}"] == 1
    assert told["hookshop_attempts_total{outcome=connection_refused}"] == 2
    assert told["hookshop_attempt_duration_seconds_count"] == 4
    assert told["hookshop_endpoints{status=active}"] == 2


async def test_money_is_reported_gross_with_refunds_separately(shop: Shop) -> None:
    refunded, kept = await order(shop), await order(shop)
    await shop.post(f"/v1/orders/{refunded['id']}/refund", json={})

    told = await scrape(shop)

    assert told["hookshop_gross_cents_total"] == refunded["total_cents"] + kept["total_cents"]
    assert told["hookshop_refunded_cents_total"] == refunded["total_cents"]


async def test_no_url_and_no_id_is_reported(shop: Shop, receiver: Receiver) -> None:
    endpoint_id = await register(shop, receiver.url)
    [delivery_id] = (await order(shop))["delivery_ids"]

    answer = await shop.get("/metrics")

    for name in (receiver.url, endpoint_id, delivery_id):
        assert name not in answer.text


async def test_each_bucket_holds_those_before_it(
    shop: Shop, database: Database, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    await register(shop, receiver.url)
    [delivery_id] = (await order(shop))["delivery_ids"]
    clock.pass_seconds(1)
    await engine.deliver()
    for number, milliseconds in enumerate([0, 5, 6, 30_000, 60_000], start=2):
        await another_attempt(database, delivery_id, number, milliseconds)
    await forget_attempt(database, delivery_id, number=1)

    told = await scrape(shop)

    name = "hookshop_attempt_duration_seconds"
    first = told[f"{name}_bucket{{le=0.01}}"] - 3  # the real attempt, if it was as fast
    assert first in {0, 1}
    assert told[f"{name}_bucket{{le=30.0}}"] == 5
    assert told[f"{name}_bucket{{le=+Inf}}"] == told[f"{name}_count"] == 6
    assert told[f"{name}_sum"] >= 90.011
    buckets = [value for key, value in told.samples.items() if key.startswith(f"{name}_bucket")]
    assert len(buckets) == len(BUCKETS_MS) + 1
    assert buckets == sorted(buckets)


async def another_attempt(database: Database, id_: str, number: int, milliseconds: int) -> None:
    """Copy the delivery's first attempt, with another duration."""
    async with database.writing() as session:
        connection = await session.connection()
        await connection.execute(
            text(
                "CREATE TEMP TABLE copy AS SELECT * FROM attempt WHERE delivery_id = :id"
                " ORDER BY number LIMIT 1"
            ),
            {"id": id_},
        )
        await connection.execute(
            text("UPDATE copy SET number = :number, duration_ms = :ms"),
            {"number": number, "ms": milliseconds},
        )
        await connection.execute(text("INSERT INTO attempt SELECT * FROM copy"))
        await connection.execute(text("DROP TABLE copy"))


async def forget_attempt(database: Database, id_: str, *, number: int) -> None:
    async with database.writing() as session:
        connection = await session.connection()
        await connection.execute(
            text("DELETE FROM attempt WHERE delivery_id = :id AND number = :number"),
            {"id": id_, "number": number},
        )


async def test_waiting_deliveries_are_reported_with_the_age_of_the_oldest(
    shop: Shop, receiver: Receiver
) -> None:
    endpoint_id = await register(shop, receiver.url)
    await order(shop)

    waiting = await scrape(shop)
    await shop.patch(f"/v1/webhooks/{endpoint_id}", json={"status": "paused"})
    paused = await scrape(shop)

    assert waiting["hookshop_deliveries_due"] == 1
    assert 0 < waiting["hookshop_oldest_waiting_seconds"] < 60
    assert waiting["hookshop_deliveries_held_back"] == 0
    assert paused["hookshop_deliveries_due"] == 0
    assert paused["hookshop_oldest_waiting_seconds"] == 0
    assert paused["hookshop_deliveries_held_back"] == 1
    assert paused["hookshop_endpoints{status=paused}"] == 1


async def test_without_redis_its_metrics_are_left_out(shop: Shop) -> None:
    told = await scrape(shop)

    assert "hookshop_queue_depth" not in told
    assert "hookshop_workers" not in told


@pytest.fixture
async def two_processes(settings: Settings, redis_url: str) -> AsyncIterator[tuple[Shop, Shop]]:
    """Two web processes of one shop, with Redis."""
    shared = settings.model_copy(update={"redis_url": redis_url})
    async with (
        AsyncTestClient(create_app(shared)) as one,
        AsyncTestClient(create_app(shared)) as two,
    ):
        yield one, two


async def queue_depth(shop: Shop, wanted: int) -> bool:
    return (await scrape(shop))["hookshop_queue_depth"] == wanted


async def test_two_web_processes_report_the_same(
    two_processes: tuple[Shop, Shop], redis_url: str, receiver: Receiver
) -> None:
    one, other = two_processes
    heartbeats = Heartbeats(redis_url)
    for number, busy in enumerate((7, 5)):
        now = datetime.now(UTC)
        await heartbeats.beat(WorkerStatus(f"wrk_{number}", "a-machine", number, now, busy, 400))
    await heartbeats.close()
    await register(one, receiver.url)
    await order(one)
    await order(other)
    # A wake-up is sent after the response, so it may not be in Redis yet.
    await eventually(lambda: queue_depth(one, 2), "two wake-ups in the queue")

    told, told_too = await scrape(one), await scrape(other)

    del told.samples["hookshop_oldest_waiting_seconds"]
    del told_too.samples["hookshop_oldest_waiting_seconds"]
    assert told.samples == told_too.samples
    assert told["hookshop_orders_total"] == 2
    assert told["hookshop_queue_depth"] == 2
    assert told["hookshop_workers"] == 2
    assert told["hookshop_deliveries_in_flight_limit"] == 800


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[Shop]:
    settings = Settings(
        HOOKSHOP_VAR=tmp_path,  # type: ignore[call-arg]
        admin_token=TOKEN,
        allowed_hosts=(TEST_HOST,),
    )
    async with AsyncTestClient(create_app(settings)) as client:
        client.follow_redirects = False
        yield client


async def test_with_a_configured_token_it_is_required(guarded: Shop) -> None:
    anonymous = await guarded.get("/metrics")
    wrong = await guarded.get("/metrics", headers={"Authorization": "Bearer wrong"})
    right = await guarded.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})

    assert anonymous.status_code == wrong.status_code == 401
    assert anonymous.headers["www-authenticate"] == "Bearer"
    assert "SHOP_ADMIN_TOKEN" in anonymous.json()["detail"]
    assert Scrape(right)["hookshop_orders_total"] == 0
