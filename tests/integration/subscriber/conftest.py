import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from litestar import Litestar

from hookshop.webkit.change_feed import LocalChangeFeed
from hookshop.webkit.encryption import Encryption
from subscriber_app.app import create_app
from subscriber_app.config import Settings
from subscriber_app.connections import SharedConnections
from subscriber_app.database.models import FormerSecret, Subscription
from subscriber_app.database.transactions import Database
from subscriber_app.shop_api.client import ShopClient
from subscriber_app.shop_api.counting import begin_counting
from subscriber_app.shop_api.subscription import Subscriptions
from tests.integration.subscriber.fake_shop import FakeShop, running_shop
from tests.integration.subscriber.signer import (
    FORMER_SECRET,
    NOW,
    OUR_URL,
    SECRET,
    SHOP_URL,
)
from tests.programs import async_client
from tests.serving import free_port, port_of, serving

Client = httpx.AsyncClient
NOBODY = "http://127.0.0.1:1"
ONE_DAY = timedelta(days=1)


@dataclass(slots=True)
class Clock:
    """A clock that stands still until a test moves it."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now

    def pass_seconds(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class SharedSubscriber:
    """A folder, a clock and an application for all tests of this process: building one is slow.

    For each test, the database is empty, the clock stands at the same time, and the folder has no
    other files than the application's keys.
    """

    def __init__(self, folder: Path) -> None:
        self.settings = settings_below(folder)
        self.clock = Clock(datetime.fromtimestamp(NOW, UTC))
        self._keys: dict[Path, bytes] = {}

    def remove_files(self) -> None:
        """Remove what the previous test has left, and restore a key that it has replaced."""
        for path in self.settings.var.iterdir():
            if path not in self._keys:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        for path, key in self._keys.items():
            path.write_bytes(key)

    def app(self, settings: Settings) -> Litestar:
        """Return the application with these settings."""
        if settings != self.settings:
            return create_app(settings, now=self.clock)
        return self._app

    @cached_property
    def _app(self) -> Litestar:
        app = create_app(self.settings, now=self.clock)
        self._keys = {path: path.read_bytes() for path in self.settings.var.glob("*.key")}
        return app


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> SharedSubscriber:
    return SharedSubscriber(tmp_path_factory.mktemp("subscriber"))


@pytest.fixture
def clock(shared: SharedSubscriber) -> Clock:
    shared.clock.now = datetime.fromtimestamp(NOW, UTC)
    return shared.clock


@pytest.fixture
def settings(shared: SharedSubscriber, clock: Clock) -> Settings:  # noqa: ARG001 – it is reset
    shared.remove_files()
    return shared.settings


def settings_below(folder: Path) -> Settings:
    """Return settings with this folder, and a shop URL at which nothing listens."""
    return Settings(
        HOOKSHOP_VAR=folder,  # type: ignore[call-arg]
        public_url=OUR_URL.removesuffix("/v1/new-purchase"),
        shop_url=NOBODY,
    )


@pytest.fixture
async def subscriber(
    settings: Settings, migrated_subscriber_file: Path, shared: SharedSubscriber
) -> AsyncIterator[Client]:
    """The whole application, without a subscription."""
    shutil.copyfile(migrated_subscriber_file, settings.var / "subscriber.db")
    async with running(shared.app(settings)) as client:
        yield client


@pytest.fixture
async def subscribed(subscriber: Client, settings: Settings, clock: Clock) -> Client:
    """The whole application with a subscription: it shares ``SECRET`` with the shop."""
    await remember_subscription(settings, clock())
    return subscriber


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_subscriber(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    """A subscribed application for a file of tests that leave nothing behind, which is faster.

    Its clock stands still. The tests need ``pytest.mark.asyncio(loop_scope="module")``.
    """
    settings = settings_below(tmp_path_factory.mktemp("shared"))
    clock = Clock(datetime.fromtimestamp(NOW, UTC))
    async with running(create_app(settings, now=clock)) as client:
        await remember_subscription(settings, clock())
        yield client


@asynccontextmanager
async def served_subscriber(
    folder: Path, clock: Clock, shop_url: str = NOBODY
) -> AsyncIterator[tuple[Client, Settings]]:
    """A subscribed application on a real port, which the attack desk needs."""
    with free_port() as listening:
        changes = {"port": port_of(listening), "shop_url": shop_url}
        settings = settings_below(folder).model_copy(update=changes)
        async with (
            serving(create_app(settings, now=clock), listening) as url,
            async_client(url) as client,
        ):
            await remember_subscription(settings, clock())
            yield client, settings


def encryption_of(settings: Settings) -> Encryption:
    return Encryption.open(settings.secrets_key_file, settings.secrets_key)


async def remember_subscription(settings: Settings, created_at: datetime) -> None:
    database, encryption = Database(settings.resolved_database_url), encryption_of(settings)
    async with database.writing() as session:
        session.add(
            Subscription(
                endpoint_id="ep_1",
                webhook_url=OUR_URL,
                shop_url=SHOP_URL,
                event_types=["purchase.created", "purchase.refunded"],
                encrypted_secret=encryption.encrypt(SECRET),
                issuer=SHOP_URL,
                created_at=created_at,
            )
        )
        # As after a rotation: the shop also signs with this one for another day.
        session.add(
            FormerSecret(
                encrypted_secret=encryption.encrypt(FORMER_SECRET),
                endpoint_id="ep_1",
                since=created_at - ONE_DAY,
                replaced_at=created_at - ONE_DAY / 2,
                until=created_at + ONE_DAY / 2,
            )
        )
        await begin_counting(session, now=created_at)
    await database.close()


@pytest.fixture
def shop(clock: Clock) -> Iterator[FakeShop]:
    with running_shop() as shop:
        shop.now = clock
        yield shop


@dataclass(slots=True)
class Opening:
    """Opens the subscriptions as at an application's start, but without the application."""

    settings: Settings
    clock: Clock

    @asynccontextmanager
    async def __call__(
        self, shop_url: str, webhook_url: str = OUR_URL
    ) -> AsyncIterator[Subscriptions]:
        database = Database(self.settings.resolved_database_url)
        await database.create_tables()
        connections = SharedConnections()
        client = ShopClient(connections, shop_url)
        yield Subscriptions(
            database,
            client,
            LocalChangeFeed(),
            encryption_of(self.settings),
            webhook_url=webhook_url,
            now=self.clock,
        )
        await connections.close()
        await database.close()


