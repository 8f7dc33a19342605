"""Wires the subscriber's web application together; nothing else knows all its parts.

``python -m subscriber_app`` serves it; tests build it with settings and a clock of their own.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext, suppress
from datetime import datetime

from litestar import Litestar

from hookshop.webkit.application import build_litestar
from hookshop.webkit.change_feed import LocalChangeFeed
from hookshop.webkit.errors import exception_handlers
from hookshop.webkit.times import utc_now
from subscriber_app import __version__
from subscriber_app.config import Settings
from subscriber_app.database.transactions import Database
from subscriber_app.explaining.trace_builder import TraceBuilder
from subscriber_app.faults import Faults
from subscriber_app.lab.attack_desk import AttackDesk
from subscriber_app.receiving.defence_switches import DefenceSwitches
from subscriber_app.receiving.inbox import Inbox
from subscriber_app.receiving.receipts import BadCursor
from subscriber_app.shop_api.client import ShopClient
from subscriber_app.shop_api.money import ShopTotalsPoller
from subscriber_app.shop_api.subscription import Subscriptions
from subscriber_app.web.api import api_router
from subscriber_app.web.metrics import show_metrics
from subscriber_app.web.pages import page_environment, page_handlers
from subscriber_app.web.receipt_view import ReceiptViews
from subscriber_app.web.receiver import receive_webhook

logger = logging.getLogger(__name__)


def create_app(settings: Settings, *, now: Callable[[], datetime] = utc_now) -> Litestar:
    """Build the application; connections are opened when it starts and closed when it stops."""
    database = Database(settings.resolved_database_url)
    feed = LocalChangeFeed()
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
    sales = ShopTotalsPoller(shop, database, feed)
    subscriptions = Subscriptions(database, shop, feed, webhook_url=settings.webhook_url, now=now)
    storyteller = TraceBuilder(database, shop, webhook_url=settings.webhook_url, now=now)

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

    return build_litestar(
        settings,
        version=__version__,
        route_handlers=[show_metrics, receive_webhook, api_router, *page_handlers],
        dependencies={
            "database": database,
            "feed": feed,
            "inbox": inbox,
            "faults": faults,
            "attack_desk": attack_desk,
            "defences": defences,
            "receipt_views": receipt_views,
            "sales": sales,
            "storyteller": storyteller,
            "subscriptions": subscriptions,
            "clock": now,
        },
        # The last two are for the receiver.
        state={"feed": feed, "public_url": settings.base_url, "subscriptions": subscriptions},
        lifespan=lifespan,
        exception_handlers=exception_handlers(
            {BadCursor: 400},
            database_unavailable="the database is busy; nothing was written, try again",
        ),
        environment=page_environment(faults, defences),
    )


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
