"""What ``GET /metrics`` tells Prometheus, read from the database when it asks.

Called by ``web.metrics``. Labels are words of ours: nothing that a stranger sent becomes one.
"""

from collections.abc import Iterable

from prometheus_client import generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from subscriber_app.database.counters import PURCHASES, REASON, REVENUE_CENTS
from subscriber_app.database.models import Tally
from subscriber_app.vocabulary import Reason, Verdict


async def read_metrics(session: AsyncSession) -> bytes:
    """In Prometheus' text format. Gauges, not counters: whoever empties the inbox lowers them."""
    amounts = {tally.name: tally.amount for tally in await session.exec(select(Tally))}
    return generate_latest(
        _Collected(
            [
                _receipts(amounts),
                _gauge("purchases", "Sales that were booked.", amounts[PURCHASES]),
                _gauge(
                    "revenue_cents",
                    "Money that was booked, refunds taken off.",
                    amounts[REVENUE_CENTS],
                ),
            ]
        )
    )


class _Collected(Collector):
    """For the library, which has its metrics kept in a registry; ours are gone with the answer."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def _receipts(amounts: dict[str, int]) -> Metric:
    """A receipt has a reason if it was rejected, and else none."""
    receipts = GaugeMetricFamily(
        "hookshop_subscriber_receipts",
        "Requests that came in, by verdict and, if rejected, by reason.",
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
