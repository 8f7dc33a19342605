"""The delivery line without its web side: orders in a database, wake-ups in Redis, workers.

Everything is made ready first and released then, so that the clock measures the workers alone.
"""

import asyncio
import shutil
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from arq.constants import default_queue_name
from redis.asyncio import Redis

from benchmarks.processes import (
    answers,
    free_port,
    freeze,
    running,
    thaw,
    wait_until,
)
from benchmarks.yardsticks import Task, Webhook
from hookshop.redis_socket import private_redis_socket
from shop.config import Settings
from shop.database.transactions import Database
from shop.orders.placing import Item, place_order
from shop.redis.heartbeats import Heartbeats
from shop.redis.wake_ups import WakeUps
from shop.webhooks.endpoints import registry
from shop.webhooks.endpoints.encryption import Encryption
from shop.webhooks.endpoints.registry import NewEndpoint
from shop.webhooks.rules.circuit_breaker import FAILURES_TO_OPEN

ORDERS_AT_ONCE = 100  # in a transaction, where nobody watches
ORDERS_AT_THE_DOOR = 50  # at once, each of which wakes the workers
SETTLE_SECONDS = 1.0  # after the first sign of life: until a worker has really nothing to do
LOOK_SECONDS = 0.005
NO_REDIS_SECONDS = 0.5  # between two tries to leave a wake-up
DONE_SECONDS = 600
# Deliveries on their way; every attempt that is not in here is recorded and committed.
_UNFINISHED = "SELECT EXISTS (SELECT 1 FROM delivery WHERE state IN ('pending', 'sending'))"


