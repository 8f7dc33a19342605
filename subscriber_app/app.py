"""Builds the subscriber's web application from its parts.

``python -m subscriber_app`` serves it. Tests pass their own settings and clock.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext, suppress
from datetime import datetime
from typing import Any

from litestar import Litestar, Request, Response

from hookshop.webkit.application import build_litestar
from hookshop.webkit.encryption import Encryption
from hookshop.webkit.errors import Problem, answer, exception_handlers
from hookshop.webkit.sandboxes import CreationBrake
from hookshop.webkit.times import utc_now
from subscriber_app.config import RECEIVER_PATH, Settings
from subscriber_app.connections import SharedConnections
from subscriber_app.database.models import Sandbox
from subscriber_app.database.transactions import DatabaseFolder, DatabaseShut
from subscriber_app.parts import Shared, Site, SubscriberParts, build_parts
from subscriber_app.receiving.inbox import ResetMeanwhile
from subscriber_app.receiving.receipts import BadCursor
from subscriber_app.sandboxes import Sandboxes
from subscriber_app.shop_api.subscription import Subscriptions
from subscriber_app.web.api import api_info, api_router
from subscriber_app.web.current_parts import (
    PartsMiddleware,
    SandboxFinder,
    provide_part,
    provide_parts,
)
from subscriber_app.web.dependencies import PARTS_OF_HANDLERS
from subscriber_app.web.metrics import show_metrics
from subscriber_app.web.pages import page_environment, page_router
from subscriber_app.web.receipt_view import ReceiptViews
from subscriber_app.web.receiver import receive_webhook
from subscriber_app.web.sandbox_maker import SandboxMaker

AnyRequest = Request[Any, Any, Any]
AnyResponse = Response[Any]

logger = logging.getLogger(__name__)


def create_app(settings: Settings, *, now: Callable[[], datetime] = utc_now) -> Litestar:
    """Build the application. It opens connections when it starts and closes them when it stops."""
    encryption = Encryption.open(settings.secrets_key_file, settings.secrets_key)
    shared = Shared(encryption, SharedConnections(), now)
    sandboxes = _sandboxes(settings, shared)
    receipt_views = ReceiptViews()
    return build_litestar(
        settings,
        database=sandboxes.main.database,
        route_handlers=[show_metrics, receive_webhook, api_router, page_router],
        dependencies={
            **{name: provide_part(name) for name in PARTS_OF_HANDLERS},
            "encryption": encryption,
            "receipt_views": receipt_views,
            "parts": provide_parts(),
            "sandboxes": sandboxes,
            "sandbox_maker": SandboxMaker(sandboxes, settings, encryption, now),
            "creation_brake": CreationBrake(),
            "clock": now,
        },
        # ``serve`` ends the streams of the feed: here those of all sandboxes.
        state={"feed": sandboxes, "sandboxes": SandboxFinder(sandboxes)},
        lifespan=_lifespan(settings, sandboxes, receipt_views, shared.connections),
        exception_handlers=exception_handlers(
            {BadCursor: 400, DatabaseShut: _answer_dropped, ResetMeanwhile: _answer_reset},
            database_unavailable="the database is busy; nothing was written, try again",
        ),
        environment=page_environment(settings),
        api=api_info,
        # It takes what comes: its checks decide, and leave a receipt.
        open_paths=[RECEIVER_PATH],
        more_middleware=[PartsMiddleware],
    )


def _sandboxes(settings: Settings, shared: Shared) -> Sandboxes:
    def build(sandbox: Sandbox) -> SubscriberParts:
        site = Site.of_sandbox(sandbox, settings, shared.encryption)
        return build_parts(site, shared, idle_connections=1)

    return Sandboxes(
        build_parts(Site.of_main(settings), shared),
        DatabaseFolder(settings.resolved_database_url),
        build,
        max_sandboxes=settings.max_sandboxes,
        now=shared.now,
    )


def _lifespan(
    settings: Settings,
    sandboxes: Sandboxes,
    receipt_views: ReceiptViews,
    connections: SharedConnections,
) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    """Return what the server enters before the first request and leaves after the last one."""

    @asynccontextmanager
    async def lifespan(_app: Litestar) -> AsyncIterator[None]:
        await sandboxes.open()
        subscriptions = sandboxes.main.subscriptions
        try:
            async with _subscribing(subscriptions) if settings.auto_register else nullcontext():
                if not settings.auto_register:
                    subscriptions.refresh_in_background()
                yield
        finally:
            await receipt_views.close()
            await sandboxes.close()
            await connections.close()

    return lifespan


def _answer_dropped(request: AnyRequest, _error: Exception) -> AnyResponse:
    return answer(request, Problem(404, "this sandbox was dropped; nothing was written"))


def _answer_reset(request: AnyRequest, _error: Exception) -> AnyResponse:
    detail = "the subscriber was reset meanwhile; nothing was written, send it again"
    return answer(request, Problem(503, detail, headers={"Retry-After": "1"}))


@asynccontextmanager
async def _subscribing(subscriptions: Subscriptions) -> AsyncIterator[None]:
    """Subscribe in the background: the shop may start later than the subscriber."""
    task = asyncio.create_task(_subscribe(subscriptions))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _subscribe(subscriptions: Subscriptions) -> None:
    """Log an unexpected error at once; otherwise it would only appear at shutdown and break it."""
    try:
        await subscriptions.ensure_subscribed()
    except Exception:
        logger.exception("Subscribing failed unexpectedly; restart the subscriber to try again")
