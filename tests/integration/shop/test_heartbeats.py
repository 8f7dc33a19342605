"""Workers' heartbeats in a real Redis: alive, dead, and unknown."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from redis.asyncio import Redis

from shop.redis import heartbeats as heartbeats_module
from shop.redis.heartbeats import Heartbeats, WorkerStatus
from tests.integration.shop.conftest import StartWorker
from tests.waiting import eventually

pytestmark = pytest.mark.one_database("needs Redis alone")

NOT_THERE = "unix:///nonexistent/redis.sock"
FROZEN_MS = 1500


@asynccontextmanager
async def heartbeats_at(redis_url: str) -> AsyncIterator[Heartbeats]:
    heartbeats = Heartbeats(redis_url)
    try:
        yield heartbeats
    finally:
        await heartbeats.close()


@pytest.fixture
async def heartbeats(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Heartbeats]:
    monkeypatch.setattr(heartbeats_module, "TIMEOUT_SECONDS", 30)  # a busy machine may need them
    async with heartbeats_at(redis_url) as heartbeats:
        yield heartbeats


def a_worker() -> WorkerStatus:
    return WorkerStatus.of_this_process(most_in_flight=400, now=datetime.now(UTC))


async def test_a_worker_with_a_heartbeat_is_alive_with_its_status(
    heartbeats: Heartbeats,
) -> None:
    sign = a_worker()

    await heartbeats.beat(sign)

    assert await heartbeats.alive() == [sign]


async def test_without_any_heartbeat_no_worker_is_alive(heartbeats: Heartbeats) -> None:
    assert await heartbeats.alive() == []


async def test_workers_are_listed_in_the_order_in_which_they_started(
    heartbeats: Heartbeats,
) -> None:
    first, second = a_worker(), a_worker()

    await heartbeats.beat(second)
    await heartbeats.beat(first)

    assert await heartbeats.alive() == [first, second]


async def test_a_worker_that_signs_off_is_gone_immediately(heartbeats: Heartbeats) -> None:
    leaving, staying = a_worker(), a_worker()
    await heartbeats.beat(leaving)
    await heartbeats.beat(staying)

    await heartbeats.leave(leaving.id)

    assert await heartbeats.alive() == [staying]


async def test_the_loop_reports_what_is_in_flight_and_signs_off(heartbeats: Heartbeats) -> None:
    beating = asyncio.create_task(heartbeats.run(a_worker(), lambda: 7))

    async def seven_in_flight() -> bool:
        return [sign.in_flight for sign in await heartbeats.alive() or []] == [7]

    await eventually(seven_in_flight, "the worker says what it is busy with")
    beating.cancel()
    await asyncio.wait([beating])

    assert await heartbeats.alive() == []


async def test_without_redis_liveness_is_unknown_and_no_worker_fails() -> None:
    async with heartbeats_at(NOT_THERE) as heartbeats:
        await heartbeats.beat(a_worker())
        await heartbeats.leave("wrk_1")

        assert await heartbeats.alive() is None


async def test_a_frozen_redis_is_not_waited_for_and_is_asked_again_later(redis_url: str) -> None:
    sign = a_worker()
    async with heartbeats_at(redis_url) as heartbeats:
        await heartbeats.beat(sign)
        async with Redis.from_url(redis_url) as redis:
            await redis.execute_command("CLIENT", "PAUSE", FROZEN_MS)

        async with asyncio.timeout(FROZEN_MS / 1000):
            assert await heartbeats.alive() is None
            await heartbeats.beat(sign)

        async def known_again() -> bool:
            await heartbeats.beat(sign)
            return await heartbeats.alive() == [sign]

        await eventually(known_again, "Redis answers again")


async def test_a_worker_process_is_alive_until_it_is_killed(
    heartbeats: Heartbeats, start_worker: StartWorker
) -> None:
    worker = start_worker()

    async def it_lives() -> bool:
        return [sign.pid for sign in await heartbeats.alive() or []] == [worker.pid]

    async def none_lives() -> bool:
        return await heartbeats.alive() == []

    await eventually(it_lives, "the worker gives a sign")
    worker.send_signal(signal.SIGKILL)
    await eventually(none_lives, "its sign is forgotten")
