"""Builds the shop's web application from all its parts."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

from litestar import Litestar

from hookshop.webkit.application import build_litestar
from hookshop.webkit.encryption import Encryption
from hookshop.webkit.sandboxes import CreationBrake
from hookshop.webkit.tasks import end_tasks
from hookshop.webkit.times import utc_now
from shop.config import Settings
from shop.database.transactions import Database
from shop.exam.in_process import ShopAccess
from shop.exam.runs import ExamRuns
from shop.orders.placing import order_commits
from shop.redis.change_feed import ChangeFeed
from shop.redis.heartbeats import Heartbeats
from shop.redis.wake_ups import WakeUps
from shop.sandboxes.registry import Sandboxes
from shop.web.actions import Actions
from shop.web.api import api_info, api_router
from shop.web.errors import exception_handlers
from shop.web.metrics import show_metrics
from shop.web.pages import page_environment, page_handlers
from shop.web.sandboxes.actions import SandboxActions
from shop.web.skipping.watch import ClockWatch
from shop.web.steady_orders.task import SteadyOrdersTask


def create_app(settings: Settings) -> Litestar:
    """Return the application. It opens connections when it starts and closes them when it stops."""
    database = Database(settings.resolved_database_url)
    wake_ups = WakeUps(settings.resolved_redis_url)
    feed = ChangeFeed(settings.resolved_redis_url)
    heartbeats = Heartbeats(settings.resolved_redis_url)
    encryption = Encryption.open(settings.secrets_key_file, settings.secrets_key)
    orders = order_commits(database, clock=utc_now)
    actions = Actions(database, wake_ups, feed, encryption, orders)
    steady_orders = SteadyOrdersTask(actions, database, feed)
    exams = ExamRuns(database, feed, _own_api(settings))
    clock_watch = ClockWatch(database, feed)
    return build_litestar(
        settings,
        database=database,
        route_handlers=[show_metrics, api_router, *page_handlers],
        dependencies={
            "actions": actions,
            "wake_ups": wake_ups,
            "encryption": encryption,
            "feed": feed,
            "heartbeats": heartbeats,
            "steady_orders": steady_orders,
            "exams": exams,
            "sandbox_actions": SandboxActions(database, feed, settings),
            "creation_brake": CreationBrake(),
        },
        state={
            "feed": feed,
            "settings": settings,
            "clock_watch": clock_watch,
            "steady_orders": steady_orders,
            "sandboxes": Sandboxes(database),
        },
        lifespan=_lifespan(
            database,
            tasks=(feed.listen, steady_orders.run, clock_watch.run),
            parts=(exams, orders, wake_ups, feed, heartbeats, database),
        ),
        exception_handlers=exception_handlers(),
        environment=page_environment(settings),
        api=api_info,
    )


class _Closable(Protocol):
    async def close(self) -> None: ...


def _lifespan(
    database: Database,
    *,
    tasks: Sequence[Callable[[], Coroutine[Any, Any, None]]],
    parts: Sequence[_Closable],
) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    """Return what the server enters before the first request and leaves after the last one.

    ``tasks``: run until then. ``parts``: closed then, in this order.
    """

    @asynccontextmanager
    async def lifespan(_app: Litestar) -> AsyncIterator[None]:
        await database.create_tables()
        running = [asyncio.create_task(each()) for each in tasks]
        try:
            yield
        finally:
            await end_tasks(*running)
            for part in parts:
                await part.close()

    return lifespan


def _own_api(settings: Settings) -> ShopAccess:
    token = settings.admin_token.get_secret_value() if settings.admin_token else ""
    return ShopAccess(settings.local_url, token, settings.url_policy)
