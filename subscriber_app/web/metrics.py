"""``GET /metrics``, for Prometheus."""

from litestar import Response, get
from prometheus_client import CONTENT_TYPE_LATEST

from hookshop.webkit.access import METRICS
from subscriber_app.receiving.metrics import write_metrics
from subscriber_app.web.dependencies import TheSandboxes


@get(METRICS, include_in_schema=False)
async def show_metrics(sandboxes: TheSandboxes) -> Response[bytes]:
    """Return the metrics of receipts, purchases and money, summed over all sandboxes."""
    amounts = await sandboxes.counters()
    text = write_metrics(amounts, sandboxes=len(sandboxes.list()))
    # Not as media_type: Litestar would add the charset a second time.
    return Response(text, headers={"Content-Type": CONTENT_TYPE_LATEST})
