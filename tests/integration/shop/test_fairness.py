"""One endpoint that hangs or fails does not hold up the others; clocks that jump stall nobody."""

import asyncio
from datetime import datetime, timedelta

import pytest
from sqlmodel import select

from shop.config import Settings
from shop.database import Database
from shop.models import Delivery, Endpoint
from shop.orders import Item, place_order
from shop.queue import DeliveryQueue
from shop.tasks import end_tasks
from shop.vocabulary import DeliveryState, EndpointStatus
from shop.webhooks import endpoints
from shop.webhooks.breaker import FAILURES_TO_OPEN, FIRST_PAUSE
from shop.webhooks.by_hand import ping, resend
from shop.webhooks.delivery import Courier
from shop.webhooks.endpoints import EndpointChange, NewEndpoint
from shop.webhooks.in_flight import InFlight
from shop.webhooks.log import DeliveryFilter, find_delivery, read_stats
from shop.webhooks.places import FEWEST_PLACES
from shop.webhooks.recovery import resend_undelivered
from shop.webhooks.url_policy import UrlPolicy
from shop.webhooks.vault import Vault
from shop.worker import schedule
from tests.integration.shop.conftest import Clock
from tests.receiver import Receiver, running_receiver

NOBODY = "http://127.0.0.1:1025/nobody"


class World:
    """The database under test, with actions in the words of the tests."""

    def __init__(self, database: Database, clock: Clock, vault: Vault) -> None:
        self._database, self._clock, self._vault = database, clock, vault

    async def register(self, url: str) -> str:
        async with self._database.writing() as session:
            registered = await endpoints.register(
                session,
                NewEndpoint(url),
                policy=UrlPolicy(),
                vault=self._vault,
                now=self._clock.now,
            )
        return registered.endpoint.id

    async def buy(self) -> list[str]:
        """Place an order; the ids of its deliveries, one for each endpoint."""
        async with self._database.writing() as session:
            placed = await place_order(session, [Item("mug", 1)], "Ada", now=self._clock.now)
        return list(placed.delivery_ids)

    async def buy_many(self, count: int) -> list[str]:
        return [delivery_id for _ in range(count) for delivery_id in await self.buy()]

    async def endpoint(self, endpoint_id: str) -> Endpoint:
        async with self._database.reading() as session:
            return await session.get_one(Endpoint, endpoint_id)

    async def count(self, state: DeliveryState) -> int:
        async with self._database.reading() as session:
            return (await read_stats(session)).deliveries[state]

    async def state(self, delivery_id: str) -> DeliveryState:
        async with self._database.reading() as session:
            found = await find_delivery(session, delivery_id)
        assert found
        return found.delivery.state

    async def ping(self, endpoint_id: str) -> str:
        async with self._database.writing() as session:
            delivery_id = await ping(session, endpoint_id, now=self._clock.now)
        assert delivery_id
        return delivery_id

    async def activate(self, endpoint_id: str) -> None:
        async with self._database.writing() as session:
            await endpoints.change(
                session, endpoint_id, EndpointChange(status=EndpointStatus.ACTIVE)
            )

    async def ids(self) -> list[str]:
        async with self._database.reading() as session:
            return list(await session.exec(select(Delivery.id)))

    async def resend_all(self) -> int:
        return await resend_undelivered(
            self._database, DeliveryFilter(), clock=lambda: self._clock.now
        )

    async def resend(self, delivery_id: str) -> bool:
        async with self._database.writing() as session:
            return await resend(session, delivery_id, now=self._clock.now)


@pytest.fixture
def world(database: Database, clock: Clock, vault: Vault) -> World:
    return World(database, clock, vault)


async def fail(courier: Courier, world: World, clock: Clock, times: int) -> None:
    """Have that many attempts fail, each of a delivery of its own."""
    for delivery_id in await world.buy_many(times):
        await courier.deliver(delivery_id)
    clock.pass_seconds(0.1)


async def test_an_endpoint_has_only_its_share_in_flight(courier: Courier, world: World) -> None:
    await world.register(NOBODY)
    ids = await world.buy_many(FEWEST_PLACES + 5)

    claims = [await courier.ledger.claim(delivery_id) for delivery_id in ids]  # in flight

    assert [claim is not None for claim in claims] == [True] * FEWEST_PLACES + [False] * 5


