"""``GET /metrics`` for Prometheus. The metrics: ``shop.webhooks.queries.metrics``."""

import asyncio
from datetime import UTC, datetime

from litestar import Response, get
from prometheus_client import CONTENT_TYPE_LATEST

from hookshop.webkit.access import METRICS
from shop.database.bound_sandbox import ALL, bound_to
from shop.web.dependencies import TheDatabase, TheHeartbeats, TheWakeUps
from shop.webhooks.queries.metrics import as_text, database_metrics, redis_metrics


@get(METRICS, include_in_schema=False)
async def show_metrics(
    database: TheDatabase, wake_ups: TheWakeUps, heartbeats: TheHeartbeats
) -> Response[bytes]:
    """Return all metrics, of all sandboxes together. Every web process returns the same values."""
    depth, workers = await asyncio.gather(wake_ups.depth(), heartbeats.alive())
    with bound_to(ALL):
        async with database.reading() as session:
            facts = await database_metrics(session, now=datetime.now(UTC))
    # Set the header directly: with media_type, Litestar would add the charset again.
    headers = {"Content-Type": CONTENT_TYPE_LATEST}
    return Response(as_text([*facts, *redis_metrics(depth, workers)]), headers=headers)