@pytest.fixture
def opening(settings: Settings, clock: Clock) -> Opening:
    return Opening(settings, clock)


@pytest.fixture
async def subscriptions(opening: Opening, shop: FakeShop) -> AsyncIterator[Subscriptions]:
    async with opening(shop.url) as subscriptions:
        yield subscriptions


@asynccontextmanager
async def running(app: Litestar) -> AsyncIterator[Client]:
    """Start the application with its lifespan, and yield a client without a socket.

    Unlike Litestar's test client, it sends headers unchanged, chunked bodies, and concurrent
    requests. It waits for the end of a response: for streams, see ``serving``.
    """
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)  # type: ignore[arg-type]
    async with (
        started(app),
        httpx.AsyncClient(transport=transport, base_url="http://subscriber.example") as client,
    ):
        yield client


@asynccontextmanager
async def started(app: Litestar) -> AsyncIterator[None]:
    """Start the application, and stop it when the block ends.

    Both run in one task, as its lifespan requires; pytest runs a fixture's halves in two tasks.
    """
    is_up, is_over = asyncio.Event(), asyncio.Event()

    async def live() -> None:
        async with app.lifespan():
            is_up.set()
            await is_over.wait()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(live())
        await is_up.wait()
        try:
            yield
        finally:
            is_over.set()
