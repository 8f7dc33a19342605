"""Endpoints that hang or fail do not delay others. Nor do clocks that are set back or forward."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import ValidationError
from sqlalchemy import Connection
from sqlmodel import select

from hookshop.webkit.encryption import Encryption
from shop.config import Settings
from shop.database.bound_sandbox import MAIN_NUMBER
from shop.database.models import Delivery, Endpoint
from shop.database.transactions import Database
from shop.vocabulary import DeliveryState, EndpointStatus
from shop.webhooks.endpoints import registry
from shop.webhooks.endpoints.registry import EndpointChange
from shop.webhooks.engine.claiming import claim_due
from shop.webhooks.engine.due import MAX_LEASE, correct_future_times, lock_due_endpoints
from shop.webhooks.engine.settings import LEASE_MARGIN
from shop.webhooks.manual_actions import ping, resend
from shop.webhooks.queries.deliveries import DeliveryFilter, find_delivery, read_stats
from shop.webhooks.recovery import resend_undelivered
from shop.webhooks.rules.circuit_breaker import FAILURES_TO_OPEN, MIN_PAUSE
from shop.webhooks.rules.concurrency import MIN_CONCURRENCY
from shop.webhooks.rules.slots import Slots
from tests.integration.shop.conftest import Clock, Engine, delivery_settings
from tests.integration.shop.orders_and_endpoints import NOBODY, OrdersAndEndpoints
from tests.receiver import Receiver
from tests.waiting import eventually


class World(OrdersAndEndpoints):
    """The database under test, with actions for the tests."""

    async def buy(self) -> list[str]:
        """Place an order. Return the ids of its deliveries, one for each endpoint."""
        return list((await self.place(1)).message.delivery_ids)

    async def buy_many(self, count: int) -> list[str]:
        return [delivery_id for _ in range(count) for delivery_id in await self.buy()]

    async def endpoint(self, endpoint_id: str) -> Endpoint:
        async with self.database.reading() as session:
            return await session.get_one(Endpoint, endpoint_id)

    async def count(self, state: DeliveryState) -> int:
        async with self.database.reading() as session:
            return (await read_stats(session)).deliveries[state]

    async def state(self, delivery_id: str) -> DeliveryState:
        async with self.database.reading() as session:
            found = await find_delivery(session, delivery_id)
        assert found
        return found.delivery.state

    async def ping(self, endpoint_id: str) -> str:
        async with self.database.writing() as session:
            delivery_id = await ping(session, endpoint_id, now=self.clock.now)
        assert delivery_id
        return delivery_id

    async def activate(self, endpoint_id: str) -> None:
        await self.set_status(endpoint_id, EndpointStatus.ACTIVE)

    async def set_status(self, endpoint_id: str, status: EndpointStatus) -> None:
        async with self.database.writing() as session:
            await registry.change(session, endpoint_id, EndpointChange(status=status))

    async def until(self, state: DeliveryState, count: int) -> None:
        async def is_reached() -> bool:
            return await self.count(state) == count

        await eventually(is_reached, f"{count} deliveries are {state}")

    async def ids(self) -> list[str]:
        async with self.database.reading() as session:
            return list(await session.exec(select(Delivery.id)))

    async def resend_all(self) -> int:
        return await resend_undelivered(
            self.database, DeliveryFilter(), clock=lambda: self.clock.now
        )

    async def resend(self, delivery_id: str) -> bool:
        async with self.database.writing() as session:
            return await resend(session, delivery_id, now=self.clock.now)


@asynccontextmanager
async def running(engine: Engine) -> AsyncIterator[None]:
    """Run the worker's loop until the block ends."""
    loop = asyncio.create_task(engine.dispatcher.run())
    try:
        yield
    finally:
        engine.dispatcher.stop()
        await loop


@pytest.fixture
def world(database: Database, clock: Clock, encryption: Encryption) -> World:
    return World(database, clock, encryption)


async def fail(engine: Engine, world: World, clock: Clock, times: int) -> None:
    """Let this many attempts fail, each of another delivery."""
    for _ in range(times):
        await world.buy()
        await engine.deliver()
    clock.pass_seconds(0.1)


async def test_an_endpoint_has_only_its_share_in_flight(engine: Engine, world: World) -> None:
    await world.register(NOBODY)
    await world.buy_many(MIN_CONCURRENCY + 5)

    first, second = await engine.claim(limit=100), await engine.claim(limit=100)

    assert len(first) + len(second) == MIN_CONCURRENCY
    assert await engine.claim(limit=100) == ()


async def test_a_look_leaves_half_of_the_slots_to_another_worker(
    engine: Engine, world: World
) -> None:
    await world.register(NOBODY)
    await world.buy_many(MIN_CONCURRENCY)

    assert len(await engine.claim(limit=100)) == MIN_CONCURRENCY / 2


