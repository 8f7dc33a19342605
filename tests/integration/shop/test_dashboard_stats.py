"""Dashboard statistics, compared with orders, deliveries and attempts made through the shop."""

from datetime import timedelta

import pytest
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hookshop.webkit.encryption import Encryption
from shop.database.counters import DeliveryTally, StateTally
from shop.database.models import Delivery, Order
from shop.database.transactions import Database
from shop.orders.placing import Item, place_order, price_order
from shop.vocabulary import DeliveryState, EndpointStatus
from shop.webhooks.endpoints import registry
from shop.webhooks.endpoints.deletion import delete_endpoint
from shop.webhooks.endpoints.registry import EndpointChange
from shop.webhooks.manual_actions import cancel
from shop.webhooks.queries.dashboard_stats import (
    Waiting,
    read_attempts,
    read_deliveries,
    read_orders,
    read_slowest,
    read_waiting,
)
from shop.webhooks.queries.deliveries import DeliveryFilter, count_by_state, read_stats
from shop.webhooks.queries.endpoint_health import read_health
from shop.webhooks.recovery import resend_undelivered
from shop.webhooks.rules.time_buckets import Window, minute_of
from tests.integration.shop.conftest import Clock, Engine
from tests.integration.shop.orders_and_endpoints import NOBODY, OrdersAndEndpoints
from tests.receiver import Receiver


class World(OrdersAndEndpoints):
    """The database under test, with actions for the tests."""

    def __init__(
        self, database: Database, clock: Clock, encryption: Encryption, engine: Engine
    ) -> None:
        super().__init__(database, clock, encryption)
        self.engine = engine

    async def buy(self) -> list[str]:
        return list((await self.place(2)).message.delivery_ids)

    async def deliver(self, *delivery_ids: str) -> None:
        for _delivery_id in delivery_ids:
            await self.engine.deliver()

    async def waiting(self) -> Waiting:
        async with self.database.reading() as session:
            return await read_waiting(session, now=self.clock.now)

    @property
    def last_hour(self) -> Window:
        return Window.last_hour(self.clock.now)


@pytest.fixture
def world(database: Database, clock: Clock, encryption: Encryption, engine: Engine) -> World:
    return World(database, clock, encryption, engine)


async def test_counters_equal_the_counted_rows(world: World, receiver: Receiver) -> None:
    first, second = await world.register(receiver.url), await world.register(NOBODY)
    for _ in range(3):
        await world.deliver(
            *await world.buy()
        )  # succeeds at one endpoint, waits for a retry at the other
        world.clock.pass_seconds(61)
    [_, cancelled] = await world.buy()
    async with world.database.writing() as session:
        assert await cancel(session, cancelled, now=world.clock.now)
    of_second = DeliveryFilter(endpoint_id=second)
    await resend_undelivered(world.database, of_second, clock=lambda: world.clock.now)
    await delete_endpoint(world.database, second, clock=lambda: world.clock.now)

    async with world.database.reading() as session:
        for endpoint_id in (None, first, second):
            assert await count_by_state(session, endpoint_id) == await counted(session, endpoint_id)
        stats = await read_stats(session)
        amounts = (await session.exec(select(func.sum(DeliveryTally.amount)))).one()
        cents = (await session.exec(select(func.sum(Order.total_cents)))).one()
    assert stats.orders == 4
    assert stats.revenue_cents == cents
    assert amounts == 8


async def counted(session: AsyncSession, endpoint_id: str | None) -> dict[DeliveryState, int]:
    query = select(Delivery.state, func.count()).group_by(col(Delivery.state))
    if endpoint_id:
        query = query.where(Delivery.endpoint_id == endpoint_id)
    found = dict((await session.exec(query)).all())
    return {state: found.get(state, 0) for state in DeliveryState}


async def test_rolled_back_rows_are_not_counted(world: World) -> None:
    await world.register(NOBODY)

    async def change_of_mind() -> None:
        async with world.database.writing() as session:
            await place_order(session, price_order([Item("mug", 1)], "Ada"), now=world.clock.now)
            await session.flush()
            raise LookupError

    with pytest.raises(LookupError):
        await change_of_mind()
    async with world.database.reading() as session:
        assert (await read_stats(session)).orders == 0
        assert (await session.exec(select(StateTally))).all() == []


