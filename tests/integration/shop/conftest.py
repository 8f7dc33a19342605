import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient
from sqlalchemy import Connection

from hookshop.redis_socket import private_redis_socket
from hookshop.webkit.encryption import Encryption
from shop.app import create_app
from shop.config import Settings
from shop.database.transactions import Database
from shop.redis.change_feed import ChangeFeed
from shop.redis.wake_ups import WakeUps
from shop.webhooks.engine.after_attempt import CompletedAttempt
from shop.webhooks.engine.claiming import Claim, claim_due
from shop.webhooks.engine.dispatcher import Dispatcher
from shop.webhooks.engine.due import (
    LockedEndpoint,
    is_anything_due,
    lock_due_endpoints,
    release_abandoned,
)
from shop.webhooks.engine.http_client import HttpClient, Response
from shop.webhooks.engine.recording import record_attempts
from shop.webhooks.engine.settings import (
    LEASE_MARGIN,
    DeliverySettings,
    SettingsBySandbox,
    read_settings,
)
from shop.webhooks.rules.retries import RetrySchedule
from shop.webhooks.rules.slots import Slots
from shop.webhooks.rules.url_policy import UrlPolicy
from tests.receiver import Receiver, running_receiver
from tests.waiting import wait_for

ROOT = Path(__file__).parents[3]
TEST_HOST = "testserver.local"  # of Litestar's test client


class SharedShop:
    """A folder and web applications for all tests of this process, because building one is slow.

    For each test, the database is empty, and the folder has no other files than the applications'
    keys.
    """

    def __init__(self, folder: Path, migrated_file: Path) -> None:
        self._folder = folder
        self._migrated_file = migrated_file
        self._apps: list[tuple[Settings, Litestar]] = []

    def renew(self, database_url: str | None) -> Settings:
        """Remove the files of the previous test. Return the default settings."""
        for path in self._folder.iterdir():
            if path.suffix != ".key":
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        if database_url is None:
            shutil.copyfile(self._migrated_file, self._folder / "shop.db")
        return Settings(
            HOOKSHOP_VAR=self._folder,  # type: ignore[call-arg]
            database_url=database_url,
            allowed_hosts=(TEST_HOST,),
        )

    def app(self, settings: Settings) -> Litestar:
        """Return the application with these settings. Build it for the first test that needs it."""
        if settings.var != self._folder:
            return create_app(settings)
        for known, app in self._apps:
            if known == settings:
                return app
        self._apps.append((settings, create_app(settings)))
        return self._apps[-1][1]


@pytest.fixture(scope="session")
def shared_shop(tmp_path_factory: pytest.TempPathFactory, migrated_shop_file: Path) -> SharedShop:
    return SharedShop(tmp_path_factory.mktemp("shop"), migrated_shop_file)


@pytest.fixture
def settings(shared_shop: SharedShop, shop_database_url: str | None) -> Settings:
    """Default settings with a folder for this test. No Redis is running."""
    return shared_shop.renew(shop_database_url)


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    database = Database(settings.resolved_database_url)
    await database.create_tables()
    yield database
    await database.close()


@pytest.fixture
def encryption(settings: Settings) -> Encryption:
    return Encryption.open(settings.secrets_key_file)


@pytest.fixture
async def shop(
    settings: Settings, shared_shop: SharedShop
) -> AsyncIterator[AsyncTestClient[Litestar]]:
    """A client of the whole web application, with its lifespan and without a socket."""
    app = shared_shop.app(settings)
    async with AsyncTestClient(app, raise_server_exceptions=False) as client:
        yield client


