from collections.abc import AsyncIterator

import httpx
import pytest

from hookshop.webkit.encryption import Encryption
from hookshop.webkit.times import utc_now
from shop.app import create_app
from shop.config import Settings
from shop.database.transactions import Database
from shop.orders.placing import order_commits
from shop.redis.change_feed import ChangeFeed
from shop.redis.wake_ups import WakeUps
from shop.web.actions import Actions
from tests.integration.shop.advancing import Workers
from tests.serving import free_port, serving


@pytest.fixture
async def live(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A client on a real socket, so that a worker of the same loop runs while a call waits."""
    with free_port() as listening:
        async with (
            serving(create_app(settings), listening) as url,
            httpx.AsyncClient(base_url=url, trust_env=False, timeout=90) as client,
        ):
            yield client


@pytest.fixture
def workers(database: Database, settings: Settings, encryption: Encryption) -> Workers:
    return Workers(database, settings, encryption)


@pytest.fixture
async def actions(
    database: Database, settings: Settings, encryption: Encryption
) -> AsyncIterator[Actions]:
    wake_ups, feed = WakeUps(settings.resolved_redis_url), ChangeFeed(settings.resolved_redis_url)
    orders = order_commits(database, clock=utc_now)
    yield Actions(database, wake_ups, feed, encryption, orders)
    for part in (wake_ups, feed):
        await part.close()
