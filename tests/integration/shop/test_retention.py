"""Succeeded deliveries are deleted after the retention time, if set; nothing else is."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from litestar.testing import AsyncTestClient
from sqlalchemy import insert, text
from sqlmodel import func, select

from hookshop.webkit.encryption import Encryption
from shop.app import create_app
from shop.config import Settings
from shop.database.counters import AttemptTally, DeliveryTally, merge_tallies
from shop.database.models import Attempt, Delivery, Message, Order, ShopTable
from shop.database.transactions import Database
from shop.ids import new_id
from shop.vocabulary import DeliveryState
from shop.webhooks.batches import MAX_BATCH_ROWS
from shop.webhooks.engine import retention
from shop.webhooks.engine.retention import prune
from shop.webhooks.manual_actions import cancel, resend
from shop.webhooks.queries.deliveries import count_by_state, read_stats
from tests.integration.shop.conftest import Clock, Engine, StartWorker
from tests.integration.shop.orders_and_endpoints import NOBODY, OrdersAndEndpoints
from tests.pages import Visitor
from tests.receiver import Receiver
from tests.waiting import eventually

DAYS = 30


class World(OrdersAndEndpoints):
    """A shop 40 days ago, on real SQLite."""

    def __init__(
        self, database: Database, clock: Clock, encryption: Encryption, engine: Engine
    ) -> None:
        super().__init__(database, clock, encryption)
        self.engine = engine
        clock.now = datetime.now(UTC) - timedelta(days=40)

    async def buy(self) -> tuple[str, list[str]]:
        placed = await self.place(2)
        return placed.id, list(placed.message.delivery_ids)

    async def deliver(self, *delivery_ids: str) -> None:
        for _delivery_id in delivery_ids:
            await self.engine.deliver()

    async def prune(self) -> int:
        return await prune(self.database, before=datetime.now(UTC) - timedelta(days=DAYS))

    async def count(self, table: type[ShopTable]) -> int:
        async with self.database.reading() as session:
            return (await session.exec(select(func.count()).select_from(table))).one()

    async def ids(self) -> set[str]:
        async with self.database.reading() as session:
            return set((await session.exec(select(Delivery.id))).all())


@pytest.fixture
def world(database: Database, clock: Clock, encryption: Encryption, engine: Engine) -> World:
    return World(database, clock, encryption, engine)


async def test_only_old_succeeded_deliveries_are_deleted(world: World, receiver: Receiver) -> None:
    await world.register(receiver.url)
    _order, succeeded = await world.buy()
    await world.deliver(*succeeded)
    receiver.status = 410
    await world.deliver(*(failed := (await world.buy())[1]))
    await enable_again(world.database)
    receiver.status = 200
    [cancelled] = (await world.buy())[1]
    [waiting] = (await world.buy())[1]
    async with world.database.writing() as session:
        assert await cancel(session, cancelled, now=world.clock.now)
    world.clock.pass_seconds(11 * 24 * 3600)
    await world.deliver(*(recent := (await world.buy())[1]))

    assert await world.prune() == 1

    assert await world.ids() == {*failed, cancelled, waiting, *recent}
    assert await world.count(Attempt) == 2
    assert await world.count(Message) == 4
    assert await world.count(Order) == 5


async def enable_again(database: Database) -> None:
    async with database.writing() as session:
        connection = await session.connection()
        await connection.execute(text("UPDATE endpoint SET status = 'active'"))


async def test_a_message_stays_as_long_as_a_delivery_refers_to_it(
    world: World, receiver: Receiver
) -> None:
    await world.register(receiver.url)
    await world.register(NOBODY)
    await world.deliver(
        *(await world.buy())[1]
    )  # succeeds at one endpoint, waits for a retry at the other

    assert await world.prune() == 1

    assert await world.count(Delivery) == await world.count(Message) == 1


async def test_an_old_delivery_that_was_resent_recently_is_kept(
    world: World, receiver: Receiver
) -> None:
    await world.register(receiver.url)
    [delivery_id] = (await world.buy())[1]
    await world.deliver(delivery_id)
    world.clock.pass_seconds(39 * 24 * 3600)
    async with world.database.writing() as session:
        assert await resend(session, delivery_id, now=world.clock.now)
    await world.deliver(delivery_id)

    assert await world.prune() == 0

    assert await world.count(Attempt) == 2


async def test_totals_of_all_time_stay_and_current_counts_follow(
    world: World, receiver: Receiver
) -> None:
    endpoint_id = await world.register(receiver.url)
    for _ in range(3):
        await world.deliver(*(await world.buy())[1])
        world.clock.pass_seconds(61)
    async with world.database.reading() as session:
        stats = await read_stats(session)

    assert await world.prune() == 3
    async with world.database.writing() as session:
        await merge_tallies(session)  # as a worker does every minute

    async with world.database.reading() as session:
        afterwards = await read_stats(session)
        assert await count_by_state(session, endpoint_id) == dict.fromkeys(DeliveryState, 0)
        attempts = (await session.exec(text("SELECT sum(amount) FROM attempt_total"))).one()  # type: ignore[call-overload]
    assert (afterwards.orders, afterwards.revenue_cents) == (stats.orders, stats.revenue_cents)
    assert stats.deliveries[DeliveryState.SUCCEEDED] == 3
    assert set(afterwards.deliveries.values()) == {0}
    assert attempts == (3,)
    assert await world.count(DeliveryTally) == await world.count(AttemptTally) == 0


async def test_ten_thousand_are_deleted_in_small_batches_while_others_write(
    world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.register(receiver.url)
    order_id, [template] = await world.buy()
    await world.deliver(template)
    await copy_many(world.database, template, 10_000 - 1)
    monkeypatch.setattr(retention, "PAUSE_SECONDS", 0.001)
    world.clock.now = datetime.now(UTC)
    pruning = asyncio.create_task(world.prune())
    delivered = 0
    while not pruning.done():
        await world.deliver(*(await world.buy())[1])
        delivered += 1

    assert await pruning == 10_000
    assert delivered >= 10  # and none of them waited for the end
    assert len(receiver.requests) == 1 + delivered
    async with world.database.reading() as session:
        assert await session.get(Order, order_id) is not None
        counts = await count_by_state(session)
    assert counts[DeliveryState.SUCCEEDED] == await world.count(Delivery) == delivered


async def copy_many(database: Database, delivery_id: str, count: int) -> None:
    """Copy a delivery with its attempt and message this many times."""
    async with database.writing() as session:
        delivery = await session.get_one(Delivery, delivery_id)
        message = await session.get_one(Message, delivery.message_id)
        attempt = await session.get_one(Attempt, (delivery_id, 1))
        made_at = delivery.created_at
        copies = [(new_id("msg", made_at), new_id("dlv", made_at)) for _ in range(count)]
        connection = await session.connection()
        for table, row, names in (
            (Message, message, [{"id": m} for m, _d in copies]),
            (Delivery, delivery, [{"id": d, "message_id": m} for m, d in copies]),
            (Attempt, attempt, [{"delivery_id": d} for _m, d in copies]),
        ):
            rows = [row.model_dump() | each for each in names]
            await connection.execute(insert(table), rows)


async def test_no_transaction_deletes_more_than_a_batch(world: World, receiver: Receiver) -> None:
    await world.register(receiver.url)
    _order, [template] = await world.buy()
    await world.deliver(template)
    await copy_many(world.database, template, 2 * MAX_BATCH_ROWS)
    counts: list[int] = []

    async def watch() -> None:
        while not pruning.done():
            counts.append(await world.count(Delivery))
            await asyncio.sleep(0)

    pruning = asyncio.create_task(world.prune())
    await watch()

    totals = [2 * MAX_BATCH_ROWS + 1, MAX_BATCH_ROWS + 1, 1, 0]
    assert await pruning == totals[0]
    assert set(totals[1:3]) <= set(counts) <= set(totals)


async def test_two_workers_may_prune_at_the_same_time(world: World, receiver: Receiver) -> None:
    await world.register(receiver.url)
    _order, [template] = await world.buy()
    await world.deliver(template)
    await copy_many(world.database, template, 3 * MAX_BATCH_ROWS)

    counts = await asyncio.gather(world.prune(), world.prune())

    assert sum(counts) == 3 * MAX_BATCH_ROWS + 1
    assert await world.count(Delivery) == await world.count(Attempt) == 0
    assert await world.count(Message) == 0


async def test_a_deleted_delivery_cannot_be_resent_and_the_page_says_why(
    world: World, receiver: Receiver, settings: Settings
) -> None:
    await world.register(receiver.url)
    order_id, [delivery_id] = await world.buy()
    await world.deliver(delivery_id)
    await world.prune()
    keeping = settings.model_copy(update={"retention_days": DAYS})
    async with AsyncTestClient(create_app(keeping)) as shop:
        visitor = Visitor(shop)
        pages = [
            await visitor.submit(f"/deliveries/{delivery_id}/attempts"),
            await visitor.get(f"/deliveries/{delivery_id}"),
        ]
        refusal = await shop.post(f"/v1/deliveries/{delivery_id}/attempts", json={})
        never_was = await visitor.get(f"/deliveries/{new_id('dlv', datetime.now(UTC))}")
        order = await visitor.get(f"/orders/{order_id}")
        log = await visitor.get("/deliveries")
        overview = await visitor.get("/overview")

    for page in pages:
        assert page.status == 404
        assert f"succeeded deliveries are deleted after {DAYS} days" in page.text
    assert refusal.status_code == 404
    assert f"deleted after {DAYS} days" in refusal.json()["detail"]
    assert never_was.status == 404
    assert "deleted" not in never_was.text
    assert order.status == 200
    assert "Messages deleted" in order.text
    assert log.status == overview.status == 200
    assert delivery_id not in log.text


async def test_an_order_without_subscribers_does_not_look_pruned(
    world: World, settings: Settings
) -> None:
    order_id, delivery_ids = await world.buy()
    async with AsyncTestClient(create_app(settings)) as shop:
        page = await Visitor(shop).get(f"/orders/{order_id}")

    assert not delivery_ids
    assert "No subscribers" in page.text


async def test_a_message_without_deliveries_goes_by_its_own_age(
    world: World, receiver: Receiver
) -> None:
    await world.buy()  # no subscribers
    world.clock.now = datetime.now(UTC) - timedelta(days=DAYS - 1)
    await world.buy()
    await world.register(receiver.url)
    world.clock.now = datetime.now(UTC) - timedelta(days=DAYS + 1)
    await world.buy()  # waits for its delivery

    assert await world.prune() == 0

    assert await world.count(Message) == 2
    assert await world.count(Delivery) == 1
    assert await world.count(Order) == 3


@pytest.mark.parametrize("days", [DAYS, None])
async def test_the_worker_deletes_only_if_retention_is_set(
    world: World,
    receiver: Receiver,
    start_worker: StartWorker,
    monkeypatch: pytest.MonkeyPatch,
    days: int | None,
) -> None:
    await world.register(receiver.url)
    await world.deliver(*(await world.buy())[1])
    if days:
        monkeypatch.setenv("SHOP_RETENTION_DAYS", str(days))
    world.clock.now = datetime.now(UTC)
    [fresh] = (await world.buy())[1]
    start_worker()

    async def is_sent() -> bool:
        async with world.database.reading() as session:
            delivery = await session.get_one(Delivery, fresh)
            return delivery.state is DeliveryState.SUCCEEDED

    async def is_alone() -> bool:
        return await world.ids() == {fresh}

    await eventually(is_sent, "the new one is sent")
    if days:
        await eventually(is_alone, "the old one is pruned")
    else:
        assert await world.count(Delivery) == 2
