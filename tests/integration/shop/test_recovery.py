"""Recovering what an endpoint missed, and other large changes made in small transactions."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from litestar.testing import AsyncTestClient
from sqlmodel import col, select

from hookshop.webkit.encryption import Encryption
from shop.app import create_app
from shop.config import Settings
from shop.database.bound_sandbox import MAIN_NUMBER
from shop.database.models import Delivery, Endpoint
from shop.database.transactions import Database
from shop.orders.placing import Item, place_order, price_order
from shop.redis.change_feed import Change, ChangeFeed
from shop.vocabulary import DeliveryState, EndpointStatus, EventType, Trigger
from shop.webhooks import batches
from shop.webhooks.endpoints import registry
from shop.webhooks.endpoints.deletion import delete_endpoint, finish_deletions
from shop.webhooks.endpoints.registry import EndpointChange, NewEndpoint
from shop.webhooks.queries.deliveries import DeliveryFilter
from shop.webhooks.recovery import (
    Recovery,
    RecoveryRange,
    count_recoverable,
    recover,
    resend_undelivered,
)
from shop.webhooks.rules.url_policy import UrlPolicy
from tests.integration.shop.browsing import Shop, order, register, state
from tests.integration.shop.conftest import Clock, Engine, StartWorker
from tests.pages import Visitor
from tests.receiver import Receiver
from tests.waiting import MAX_WAIT_SECONDS, eventually

URL = "http://127.0.0.1:9001/hook"
LONG_AGO = {"since": "2020-01-01T00:00:00Z"}
BATCH_ROWS = 5
KEPT = timedelta(days=30)


class Interrupted(Exception):  # noqa: N818 – the name says what happened
    """Interrupts the work under test, as if the process had ended."""


class World:
    """The database under test, with actions for the tests."""

    def __init__(self, database: Database, clock: Clock, encryption: Encryption) -> None:
        self.database, self.clock, self.encryption = database, clock, encryption

    async def register(self, *event_types: EventType, url: str = URL) -> str:
        new = NewEndpoint(url, event_types or (EventType.PURCHASE_CREATED,))
        async with self.database.writing() as session:
            registered = await registry.register(
                session, new, policy=UrlPolicy(), encryption=self.encryption, now=self.clock.now
            )
        return registered.endpoint.id

    async def buy(self, times: int = 1) -> None:
        for _ in range(times):
            async with self.database.writing() as session:
                await place_order(session, price_order([Item("mug", 1)], "Ada"), now=self.clock.now)
            self.clock.pass_seconds(1)

    async def disable(self, endpoint_id: str) -> None:
        async with self.database.writing() as session:
            await registry.disable(session, endpoint_id, reason="gone")

    async def change(self, endpoint_id: str, **change: Any) -> None:
        async with self.database.writing() as session:
            await registry.change(session, endpoint_id, EndpointChange(**change))

    async def enable(self, endpoint_id: str) -> None:
        await self.change(endpoint_id, status=EndpointStatus.ACTIVE)

    async def registered_and_missed(self, orders: int) -> str:
        """Return an endpoint that was disabled during this many orders, and is active again."""
        endpoint_id = await self.register()
        await self.disable(endpoint_id)
        await self.buy(orders)
        await self.enable(endpoint_id)
        return endpoint_id

    async def registered_with_pending(self, orders: int, *, url: str = URL) -> str:
        endpoint_id = await self.register(url=url)
        await self.buy(orders)
        return endpoint_id

    async def registered_with_cancelled(self, orders: int) -> str:
        endpoint_id = await self.registered_with_pending(orders)
        async with self.database.writing() as session:
            for delivery in await session.exec(select(Delivery)):
                delivery.state, delivery.next_attempt_at = DeliveryState.CANCELLED, None
        return endpoint_id

    async def recover(
        self,
        endpoint_id: str,
        *,
        since: datetime | None = None,
        retention: timedelta | None = None,
        clock: Callable[[], datetime] | None = None,
    ) -> Recovery:
        endpoint, span = await self._span(endpoint_id, since, retention)
        return await recover(self.database, endpoint, span, clock=clock or self.now)

    async def count(
        self,
        endpoint_id: str,
        *,
        since: datetime | None = None,
        retention: timedelta | None = None,
    ) -> Recovery:
        endpoint, span = await self._span(endpoint_id, since, retention)
        async with self.database.reading() as session:
            return await count_recoverable(session, endpoint, span)

    async def _span(
        self, endpoint_id: str, since: datetime | None, retention: timedelta | None
    ) -> tuple[Endpoint, RecoveryRange]:
        async with self.database.reading() as session:
            endpoint = await session.get_one(Endpoint, endpoint_id)
        beginning = since or datetime(2020, 1, 1, tzinfo=UTC)
        return endpoint, RecoveryRange.of(
            endpoint, beginning, retention=retention, now=self.clock.now
        )

    def now(self) -> datetime:
        return self.clock.now

    def interrupting_after(self, batches_done: int) -> Callable[[], datetime]:
        """Return a clock that is read once in each batch, and raises in the batch after these."""
        asked = count()

        def read() -> datetime:
            if next(asked) >= batches_done:
                raise Interrupted
            return self.clock.now

        return read

    async def deliveries(self, *, in_state: DeliveryState | None = None) -> list[Delivery]:
        query = select(Delivery).order_by(col(Delivery.id))
        if in_state:
            query = query.where(Delivery.state == in_state)
        async with self.database.reading() as session:
            return list(await session.exec(query))

    async def pending(self) -> int:
        return len(await self.deliveries(in_state=DeliveryState.PENDING))


@pytest.fixture
def world(database: Database, clock: Clock, encryption: Encryption) -> World:
    clock.now -= timedelta(days=1)
    return World(database, clock, encryption)


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "MAX_BATCH_ROWS", BATCH_ROWS)
    monkeypatch.setattr(batches, "MAX_PAGE_ROWS", 3 * BATCH_ROWS)


async def test_recovering_sends_the_messages_that_an_endpoint_missed_while_it_was_disabled(
    shop: Shop, database: Database, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    path = f"/v1/webhooks/{await register(shop, receiver.url)}"
    [cancelled] = (await order(shop))["delivery_ids"]
    await shop.post(f"/v1/deliveries/{cancelled}/cancel", json={})
    async with database.writing() as session:
        await registry.disable(session, path.rpartition("/")[2], reason="gone")
    missed = [await order(shop) for _ in range(2)]
    assert [each["delivery_ids"] for each in missed] == [[], []]
    await shop.patch(path, json={"status": "active"})

    dry = await shop.post(f"{path}/recover", json={**LONG_AGO, "dry_run": True})
    assert await state(shop, cancelled) == "cancelled"
    response = await shop.post(f"{path}/recover", json=LONG_AGO)
    clock.now = datetime.now(UTC) + timedelta(seconds=1)
    await engine.deliver(limit=10)

    assert response.status_code == 202
    assert response.json() == dry.json() == {"count": 3, "resent": 1, "created": 2}
    found = (await shop.get("/v1/deliveries")).json()["data"]
    assert {each["order_id"] for each in found} > {each["id"] for each in missed}
    assert {each["state"] for each in found} == {"succeeded"}
    assert len(receiver.requests) == 3


@pytest.mark.parametrize("dry_run", ["yes", 1, None])
async def test_an_invalid_dry_run_is_refused(dry_run: Any, shop: Shop) -> None:
    path = f"/v1/webhooks/{await register(shop)}"

    response = await shop.post(f"{path}/recover", json={**LONG_AGO, "dry_run": dry_run})

    assert response.status_code == 400


async def test_a_created_delivery_starts_with_the_whole_schedule(world: World) -> None:
    endpoint_id = await world.registered_and_missed(1)

    await world.recover(endpoint_id)

    [delivery] = await world.deliveries()
    assert delivery.state is DeliveryState.PENDING
    assert delivery.attempt_count == 0
    assert delivery.created_at == delivery.next_attempt_at == world.clock.now
    assert delivery.next_trigger is Trigger.MANUAL
    assert not delivery.passes_breaker


async def test_only_messages_of_subscribed_event_types_are_recovered(world: World) -> None:
    endpoint_id = await world.register(EventType.PURCHASE_SHIPPED)
    await world.buy(2)

    nothing = await world.recover(endpoint_id)
    await world.change(endpoint_id, event_types=[EventType.PURCHASE_CREATED])
    all_ = await world.recover(endpoint_id)

    assert (nothing.created, all_.created) == (0, 2)


async def test_messages_from_before_the_registration_are_not_recovered(
    world: World,
) -> None:
    await world.buy()
    endpoint_id = await world.registered_and_missed(1)

    assert await world.recover(endpoint_id) == Recovery(resent=0, created=1)


async def test_messages_from_before_the_given_time_are_not_recovered(world: World) -> None:
    endpoint_id = await world.registered_and_missed(3)

    recovery = await world.recover(endpoint_id, since=world.clock.now - timedelta(seconds=2))

    assert recovery == Recovery(resent=0, created=2)


@pytest.mark.parametrize(
    "since",
    [
        datetime.max.replace(tzinfo=UTC),
        datetime.max.replace(tzinfo=UTC) - timedelta(days=1),
    ],
    ids=str,
)
async def test_a_time_in_the_future_recovers_nothing(since: datetime, world: World) -> None:
    endpoint_id = await world.registered_and_missed(1)

    assert await world.recover(endpoint_id, since=since) == Recovery(resent=0, created=0)


async def test_messages_older_than_the_retention_time_are_not_recovered(world: World) -> None:
    endpoint_id = await world.registered_and_missed(2)
    world.clock.pass_seconds(KEPT.total_seconds() - 2)  # both reach that age within CLOCK_TOLERANCE

    counted = await world.count(endpoint_id, retention=KEPT)
    recovery = await world.recover(endpoint_id, retention=KEPT)

    assert counted == recovery == Recovery(resent=0, created=0)
    assert (await world.recover(endpoint_id)).created == 2


async def test_counting_returns_the_same_numbers_as_recovering(world: World) -> None:
    endpoint_id = await world.registered_with_cancelled(2)
    await world.disable(endpoint_id)
    await world.buy(3)
    await world.enable(endpoint_id)

    counted = await world.count(endpoint_id)

    assert counted == await world.recover(endpoint_id) == Recovery(resent=2, created=3)
    assert counted.count == await world.pending() == 5


@pytest.mark.parametrize(
    ("status", "waiting"), [(EndpointStatus.PAUSED, 1), (EndpointStatus.DISABLED, 0)]
)
async def test_an_order_creates_a_delivery_for_a_paused_endpoint_but_not_for_a_disabled_one(
    status: EndpointStatus, waiting: int, world: World, engine: Engine
) -> None:
    endpoint_id = await world.register()
    if status is EndpointStatus.PAUSED:
        await world.change(endpoint_id, status=status)
    else:
        await world.disable(endpoint_id)

    await world.buy()

    assert await world.pending() == waiting
    assert not await engine.is_anything_due()


async def test_recovered_deliveries_of_a_paused_endpoint_wait(world: World, engine: Engine) -> None:
    endpoint_id = await world.registered_and_missed(1)
    await world.change(endpoint_id, status=EndpointStatus.PAUSED)

    assert (await world.recover(endpoint_id)).created == 1

    assert not await engine.is_anything_due()
    await world.enable(endpoint_id)
    assert await engine.is_anything_due()


@pytest.mark.usefixtures("small_batches")
async def test_a_recovery_interrupted_while_creating_is_finished_by_the_next_one(
    world: World,
) -> None:
    endpoint_id = await world.registered_and_missed(4 * BATCH_ROWS)

    with pytest.raises(Interrupted):
        await world.recover(endpoint_id, clock=world.interrupting_after(1))
    assert await world.pending() == BATCH_ROWS
    again = await world.recover(endpoint_id)

    assert again == Recovery(resent=BATCH_ROWS, created=3 * BATCH_ROWS)
    deliveries = await world.deliveries()
    assert len({each.message_id for each in deliveries}) == len(deliveries) == 4 * BATCH_ROWS


@pytest.mark.usefixtures("small_batches")
async def test_a_recovery_interrupted_while_resending_is_finished_by_the_next_one(
    world: World,
) -> None:
    endpoint_id = await world.registered_with_cancelled(4 * BATCH_ROWS)

    with pytest.raises(Interrupted):
        await world.recover(endpoint_id, clock=world.interrupting_after(2))
    assert await world.pending() == 2 * BATCH_ROWS
    await world.recover(endpoint_id)

    assert await world.pending() == 4 * BATCH_ROWS


@pytest.mark.usefixtures("small_batches")
async def test_a_recovery_ends_when_its_endpoint_is_disabled(world: World) -> None:
    endpoint_id = await world.registered_and_missed(4 * BATCH_ROWS)
    async with world.database.reading() as session:
        before = await session.get_one(Endpoint, endpoint_id)
    await world.disable(endpoint_id)

    span = RecoveryRange.of(before, before.created_at, retention=None, now=world.now())
    recovery = await recover(world.database, before, span, clock=world.now)

    assert recovery.count == await world.pending() == 0


async def test_concurrent_recoveries_create_each_delivery_once(
    world: World, settings: Settings
) -> None:
    endpoint_id = await world.registered_and_missed(30)
    other = Database(settings.resolved_database_url)
    elsewhere = World(other, world.clock, world.encryption)

    done = await asyncio.gather(
        *(each.recover(endpoint_id) for each in (world, elsewhere, world, elsewhere))
    )
    await other.close()

    assert sum(each.created for each in done) == 30
    deliveries = await world.deliveries()
    assert len({each.message_id for each in deliveries}) == len(deliveries) == 30


async def resend_all(world: World, endpoint_id: str, clock: Callable[[], datetime]) -> None:
    await resend_undelivered(world.database, DeliveryFilter(endpoint_id=endpoint_id), clock=clock)


async def recover_all(world: World, endpoint_id: str, clock: Callable[[], datetime]) -> None:
    await world.recover(endpoint_id, clock=clock)


async def delete(world: World, endpoint_id: str, clock: Callable[[], datetime]) -> None:
    assert await delete_endpoint(world.database, endpoint_id, clock=clock)


LARGE_CHANGES = pytest.mark.parametrize(
    ("change", "prepare"),
    [
        (resend_all, World.registered_with_cancelled),
        (recover_all, World.registered_and_missed),
        (delete, World.registered_with_pending),
    ],
    ids=["resend", "recover", "delete"],
)


@pytest.mark.usefixtures("small_batches")
@LARGE_CHANGES
async def test_orders_are_placed_between_the_batches_of_a_large_change(
    change: Any, prepare: Any, world: World
) -> None:
    endpoint_id = await prepare(world, 40 * BATCH_ROWS)

    changing = asyncio.create_task(change(world, endpoint_id, world.now))
    placed = 0
    while not changing.done():
        await world.buy()
        placed += 1
    await changing

    assert placed >= 5


@pytest.mark.usefixtures("small_batches")
@LARGE_CHANGES
async def test_no_transaction_of_a_large_change_is_larger_than_a_batch(
    change: Any, prepare: Any, world: World
) -> None:
    endpoint_id = await prepare(world, 7 * BATCH_ROWS - 1)
    transactions = 0

    def read_clock() -> datetime:
        nonlocal transactions
        transactions += 1
        return world.clock.now

    await change(world, endpoint_id, read_clock)

    marking = 1 if change is delete else 0
    assert transactions == 7 + marking


@pytest.mark.parametrize("call", ["recover", "retry", "delete"])
async def test_a_large_change_is_announced_once(
    call: str, world: World, settings: Settings
) -> None:
    endpoint_id = await world.registered_with_cancelled(3)
    app = create_app(settings)
    async with AsyncTestClient(app) as shop:
        feed: ChangeFeed = app.state.feed
        with feed.subscribe() as subscription:
            if call == "recover":
                await shop.post(f"/v1/webhooks/{endpoint_id}/recover", json=LONG_AGO)
            elif call == "retry":
                await Visitor(shop).submit("/deliveries/retry")
            else:
                await shop.delete(f"/v1/webhooks/{endpoint_id}")
            changes = await subscription.next_changes(timeout=MAX_WAIT_SECONDS)

    assert changes == {Change("everything", sandbox=MAIN_NUMBER)}


@pytest.mark.usefixtures("small_batches")
async def test_nothing_is_sent_to_an_endpoint_during_its_deletion(
    world: World, engine: Engine, receiver: Receiver
) -> None:
    endpoint_id = await half_deleted(world, receiver.url)

    assert await world.pending() == 2 * BATCH_ROWS
    await engine.deliver(limit=100)

    assert receiver.requests == []
    async with world.database.reading() as session:
        assert await registry.find(session, endpoint_id) is None


@pytest.mark.usefixtures("small_batches")
async def test_an_interrupted_deletion_can_be_finished(world: World) -> None:
    await half_deleted(world, URL)
    await world.register(url="http://127.0.0.1:9002/other")
    await world.buy()

    assert await finish_deletions(world.database, clock=world.now) == 2 * BATCH_ROWS
    assert await finish_deletions(world.database, clock=world.now) == 0

    [other] = await world.deliveries(in_state=DeliveryState.PENDING)
    assert other.endpoint_id != (await world.deliveries())[0].endpoint_id


@pytest.mark.usefixtures("small_batches")
async def test_a_worker_finishes_an_interrupted_deletion(
    world: World, start_worker: StartWorker
) -> None:
    # Paused, so that its deliveries are never due.
    await half_deleted(world, URL, status=EndpointStatus.PAUSED)

    start_worker()

    async def is_finished() -> bool:
        return await world.pending() == 0

    await eventually(is_finished, "all deliveries are cancelled")


async def half_deleted(
    world: World, url: str, *, status: EndpointStatus = EndpointStatus.ACTIVE
) -> str:
    """Return an endpoint whose deletion was interrupted after two of four batches."""
    endpoint_id = await world.registered_with_pending(4 * BATCH_ROWS, url=url)
    await world.change(endpoint_id, status=status)
    with pytest.raises(Interrupted):
        # The first transaction only marks it as deleted.
        await delete(world, endpoint_id, world.interrupting_after(3))
    return endpoint_id


async def test_the_page_shows_the_number_before_and_after_recovering(
    shop: Shop, database: Database
) -> None:
    endpoint_id = await register(shop, URL)
    [cancelled] = (await order(shop))["delivery_ids"]
    await shop.post(f"/v1/deliveries/{cancelled}/cancel", json={})
    async with database.writing() as session:
        await registry.disable(session, endpoint_id, reason="gone")
    for _ in range(2):
        await order(shop)
    await shop.patch(f"/v1/webhooks/{endpoint_id}", json={"status": "active"})
    visitor = Visitor(shop)

    asked = await visitor.get(f"/endpoints/{endpoint_id}/recover", period="all")
    since = asked.values["since"][0]
    before = (await shop.get("/v1/stats")).json()["deliveries"]
    done = await visitor.submit(f"/endpoints/{endpoint_id}/recover", since=since)

    assert "Recover 3 deliveries?" in asked.text
    assert "Resent: 1 delivery since" in asked.text
    assert "Created: 2 deliveries of messages that the endpoint missed:" in asked.text
    assert (before["pending"], before["cancelled"]) == (0, 1)
    assert done.answer.headers["location"] == f"/endpoints/{endpoint_id}?sent_again=3"
    assert (await shop.get("/v1/stats")).json()["deliveries"]["pending"] == 3
