"""A sandbox is emptied, by a reset or after it was dropped, and nothing of another one changes."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import select

from hookshop.webkit.encryption import Encryption
from shop.database import counters
from shop.database.bound_sandbox import ALL, MAIN_NUMBER, RETIRED_NUMBER, bound_to
from shop.database.counters import AttemptTotal, OrderTally, RefundTally
from shop.database.models import (
    Endpoint,
    EndpointSecret,
    Sandbox,
    SandboxTable,
    UsedIdempotencyKey,
)
from shop.database.transactions import Database
from shop.orders import steady
from shop.orders.fulfilment import refund
from shop.orders.placing import list_orders
from shop.sandboxes.cleanup import clean_up
from shop.sandboxes.counts import remove_counts
from shop.sandboxes.emptying import delete_rows, reset
from shop.sandboxes.registry import DELETION_DELAY
from shop.vocabulary import DeliveryState, EndpointStatus
from shop.webhooks import clock
from shop.webhooks.endpoints import registry
from shop.webhooks.endpoints.refusals import record_refusal
from shop.webhooks.engine.http_client import Response
from shop.webhooks.manual_actions import ping
from shop.webhooks.queries.dashboard_stats import read_waiting
from shop.webhooks.queries.deliveries import read_stats
from shop.webhooks.queries.metrics import as_text, database_metrics
from shop.webhooks.rules.concurrency import MIN_CONCURRENCY
from shop.webhooks.rules.urls import UrlRefused
from tests.integration.shop.conftest import Clock, Engine
from tests.integration.shop.exams import exam_run
from tests.integration.shop.sandboxes import LIFETIME, SandboxedShop
from tests.receiver import Receiver

TABLES = [table for table in SandboxTable.__subclasses__() if hasattr(table, "__table__")]
# Counts of current deliveries go down to 0 with them, and their rows go with their endpoints.
OF_CURRENT_DELIVERIES = (counters.StateTally, counters.DeliveryTally)


@pytest.fixture
def shops(database: Database, clock: Clock, encryption: Encryption) -> SandboxedShop:
    return SandboxedShop(database, clock, encryption)


async def fill(shops: SandboxedShop, engine: Engine, url: str, number: int) -> str:
    """Add at least one row to each table; return the id of an endpoint."""
    deleted = await shops.register(f"{url}/deleted", number=number)
    endpoint_id = await shops.register(url, number=number)
    await shops.buy(3, number=number)
    await engine.deliver(limit=4)
    await shops.buy(2, number=number)
    async with shops.writing(number) as session:
        [order, *_] = await list_orders(session, limit=1)
        await refund(session, order.id, now=shops.clock.now)
        await ping(session, endpoint_id, now=shops.clock.now)
        await steady.start(session, now=shops.clock.now)
        await clock.advance(session, timedelta(days=1))
        session.add(exam_run())
        refusal = UrlRefused("it is internal")
        await record_refusal(session, "http://x.local/", refusal, now=shops.clock.now)
        await registry.mark_deleted(session, deleted, now=shops.clock.now)
    await shops.merge_counters()
    return endpoint_id


async def rows(shops: SandboxedShop, number: int | None) -> dict[str, int]:
    return {table.__name__: await shops.count(table, number=number) for table in TABLES}


async def metrics(shops: SandboxedShop) -> dict[str, str]:
    """Return the counters of GET /metrics, which never decrease."""
    with bound_to(ALL):
        async with shops.database.reading() as session:
            text = as_text(await database_metrics(session, now=shops.clock.now)).decode()
    lines = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name: value for name, _, value in lines if "_total" in name or "_duration" in name}


async def test_all_rows_of_a_dropped_sandbox_are_deleted_and_no_others(
    shops: SandboxedShop, engine: Engine, receiver: Receiver
) -> None:
    number = await shops.create("lesson-7")
    await fill(shops, engine, f"{receiver.url}/main", MAIN_NUMBER)
    await fill(shops, engine, f"{receiver.url}/7", number)
    of_main = await rows(shops, MAIN_NUMBER)
    assert all((await rows(shops, number)).values())
    await shops.drop("lesson-7")

    assert await delete_rows(shops.database, number)

    assert not any((await rows(shops, number)).values())
    assert await rows(shops, MAIN_NUMBER) == of_main
    async with shops.database.reading() as session:
        assert await session.get(Sandbox, number) is None


async def test_a_worker_drops_what_has_expired_and_deletes_its_rows_a_moment_later(
    shops: SandboxedShop, engine: Engine, receiver: Receiver
) -> None:
    number = await shops.create("lesson-7")
    await fill(shops, engine, receiver.url, number)
    shops.clock.now += LIFETIME

    assert await clean_up(shops.database, now=shops.clock.now) == [number]
    assert await shops.count(Endpoint, number=number) == 2
    assert await clean_up(shops.database, now=shops.clock.now + DELETION_DELAY) == []

    assert not any((await rows(shops, number)).values())
    assert await clean_up(shops.database, now=shops.clock.now + DELETION_DELAY) == []


async def test_metrics_never_count_down(
    shops: SandboxedShop, engine: Engine, receiver: Receiver
) -> None:
    for sandbox_id in ("lesson-7", "lesson-8"):
        number = await shops.create(sandbox_id)
        await fill(shops, engine, f"{receiver.url}/{sandbox_id}", number)
        before = await metrics(shops)
        assert before["hookshop_orders_total"] != "0.0"

        await shops.drop(sandbox_id)
        await delete_rows(shops.database, number)

        assert await metrics(shops) == before
    with bound_to(RETIRED_NUMBER):
        for table in (OrderTally, RefundTally):
            assert await shops.count(table, number=RETIRED_NUMBER) == 1
        assert await shops.count(AttemptTotal, number=RETIRED_NUMBER) > 0


async def test_only_a_dropped_sandbox_loses_its_own_row(shops: SandboxedShop) -> None:
    number = await shops.create("lesson-7")

    await delete_rows(shops.database, number)

    async with shops.database.reading() as session:
        assert await session.get(Sandbox, number)


@pytest.mark.parametrize("sandbox_id", ["main", "lesson-7"])
async def test_a_reset_leaves_nothing(
    shops: SandboxedShop, engine: Engine, receiver: Receiver, sandbox_id: str
) -> None:
    other = await shops.create("lesson-7")
    number, other = (0, other) if sandbox_id == "main" else (other, 0)
    await fill(shops, engine, f"{receiver.url}/1", number)
    await fill(shops, engine, f"{receiver.url}/2", other)
    of_other = await rows(shops, other)
    before = await metrics(shops)

    await reset(shops.database, number, keep_endpoints=False, clock=lambda: shops.clock.now)

    assert not any((await rows(shops, number)).values())
    assert await rows(shops, other) == of_other
    assert await metrics(shops) == before


async def test_a_reset_that_keeps_endpoints_forgets_their_failures(
    shops: SandboxedShop, engine: Engine, receiver: Receiver
) -> None:
    receiver.status, receiver.headers = 503, {"Retry-After": "3600"}
    number = await shops.create("lesson-7")
    endpoint_id = await fill(shops, engine, receiver.url, number)
    paused = await shops.register(f"{receiver.url}/paused", number=number)
    async with shops.writing(number) as session:
        failing = await session.get_one(Endpoint, endpoint_id)
        failing.failed_attempts, failing.failed_deliveries = 21, 5
        failing.probe_at, failing.places = shops.clock.now, 40
        failing.status, failing.disabled_reason = EndpointStatus.DISABLED, "failing"
        other = await session.get_one(Endpoint, paused)
        other.status = EndpointStatus.PAUSED
        session.add_all([failing, other])

    await reset(shops.database, number, keep_endpoints=True, clock=lambda: shops.clock.now)

    kept = {Endpoint.__name__: 2, EndpointSecret.__name__: 2}
    left = await rows(shops, number)
    assert {name: count for name, count in left.items() if count} == kept | {
        table.__name__: left[table.__name__]
        for table in OF_CURRENT_DELIVERIES
        if left[table.__name__]
    }
    fresh = await shops.endpoint(endpoint_id)
    assert (fresh.failed_attempts, fresh.failed_deliveries, fresh.places) == (0, 0, MIN_CONCURRENCY)
    assert (fresh.probe_at, fresh.hold_until) == (None, None)
    assert (fresh.status, fresh.disabled_reason) == (EndpointStatus.ACTIVE, None)
    assert (await shops.endpoint(paused)).status is EndpointStatus.PAUSED


async def test_after_a_reset_deliveries_are_counted_from_zero(
    shops: SandboxedShop, engine: Engine, receiver: Receiver
) -> None:
    number = await shops.create("lesson-7")
    await fill(shops, engine, receiver.url, number)

    await reset(shops.database, number, keep_endpoints=True, clock=lambda: shops.clock.now)
    [delivery_id] = await shops.buy(number=number)
    await engine.deliver(limit=10)

    with bound_to(number):
        async with shops.database.reading() as session:
            stats = await read_stats(session)
            waiting = await read_waiting(session, now=shops.clock.now)
    assert await shops.state(delivery_id) is DeliveryState.SUCCEEDED
    assert stats.sales.orders == 1
    assert {state: count for state, count in stats.deliveries.items() if count} == {
        DeliveryState.SUCCEEDED: 1
    }
    assert waiting.due == 0


async def test_a_request_in_flight_during_a_reset_is_not_recorded(
    shops: SandboxedShop, engine: Engine
) -> None:
    endpoint_id = await shops.register()
    await shops.buy()
    [claim] = await engine.claim()

    await reset(shops.database, MAIN_NUMBER, keep_endpoints=True, clock=lambda: shops.clock.now)
    await engine.record(claim, Response({}, error="connection_refused"))

    assert (await shops.endpoint(endpoint_id)).failed_attempts == 0
    assert await shops.count(counters.AttemptTotal, number=MAIN_NUMBER) == 0


async def test_a_reset_is_not_finished_before_orders_that_come_meanwhile_are_gone(
    shops: SandboxedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shops.register()
    await shops.buy(3)
    merged = asyncio.Event()

    async def remove_and_buy(database: Database) -> None:
        await remove_counts(database)
        if not merged.is_set():
            merged.set()
            await shops.buy(2)

    monkeypatch.setattr("shop.sandboxes.emptying.remove_counts", remove_and_buy)

    await reset(shops.database, MAIN_NUMBER, keep_endpoints=True, clock=lambda: datetime.now(UTC))

    assert merged.is_set()
    assert await shops.count(UsedIdempotencyKey, number=MAIN_NUMBER) == 0
    with bound_to(MAIN_NUMBER):
        async with shops.database.reading() as session:
            assert (await session.exec(select(OrderTally))).all() == []


async def test_orders_attempts_and_merges_during_a_reset_neither_fail_nor_spoil_the_counters(
    shops: SandboxedShop, engine: Engine
) -> None:
    number = await shops.create("lesson-7")
    endpoint_id = await shops.register(number=number)

    async def buy() -> None:
        for _ in range(20):
            await shops.buy(number=number)

    async def deliver() -> None:
        for _ in range(20):
            for claim in await engine.claim(limit=5):
                await engine.record(claim, Response({}, status=200))
            await shops.merge_counters()

    async def empty() -> None:
        for _ in range(3):
            await reset(shops.database, number, keep_endpoints=True, clock=lambda: shops.clock.now)

    async with asyncio.TaskGroup() as writers:
        for work in (buy, buy, deliver, deliver, empty):
            writers.create_task(work())

    await shops.merge_counters()
    counted = await rows(shops, number)
    with bound_to(number):
        async with shops.database.reading() as session:
            stats = await read_stats(session)
    assert sum(stats.deliveries.values()) == counted["Delivery"]
    assert stats.sales.orders == counted["Order"] == counted["Message"]
    await empty()
    left = await rows(shops, number)
    assert (left["Order"], left["Message"], left["Delivery"], left["Attempt"]) == (0, 0, 0, 0)
    assert (await shops.endpoint(endpoint_id)).deleted_at is None
