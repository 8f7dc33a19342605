"""The delivery pipeline without the web applications: a database, Redis and workers.

Everything is prepared first and released then, so that only the workers are measured.
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

from benchmarks.baselines import Task, Webhook
from benchmarks.processes import (
    free_port,
    responds,
    resume,
    running,
    suspend,
    wait_until,
)
from hookshop.redis_socket import private_redis_socket
from hookshop.webkit.encryption import Encryption
from shop.config import Settings
from shop.database.transactions import Database
from shop.orders.placing import Item, place_order, price_order
from shop.redis.heartbeats import Heartbeats
from shop.redis.wake_ups import WakeUps
from shop.webhooks.endpoints import registry
from shop.webhooks.endpoints.registry import NewEndpoint
from shop.webhooks.rules.circuit_breaker import FAILURES_TO_OPEN

ORDERS_PER_TRANSACTION = 100  # while preparing
ORDERS_PER_WAKE_UP = 50  # simultaneous orders, which share a wake-up
SETTLE_SECONDS = 1.0  # from the first heartbeat until a worker is idle
POLL_SECONDS = 0.005
TIMEOUT_SECONDS = 600
# Whether any delivery is not final. An attempt is committed together with its delivery's state.
_UNFINISHED = "SELECT EXISTS (SELECT 1 FROM delivery WHERE state IN ('pending', 'sending'))"


@contextmanager
def running_sink() -> Iterator[str]:
    """Run the bare receiver, and yield its URL without a path."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with running("benchmarks.sink", str(port)):
        wait_until(lambda: responds(f"{url}/count"), "the receiver responds")
        yield url


@dataclass(frozen=True, slots=True)
class Dataset:
    """A prepared database with pending deliveries, which is copied for each round."""

    var: Path
    secret: str
    delivery_ids: Sequence[str]
    webhooks: Sequence[Webhook] = field(repr=False)

    def task(self) -> Task:
        """Return the same work for a baseline."""
        return Task(self.webhooks, self.secret)


def prepare_dataset(var: Path, urls: Sequence[str], orders: int) -> Dataset:
    """Register endpoints at ``urls``, and place orders with a delivery to each."""
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
    return Dataset(var, secret, ids, webhooks)


async def _fill(settings: Settings, urls: Sequence[str], orders: int) -> str:
    """Return the secret of the last endpoint, with which the baselines sign."""
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
    for start in range(0, orders, ORDERS_PER_TRANSACTION):
        async with database.writing() as session:
            for _ in range(min(ORDERS_PER_TRANSACTION, orders - start)):
                await place_order(
                    session, price_order([Item("mug", 1)], "Ada"), now=datetime.now(UTC)
                )
    await database.close()
    return secret


def simulate_outage(dataset: Dataset) -> None:
    """Add a failed attempt to each delivery, and open the circuit breaker."""
    with closing(_connect(dataset.var)) as database:
        database.executescript(
            f"""
            BEGIN;
            INSERT INTO attempt
                (delivery_id, number, endpoint_id, "trigger", started_at, duration_ms,
                 request_url, request_headers, response_truncated, error)
                SELECT id, 1, endpoint_id, 'automatic', created_at, 1,
                       '{dataset.webhooks[0].url}', '{{}}', 0, 'connection_refused' FROM delivery;
            UPDATE delivery SET attempt_count = 1, last_error = 'connection_refused';
            UPDATE endpoint SET failed_attempts = {FAILURES_TO_OPEN}, probe_at = created_at;
            COMMIT;
            """
        )


