import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from shop.announcements import ChangeFeed
from shop.app import create_app
from shop.config import Settings, private_redis_socket
from shop.database import Database
from shop.webhooks.delivery import Courier
from shop.webhooks.http_client import HttpClient
from shop.webhooks.retries import RetrySchedule
from shop.webhooks.rules import DeliveryRules
from shop.webhooks.url_policy import UrlPolicy
from shop.webhooks.vault import Vault
from tests.receiver import Receiver, running_receiver
from tests.waiting import wait_for

ROOT = Path(__file__).parents[3]


@pytest.fixture
def settings(tmp_path: Path, shop_database_url: str | None) -> Settings:
    """Defaults, below a folder of the test's own; no Redis is running there."""
    return Settings(HOOKSHOP_VAR=tmp_path, database_url=shop_database_url)  # type: ignore[call-arg]


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    database = Database(settings.resolved_database_url)
    await database.create_tables()
    yield database
    await database.close()


@pytest.fixture
def vault(settings: Settings) -> Vault:
    return Vault.open(settings.vault_key_file)


@pytest.fixture
async def shop(settings: Settings) -> AsyncIterator[AsyncTestClient[Litestar]]:
    """The whole web application, with its lifespan, without a socket."""
    async with AsyncTestClient(create_app(settings), raise_server_exceptions=False) as client:
        yield client


@dataclass(slots=True)
class Clock:
    """The time, which stands still until a test moves it on."""

    now: datetime

    def pass_seconds(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock(datetime.now(UTC))


@pytest.fixture
async def courier(
    database: Database, settings: Settings, clock: Clock, vault: Vault
) -> AsyncIterator[Courier]:
    sender = HttpClient(UrlPolicy(), timeout_seconds=2)
    feed = ChangeFeed(settings.resolved_redis_url)
    rules = DeliveryRules(
        schedule=RetrySchedule((0, 10, 60)),
        request_timeout=timedelta(seconds=2),
        issuer="http://shop.example",
        now=lambda: clock.now,
        random=lambda: 0.5,
        disable_after=3,
    )
    yield Courier(database, sender, feed, vault, rules)
    await sender.close()
    await feed.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as receiver:
        yield receiver


@pytest.fixture
def redis_url() -> Iterator[str]:
    """A private Redis server of the test's own, as the demo starts it."""
    # Not below tmp_path: its name is too long for the path of a socket.
    with tempfile.TemporaryDirectory() as var, process("shop.embedded_redis", HOOKSHOP_VAR=var):
        socket = private_redis_socket(Path(var))
        wait_for(socket.exists, "Redis listens")
        yield f"unix://{socket}"


StartWorker = Callable[[], subprocess.Popen[bytes]]


@pytest.fixture
def start_worker(settings: Settings, redis_url: str) -> Iterator[StartWorker]:
    """Start worker processes on the test's database; all are ended with the test."""
    with ExitStack() as running:

        def start() -> subprocess.Popen[bytes]:
            return running.enter_context(
                process(
                    "shop.worker",
                    HOOKSHOP_VAR=str(settings.var),
                    SHOP_DATABASE_URL=settings.database_url or "",
                    SHOP_REDIS_URL=redis_url,
                    SHOP_RETRY_SCHEDULE="0,0.2,0.2",
                )
            )

        yield start


@contextmanager
def process(module: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``python -m module`` until the block ends."""
    command = [sys.executable, "-m", module]
    running = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment})
    try:
        yield running
    finally:
        running.terminate()
        try:
            running.wait(timeout=15)
        finally:
            running.kill()  # nothing, if it has ended
