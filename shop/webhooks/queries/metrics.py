"""What ``GET /metrics`` tells Prometheus, read from the database and Redis when it asks.

No process counts for itself: with several web processes behind one address, each scrape would be
told another truth. So all of them tell the same one, which costs no more than a look at the
overview. Labels are words of ours, never a URL or an id, or their number would have no bound.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime

from prometheus_client import generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from shop.database.counters import BUCKETS_MS, NO_BOUND_MS, AttemptTotal, total
from shop.database.models import Endpoint
from shop.redis.heartbeats import WorkerStatus
from shop.vocabulary import DeliveryState, EndpointStatus
from shop.webhooks.queries.dashboard_stats import MAX_DUE, Waiting, read_waiting
from shop.webhooks.queries.deliveries import Stats, read_stats


async def read_facts(session: AsyncSession, *, now: datetime) -> list[Metric]:
    """What the database knows."""
    totals = await _read_totals(session)
    return [
        *_of_stats(await read_stats(session)),
        _attempts(totals),
        _durations(totals),
        *_of_waiting(await read_waiting(session, now=now), now),
        _endpoints(await _count_endpoints(session)),
    ]


def of_redis(queue_depth: int | None, workers: list[WorkerStatus] | None) -> Iterator[Metric]:
    """What Redis knows. None: it does not answer, and what is unknown is left out."""
    if queue_depth is not None:
        yield _gauge("queue_depth", "Wake-ups that wait in Redis or run.", queue_depth)
    if workers is not None:
        yield _gauge("workers", "Workers that said a moment ago that they are alive.", len(workers))
        yield _gauge(
            "deliveries_in_flight",
            "Deliveries that the workers are busy with.",
            sum(worker.in_flight for worker in workers),
        )
        yield _gauge(
            "deliveries_in_flight_limit",
            "Deliveries that the workers take at a time, together.",
            sum(worker.most_in_flight for worker in workers),
        )


def as_text(metrics: Iterable[Metric]) -> bytes:
    """In Prometheus' text format, with ``# HELP`` and ``# TYPE`` lines."""
    return generate_latest(_Collected(metrics))


class _Collected(Collector):
    """For the library, which has its metrics kept in a registry; ours are gone with the answer."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def _of_stats(stats: Stats) -> Iterator[Metric]:
    sales = stats.sales
    yield CounterMetricFamily("hookshop_orders", "Orders, ever.", value=sales.orders)
    yield CounterMetricFamily(
        "hookshop_gross_cents", "Money from all orders, before refunds.", value=sales.gross_cents
    )
    yield CounterMetricFamily(
        "hookshop_refunded_cents", "Money that was refunded.", value=sales.refunded_cents
    )
    deliveries = GaugeMetricFamily(
        "hookshop_deliveries", "Deliveries by the state that they are in now.", labels=["state"]
    )
    for state in DeliveryState:
        deliveries.add_metric([state.value], stats.deliveries[state])
    yield deliveries


def _of_waiting(waiting: Waiting, now: datetime) -> Iterator[Metric]:
    yield _gauge(
        "deliveries_due",
        f"Deliveries that could go out now; of an endpoint, up to {MAX_DUE} are counted.",
        waiting.due,
    )
    yield _gauge(
        "deliveries_held_back",
        "Deliveries whose endpoint is paused or disabled, or rests because it fails.",
        waiting.held_back,
    )
    oldest = (now - waiting.oldest_at).total_seconds() if waiting.oldest_at else 0
    yield _gauge(
        "oldest_waiting_seconds",
        "Age of the oldest delivery that is neither finished nor held back; 0: there is none.",
        max(0, oldest),
    )


async def _count_endpoints(session: AsyncSession) -> dict[EndpointStatus, int]:
    query = (
        select(Endpoint.status, func.count())
        .where(col(Endpoint.deleted_at).is_(None))
        .group_by(col(Endpoint.status))
    )
    return {EndpointStatus(status): count for status, count in await session.exec(query)}


def _endpoints(counts: dict[EndpointStatus, int]) -> Metric:
    endpoints = GaugeMetricFamily(
        "hookshop_endpoints", "Registered endpoints by status.", labels=["status"]
    )
    for status in EndpointStatus:
        endpoints.add_metric([status.value], counts.get(status, 0))
    return endpoints


async def _read_totals(session: AsyncSession) -> list[AttemptTotal]:
    """Of all endpoints together."""
    query = select(
        AttemptTotal.outcome,
        AttemptTotal.up_to_ms,
        total(AttemptTotal.amount),
        total(AttemptTotal.total_ms),
    ).group_by(col(AttemptTotal.outcome), col(AttemptTotal.up_to_ms))
    return [
        AttemptTotal(
            endpoint_id="", outcome=outcome, up_to_ms=up_to_ms, amount=amount, total_ms=total_ms
        )
        for outcome, up_to_ms, amount, total_ms in await session.exec(query)
    ]


def _attempts(totals: Iterable[AttemptTotal]) -> Metric:
    amounts: Counter[str] = Counter()
    for each in totals:
        amounts[each.outcome] += each.amount
    attempts = CounterMetricFamily(
        "hookshop_attempts",
        "Attempts, ever, by outcome: succeeded, a class of statuses, or the name of an error.",
        labels=["outcome"],
    )
    for outcome, amount in sorted(amounts.items()):
        attempts.add_metric([outcome], amount)
    return attempts


def _durations(totals: Iterable[AttemptTotal]) -> Metric:
    amounts: Counter[int] = Counter()
    total_ms = 0
    for each in totals:
        amounts[each.up_to_ms] += each.amount
        total_ms += each.total_ms
    buckets, so_far = [], 0
    for bound in (*BUCKETS_MS, NO_BOUND_MS):
        so_far += amounts[bound]  # Prometheus wants each bucket to hold those before it, too
        buckets.append(("+Inf" if bound == NO_BOUND_MS else str(bound / 1000), so_far))
    durations = HistogramMetricFamily(
        "hookshop_attempt_duration_seconds", "How long attempts took, whatever came of them."
    )
    durations.add_metric([], buckets, sum_value=total_ms / 1000)
    return durations


def _gauge(name: str, documentation: str, value: float) -> Metric:
    return GaugeMetricFamily(f"hookshop_{name}", documentation, value=value)
