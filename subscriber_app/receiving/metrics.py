"""The metrics of ``GET /metrics``, written from the counters in the databases at each scrape.

Label values come from our own vocabulary, never from a request.
"""

from collections.abc import Iterable, Mapping

from prometheus_client import generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from subscriber_app.database.counters import PURCHASES, REASON, REVENUE_CENTS
from subscriber_app.vocabulary import Reason, Verdict


def write_metrics(amounts: Mapping[str, int], *, sandboxes: int) -> bytes:
    """Return the metrics in Prometheus' text format.

    ``amounts``: the sum of each counter over all sandboxes. ``sandboxes``: how many there are
    besides ``main``. All are gauges, not counters, because deleting the receipts and dropping
    sandboxes lower them.
    """
    return generate_latest(
        _Collected(
            [
                _receipts(amounts),
                _gauge("purchases", "Booked purchases, without refunds.", amounts[PURCHASES]),
                _gauge(
                    "revenue_cents",
                    "Booked money in cents, refunds subtracted.",
                    amounts[REVENUE_CENTS],
                ),
                _gauge("sandboxes", "Sandboxes, besides main.", sandboxes),
            ]
        )
    )


class _Collected(Collector):
    """Passes our metrics to the library, which expects a registry of collectors."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def _receipts(amounts: Mapping[str, int]) -> Metric:
    """Return the number of receipts by verdict and reason; only rejected ones have a reason."""
    receipts = GaugeMetricFamily(
        "hookshop_subscriber_receipts",
        "Received requests, by verdict and, if rejected, by reason.",
        labels=["verdict", "reason"],
    )
    for verdict in Verdict:
        if verdict is not Verdict.REJECTED:
            receipts.add_metric([verdict.value, ""], amounts[verdict.value])
    for reason in Reason:
        amount = amounts.get(REASON + reason.value, 0)
        receipts.add_metric([Verdict.REJECTED.value, reason.value], amount)
    return receipts


def _gauge(name: str, documentation: str, value: float) -> Metric:
    return GaugeMetricFamily(f"hookshop_subscriber_{name}", documentation, value=value)
