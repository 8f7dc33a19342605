"""``GET /metrics``, for Prometheus."""

from litestar import Response, get
from prometheus_client import CONTENT_TYPE_LATEST

from hookshop.webkit.access import METRICS
from subscriber_app.receiving.metrics import read_metrics
from subscriber_app.web.dependencies import TheDatabase


@get(METRICS, include_in_schema=False)
async def show_metrics(database: TheDatabase) -> Response[bytes]:
    """Return the metrics of receipts, purchases and money."""
    async with database.reading() as session:
        text = await read_metrics(session)
    # Not as media_type: Litestar would add the charset a second time.
    return Response(text, headers={"Content-Type": CONTENT_TYPE_LATEST})
