"""Both applications together, connected only by HTTP and a secret."""

import asyncio
import random
import shutil
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from hookshop.webkit.encryption import Encryption
from shop.app import create_app as create_shop
from shop.config import Settings as ShopSettings
from shop.database.transactions import Database
from shop.redis.change_feed import ChangeFeed
from shop.redis.wake_ups import WakeUps
from shop.webhooks.engine.dispatcher import Dispatcher
from shop.webhooks.engine.http_client import HttpClient
from shop.webhooks.engine.settings import DeliverySettings
from shop.webhooks.rules.retries import RetrySchedule
from subscriber_app.app import create_app as create_subscriber
from subscriber_app.config import Settings as SubscriberSettings
from subscriber_app.lab.connection_reset import ConnectionResetProtocol
from tests.serving import free_port, port_of, serving
from tests.waiting import eventually


@dataclass(frozen=True, slots=True)
class World:
    """A shop, a subscriber that is registered with it, and a dispatcher to send deliveries."""

    shop: httpx.AsyncClient
    subscriber: httpx.AsyncClient
    dispatcher: Dispatcher
    database: Database  # the shop's
    encryption: Encryption  # the shop's

    async def buy(self, **items: int) -> dict[str, Any]:
        """Place an order with these quantities; return the response of ``POST /v1/orders``."""
        lines = [{"product_id": id_, "quantity": quantity} for id_, quantity in items.items()]
        answer = await self.shop.post("/v1/orders", json={"items": lines})
        assert answer.status_code == 201, answer.text
        order: dict[str, Any] = answer.json()
        return order

    async def deliver(self, order: dict[str, Any]) -> dict[str, Any]:
        """Make the next attempt of the order's only delivery; return the delivery after it."""
        [delivery_id] = order["delivery_ids"]
        await self.deliver_due()
        return await read(self.shop, f"/v1/deliveries/{delivery_id}")

    async def deliver_due(self) -> None:
        """Make one attempt of each delivery that is due."""
        await self.dispatcher.look()
        while self.dispatcher.in_flight:  # noqa: ASYNC110 – sends complete in this event loop
            await asyncio.sleep(0.001)
        await self.dispatcher.look(limit=0)

    async def receipts(self) -> list[dict[str, Any]]:
        """Return all receipts with details, oldest first."""
        listed = (await read(self.subscriber, "/v1/receipts"))["data"]
        return [await read(self.subscriber, f"/v1/receipts/{each['id']}") for each in listed[::-1]]


async def read(client: httpx.AsyncClient, path: str) -> dict[str, Any]:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


@pytest.fixture
def sockets() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def patience() -> int:
    """Return the shop's response timeout in seconds."""
    return 5


@pytest.fixture
async def world(
    tmp_path: Path,
    sockets: ExitStack,
    patience: int,
    shop_database_url: str | None,
    migrated_shop_file: Path,
    migrated_subscriber_file: Path,
) -> AsyncIterator[World]:
    if shop_database_url is None:
        shutil.copyfile(migrated_shop_file, tmp_path / "shop.db")
    shutil.copyfile(migrated_subscriber_file, tmp_path / "subscriber.db")
    shop_socket, subscriber_socket = (sockets.enter_context(free_port()) for _ in range(2))
    shop_settings = ShopSettings(
        HOOKSHOP_VAR=tmp_path,  # type: ignore[call-arg]
        port=port_of(shop_socket),
        database_url=shop_database_url,
    )
    subscriber_settings = SubscriberSettings(
        HOOKSHOP_VAR=tmp_path,  # type: ignore[call-arg]
        port=port_of(subscriber_socket),
        shop_url=shop_settings.base_url,
        auto_register=True,
    )
    listening = (shop_socket, subscriber_socket)
    async with both(shop_settings, subscriber_settings, listening, patience) as world:
        await eventually(lambda: _endpoints(world.shop), "the subscriber has registered itself")
        yield world


@asynccontextmanager
async def both(
    shop_settings: ShopSettings,
    subscriber_settings: SubscriberSettings,
    listening: tuple[socket.socket, socket.socket],
    patience: int = 5,
) -> AsyncIterator[World]:
    """Run both applications on these sockets until the block ends."""
    shop_socket, subscriber_socket = listening
    database = Database(shop_settings.resolved_database_url)
    client = HttpClient(shop_settings.url_policy, timeout_seconds=patience)
    wake_ups = WakeUps(shop_settings.resolved_redis_url)
    feed = ChangeFeed(shop_settings.resolved_redis_url)
    encryption = Encryption.open(shop_settings.secrets_key_file, shop_settings.secrets_key)
    rules = DeliverySettings(
        schedule=RetrySchedule((0, 0, 0)),
        request_timeout=timedelta(seconds=patience),
        issuer=shop_settings.base_url,
        now=lambda: datetime.now(UTC),
        random=random.random,
    )
    async with (
        serving(create_shop(shop_settings), shop_socket) as shop_url,
        serving(
            create_subscriber(subscriber_settings), subscriber_socket, ConnectionResetProtocol
        ) as subscriber_url,
        httpx.AsyncClient(base_url=shop_url, verify=False, timeout=30) as shop,
        httpx.AsyncClient(base_url=subscriber_url, verify=False, timeout=30) as subscriber,
    ):
        dispatcher = Dispatcher(database, client, feed, wake_ups, encryption, rules)
        yield World(shop, subscriber, dispatcher, database, encryption)
        for part in (client, wake_ups, feed, database):
            await part.close()


async def _endpoints(shop: httpx.AsyncClient) -> list[Any]:
    endpoints: list[Any] = (await read(shop, "/v1/webhooks"))["data"]
    return endpoints