@contextmanager
def running_sink() -> Iterator[str]:
    """The bare receiver; its address without a path."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with running("benchmarks.sink", str(port)):
        wait_until(lambda: answers(f"{url}/count"), "the receiver answers")
        yield url


@dataclass(frozen=True, slots=True)
class Stock:
    """A database with orders that wait for their webhooks; it is copied for each round."""

    var: Path
    secret: str
    delivery_ids: Sequence[str]
    webhooks: Sequence[Webhook] = field(repr=False)

    def task(self) -> Task:
        """The same work for a yardstick."""
        return Task(self.webhooks, self.secret)


def stock_up(var: Path, urls: Sequence[str], orders: int) -> Stock:
    """Register endpoints at ``urls``, and place orders that are told to each."""
    settings = _settings(var)
    secret = asyncio.run(_fill(settings, urls, orders))
    with closing(_connect(var)) as database:
        webhooks = [
            Webhook(url, message_id, body.decode())
            for url, message_id, body in database.execute(
                "SELECT webhook_url, message.id, body FROM delivery"
                " JOIN message ON message.id = message_id"
                " JOIN endpoint ON endpoint.id = endpoint_id ORDER BY delivery.id"
            )
        ]
        ids = [id_ for [id_] in database.execute("SELECT id FROM delivery ORDER BY id")]
    return Stock(var, secret, ids, webhooks)


async def _fill(settings: Settings, urls: Sequence[str], orders: int) -> str:
    """Answers the secret of the last endpoint; the yardsticks sign with that."""
    database, encryption = (
        Database(settings.resolved_database_url),
        Encryption.open(settings.secrets_key_file),
    )
    await database.create_tables()
    secret = ""
    async with database.writing() as session:
        for url in urls:
            registered = await registry.register(
                session,
                NewEndpoint(url),
                policy=settings.url_policy,
                encryption=encryption,
                now=datetime.now(UTC),
            )
            secret = registered.secret
    for start in range(0, orders, ORDERS_AT_ONCE):
        async with database.writing() as session:
            for _ in range(min(ORDERS_AT_ONCE, orders - start)):
                await place_order(session, [Item("mug", 1)], "Ada", now=datetime.now(UTC))
    await database.close()
    return secret


def suffer_outage(stock: Stock) -> None:
    """Let each delivery have failed once, so often in a row that the circuit breaker is open."""
    with closing(_connect(stock.var)) as database:
        database.executescript(
            f"""
            BEGIN;
            INSERT INTO attempt
                (delivery_id, number, endpoint_id, "trigger", started_at, duration_ms,
                 request_url, request_headers, response_truncated, error)
                SELECT id, 1, endpoint_id, 'automatic', created_at, 1,
                       '{stock.webhooks[0].url}', '{{}}', 0, 'connection_refused' FROM delivery;
            UPDATE delivery SET attempt_count = 1, last_error = 'connection_refused';
            UPDATE endpoint SET failed_attempts = {FAILURES_TO_OPEN}, probe_at = created_at;
            COMMIT;
            """
        )


class Line:
    """A copy of a stock with Redis, and with workers that have nothing to do yet."""

    def __init__(self, var: Path, stock: Stock) -> None:
        self.var = var
        self.workers: Sequence[int] = ()  # their process ids
        self._stock = stock
        self._database = _connect(var)

    def release_burst(self) -> float:
        """Seconds to send all, from wake-ups that lie in Redis to the last attempt recorded."""
        freeze(self.workers)
        asyncio.run(self._wake_all())
        if not asyncio.run(self._wake_ups_in_redis()):
            raise SystemExit("the machine is too busy: not one wake-up has reached Redis")
        self._open()
        started = time.perf_counter()
        thaw(self.workers)
        return self._until_done(started)

    def release_backlog(self) -> float:
        """The same without any wake-up: the workers have to find it in the database."""
        started = time.perf_counter()
        self._open()
        return self._until_done(started)

    async def order_and_wait(self) -> float:
        """Place one order, wake the workers: seconds from its commit to the last attempt."""
        database, wake_ups = (
            Database(f"sqlite+aiosqlite:///{self.var / 'shop.db'}"),
            self._wake_ups(),
        )
        async with database.writing() as session:
            await place_order(session, [Item("mug", 1)], "Ada", now=datetime.now(UTC))
        started = time.perf_counter()
        wake_ups.send()
        elapsed = self._until_done(started)
        await wake_ups.close()
        await database.close()
        return elapsed

    async def wake_one_by_one(self, count: int) -> None:
        """Leave so many wake-ups in Redis, as orders do that come one by one."""
        wake_ups = self._wake_ups()
        for _order in range(count):
            wake_ups.send()
            await wake_ups.flush()
        await wake_ups.close()

    def postpone(self, delivery_ids: Sequence[str]) -> None:
        """Let these deliveries not be due until ``make_due``."""
        self._database.executemany(
            "UPDATE delivery SET next_attempt_at = '2999-01-01 00:00:00.000000' WHERE id = ?",
            [(id_,) for id_ in delivery_ids],
        )

    def make_due(self) -> None:
        """Let all deliveries be due that wait, without a wake-up."""
        self._database.execute(
            "UPDATE delivery SET next_attempt_at = created_at WHERE state = 'pending'"
        )

    def delivered(self) -> int:
        """Return how many deliveries have succeeded and are recorded."""
        [count] = self._database.execute(
            "SELECT count(*) FROM delivery WHERE state = 'succeeded'"
        ).fetchone()
        return int(count)

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()

    def pause(self) -> None:
        """Pause all endpoints, so that the workers find nothing to do."""
        self._database.execute("UPDATE endpoint SET status = 'paused'")

    def _open(self) -> None:
        self._database.execute("UPDATE endpoint SET status = 'active'")

    async def _wake_ups_in_redis(self) -> int:
        """On a busy machine the shop soon does without Redis: a wake-up may not be there."""
        async with Redis.from_url(_settings(self.var).resolved_redis_url) as redis:
            return int(await redis.zcard(default_queue_name))

    async def _wake_all(self) -> None:
        """As the shop does for customers that come together: they share wake-ups."""
        wake_ups = self._wake_ups()
        for _customers in range(0, len(self._stock.delivery_ids), ORDERS_AT_THE_DOOR):
            wake_ups.send()
            await asyncio.sleep(0)
        await wake_ups.close()

    def _wake_ups(self) -> WakeUps:
        return WakeUps(_settings(self.var).resolved_redis_url)

    def _until_done(self, started: float) -> float:
        deadline = started + DONE_SECONDS
        while self._database.execute(_UNFINISHED).fetchone() != (0,):
            if time.perf_counter() > deadline:
                raise SystemExit(f"not everything was sent within {DONE_SECONDS} s")
            time.sleep(LOOK_SECONDS)
        elapsed = time.perf_counter() - started
        self._check()
        return elapsed

    def _check(self) -> None:
        """Every delivery has succeeded, and every attempt is on record."""
        [wanted] = self._database.execute("SELECT count(*) FROM delivery").fetchone()
        states = self._database.execute(
            "SELECT state, count(*) FROM delivery GROUP BY 1"
        ).fetchall()
        [attempts] = self._database.execute(
            "SELECT count(*) FROM attempt WHERE response_status = 200"
        ).fetchone()
        if states != [("succeeded", wanted)] or attempts < wanted:
            raise SystemExit(f"expected {wanted} sent, but: {states}, {attempts} attempts")


@contextmanager
def ready_line(
    stock: Stock,
    var: Path,
    *,
    workers: int,
    is_open: bool = False,
    worker: Sequence[str] = ("shop.worker",),
) -> Iterator[Line]:
    """A line in the folder ``var``; its endpoints are paused until it is released, or open.

    ``worker``: the module of a worker with its arguments.
    """
    with stopped_line(stock, var) as line, ExitStack() as stack:
        if not is_open:
            line.pause()
        line.workers = [
            stack.enter_context(running(*worker, HOOKSHOP_VAR=str(var))).pid for _ in range(workers)
        ]
        wait_for_workers(var, workers)
        time.sleep(SETTLE_SECONDS)
        yield line


@contextmanager
def stopped_line(stock: Stock, var: Path) -> Iterator[Line]:
    """A line in the folder ``var`` that has no worker yet; its endpoints are open."""
    shutil.copytree(stock.var, var)
    with running("hookshop.demo.private_redis", HOOKSHOP_VAR=str(var)):
        wait_until(private_redis_socket(var).exists, "Redis listens")
        line = Line(var, stock)
        yield line
        line.close()
    shutil.rmtree(var)


def wait_for_workers(var: Path, workers: int) -> None:
    """Wait for the first sign of life of so many workers."""
    redis_url = _settings(var).resolved_redis_url

    async def alive() -> int:
        heartbeats = Heartbeats(redis_url)
        signs = await heartbeats.alive()
        await heartbeats.close()
        return len(signs or ())

    wait_until(lambda: asyncio.run(alive()) >= workers, "the workers are up")


def _settings(var: Path) -> Settings:
    return Settings(HOOKSHOP_VAR=var)  # type: ignore[call-arg]


def _connect(var: Path) -> sqlite3.Connection:
    return sqlite3.connect(var / "shop.db", isolation_level=None, timeout=10)
