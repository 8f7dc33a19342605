"""Wires the shop's web application together; nothing else knows all its parts.

``python -m shop`` serves it; tests build it with settings of their own.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
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
from hookshop.webkit.tasks import end_tasks
from shop import __version__
from shop.announcements import ChangeFeed
from shop.config import Settings
from shop.database import Database
from shop.heartbeats import Heartbeats
from shop.redis.wake_ups import WakeUps
from shop.web.access import OPEN_TO_ALL, guards, sessions
from shop.web.api import api_router
from shop.web.errors import exception_handlers
from shop.web.metrics import show_metrics
from shop.web.pages import jinja_environment, page_handlers
from shop.web.security import SECURITY_HEADERS, add_security_headers, csrf_protection
from shop.webhooks.vault import Vault

STATIC = Path(__file__).parent.parent / "static"


def create_app(settings: Settings) -> Litestar:
    """Build the application; connections are opened when it starts and closed when it stops."""
    database = Database(settings.resolved_database_url)
    wake_ups = WakeUps(settings.resolved_redis_url)
    feed = ChangeFeed(settings.resolved_redis_url)
    heartbeats = Heartbeats(settings.resolved_redis_url)
    vault = Vault.open(settings.vault_key_file, settings.secrets_key)

    @asynccontextmanager
    async def lifespan(_app: Litestar) -> AsyncIterator[None]:
        await database.create_tables()
        listening = asyncio.create_task(feed.listen())
        try:
            yield
        finally:
            await end_tasks(listening)
            for part in (wake_ups, feed, heartbeats, database):
                await part.close()

    app = Litestar(
        route_handlers=[
            healthz,
            show_metrics,
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
            wake_ups=wake_ups,
            vault=vault,
            feed=feed,
            heartbeats=heartbeats,
        ),
        lifespan=[lifespan],
        guards=guards(settings),
        middleware=[sessions(settings).middleware],
        state=State({"feed": feed}),  # for the entry point, which ends the streams
        plugins=[HTMXPlugin()],
        exception_handlers=exception_handlers(),
        response_headers=SECURITY_HEADERS,
        csrf_config=csrf_protection(settings),
        template_config=TemplateConfig(
            instance=JinjaTemplateEngine.from_environment(jinja_environment())
        ),
        # The JSON only: Litestar's pages for it load scripts from another host.
        openapi_config=OpenAPIConfig(
            title="Hookshop: the shop", version=__version__, render_plugins=[JsonRenderPlugin()]
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


@get("/healthz", include_in_schema=False, opt=OPEN_TO_ALL)
async def healthz() -> dict[str, str]:
    """Say that the application can serve."""
    return {"status": "ok"}
