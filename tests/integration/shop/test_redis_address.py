"""Web process and worker parse the Redis URL in the same way."""

import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from hookshop.demo.private_redis import find_server
from shop.config import Settings
from shop.redis.wake_ups import WakeUps
from tests.demo import free_ports
from tests.integration.shop.conftest import process
from tests.waiting import eventually

pytestmark = pytest.mark.one_database("is about the address of Redis")

PASSWORD = "p@ss/w:rd"
QUOTED = "p%40ss%2Fw%3Ard"
WORKER_HEALTH = "arq:queue:health-check"  # written over the worker's own connection


@contextmanager
def redis_with_password(port: int, folder: Path) -> Iterator[None]:
    options = {"port": str(port), "bind": "127.0.0.1", "requirepass": PASSWORD, "save": ""}
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    server = subprocess.Popen([find_server(), *words], cwd=folder, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        server.terminate()
        server.wait(timeout=15)


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[int]:
    """The port of a Redis server with a password."""
    (port,) = free_ports(1)
    with redis_with_password(port, tmp_path):
        yield port


@pytest.mark.parametrize(
    "address",
    ["redis://:{password}@127.0.0.1:{port}/", "redis://127.0.0.1:{port}/?password={password}"],
)
async def test_a_password_with_reserved_characters_and_an_empty_path_are_taken_by_both(
    address: str, port: int, settings: Settings
) -> None:
    url = address.format(password=QUOTED, port=port)
    wake_ups = WakeUps(url)  # the web process's end
    worker = process(
        "shop.worker",
        HOOKSHOP_VAR=str(settings.var),
        SHOP_DATABASE_URL=settings.database_url or "",
        SHOP_REDIS_URL=url,
    )

    with worker as running:
        async with Redis(port=port, password=PASSWORD) as redis:
            await eventually(lambda: has_worked(redis), "the worker works")
            wake_ups.send()
            await wake_ups.flush()
            await eventually(lambda: is_empty(wake_ups), "the worker has taken the job")
        assert running.poll() is None

    await wake_ups.close()


async def has_worked(redis: Redis) -> bool:
    try:
        return bool(await redis.exists(WORKER_HEALTH))
    except RedisConnectionError:  # it starts
        return False


async def is_empty(wake_ups: WakeUps) -> bool:
    return await wake_ups.depth() == 0


async def test_a_worker_waits_for_a_redis_that_starts_after_it(
    tmp_path: Path, settings: Settings
) -> None:
    (port,) = free_ports(1)
    worker = process(
        "shop.worker",
        HOOKSHOP_VAR=str(settings.var),
        SHOP_DATABASE_URL=settings.database_url or "",
        SHOP_REDIS_URL=f"redis://:{QUOTED}@127.0.0.1:{port}",
    )
    with worker as running:
        await eventually(lambda: has_database(settings), "the worker has begun")
        with redis_with_password(port, tmp_path):
            async with Redis(port=port, password=PASSWORD) as redis:
                await eventually(lambda: has_worked(redis), "the worker works")
            running.terminate()
            assert running.wait(timeout=15) == 0


async def has_database(settings: Settings) -> bool:
    return bool(settings.database_url) or (settings.var / "shop.db").exists()
