"""Announces changes to the open dashboards of all processes, by Redis pub/sub.

The web process and the worker ``announce`` after a commit. Each web process ``listen``s and wakes
its open event streams. An announcement has only ids: pages read the data from the database. If
Redis is unavailable, dashboards update later and nothing fails.
"""

import asyncio
import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from redis.asyncio import Redis
from redis.exceptions import RedisError

from hookshop.webkit import change_feed
from shop.redis.guard import RedisGuard

CHANNEL = "hookshop:changes"
PUBLISH_TIMEOUT_SECONDS = 0.25
RECONNECT_INTERVAL_SECONDS = 0.5
CATCH_UP_INTERVAL_SECONDS = 0.5

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Change:
    """What to read again. ``order_id``: for a delivery, the order whose page shows it."""

    kind: Literal["order", "delivery", "endpoint", "everything"]
    id: str = ""
    order_id: str | None = None

    @property
    def is_everything(self) -> bool:
        """Whether every page must be read again."""
        return self.kind == "everything"

    @classmethod
    def everything(cls) -> "Change":
        """Return the change to announce after announcements may have been lost."""
        return cls("everything")


class ChangeFeed(change_feed.ChangeFeed[Change]):
    """Announces changes to all processes, and sends their changes to this process's streams."""

    def __init__(self, redis_url: str) -> None:
        super().__init__()
        self._redis = Redis.from_url(redis_url, socket_connect_timeout=PUBLISH_TIMEOUT_SECONDS)
        self._redis_guard = RedisGuard(PUBLISH_TIMEOUT_SECONDS)
        self._catching_up: asyncio.Task[None] | None = None
        self._to_publish: dict[Change, None] = {}
        self._publishing: asyncio.Task[None] | None = None

    async def announce(self, *changes: Change) -> None:
        """Wake this process's streams immediately and other processes by Redis. Never raise."""
        if not changes:
            return
        self.pass_on(changes)
        try:
            await self._publish(changes)
        except (RedisError, OSError, TimeoutError) as error:
            if self._catching_up is None or self._catching_up.done():
                reason = str(error) or "Redis does not answer"
                logger.warning(
                    "Redis is unavailable, dashboards of other processes update later: %s", reason
                )
                self._catching_up = asyncio.create_task(self._catch_up())

    def announce_soon(self, *changes: Change) -> None:
        """Announce without waiting for Redis. Changes added meanwhile share the next message."""
        self._to_publish.update(dict.fromkeys(changes))
        if self._to_publish and (self._publishing is None or self._publishing.done()):
            self._publishing = asyncio.create_task(self._publish_waiting())

    async def _publish_waiting(self) -> None:
        while self._to_publish:
            changes = tuple(self._to_publish)
            self._to_publish.clear()
            await self.announce(*changes)

    async def listen(self) -> None:
        """Send the changes of all processes to this one's streams. Reconnect after each failure."""
        while True:
            try:
                await self._relay()
            except (RedisError, OSError):
                await asyncio.sleep(RECONNECT_INTERVAL_SECONDS)

    async def close(self) -> None:
        """Close the connections to Redis."""
        if self._publishing:
            await self._publishing
        if self._catching_up:
            self._catching_up.cancel()
        await self._redis.aclose()

    async def _publish(self, changes: Iterable[Change]) -> None:
        async with self._redis_guard.bounded():
            fields = [(each.kind, each.id, each.order_id) for each in changes]
            await self._redis.publish(CHANNEL, json.dumps(fields))

    async def _catch_up(self) -> None:
        """When Redis answers again, announce ``everything``: other processes missed changes."""
        while True:
            await asyncio.sleep(CATCH_UP_INTERVAL_SECONDS)
            try:
                await self._publish([Change.everything()])
            except (RedisError, OSError, TimeoutError):
                continue
            return

    async def _relay(self) -> None:
        async with self._redis.pubsub(ignore_subscribe_messages=True) as pubsub:
            await pubsub.subscribe(CHANNEL)
            # Announcements made while there was no connection are lost: read everything again.
            self.pass_on([Change.everything()])
            async for message in pubsub.listen():
                self.pass_on(Change(*fields) for fields in json.loads(message["data"]))