class Pipeline:
    """A copy of a dataset with Redis and workers. ``workers``: their process ids."""

    def __init__(self, var: Path, dataset: Dataset) -> None:
        self.var = var
        self.workers: Sequence[int] = ()
        self._dataset = dataset
        self._database = _connect(var)

    def release_burst(self) -> float:
        """Send all, woken through Redis. Return the seconds until the last attempt is recorded."""
        suspend(self.workers)
        asyncio.run(self._wake_all())
        if not asyncio.run(self._wake_ups_in_redis()):
            raise SystemExit("the machine is too busy: not one wake-up has reached Redis")
        self._activate()
        started = time.perf_counter()
        resume(self.workers)
        return self._wait_until_done(started)

    def release_backlog(self) -> float:
        """Send all without a wake-up: the workers find them in the database. Return the seconds."""
        started = time.perf_counter()
        self._activate()
        return self._wait_until_done(started)

    async def order_and_wait(self) -> float:
        """Place one order, and return the seconds from its commit to the last attempt."""
        database, wake_ups = (
            Database(f"sqlite+aiosqlite:///{self.var / 'shop.db'}"),
            self._wake_ups(),
        )
        async with database.writing() as session:
            await place_order(session, price_order([Item("mug", 1)], "Ada"), now=datetime.now(UTC))
        started = time.perf_counter()
        wake_ups.send()
        elapsed = self._wait_until_done(started)
        await wake_ups.close()
        await database.close()
        return elapsed

    async def wake_one_by_one(self, count: int) -> None:
        """Leave ``count`` wake-ups in Redis, as orders do that arrive one by one."""
        wake_ups = self._wake_ups()
        for _order in range(count):
            wake_ups.send()
            await wake_ups.flush()
        await wake_ups.close()

    def postpone(self, delivery_ids: Sequence[str]) -> None:
        """Make these deliveries due only after ``make_due``."""
        self._database.executemany(
            "UPDATE delivery SET next_attempt_at = '2999-01-01 00:00:00.000000' WHERE id = ?",
            [(id_,) for id_ in delivery_ids],
        )

    def make_due(self) -> None:
        """Make all pending deliveries due, without a wake-up."""
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
        """Close the database."""
        self._database.close()

    def pause(self) -> None:
        """Pause all endpoints, so that the workers find nothing to do."""
        self._database.execute("UPDATE endpoint SET status = 'paused'")

    def _activate(self) -> None:
        self._database.execute("UPDATE endpoint SET status = 'active'")

    async def _wake_ups_in_redis(self) -> int:
        """Count them: on a busy machine, the shop may stop waiting for Redis and skip wake-ups."""
        async with Redis.from_url(_settings(self.var).resolved_redis_url) as redis:
            return int(await redis.zcard(default_queue_name))

    async def _wake_all(self) -> None:
        """Send the wake-ups of simultaneous orders, which share them."""
        wake_ups = self._wake_ups()
        for _ in range(0, len(self._dataset.delivery_ids), ORDERS_PER_WAKE_UP):
            wake_ups.send()
            await asyncio.sleep(0)
        await wake_ups.close()

    def _wake_ups(self) -> WakeUps:
        return WakeUps(_settings(self.var).resolved_redis_url)

    def _wait_until_done(self, started: float) -> float:
        deadline = started + TIMEOUT_SECONDS
        while self._database.execute(_UNFINISHED).fetchone() != (0,):
            if time.perf_counter() > deadline:
                raise SystemExit(f"not everything was sent within {TIMEOUT_SECONDS} s")
            time.sleep(POLL_SECONDS)
        elapsed = time.perf_counter() - started
        self._check()
        return elapsed

    def _check(self) -> None:
        """Check that every delivery has succeeded and every attempt is recorded."""
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
def idle_pipeline(
    dataset: Dataset,
    var: Path,
    *,
    workers: int,
    is_open: bool = False,
    worker: Sequence[str] = ("shop.worker",),
) -> Iterator[Pipeline]:
    """Run a pipeline with idle workers in the folder ``var``.

    ``is_open``: the endpoints are active; otherwise they are paused until the release. ``worker``:
    the module of a worker and its arguments.
    """
    with pipeline_without_workers(dataset, var) as pipeline, ExitStack() as stack:
        if not is_open:
            pipeline.pause()
        pipeline.workers = [
            stack.enter_context(running(*worker, HOOKSHOP_VAR=str(var))).pid for _ in range(workers)
        ]
        wait_for_workers(var, workers)
        time.sleep(SETTLE_SECONDS)
        yield pipeline


@contextmanager
def pipeline_without_workers(dataset: Dataset, var: Path) -> Iterator[Pipeline]:
    """Run a pipeline in the folder ``var`` without workers and with active endpoints."""
    shutil.copytree(dataset.var, var)
    with running("hookshop.demo.private_redis", HOOKSHOP_VAR=str(var)):
        wait_until(private_redis_socket(var).exists, "Redis listens")
        pipeline = Pipeline(var, dataset)
        yield pipeline
        pipeline.close()
    shutil.rmtree(var)


def wait_for_workers(var: Path, workers: int) -> None:
    """Wait for the first heartbeats of this number of workers."""
    redis_url = _settings(var).resolved_redis_url

    async def alive() -> int:
        heartbeats = Heartbeats(redis_url)
        signs = await heartbeats.alive()
        await heartbeats.close()
        return len(signs or ())

    wait_until(lambda: asyncio.run(alive()) >= workers, "the workers are running")


def _settings(var: Path) -> Settings:
    return Settings(HOOKSHOP_VAR=var)  # type: ignore[call-arg]


def _connect(var: Path) -> sqlite3.Connection:
    return sqlite3.connect(var / "shop.db", isolation_level=None, timeout=10)
