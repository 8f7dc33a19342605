from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from shop.app import create_app
from shop.config import Settings
from shop.database import Database
from tests.receiver import Receiver, running_receiver


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Defaults, below a folder of the test's own; no Redis is running there."""
    return Settings(HOOKSHOP_VAR=tmp_path)  # type: ignore[call-arg]


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    database = Database(settings.resolved_database_url)
    await database.create_tables()
    yield database
    await database.close()


@pytest.fixture
async def shop(settings: Settings) -> AsyncIterator[AsyncTestClient[Litestar]]:
    """The whole web application, with its lifespan, without a socket."""
    async with AsyncTestClient(create_app(settings), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as receiver:
        yield receiver