async def test_the_scheduler_wakes_each_endpoints_share_and_not_all_of_one(
    courier: Courier, world: World
) -> None:
    await world.register(NOBODY)
    hanging = await world.buy_many(3 * FEWEST_PLACES)
    await world.register(f"{NOBODY}2")
    both = await world.buy()

    due = await courier.find_due(limit=1000)

    assert len(due) == FEWEST_PLACES + 1
    assert len(set(due) & set(hanging)) == FEWEST_PLACES
    assert len(set(due) & set(both)) == 1


async def test_whoever_holds_a_place_goes_on_with_what_waits_for_the_endpoint(
    courier: Courier, world: World, receiver: Receiver
) -> None:
    await world.register(receiver.url)
    first, *_others = await world.buy_many(30)

    await courier.work_off(first)

    assert len(receiver.requests) == 30


async def test_a_wake_up_for_what_another_worker_has_goes_on_with_what_waits(
    courier: Courier, world: World, receiver: Receiver
) -> None:
    await world.register(receiver.url)
    first, second = await world.buy_many(2)
    await courier.ledger.claim(first)  # as another worker

    await courier.work_off(first)
    await courier.work_off(first)  # nothing waits any more

    assert len(receiver.requests) == 1
    assert await world.state(first) is DeliveryState.SENDING
    assert await world.state(second) is DeliveryState.SUCCEEDED


async def test_a_wake_up_for_which_a_worker_has_no_room_is_left_to_the_scheduler(
    courier: Courier, world: World, receiver: Receiver
) -> None:
    with running_receiver() as other:
        await world.register(receiver.url)
        await world.register(other.url)
        in_flight = InFlight(courier, most=1)

        for delivery_id in await world.buy():
            in_flight.begin(delivery_id)
        await in_flight.finish(timedelta(seconds=15))

        assert len(receiver.requests) + len(other.requests) == 1
        assert len(await courier.find_due(limit=100)) == 1


async def test_a_failing_endpoint_is_left_alone_and_then_probed_once_at_a_time(
    courier: Courier, world: World, clock: Clock
) -> None:
    endpoint_id = await world.register(NOBODY)
    await fail(courier, world, clock, FAILURES_TO_OPEN)
    waiting = await world.buy_many(3)
    assert await courier.find_due(limit=100) == []

    clock.pass_seconds(FIRST_PAUSE.total_seconds())
    claims = [await courier.ledger.claim(delivery_id) for delivery_id in waiting]

    assert [claim is not None for claim in claims] == [True, False, False]
    assert (await world.endpoint(endpoint_id)).failed_attempts == FAILURES_TO_OPEN


async def test_nobody_is_woken_for_an_endpoint_whose_share_is_in_use(
    courier: Courier, world: World
) -> None:
    await world.register(NOBODY)
    ids = await world.buy_many(FEWEST_PLACES + 5)
    for delivery_id in ids[: FEWEST_PLACES - 1]:
        await courier.ledger.claim(delivery_id)  # in flight

    almost = await courier.find_due(limit=100)
    await courier.ledger.claim(almost[0])

    assert len(almost) == 1
    assert await courier.find_due(limit=100) == []


async def test_nobody_is_woken_while_a_failing_endpoint_is_being_probed(
    courier: Courier, world: World, clock: Clock
) -> None:
    await world.register(NOBODY)
    await fail(courier, world, clock, FAILURES_TO_OPEN)
    clock.pass_seconds(60)

    [probe] = await courier.find_due(limit=100)
    await courier.ledger.claim(probe)  # in flight

    assert await courier.find_due(limit=100) == []


async def test_abandoned_claims_of_a_failing_endpoint_do_not_keep_each_other_waiting(
    courier: Courier, world: World, clock: Clock, receiver: Receiver
) -> None:
    receiver.status = 500
    await world.register(receiver.url)
    await fail(courier, world, clock, FAILURES_TO_OPEN - 1)
    for delivery_id in await world.buy_many(2):
        await courier.ledger.claim(delivery_id)
    await fail(courier, world, clock, 1)  # opens the breaker
    receiver.status = 200

    clock.pass_seconds(60)
    for delivery_id in await courier.find_due(limit=100):
        await courier.work_off(delivery_id)

    assert await world.count(DeliveryState.SUCCEEDED) == FAILURES_TO_OPEN + 2


