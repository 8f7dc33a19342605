"""Steps of tests that skip time, with workers of the real clock or of the test's."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx

from hookshop.webkit.encryption import Encryption
from hookshop.webkit.times import utc_now
from shop.config import Settings
from shop.database.bound_sandbox import ALL, bound_to
from shop.database.transactions import Database
from shop.redis.change_feed import ChangeFeed
from shop.redis.wake_ups import WakeUps
from shop.webhooks.engine.dispatcher import Dispatcher
from shop.webhooks.engine.http_client import HttpClient
from shop.webhooks.engine.settings import DeliverySettings
from shop.webhooks.rules.retries import NAMED_SCHEDULES, RetrySchedule
from shop.webhooks.rules.url_policy import UrlPolicy
from tests.integration.shop.browsing import Shop
from tests.integration.shop.conftest import Engine

Json = dict[str, Any]
HOUR, DAY = 3600, 86_400
STANDARD = RetrySchedule(NAMED_SCHEDULES["standard"])
MUG = {"items": [{"product_id": "mug", "quantity": 1}]}


@dataclass(slots=True)
class Workers:
    """Runs dispatchers with the real clock, as worker processes do."""

    database: Database
    settings: Settings
    encryption: Encryption

    @asynccontextmanager
    async def running(
        self, schedule: RetrySchedule = STANDARD, *, timeout_seconds: float = 30
    ) -> AsyncIterator[Dispatcher]:
        feed = ChangeFeed(self.settings.resolved_redis_url)
        wake_ups = WakeUps(self.settings.resolved_redis_url)
        client = HttpClient(UrlPolicy(), timeout_seconds=timeout_seconds)
        rules = DeliverySettings(
            schedule=schedule,
            request_timeout=timedelta(seconds=timeout_seconds),
            issuer="http://shop.example",
            now=utc_now,
            random=random.Random(7).random,
            breaker_failures=0,
        )
        dispatcher = Dispatcher(self.database, client, feed, wake_ups, self.encryption, rules)
        with bound_to(ALL):
            running = asyncio.create_task(dispatcher.run())
        try:
            yield dispatcher
        finally:
            dispatcher.stop()
            await running
            for part in (client, wake_ups, feed):
                await part.close()


async def advance(shop: httpx.AsyncClient, base: str = "", **how: Any) -> Json:
    answer = await shop.post(f"{base}/v1/clock/advance", json=how)
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


async def read_clock(shop: httpx.AsyncClient, base: str = "", **query: Any) -> Json:
    answer = await shop.get(f"{base}/v1/clock", params=query)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def ready(shop: httpx.AsyncClient, base: str = "") -> Json:
    return await read_clock(shop, base, wait=60, strict=1)


async def finish(shop: Shop, engine: Engine, base: str = "") -> Json:
    """Let the worker of the test's clock take all steps. Return the clock."""
    for _ in range(200):
        await engine.deliver(limit=50)
        found = await read_clock(shop, base)
        if found["satisfied"]:
            return found
    raise AssertionError(f"still advancing: {found}")


async def deliveries(shop: httpx.AsyncClient) -> list[Json]:
    """Return all deliveries with their attempts, oldest first."""
    listed = (await shop.get("/v1/deliveries", params={"limit": 100})).json()["data"]
    found = [(await shop.get(f"/v1/deliveries/{each['id']}")).json() for each in listed]
    return found[::-1]


def attempts_in_order(found: list[Json]) -> list[Json]:
    """Return all attempts in the order in which they started.

    Each gets ``skipped_so_far``: how much had been skipped since its delivery was created.
    """
    attempts = []
    for delivery in found:
        so_far = 0.0
        for attempt in delivery["attempts"]:
            so_far += attempt["skipped_seconds"]
            attempts.append(attempt | {"skipped_so_far": round(so_far, 3)})
    return sorted(attempts, key=lambda attempt: attempt["started_at"])


def planned_seconds(attempt: Json) -> float:
    """Return the delay before an attempt by its times: what has really passed and was skipped."""
    waited = moment(attempt["due_at"]) - moment(attempt["decided_at"])
    return waited.total_seconds() + float(attempt["skipped_seconds"])


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def rounded(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
