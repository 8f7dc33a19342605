"""The worker as a process, with a real Redis."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from arq.connections import ArqRedis
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from hookshop.webkit.encryption import Encryption
from hookshop.webkit.tasks import end_tasks
from shop.config import Settings
from shop.database.transactions import Database
from shop.orders.placing import Item, place_order, price_order
from shop.redis.wake_ups import WakeUps, listen
from shop.vocabulary import DeliveryState
from shop.webhooks.endpoints import registry
from shop.webhooks.endpoints.registry import NewEndpoint
from shop.webhooks.queries.deliveries import DeliveryDetail, find_delivery, read_stats
from tests.integration.shop.conftest import StartWorker
from tests.receiver import Receiver
from tests.waiting import MAX_WAIT_SECONDS, eventually, wait_for


@pytest.fixture
async def wake_ups(redis_url: str) -> AsyncIterator[WakeUps]:
    wake_ups = WakeUps(redis_url)
    yield wake_ups
    await wake_ups.close()


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url) as redis:
        yield redis


async def buy(database: Database, settings: Settings, url: str) -> list[str]:
    async with database.writing() as session:
        if not await registry.list_all(session):
            new = NewEndpoint(url)
            encryption = Encryption.open(settings.secrets_key_file)
            await registry.register(
                session, new, policy=settings.url_policy, encryption=encryption, now=now()
            )
        placed = await place_order(session, price_order([Item("mug", 1)], "Ada"), now=now())
    return list(placed.message.delivery_ids)


def now() -> datetime:
    return datetime.now(UTC)


async def count(database: Database, state: DeliveryState) -> int:
    async with database.reading() as session:
        return (await read_stats(session)).deliveries[state]


async def test_a_worker_delivers_after_a_wake_up(
    database: Database,
    settings: Settings,
    wake_ups: WakeUps,
    receiver: Receiver,
    start_worker: StartWorker,
) -> None:
    start_worker()
    await buy(database, settings, receiver.url)
    wake_ups.send()

    async def delivered() -> bool:
        return await count(database, DeliveryState.SUCCEEDED) == 1

    await eventually(delivered, "the delivery succeeds")
    assert len(receiver.requests) == 1


async def test_a_wake_up_arrives_without_polling(
    redis_url: str, wake_ups: WakeUps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shop.redis.wake_ups.POLL_INTERVAL_SECONDS", 3600)
    woken = asyncio.Queue[datetime]()
    listening = asyncio.create_task(listen(redis_url, woken.put_nowait, event(is_set=True)))

    for _wake_up in range(3):
        wake_ups.send()
        async with asyncio.timeout(MAX_WAIT_SECONDS):
            await woken.get()

    await end_tasks(listening)


async def test_a_wake_up_whose_notification_is_lost_arrives(
    redis_url: str, wake_ups: WakeUps, redis: Redis
) -> None:
    woken = asyncio.Queue[datetime]()
    listening = asyncio.create_task(listen(redis_url, woken.put_nowait, event(is_set=True)))
    wake_ups.send()
    async with asyncio.timeout(MAX_WAIT_SECONDS):
        await woken.get()
    arq = ArqRedis(redis.connection_pool, job_serializer=lambda job: json.dumps(job).encode())

    await arq.enqueue_job("look")  # without a notification

    async with asyncio.timeout(MAX_WAIT_SECONDS):
        await woken.get()
    await end_tasks(listening)


async def test_a_busy_worker_leaves_wake_ups_to_an_idle_one(
    redis_url: str, wake_ups: WakeUps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shop.redis.wake_ups.MAX_WAIT_WHILE_BUSY_SECONDS", 3600)
    woken = asyncio.Queue[str]()
    is_busy, is_idle = event(is_set=False), event(is_set=True)
    listening = [
        asyncio.create_task(listen(redis_url, lambda _: woken.put_nowait("busy"), is_busy)),
        asyncio.create_task(listen(redis_url, lambda _: woken.put_nowait("idle"), is_idle)),
    ]

    async with asyncio.timeout(MAX_WAIT_SECONDS):
        for _wake_up in range(5):
            wake_ups.send()
            assert await woken.get() == "idle"

    await end_tasks(*listening)


async def test_a_wake_up_that_no_idle_worker_takes_reaches_a_busy_one(
    redis_url: str, wake_ups: WakeUps
) -> None:
    woken = asyncio.Queue[datetime]()
    listening = asyncio.create_task(listen(redis_url, woken.put_nowait, event(is_set=False)))

    wake_ups.send()

    async with asyncio.timeout(MAX_WAIT_SECONDS):
        await woken.get()
    await end_tasks(listening)


def event(*, is_set: bool) -> asyncio.Event:
    created = asyncio.Event()
    if is_set:
        created.set()
    return created


async def test_concurrent_commits_share_a_wake_up(wake_ups: WakeUps) -> None:
    for _order in range(100):
        wake_ups.send()

    async def is_sent() -> bool:
        return await wake_ups.length() > 0

    await eventually(is_sent, "a wake-up is sent")
    assert await wake_ups.length() <= 2


async def test_a_commit_during_a_wake_up_sends_another_one(wake_ups: WakeUps) -> None:
    wake_ups.send()
    await asyncio.sleep(0)  # the first is being sent: a worker may look before the next commit
    wake_ups.send()
    await wake_ups.close()

    assert await wake_ups.length() == 2


async def test_an_attempt_records_the_time_of_its_wake_up(
    database: Database,
    settings: Settings,
    wake_ups: WakeUps,
    receiver: Receiver,
    start_worker: StartWorker,
) -> None:
    start_worker()
    [delivery_id] = await buy(database, settings, receiver.url)
    wake_ups.send()

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


async def test_deliveries_without_a_wake_up_are_found(
    database: Database, settings: Settings, receiver: Receiver, start_worker: StartWorker
) -> None:
    for _ in range(30):
        await buy(database, settings, receiver.url)

    start_worker()

    async def all_delivered() -> bool:
        return await count(database, DeliveryState.SUCCEEDED) == 30

    await eventually(all_delivered, "all deliveries succeed")
    assert len(receiver.requests) == 30


async def test_retries_need_no_wake_up(
    database: Database, settings: Settings, receiver: Receiver, start_worker: StartWorker
) -> None:
    receiver.status = 500
    await buy(database, settings, receiver.url)
    start_worker()
    wait_for(lambda: len(receiver.requests) >= 2, "a retry is sent")

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


async def test_a_stopped_worker_exits_cleanly(
    database: Database, settings: Settings, receiver: Receiver, start_worker: StartWorker
) -> None:
    worker = start_worker()
    await buy(database, settings, receiver.url)
    wait_for(lambda: receiver.requests, "the worker delivers")

    worker.send_signal(signal.SIGTERM)

    assert worker.wait(timeout=15) == 0


@pytest.mark.usefixtures("database")
async def test_workers_stopped_during_many_wake_ups_exit_cleanly(
    redis: Redis, wake_ups: WakeUps, start_worker: StartWorker
) -> None:
    for number in range(1000):
        await put_job(redis, str(number), LOOK)
    workers = [start_worker() for _ in range(3)]  # several, as only some moments are critical

    async def has_run_some() -> bool:
        return await wake_ups.length() < 700

    await eventually(has_run_some, "some wake-ups have run")
    for worker in workers:
        worker.terminate()

    ends = {await asyncio.to_thread(worker.wait, 20) for worker in workers}
    assert ends <= {0, -signal.SIGTERM}  # the latter: it had no signal handler yet


LOOK = json.dumps({"f": "look", "a": [], "k": {}, "t": None, "et": 1_800_000_000_000})
MALFORMED = {
    "not JSON": "\x80 pickle",
    "a list": "[]",
    "too deep": "[" * 100_000,
    "empty": "{}",
    "another job": LOOK.replace("look", "deliver"),
    "a job with arguments": LOOK.replace('"a": []', '"a": ["dlv_1"]'),
    "arguments of the wrong type": LOOK.replace('"a": []', '"a": 5'),
    "a name of the wrong type": LOOK.replace('"look"', "[1]"),
    "tries of the wrong type": LOOK.replace("null", '"many"'),
    "a time of the wrong type": LOOK.replace("1800000000000", '"now"'),
    "a time after the year 9999": LOOK.replace("1800000000000", "9" * 30),
    "a time that is not a number": LOOK.replace("1800000000000", "NaN"),
}


async def put_job(redis: Redis, job_id: str | bytes, raw: str) -> None:
    name = job_id if isinstance(job_id, bytes) else job_id.encode()
    await redis.set(b"arq:job:" + name, raw)
    await redis.zadd("arq:queue", {name: 1})


async def test_malformed_jobs_are_dropped_and_the_worker_continues(
    database: Database,
    settings: Settings,
    redis: Redis,
    wake_ups: WakeUps,
    receiver: Receiver,
    start_worker: StartWorker,
) -> None:
    for name, raw in MALFORMED.items():
        await put_job(redis, name, raw)
    await put_job(redis, b"\xff\xfe", LOOK)
    await redis.zadd("arq:queue", {"without a body": 1})
    await redis.lpush("arq:job:a list in Redis", "1")  # type: ignore[misc]  # as redis-py types it
    await redis.zadd("arq:queue", {"a list in Redis": 1})

    worker = start_worker()

    async def is_empty() -> bool:
        return await wake_ups.length() == 0

    await eventually(is_empty, "all jobs are dropped")
    await buy(database, settings, receiver.url)
    wait_for(lambda: receiver.requests, "the worker delivers")
    assert worker.poll() is None


async def test_a_queue_of_the_wrong_type_is_deleted(
    database: Database,
    settings: Settings,
    redis: Redis,
    wake_ups: WakeUps,
    receiver: Receiver,
    start_worker: StartWorker,
) -> None:
    await redis.set("arq:queue", "a text")
    worker = start_worker()

    async def can_be_read() -> bool:
        try:
            return await wake_ups.length() == 0
        except ResponseError:
            return False

    await eventually(can_be_read, "the key is gone")
    await buy(database, settings, receiver.url)
    wait_for(lambda: receiver.requests, "the worker delivers")
    assert worker.poll() is None


@pytest.mark.parametrize("fault", ["out of memory", "a replica"])
async def test_deliveries_continue_while_redis_refuses_writes(
    fault: str,
    database: Database,
    settings: Settings,
    redis: Redis,
    wake_ups: WakeUps,
    receiver: Receiver,
    start_worker: StartWorker,
) -> None:
    worker = start_worker()
    if fault == "a replica":
        await redis.replicaof("127.0.0.1", "1")
    else:
        await redis.config_set("maxmemory", 1)

    for _ in range(20):
        await buy(database, settings, receiver.url)
        wake_ups.send()

    async def all_delivered() -> bool:
        return await count(database, DeliveryState.SUCCEEDED) == 20

    await eventually(all_delivered, "all deliveries succeed")
    assert worker.poll() is None


async def test_a_worker_delivers_after_redis_has_stopped(
    database: Database,
    settings: Settings,
    receiver: Receiver,
    start_worker: StartWorker,
    redis: Redis,
) -> None:
    worker = start_worker()
    await buy(database, settings, receiver.url)
    wait_for(lambda: receiver.requests, "the worker delivers")

    await redis.shutdown(nosave=True)
    await buy(database, settings, receiver.url)

    wait_for(lambda: len(receiver.requests) == 2, "the worker delivers without Redis")
    assert worker.poll() is None