@dataclass(slots=True)
class Clock:
    """A clock that stands still until a test sets it."""

    now: datetime

    def pass_seconds(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def catch_up(self) -> None:
        """Set the clock past the real time, which the web application uses for due times.

        A fixed number of seconds might not be enough on a slow machine.
        """
        self.now = max(self.now, datetime.now(UTC)) + timedelta(seconds=1)


@pytest.fixture
def clock() -> Clock:
    return Clock(datetime.now(UTC))


class Engine:
    """The delivery engine of a worker, run look by look, with the test's clock."""

    def __init__(
        self, database: Database, client: HttpClient, dispatcher: Dispatcher, clock: Clock
    ) -> None:
        self.client = client
        self.dispatcher = dispatcher
        self._database = database
        self._clock = clock

    async def deliver(self, limit: int = 1) -> None:
        """Send up to ``limit`` due deliveries, and record the attempts."""
        await self.dispatcher.look(limit=limit)
        await self.finish()

    async def finish(self) -> None:
        """Wait for the requests in flight and record the attempts."""
        await self.responses()
        await self.dispatcher.look(limit=0)

    async def responses(self) -> None:
        """Wait for the requests in flight, without recording the attempts."""
        while self.dispatcher.in_flight:  # noqa: ASYNC110 – no event to wait for
            await asyncio.sleep(0)

    async def claim(self, limit: int = 1) -> Sequence[Claim]:
        """Claim deliveries as another worker, which does not send them."""

        def claim(connection: Connection) -> Sequence[Claim]:
            now = self._clock.now
            release_abandoned(connection, now=now)
            endpoints = lock_due_endpoints(connection, also=(), now=now)
            settings = self._settings(connection, *endpoints.values())
            return claim_due(
                connection,
                endpoints.values(),
                limit=limit,
                slots=Slots(),
                settings=settings,
                now=now,
            ).claims

        return await self._database.write(claim)

    async def record(self, claim: Claim, response: Response) -> None:
        """Record an attempt as that other worker."""
        completed = CompletedAttempt(claim, self._clock.now, response)

        def record(connection: Connection) -> None:
            now = self._clock.now
            endpoints = lock_due_endpoints(connection, also=[claim.endpoint_id], now=now)
            settings = self._settings(connection, claim)
            record_attempts(connection, [completed], endpoints, settings, now=now)

        await self._database.write(record)

    def _settings(
        self, connection: Connection, *parts: LockedEndpoint | Claim
    ) -> SettingsBySandbox:
        numbers = {part.sandbox for part in parts}
        return read_settings(connection, numbers, delivery_settings(self._clock))

    async def is_anything_due(self) -> bool:
        return await self._database.read(partial(is_anything_due, now=self._clock.now))


# Long, since a request that fails because the machine is busy would wait for its retry: the test's
# clock stands still.
REQUEST_TIMEOUT = timedelta(seconds=30)
LEASE = REQUEST_TIMEOUT + LEASE_MARGIN


def delivery_settings(clock: Clock) -> DeliverySettings:
    """Return settings with three attempts, a lease of ``LEASE`` and no jitter."""
    return DeliverySettings(
        schedule=RetrySchedule((0, 10, 60)),
        request_timeout=REQUEST_TIMEOUT,
        issuer="http://shop.example",
        now=lambda: clock.now,
        random=lambda: 0.5,
        disable_after=3,
    )


@pytest.fixture
async def engine(
    database: Database, settings: Settings, clock: Clock, encryption: Encryption
) -> AsyncIterator[Engine]:
    client = HttpClient(UrlPolicy(), timeout_seconds=REQUEST_TIMEOUT.total_seconds())
    feed = ChangeFeed(settings.resolved_redis_url)
    wake_ups = WakeUps(settings.resolved_redis_url)
    rules = delivery_settings(clock)
    dispatcher = Dispatcher(database, client, feed, wake_ups, encryption, rules)
    yield Engine(database, client, dispatcher, clock)
    for part in (client, wake_ups, feed):
        await part.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as receiver:
        yield receiver


@pytest.fixture
def redis_url() -> Iterator[str]:
    """The URL of a private Redis server for this test, started as in the demo."""
    # Not below tmp_path: the path of a socket would be too long.
    with (
        tempfile.TemporaryDirectory() as var,
        process("hookshop.demo.private_redis", HOOKSHOP_VAR=var),
    ):
        socket = private_redis_socket(Path(var))
        wait_for(socket.exists, "Redis listens")
        yield f"unix://{socket}"


StartWorker = Callable[[], subprocess.Popen[bytes]]


@pytest.fixture
def start_worker(settings: Settings, redis_url: str) -> Iterator[StartWorker]:
    """Starts worker processes with the test's database. They are stopped after the test."""
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
            running.kill()  # has no effect if it has ended
