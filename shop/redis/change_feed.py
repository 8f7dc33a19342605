"""Announces changes to the open dashboards of all processes, by Redis pub/sub.

The web process and the worker ``announce`` after a commit. Each web process ``listen``s and wakes
its open event streams. An announcement has only ids: pages read the data from the database. If
Redis is unavailable, dashboards update later and nothing fails.
"""

import asyncio
import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from hookshop.webkit import change_feed
from hookshop.webkit.change_feed import MAX_WAITING_CHANGES
from shop.database.bound_sandbox import ALL, bound_number
from shop.redis.guard import RedisGuard

CHANNEL = "hookshop:changes"
PUBLISH_TIMEOUT_SECONDS = 0.25
RECONNECT_INTERVAL_SECONDS = 0.5
CATCH_UP_INTERVAL_SECONDS = 0.5
# After this long without a message, a PING must be answered within as long again. Otherwise the
# connection is half-open: a firewall or a lost machine has ended it without telling this end.
HEALTH_CHECK_SECONDS = 10.0
MAX_QUOTED_LENGTH = 200  # of a malformed message in the log

Kind = Literal["order", "delivery", "endpoint", "steady-orders", "clock", "exam", "everything"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Change:
    """What to read again. ``order_id``: for a delivery, the order whose page shows it.

    ``sandbox``: the number of the sandbox in which it changed; ``ALL`` concerns each of them.
    """

    kind: Kind
    id: str = ""
    order_id: str | None = None
    sandbox: int | None = field(default_factory=bound_number)

    @property
    def is_everything(self) -> bool:
        """Whether every page must be read again."""
        return self.kind == "everything"

    @classmethod
    def everything(cls) -> "Change":
        """Return the change to announce after announcements may have been lost."""
        return cls("everything", sandbox=ALL)


class ChangeFeed(change_feed.ChangeFeed[Change]):
    """Announces changes to all processes, and sends their changes to this process's streams."""

    def __init__(self, redis_url: str) -> None:
        super().__init__()
        self._redis = Redis.from_url(redis_url, socket_connect_timeout=PUBLISH_TIMEOUT_SECONDS)
        self._redis_guard = RedisGuard(PUBLISH_TIMEOUT_SECONDS)
        self._catching_up: asyncio.Task[None] | None = None
        self._to_publish: dict[Change, None] = {}
        self._publishing: asyncio.Task[None] | None = None

    def current_sandbox(self) -> int | None:
        """Return the number of the bound sandbox."""
        return bound_number()

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
            if len(changes) > MAX_WAITING_CHANGES:
                changes = (Change.everything(),)
            self._to_publish.clear()
            await self.announce(*changes)

    async def listen(self) -> None:
        """Send the changes of all processes to this one's streams. Reconnect after each failure."""
        while True:
            try:
                await self._relay()
            except _HalfOpen:
                logger.warning(
                    "Redis has not answered for %g s, connecting again for the dashboards",
                    2 * HEALTH_CHECK_SECONDS,
                )
            except (RedisError, OSError):
                await asyncio.sleep(RECONNECT_INTERVAL_SECONDS)
            except Exception:
                # Nobody would notice that the dashboards no longer hear of changes.
                logger.exception("Listening for changes failed, connecting again")
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
            fields = [(each.kind, each.id, each.order_id, each.sandbox) for each in changes]
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
        async with self._redis.pubsub() as pubsub:
            await pubsub.subscribe(CHANNEL)
            while True:
                message = await _next_message(pubsub)
                if message["type"] == "subscribe":
                    # Announcements made before this are lost: read everything again.
                    self.pass_on([Change.everything()])
                elif message["type"] == "message":
                    self.pass_on(_read_changes(message["data"]))


class _HalfOpen(Exception):  # noqa: N818 – the name says what happened
    """Redis does not answer on a connection that looks open."""


async def _next_message(pubsub: PubSub) -> dict[str, Any]:
    """Return what Redis sends next. Raise ``_HalfOpen`` if it does not even answer a PING."""
    message = await pubsub.get_message(timeout=HEALTH_CHECK_SECONDS)
    if message is None:
        await pubsub.ping()
        message = await pubsub.get_message(timeout=HEALTH_CHECK_SECONDS)
    if message is None:
        raise _HalfOpen
    known: dict[str, Any] = message
    return known


def _read_changes(data: bytes) -> list[Change]:
    """Return the changes in an announcement. Skip one that this version does not understand.

    A newer version may run beside this one, and others may use the same Redis.
    """
    try:
        return [_read_change(*fields) for fields in json.loads(data)]
    except (ValueError, TypeError, RecursionError) as error:
        quoted = repr(data[:MAX_QUOTED_LENGTH])
        logger.warning("Skipped a malformed announcement of changes: %s (%s)", quoted, error)
        return []


def _read_change(kind: object, id_: object, order_id: object, sandbox: object) -> Change:
    is_known = kind in get_args(Kind) and isinstance(id_, str)
    if not is_known or not isinstance(order_id, str | None) or not isinstance(sandbox, int | None):
        raise ValueError(f"unknown change {kind!r}")
    return Change(kind, id_, order_id, sandbox)  # type: ignore[arg-type]  # checked above