async def test_a_backlog_of_one_endpoint_leaves_slots_for_others(
    engine: Engine, world: World
) -> None:
    hanging = await world.register(NOBODY)
    await world.buy_many(3 * MIN_CONCURRENCY)
    other = await world.register(f"{NOBODY}2")
    await world.buy()

    claims = await engine.claim(limit=10)

    claimed_for = [claim.endpoint_id for claim in claims]
    assert (claimed_for.count(hanging), claimed_for.count(other)) == (9, 1) or (
        claimed_for.count(hanging),
        claimed_for.count(other),
    ) == (5, 1)


async def test_a_worker_continues_until_nothing_is_due(
    engine: Engine, world: World, receiver: Receiver
) -> None:
    await world.register(receiver.url)
    await world.buy_many(60)

    async with running(engine):
        await world.until(DeliveryState.SUCCEEDED, 60)

    assert len(receiver.requests) == 60


async def test_a_failing_endpoint_gets_no_requests_and_then_one_probe_at_a_time(
    engine: Engine, world: World, clock: Clock
) -> None:
    endpoint_id = await world.register(NOBODY)
    await fail(engine, world, clock, FAILURES_TO_OPEN)
    await world.buy_many(3)
    assert not await engine.is_anything_due()

    clock.pass_seconds(MIN_PAUSE.total_seconds())

    assert len(await engine.claim(limit=100)) == 1
    assert len(await engine.claim(limit=100)) == 0
    assert (await world.endpoint(endpoint_id)).failed_attempts == FAILURES_TO_OPEN


async def test_abandoned_claims_of_a_failing_endpoint_do_not_block_each_other(
    engine: Engine, world: World, clock: Clock, receiver: Receiver
) -> None:
    receiver.status = 500
    await world.register(receiver.url)
    await fail(engine, world, clock, FAILURES_TO_OPEN - 1)
    await world.buy_many(2)
    await engine.claim(limit=2)
    await fail(engine, world, clock, 1)  # opens the breaker
    receiver.status = 200

    clock.pass_seconds(60)
    async with running(engine):
        await world.until(DeliveryState.SUCCEEDED, FAILURES_TO_OPEN + 2)


