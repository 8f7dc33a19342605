"""``GET /metrics``, for Prometheus. What it says: ``shop.webhooks.queries.metrics``."""

import asyncio
from datetime import UTC, datetime

from litestar import Response, get
from prometheus_client import CONTENT_TYPE_LATEST

from hookshop.webkit.access import METRICS
from shop.web.dependencies import TheDatabase, TheHeartbeats, TheWakeUps
from shop.webhooks.queries.metrics import as_text, of_redis, read_facts


@get(METRICS, include_in_schema=False)
async def show_metrics(
    database: TheDatabase, wake_ups: TheWakeUps, heartbeats: TheHeartbeats
) -> Response[bytes]:
    """All figures, from whichever web process is asked."""
    depth, workers = await asyncio.gather(wake_ups.depth(), heartbeats.alive())
    async with database.reading() as session:
        facts = await read_facts(session, now=datetime.now(UTC))
    # Not as media_type: Litestar would name the charset a second time.
    headers = {"Content-Type": CONTENT_TYPE_LATEST}
    return Response(as_text([*facts, *of_redis(depth, workers)]), headers=headers)