async def test_a_probe_that_succeeds_lets_everything_go_out(
    courier: Courier, world: World, clock: Clock, receiver: Receiver
) -> None:
    receiver.status = 500
    endpoint_id = await world.register(receiver.url)
    await fail(courier, world, clock, FAILURES_TO_OPEN)
    receiver.status = 200
    clock.pass_seconds(60)

    [probe] = (await courier.find_due(limit=1))[:1]
    await courier.work_off(probe)

    assert await world.count(DeliveryState.SUCCEEDED) == FAILURES_TO_OPEN
    assert (await world.endpoint(endpoint_id)).probe_at is None


async def test_when_a_probe_has_succeeded_the_scheduler_looks_for_the_others_at_once(
    courier: Courier,
    world: World,
    clock: Clock,
    receiver: Receiver,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("shop.worker.SCHEDULER_SECONDS", 3600)
    receiver.status = 500
    await world.register(receiver.url)
    await fail(courier, world, clock, FAILURES_TO_OPEN)
    receiver.status = 200
    clock.pass_seconds(60)
    queue = DeliveryQueue(settings.resolved_redis_url)  # no Redis: the scheduler sends by itself

    in_flight = OneByOne(courier)
    scheduler = asyncio.create_task(schedule(courier, queue, in_flight))
    async with asyncio.timeout(10):
        for _ in range(FAILURES_TO_OPEN):
            await in_flight.ended.get()
    await end_tasks(scheduler)
    await queue.close()

    assert await world.count(DeliveryState.SUCCEEDED) == FAILURES_TO_OPEN


async def test_a_scheduler_that_fails_in_whatever_way_looks_again(
    courier: Courier,
    world: World,
    receiver: Receiver,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks: list[bool] = []

    async def fail_once(*, limit: int, is_thorough: bool) -> list[str]:
        looks.append(is_thorough)
        if len(looks) == 1:
            raise RuntimeError("not the database's")
        return await Courier.find_due(courier, limit=limit, is_thorough=is_thorough)

    monkeypatch.setattr(courier, "find_due", fail_once)
    await world.register(receiver.url)
    [delivery_id] = await world.buy()
    queue, in_flight = DeliveryQueue(settings.resolved_redis_url), OneByOne(courier)

    scheduler = asyncio.create_task(schedule(courier, queue, in_flight))
    async with asyncio.timeout(10):
        assert await in_flight.ended.get() == delivery_id
    await end_tasks(scheduler)
    await queue.close()


class OneByOne(InFlight):
    """Makes one attempt each time it is told to, and does not go on with what else waits."""

    def __init__(self, courier: Courier) -> None:
        super().__init__(courier, most=FAILURES_TO_OPEN)
        self.ended = asyncio.Queue[str]()

    async def _work_off(self, delivery_id: str, enqueued_at: datetime | None) -> None:  # noqa: ARG002 – the base class's
        await self._courier.deliver(delivery_id)
        self.ended.put_nowait(delivery_id)


async def test_sending_again_by_hand_does_not_wait_for_the_breaker(
    courier: Courier, world: World, clock: Clock, receiver: Receiver
) -> None:
    receiver.status = 500
    await world.register(receiver.url)
    await fail(courier, world, clock, FAILURES_TO_OPEN)
    receiver.status = 200
    [delivery_id] = await world.buy()

    await world.resend(delivery_id)
    await courier.deliver(delivery_id)

    assert await world.state(delivery_id) == DeliveryState.SUCCEEDED


async def test_a_test_event_does_not_wait_for_the_breaker_either(
    courier: Courier, world: World, clock: Clock, receiver: Receiver
) -> None:
    receiver.status = 500
    endpoint_id = await world.register(receiver.url)
    await fail(courier, world, clock, FAILURES_TO_OPEN)
    receiver.status = 200

    await courier.deliver(await world.ping(endpoint_id))

    assert b"webhook.ping" in receiver.requests[-1].body


async def test_a_bulk_resend_waits_for_an_open_breaker(
    courier: Courier, world: World, clock: Clock, receiver: Receiver
) -> None:
    receiver.status = 500
    await world.register(receiver.url)
    await fail(courier, world, clock, FAILURES_TO_OPEN)
    receiver.status = 200

    assert await world.resend_all() == FAILURES_TO_OPEN
    assert await courier.find_due(limit=100) == []
    for delivery_id in await world.ids():
        await courier.deliver(delivery_id)

    assert len(receiver.requests) == FAILURES_TO_OPEN


async def test_a_delivery_sent_again_singly_passes_the_breaker_only_once(
    courier: Courier, world: World, clock: Clock, receiver: Receiver
) -> None:
    receiver.status = 500
    await world.register(receiver.url)
    await fail(courier, world, clock, FAILURES_TO_OPEN)
    [delivery_id] = await world.buy()
    await world.resend(delivery_id)
    assert await courier.find_due(limit=100) == [delivery_id]
    await courier.deliver(delivery_id)

    await world.resend_all()
    await courier.deliver(delivery_id)

    assert await courier.find_due(limit=100) == []
    assert len(receiver.requests) == FAILURES_TO_OPEN + 1


async def test_making_an_endpoint_active_again_closes_its_breaker(
    courier: Courier, world: World, clock: Clock, receiver: Receiver
) -> None:
    receiver.status = 500
    endpoint_id = await world.register(receiver.url)
    await fail(courier, world, clock, FAILURES_TO_OPEN)
    [delivery_id] = await world.buy()

    await world.activate(endpoint_id)
    await courier.deliver(delivery_id)

    assert len(receiver.requests) == FAILURES_TO_OPEN + 1


async def test_an_endpoint_that_lets_deliveries_fail_one_after_the_other_is_disabled(
    courier: Courier, world: World, clock: Clock
) -> None:
    endpoint_id = await world.register(NOBODY)
    for number in range(3):
        assert (await world.endpoint(endpoint_id)).failed_deliveries == number
        [delivery_id] = await world.buy()
        for _ in range(3):
            await courier.deliver(delivery_id)
            clock.pass_seconds(60)

    endpoint = await world.endpoint(endpoint_id)
    assert (endpoint.status, endpoint.disabled_reason) == (EndpointStatus.DISABLED, "failing")


async def test_a_success_forgets_the_run_of_failures(
    courier: Courier, world: World, clock: Clock, receiver: Receiver
) -> None:
    receiver.status = 500
    endpoint_id = await world.register(receiver.url)
    [delivery_id] = await world.buy()
    for _ in range(3):
        await courier.deliver(delivery_id)
        clock.pass_seconds(60)
    receiver.status = 200

    await courier.deliver((await world.buy())[0])

    endpoint = await world.endpoint(endpoint_id)
    assert (endpoint.failed_attempts, endpoint.failed_deliveries) == (0, 0)


async def test_a_clock_that_is_set_back_stalls_no_retry(
    courier: Courier, world: World, clock: Clock, receiver: Receiver
) -> None:
    receiver.status = 500
    await world.register(receiver.url)
    [delivery_id] = await world.buy()
    await courier.deliver(delivery_id)
    receiver.status = 200

    clock.now -= timedelta(days=1)
    await courier.deliver(delivery_id)

    assert await world.state(delivery_id) == DeliveryState.SUCCEEDED


async def test_a_clock_that_is_set_back_stalls_no_abandoned_claim(
    courier: Courier, world: World, clock: Clock, receiver: Receiver
) -> None:
    await world.register(receiver.url)
    [delivery_id] = await world.buy()
    await courier.ledger.claim(delivery_id)

    clock.now -= timedelta(days=1)
    await courier.deliver(delivery_id)

    assert await world.state(delivery_id) == DeliveryState.SUCCEEDED


async def test_a_clock_that_jumps_ahead_makes_one_attempt_of_each_and_no_storm(
    courier: Courier, world: World, clock: Clock
) -> None:
    with running_receiver() as receiver:
        receiver.status = 500
        await world.register(receiver.url)
        ids = await world.buy_many(3)
        await asyncio.gather(*(courier.deliver(delivery_id) for delivery_id in ids))

        clock.pass_seconds(24 * 3600)
        for _ in range(3):
            for delivery_id in await courier.find_due(limit=100):
                await courier.deliver(delivery_id)

        assert len(receiver.requests) == 6
