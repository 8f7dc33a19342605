"""Wires the subscriber's web application together; nothing else knows all its parts.

``python -m subscriber_app`` serves it; tests build it with settings and a clock of their own.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext, suppress
from datetime import datetime
from pathlib import Path

from litestar import Litestar, get
from litestar.datastructures import State
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.plugins.htmx import HTMXPlugin
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.static_files import create_static_files_router
from litestar.template import TemplateConfig

from hookshop.webkit.address_checks import HostCheck, insist_on_possible_file
from hookshop.webkit.request_log import RequestLog
from hookshop.webkit.times import utc_now
from subscriber_app import __version__
from subscriber_app.attack_desk import AttackDesk
from subscriber_app.config import Settings
from subscriber_app.database import Database
from subscriber_app.defence_switches import DefenceSwitches
from subscriber_app.faults import Faults
from subscriber_app.inbox import Inbox
from subscriber_app.money import SalesWatch
from subscriber_app.news import NewsFeed
from subscriber_app.shop_client import ShopClient
from subscriber_app.storyteller import Storyteller
from subscriber_app.subscription import Subscriptions
from subscriber_app.web.access import OPEN_TO_ALL, guards, sessions
from subscriber_app.web.api import api_router
from subscriber_app.web.errors import exception_handlers
from subscriber_app.web.metrics import show_metrics
from subscriber_app.web.pages import jinja_environment, page_handlers
from subscriber_app.web.receipt_view import ReceiptViews
from subscriber_app.web.receiver import receive_webhook
from subscriber_app.web.security import SECURITY_HEADERS, add_security_headers, csrf_protection

STATIC = Path(__file__).parent.parent / "static"

logger = logging.getLogger(__name__)


def create_app(settings: Settings, *, now: Callable[[], datetime] = utc_now) -> Litestar:
    """Build the application; connections are opened when it starts and closed when it stops."""
    database = Database(settings.resolved_database_url)
    feed = NewsFeed()
    faults = Faults(database, feed)
    defences = DefenceSwitches(database, feed)
    inbox = Inbox(database, feed, faults, defences, webhook_url=settings.webhook_url, now=now)
    attack_desk = AttackDesk(
        database,
        defences,
        faults,
        local_url=settings.local_url,
        webhook_url=settings.webhook_url,
        now=now,
    )
    shop = ShopClient(settings.shop_url, token=settings.shop_token)
    sales = SalesWatch(shop, database, feed)
    subscriptions = Subscriptions(database, shop, feed, webhook_url=settings.webhook_url, now=now)
    storyteller = Storyteller(database, shop, webhook_url=settings.webhook_url, now=now)

    receipt_views = ReceiptViews()

    @asynccontextmanager
    async def lifespan(_app: Litestar) -> AsyncIterator[None]:
        await database.create_tables()
        await faults.load()
        await defences.load()
        try:
            async with _kept(subscriptions) if settings.auto_register else nullcontext():
                if not settings.auto_register:
                    subscriptions.ask_again()
                yield
        finally:
            for part in (receipt_views, subscriptions, attack_desk, sales, shop, database):
                await part.close()

    app = Litestar(
        route_handlers=[
            healthz,
            show_metrics,
            receive_webhook,
            api_router,
            *page_handlers,
            create_static_files_router(
                path="/static",
                directories=[STATIC],
                opt=OPEN_TO_ALL,
                guards=[insist_on_possible_file],
                after_request=add_security_headers,
            ),
        ],
        dependencies=_provided(
            settings=settings,
            database=database,
            feed=feed,
            inbox=inbox,
            faults=faults,
            attack_desk=attack_desk,
            defences=defences,
            receipt_views=receipt_views,
            sales=sales,
            storyteller=storyteller,
            subscriptions=subscriptions,
            clock=now,
        ),
        lifespan=[lifespan],
        guards=guards(settings),
        middleware=[sessions(settings).middleware],
        # For the entry point, which ends the streams, and for the receiver.
        state=State(
            {"feed": feed, "public_url": settings.base_url, "subscriptions": subscriptions}
        ),
        plugins=[HTMXPlugin()],
        exception_handlers=exception_handlers(),
        response_headers=SECURITY_HEADERS,
        csrf_config=csrf_protection(settings),
        template_config=TemplateConfig(
            instance=JinjaTemplateEngine.from_environment(jinja_environment(faults, defences))
        ),
        # The JSON only: Litestar's pages for it load scripts from another host.
        openapi_config=OpenAPIConfig(
            title="Hookshop: the subscriber",
            version=__version__,
            render_plugins=[JsonRenderPlugin()],
        ),
        logging_config=None,  # the entry point has configured logging
    )
    # Around everything, as no middleware is: an address that is not there has none.
    app.asgi_handler = RequestLog(HostCheck(app.asgi_handler, SECURITY_HEADERS))
    return app


def _provided(**parts: object) -> dict[str, Provide]:
    """Hand each part to whichever handler has a parameter of its name."""
    return {name: _provide(part) for name, part in parts.items()}


def _provide(part: object) -> Provide:
    return Provide(lambda: part, sync_to_thread=False)


@asynccontextmanager
async def _kept(subscriptions: Subscriptions) -> AsyncIterator[None]:
    """Subscribe beside serving: the shop may come up later than we do."""
    keeping = asyncio.create_task(_keep(subscriptions))
    try:
        yield
    finally:
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping


async def _keep(subscriptions: Subscriptions) -> None:
    """What goes wrong here must not wait for the shutdown to be heard of, and then spoil it."""
    try:
        await subscriptions.keep()
    except Exception:
        logger.exception("Not subscribed, and not trying any longer")


@get("/healthz", include_in_schema=False, opt=OPEN_TO_ALL)
async def healthz() -> dict[str, str]:
    """Say that the application can serve."""
    return {"status": "ok"}
