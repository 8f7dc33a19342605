"""Builds the subscriber's web application from its parts.

``python -m subscriber_app`` serves it. Tests pass their own settings and clock.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext, suppress
from datetime import datetime

from litestar import Litestar

from hookshop.webkit.application import build_litestar
from hookshop.webkit.change_feed import LocalChangeFeed
from hookshop.webkit.encryption import Encryption
from hookshop.webkit.errors import exception_handlers
from hookshop.webkit.times import utc_now
from subscriber_app.config import RECEIVER_PATH, Settings
from subscriber_app.database.transactions import Database
from subscriber_app.explaining.order_contents import OrderContents
from subscriber_app.explaining.trace_builder import TraceBuilder
from subscriber_app.faults import Faults
from subscriber_app.lab.attack_desk import AttackDesk
from subscriber_app.receiving.defence_switches import DefenceSwitches
from subscriber_app.receiving.inbox import Inbox
from subscriber_app.receiving.receipts import BadCursor
from subscriber_app.shop_api.client import ShopClient
from subscriber_app.shop_api.money import ShopTotalsPoller
from subscriber_app.shop_api.subscription import Subscriptions
from subscriber_app.web.api import api_info, api_router
from subscriber_app.web.metrics import show_metrics
from subscriber_app.web.pages import page_environment, page_handlers
from subscriber_app.web.receipt_view import ReceiptViews
from subscriber_app.web.receiver import receive_webhook

logger = logging.getLogger(__name__)


def create_app(settings: Settings, *, now: Callable[[], datetime] = utc_now) -> Litestar:
    """Build the application. It opens connections when it starts and closes them when it stops."""
    encryption = Encryption.open(settings.secrets_key_file, settings.secrets_key)
    database = Database(settings.resolved_database_url, encryption)
    feed = LocalChangeFeed()
    faults = Faults(database, feed)
    defences = DefenceSwitches(database, feed)
    inbox = Inbox(
        database, feed, faults, defences, encryption, webhook_url=settings.webhook_url, now=now
    )
    attack_desk = AttackDesk(
        database,
        defences,
        faults,
        encryption,
        local_url=settings.local_url,
        webhook_url=settings.webhook_url,
        now=now,
    )
    shop = ShopClient(settings.shop_url, token=settings.shop_token)
    shop_totals = ShopTotalsPoller(shop, database, feed)
    subscriptions = Subscriptions(
        database, shop, feed, encryption, webhook_url=settings.webhook_url, now=now
    )
    trace_builder = TraceBuilder(database, shop, webhook_url=settings.webhook_url, now=now)

    receipt_views = ReceiptViews()
    # In the order in which they are closed.
    parts = (receipt_views, subscriptions, attack_desk, shop_totals, inbox, shop, database)

    @asynccontextmanager
    async def lifespan(_app: Litestar) -> AsyncIterator[None]:
        await database.create_tables()
        await faults.load()
        await defences.load()
        try:
            async with _subscribing(subscriptions) if settings.auto_register else nullcontext():
                if not settings.auto_register:
                    subscriptions.refresh_in_background()
                yield
        finally:
            for part in parts:
                await part.close()

    return build_litestar(
        settings,
        database=database,
        route_handlers=[show_metrics, receive_webhook, api_router, *page_handlers],
        dependencies={
            "encryption": encryption,
            "feed": feed,
            "inbox": inbox,
            "faults": faults,
            "attack_desk": attack_desk,
            "defences": defences,
            "receipt_views": receipt_views,
            "shop_totals": shop_totals,
            "trace_builder": trace_builder,
            "order_contents": OrderContents(database, shop),
            "subscriptions": subscriptions,
            "clock": now,
        },
        # The receiver reads the last two from the state: see ``web.receiver``.
        state={"feed": feed, "public_url": settings.base_url, "subscriptions": subscriptions},
        lifespan=lifespan,
        exception_handlers=exception_handlers(
            {BadCursor: 400},
            database_unavailable="the database is busy; nothing was written, try again",
        ),
        environment=page_environment(faults, defences, settings),
        api=api_info,
        # It takes what comes: its checks decide, and leave a receipt.
        open_paths=[RECEIVER_PATH],
    )


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
