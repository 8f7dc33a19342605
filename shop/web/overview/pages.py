"""The live page of the overview.

``webhooks.queries.dashboard_stats`` reads its data; ``view`` turns them into text and charts.
"""

from datetime import UTC, datetime
from typing import Any

from litestar import Request, get
from litestar.response import ServerSentEvent, Template

from hookshop.webkit.live import Region
from shop.database.transactions import Database
from shop.redis.heartbeats import Heartbeats
from shop.redis.wake_ups import WakeUps
from shop.web.dependencies import TheDatabase, TheFeed, TheHeartbeats, TheWakeUps
from shop.web.overview.view import Reading, view
from shop.web.steady_orders.pages import shop_stream
from shop.webhooks.endpoints import registry
from shop.webhooks.queries import dashboard_stats
from shop.webhooks.queries.deliveries import read_stats
from shop.webhooks.queries.endpoint_health import by_reason, find_examples
from shop.webhooks.rules.time_buckets import Window

# Numbers that change ten times a second are unreadable, and each update costs queries.
MIN_INTERVAL_SECONDS = 0.5
# Polls, because the passing of time and the failure of a worker or of Redis are not announced.
POLL_INTERVAL_SECONDS = 2.0

AnyRequest = Request[Any, Any, Any]


@get("/overview", include_in_schema=False)
async def show_overview(
    database: TheDatabase, wake_ups: TheWakeUps, heartbeats: TheHeartbeats
) -> Template:
    """Show orders, deliveries, the backlog, workers, slow endpoints and failures."""
    region = _region(database, wake_ups, heartbeats)
    return Template("shop/overview/overview.html", context=await region.read())


@get("/overview/live", include_in_schema=False)
async def stream_overview(
    request: AnyRequest,
    database: TheDatabase,
    wake_ups: TheWakeUps,
    heartbeats: TheHeartbeats,
    feed: TheFeed,
) -> ServerSentEvent:
    """Stream the overview."""
    return await shop_stream(request, feed, _region(database, wake_ups, heartbeats))


def _region(database: Database, wake_ups: WakeUps, heartbeats: Heartbeats) -> Region:
    async def read() -> dict[str, Any]:
        return {"it": view(await _read(database, wake_ups, heartbeats))}

    return Region(
        "overview",
        "shop/overview/_overview.html",
        read,
        lambda _change: True,
        poll_interval_seconds=POLL_INTERVAL_SECONDS,
        min_interval_seconds=MIN_INTERVAL_SECONDS,
    )


async def _read(database: Database, wake_ups: WakeUps, heartbeats: Heartbeats) -> Reading:
    now = datetime.now(UTC)
    window = Window.last_hour(now)
    async with database.reading() as session:
        attempts = await dashboard_stats.read_attempts(session, window)
        failures = by_reason(attempts)
        return Reading(
            now=now,
            window=window,
            stats=await read_stats(session),
            endpoints={one.id: one for one in await registry.list_all(session)},
            orders=await dashboard_stats.read_orders(session, window),
            deliveries=await dashboard_stats.read_deliveries(session, window),
            attempts=attempts,
            failures=failures,
            examples=await find_examples(session, failures),
            slowest=await dashboard_stats.read_slowest(session, attempts, window),
            waiting=await dashboard_stats.read_waiting(session, now=now),
            wake_ups=await wake_ups.depth(),
            workers=await heartbeats.alive(),
        )
