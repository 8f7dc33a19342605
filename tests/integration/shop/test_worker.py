"""The worker as a process of its own, with a real Redis."""

import asyncio
import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from shop.config import Settings
from shop.database import Database
from shop.orders import Item, place_order
from shop.queue import LARGEST_WAKE_UP, DeliveryQueue
from shop.vocabulary import DeliveryState
from shop.webhooks import endpoints
from shop.webhooks.endpoints import NewEndpoint
from shop.webhooks.log import DeliveryDetail, find_delivery, read_stats
from shop.webhooks.vault import Vault
from tests.integration.shop.conftest import StartWorker
from tests.receiver import Receiver
from tests.waiting import eventually, wait_for


@pytest.fixture
async def queue(redis_url: str) -> AsyncIterator[DeliveryQueue]:
    queue = DeliveryQueue(redis_url)
    yield queue
    await queue.close()


async def buy(database: Database, settings: Settings, url: str) -> list[str]:
    async with database.writing() as session:
        if not await endpoints.list_all(session):
            new = NewEndpoint(url)
            vault = Vault.open(settings.vault_key_file)
            await endpoints.register(
                session, new, policy=settings.url_policy, vault=vault, now=now()
            )
        placed = await place_order(session, [Item("mug", 1)], "Ada", now=now())
    return list(placed.delivery_ids)


def now() -> datetime:
    return datetime.now(UTC)


async def count(database: Database, state: DeliveryState) -> int:
    async with database.reading() as session:
        return (await read_stats(session)).deliveries[state]


async def test_a_wake_up_makes_the_worker_deliver(
    database: Database,
    settings: Settings,
    queue: DeliveryQueue,
    receiver: Receiver,
    start_worker: StartWorker,
) -> None:
    start_worker()
    await queue.wake(await buy(database, settings, receiver.url))

    async def delivered() -> bool:
        return await count(database, DeliveryState.SUCCEEDED) == 1

    await eventually(delivered, "the delivery succeeds")
    assert len(receiver.requests) == 1


async def test_orders_of_the_same_moment_share_a_wake_up(queue: DeliveryQueue) -> None:
    orders = range(2 * LARGEST_WAKE_UP)
    await asyncio.gather(*(queue.wake([f"dlv_{number}"]) for number in orders))

    assert await queue.length() == 2


async def test_an_attempt_tells_when_its_worker_was_woken(
    database: Database,
    settings: Settings,
    queue: DeliveryQueue,
    receiver: Receiver,
    start_worker: StartWorker,
) -> None:
    start_worker()
    [delivery_id] = await buy(database, settings, receiver.url)
    await queue.wake([delivery_id])

    async def attempted() -> DeliveryDetail | None:
        async with database.reading() as session:
            found = await find_delivery(session, delivery_id)
        return found if found and found.attempts else None

    found = await eventually(attempted, "the attempt is recorded")
    [attempt] = found.attempts
    assert attempt.enqueued_at is not None
    # Redis' time is written in whole milliseconds.
    earliest = found.delivery.created_at - timedelta(milliseconds=1)
    assert earliest <= attempt.enqueued_at <= attempt.started_at


async def test_deliveries_that_no_wake_up_told_of_are_found(
    database: Database, settings: Settings, receiver: Receiver, start_worker: StartWorker
) -> None:
    for _ in range(30):
        await buy(database, settings, receiver.url)

    start_worker()

    async def all_delivered() -> bool:
        return await count(database, DeliveryState.SUCCEEDED) == 30

    await eventually(all_delivered, "all deliveries succeed")
    assert len(receiver.requests) == 30


async def test_retries_come_back_by_themselves(
    database: Database, settings: Settings, receiver: Receiver, start_worker: StartWorker
) -> None:
    receiver.status = 500
    await buy(database, settings, receiver.url)
    start_worker()
    wait_for(lambda: len(receiver.requests) >= 2, "a retry comes")

    receiver.status = 200

    async def ended() -> bool:
        return await count(database, DeliveryState.SUCCEEDED) == 1

    await eventually(ended, "the delivery succeeds")


async def test_two_workers_send_each_delivery_once(
    database: Database, settings: Settings, receiver: Receiver, start_worker: StartWorker
) -> None:
    for _ in range(50):
        await buy(database, settings, receiver.url)

    start_worker()
    start_worker()

    async def all_delivered() -> bool:
        return await count(database, DeliveryState.SUCCEEDED) == 50

    await eventually(all_delivered, "all deliveries succeed")
    assert len(receiver.requests) == 50


async def test_a_worker_told_to_stop_exits_cleanly(
    database: Database, settings: Settings, receiver: Receiver, start_worker: StartWorker
) -> None:
    worker = start_worker()
    await buy(database, settings, receiver.url)
    wait_for(lambda: receiver.requests, "the worker is at work")

    worker.send_signal(signal.SIGTERM)

    assert worker.wait(timeout=15) == 0


@pytest.mark.usefixtures("database")
async def test_workers_told_to_stop_among_many_wake_ups_end_in_peace(
    queue: DeliveryQueue, start_worker: StartWorker
) -> None:
    for number in range(1000):
        await queue.wake([f"dlv_{number}"])  # of no delivery: the wake-ups alone are at stake
    workers = [start_worker() for _ in range(3)]  # each is likely to be caught in an awkward moment

    async def have_begun() -> bool:
        return await queue.length() < 700

    await eventually(have_begun, "some wake-ups are done")
    for worker in workers:
        worker.terminate()

    ends = {await asyncio.to_thread(worker.wait, 20) for worker in workers}
    assert ends <= {0, -signal.SIGTERM}  # the latter if it had not even begun