async def test_orders_are_found_in_their_minute_for_an_hour(world: World) -> None:
    await world.buy()
    world.clock.pass_seconds(120)
    await world.buy()
    await world.buy()

    async with world.database.reading() as session:
        orders = await read_orders(session, world.last_hour)
        world.clock.pass_seconds(3600)
        later = await read_orders(session, world.last_hour)

    assert orders.count == 3
    assert list(orders.by_bucket.values()) == [1, 2]
    assert later.count == 0


async def test_a_delivery_stays_in_the_minute_it_was_created_in_and_changes_its_state(
    world: World, receiver: Receiver
) -> None:
    receiver.status = 500
    await world.register(receiver.url)
    [delivery_id] = await world.buy()
    made = minute_of(world.clock.now)
    await world.deliver(delivery_id)
    async with world.database.reading() as session:
        before = await read_deliveries(session, world.last_hour)

    world.clock.pass_seconds(90)
    receiver.status = 200
    await world.deliver(delivery_id)

    async with world.database.reading() as session:
        after = await read_deliveries(session, world.last_hour)
    assert {state: n for state, n in before[made].items() if n} == {DeliveryState.PENDING: 1}
    assert list(after) == [made]
    assert {state: n for state, n in after[made].items() if n} == {DeliveryState.SUCCEEDED: 1}


async def test_health_has_reasons_and_latency_of_one_endpoint_only(
    world: World, receiver: Receiver
) -> None:
    mine, other = await world.register(receiver.url), await world.register(NOBODY)
    await world.deliver(*await world.buy())
    receiver.status = 503
    await world.deliver(*await world.buy())

    async with world.database.reading() as session:
        health = await read_health(session, mine, world.last_hour)
        elsewhere = await read_health(session, other, world.last_hour)

    assert health.attempts.success_rate == 0.5
    assert [(one.reason, one.count) for one in health.failures] == [("503", 1)]
    assert health.latency
    assert health.latency.sample == 2
    assert elsewhere.attempts.success_rate == 0
    assert [(one.reason, one.count) for one in elsewhere.failures] == [("connection_refused", 2)]
    assert elsewhere.latency is None


async def test_health_ignores_attempts_before_its_window(world: World, receiver: Receiver) -> None:
    mine = await world.register(receiver.url)
    await world.deliver(*await world.buy())
    world.clock.pass_seconds(3700)

    async with world.database.reading() as session:
        hour = await read_health(session, mine, world.last_hour)
        day = await read_health(session, mine, Window.last_day(world.clock.now))

    assert hour.attempts.total == 0
    assert hour.latency is None
    assert day.attempts.total == 1
    assert day.latency


async def test_waiting_deliveries_are_counted_by_what_they_wait_for(world: World) -> None:
    endpoint_id = await world.register(NOBODY)
    [fails] = await world.buy()
    await world.deliver(fails)  # now waits for its next attempt
    world.clock.pass_seconds(1)
    await world.buy()
    oldest_at = world.clock.now - timedelta(seconds=1)

    waiting = await world.waiting()
    await pause(world, endpoint_id)
    paused = await world.waiting()

    assert (waiting.due, waiting.later, waiting.held_back) == (1, 1, 0)
    assert waiting.oldest_at == oldest_at
    assert waiting.oldest_endpoint_id == endpoint_id
    assert (paused.due, paused.later, paused.held_back) == (0, 0, 2)
    assert paused.oldest_at is None


async def pause(world: World, endpoint_id: str) -> None:
    async with world.database.writing() as session:
        await registry.change(session, endpoint_id, EndpointChange(status=EndpointStatus.PAUSED))


async def test_when_all_is_delivered_nothing_waits(world: World, receiver: Receiver) -> None:
    await world.register(receiver.url)
    await world.deliver(*await world.buy())

    assert await world.waiting() == Waiting()


async def test_slow_endpoints_are_only_those_that_respond(world: World, receiver: Receiver) -> None:
    answering, _silent = await world.register(receiver.url), await world.register(NOBODY)
    await world.deliver(*await world.buy())

    async with world.database.reading() as session:
        tallies = await read_attempts(session, world.last_hour)
        slowest = await read_slowest(session, tallies, world.last_hour)

    assert [slow.endpoint.id for slow in slowest] == [answering]
    assert slowest[0].attempts.total == 1