async def test_after_a_probe_that_succeeds_all_deliveries_are_sent(
    engine: Engine,
    world: World,
    clock: Clock,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    receiver.status = 500
    endpoint_id = await world.register(receiver.url)
    await fail(engine, world, clock, FAILURES_TO_OPEN)
    receiver.status = 200
    clock.pass_seconds(60)
    monkeypatch.setattr("shop.webhooks.engine.dispatcher.SCHEDULER_INTERVAL_SECONDS", 3600)

    engine.dispatcher.wake(clock.now)
    async with running(engine):
        await world.until(DeliveryState.SUCCEEDED, FAILURES_TO_OPEN)

    assert (await world.endpoint(endpoint_id)).probe_at is None


async def test_after_a_look_that_fails_another_follows(
    engine: Engine, world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    look, looks = engine.dispatcher.look, []

    async def fail_once() -> None:
        looks.append(1)
        if len(looks) == 1:
            raise RuntimeError("not a database error")
        await look()

    monkeypatch.setattr(engine.dispatcher, "look", fail_once)
    await world.register(receiver.url)
    await world.buy()

    async with running(engine):
        await world.until(DeliveryState.SUCCEEDED, 1)


async def test_a_claim_of_a_dead_worker_is_not_sent_to_an_endpoint_paused_since(
    engine: Engine, world: World, clock: Clock, receiver: Receiver
) -> None:
    endpoint_id = await world.register(receiver.url)
    [delivery_id] = await world.buy()
    await engine.claim()
    await world.set_status(endpoint_id, EndpointStatus.PAUSED)

    clock.pass_seconds(60)
    await engine.deliver()

    assert receiver.requests == []
    assert await world.state(delivery_id) is DeliveryState.PENDING
    await world.set_status(endpoint_id, EndpointStatus.ACTIVE)
    await engine.deliver()
    assert await world.state(delivery_id) is DeliveryState.SUCCEEDED


async def test_a_claim_of_a_dead_worker_is_not_sent_to_an_endpoint_disabled_since(
    engine: Engine, world: World, clock: Clock, receiver: Receiver
) -> None:
    endpoint_id = await world.register(receiver.url)
    await world.buy()
    await engine.claim()
    async with world.database.writing() as session:
        await registry.disable(session, endpoint_id, reason="failing")

    clock.pass_seconds(60)
    await engine.deliver()

    assert receiver.requests == []


async def test_a_paused_endpoint_gets_no_resent_deliveries_either(
    engine: Engine, world: World, receiver: Receiver
) -> None:
    endpoint_id = await world.register(receiver.url)
    in_flight, other = await world.buy_many(2)
    await engine.dispatcher.look(limit=1)
    await world.set_status(endpoint_id, EndpointStatus.PAUSED)
    await world.resend(in_flight)
    await world.resend(other)

    await engine.responses()
    await engine.deliver(limit=10)  # this look also records the request in flight

    assert len(receiver.requests) == 1
    assert await world.state(other) is DeliveryState.PENDING


async def test_making_an_endpoint_active_ends_its_hold(
    engine: Engine, world: World, receiver: Receiver
) -> None:
    receiver.status, receiver.headers = 429, {"Retry-After": "3600"}
    endpoint_id = await world.register(receiver.url)
    await world.buy_many(2)
    await engine.deliver()
    receiver.status, receiver.headers = 200, {}

    await world.activate(endpoint_id)
    await engine.deliver(limit=10)

    assert len(receiver.requests) == 2


def test_no_setting_gives_a_longer_lease_than_the_maximum(clock: Clock) -> None:
    longest = Settings(request_timeout_seconds=60).request_timeout_seconds
    settings = replace(delivery_settings(clock), request_timeout=timedelta(seconds=longest))

    with pytest.raises(ValidationError):
        Settings(request_timeout_seconds=60.1)
    assert settings.lease <= MAX_LEASE


async def test_a_lease_of_a_worker_with_a_longer_timeout_is_respected(
    engine: Engine, world: World, clock: Clock, receiver: Receiver
) -> None:
    await world.register(receiver.url)
    await world.buy()

    def claim_for_long(connection: Connection) -> None:  # SHOP_REQUEST_TIMEOUT_SECONDS=60
        found = lock_due_endpoints(connection, also=(), now=clock.now)
        longest = replace(delivery_settings(clock), request_timeout=MAX_LEASE - LEASE_MARGIN)
        settings = {MAIN_NUMBER: longest}
        claim_due(
            connection, found.values(), limit=1, slots=Slots(), settings=settings, now=clock.now
        )

    await world.database.write(claim_for_long)
    clock.pass_seconds(50)
    await engine.deliver()
    assert receiver.requests == []

    clock.pass_seconds(20)
    await engine.deliver()
    assert len(receiver.requests) == 1


async def test_retry_after_also_delays_the_endpoints_other_deliveries(
    engine: Engine, world: World, clock: Clock, receiver: Receiver
) -> None:
    receiver.status, receiver.headers = 429, {"Retry-After": "30"}
    await world.register(receiver.url)
    await world.buy_many(2)
    await engine.deliver()
    receiver.status, receiver.headers = 200, {}

    clock.pass_seconds(29)
    await engine.deliver(limit=10)
    assert len(receiver.requests) == 1

    clock.pass_seconds(1)
    await engine.deliver(limit=10)
    assert len(receiver.requests) == 3


async def test_a_probe_waits_for_retry_after(
    engine: Engine, world: World, clock: Clock, receiver: Receiver
) -> None:
    receiver.status, receiver.headers = 503, {"Retry-After": "45"}
    endpoint_id = await world.register(receiver.url)
    await world.buy_many(FAILURES_TO_OPEN)
    await engine.deliver(limit=FAILURES_TO_OPEN)  # half of them
    clock.pass_seconds(45)
    asked_at = clock.now
    await engine.deliver(limit=FAILURES_TO_OPEN)  # the other half, of which each is due

    assert (await world.endpoint(endpoint_id)).probe_at == asked_at + timedelta(seconds=45)


async def test_a_resent_delivery_does_not_wait_for_retry_after(
    engine: Engine, world: World, receiver: Receiver
) -> None:
    receiver.status, receiver.headers = 503, {"Retry-After": "3600"}
    await world.register(receiver.url)
    [delivery_id] = await world.buy()
    await engine.deliver()
    receiver.status, receiver.headers = 200, {}

    await world.resend(delivery_id)
    await engine.deliver()

    assert await world.state(delivery_id) is DeliveryState.SUCCEEDED


async def test_a_delivery_resent_many_times_does_not_disable_its_endpoint(
    engine: Engine, world: World, clock: Clock, receiver: Receiver
) -> None:
    receiver.status = 500
    endpoint_id = await world.register(receiver.url)
    [delivery_id] = await world.buy()
    for _ in range(3):
        await engine.deliver()
        clock.pass_seconds(60)

    for _ in range(9):
        await world.resend(delivery_id)
        await engine.deliver()

    endpoint = await world.endpoint(endpoint_id)
    assert len(receiver.requests) == 12
    assert endpoint.failed_deliveries == 1
    assert endpoint.status is EndpointStatus.ACTIVE


async def test_a_resent_delivery_does_not_wait_for_the_breaker(
    engine: Engine, world: World, clock: Clock, receiver: Receiver
) -> None:
    receiver.status = 500
    await world.register(receiver.url)
    await fail(engine, world, clock, FAILURES_TO_OPEN)
    receiver.status = 200
    [delivery_id] = await world.buy()

    await world.resend(delivery_id)
    await engine.deliver()

    assert await world.state(delivery_id) == DeliveryState.SUCCEEDED


async def test_a_test_event_does_not_wait_for_the_breaker(
    engine: Engine, world: World, clock: Clock, receiver: Receiver
) -> None:
    receiver.status = 500
    endpoint_id = await world.register(receiver.url)
    await fail(engine, world, clock, FAILURES_TO_OPEN)
    receiver.status = 200

    await world.ping(endpoint_id)
    await engine.deliver()

    assert b"webhook.ping" in receiver.requests[-1].body


async def test_a_bulk_resend_waits_for_an_open_breaker(
    engine: Engine, world: World, clock: Clock, receiver: Receiver
) -> None:
    receiver.status = 500
    await world.register(receiver.url)
    await fail(engine, world, clock, FAILURES_TO_OPEN)
    receiver.status = 200

    assert await world.resend_all() == FAILURES_TO_OPEN
    await engine.deliver(limit=100)

    assert len(receiver.requests) == FAILURES_TO_OPEN


async def test_a_resent_delivery_passes_the_breaker_only_once(
    engine: Engine, world: World, clock: Clock, receiver: Receiver
) -> None:
    receiver.status = 500
    await world.register(receiver.url)
    await fail(engine, world, clock, FAILURES_TO_OPEN)
    [delivery_id] = await world.buy()
    await world.resend(delivery_id)
    await engine.deliver()

    await world.resend_all()
    await engine.deliver()

    assert not await engine.is_anything_due()
    assert len(receiver.requests) == FAILURES_TO_OPEN + 1


async def test_making_an_endpoint_active_closes_its_breaker(
    engine: Engine, world: World, clock: Clock, receiver: Receiver
) -> None:
    receiver.status = 500
    endpoint_id = await world.register(receiver.url)
    await fail(engine, world, clock, FAILURES_TO_OPEN)
    [_delivery_id] = await world.buy()

    await world.activate(endpoint_id)
    await engine.deliver()

    assert len(receiver.requests) == FAILURES_TO_OPEN + 1


async def test_an_endpoint_with_several_failed_deliveries_in_a_row_is_disabled(
    engine: Engine, world: World, clock: Clock
) -> None:
    endpoint_id = await world.register(NOBODY)
    for number in range(3):
        assert (await world.endpoint(endpoint_id)).failed_deliveries == number
        [_delivery_id] = await world.buy()
        for _ in range(3):
            await engine.deliver()
            clock.pass_seconds(60)

    endpoint = await world.endpoint(endpoint_id)
    assert (endpoint.status, endpoint.disabled_reason) == (EndpointStatus.DISABLED, "failing")


async def test_a_success_resets_the_counted_failures(
    engine: Engine, world: World, clock: Clock, receiver: Receiver
) -> None:
    receiver.status = 500
    endpoint_id = await world.register(receiver.url)
    [_delivery_id] = await world.buy()
    for _ in range(3):
        await engine.deliver()
        clock.pass_seconds(60)
    receiver.status = 200

    await world.buy()
    await engine.deliver()

    endpoint = await world.endpoint(endpoint_id)
    assert (endpoint.failed_attempts, endpoint.failed_deliveries) == (0, 0)


async def test_a_retry_is_sent_after_the_clock_is_set_back(
    engine: Engine, world: World, clock: Clock, receiver: Receiver
) -> None:
    receiver.status = 500
    await world.register(receiver.url)
    [delivery_id] = await world.buy()
    await engine.deliver()
    receiver.status = 200

    clock.now -= timedelta(days=1)
    await correct_future_times(world.database, now=clock.now)
    await engine.deliver()

    assert await world.state(delivery_id) == DeliveryState.SUCCEEDED


async def test_an_abandoned_claim_is_sent_after_the_clock_is_set_back(
    engine: Engine, world: World, clock: Clock, receiver: Receiver
) -> None:
    await world.register(receiver.url)
    [delivery_id] = await world.buy()
    await engine.claim()

    clock.now -= timedelta(days=1)
    await correct_future_times(world.database, now=clock.now)
    await engine.deliver()  # releases it
    await correct_future_times(world.database, now=clock.now)
    await engine.deliver()

    assert await world.state(delivery_id) == DeliveryState.SUCCEEDED


async def test_a_clock_that_is_set_forward_causes_one_attempt_per_delivery(
    engine: Engine, world: World, clock: Clock, receiver: Receiver
) -> None:
    receiver.status = 500
    await world.register(receiver.url)
    await world.buy_many(3)
    await engine.deliver(limit=100)

    clock.pass_seconds(24 * 3600)
    for _ in range(3):
        await engine.deliver(limit=100)

    assert len(receiver.requests) == 6
