"""The metrics of ``GET /metrics`` for Prometheus, read from the database and Redis on each scrape.

Processes do not count by themselves: with several web processes behind one address, scrapes would
get different values. A scrape costs no more than the overview page. Label values come from a fixed
set, never from URLs or ids, so their number is bounded.
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


async def database_metrics(session: AsyncSession, *, now: datetime) -> list[Metric]:
    """Return the metrics from the database."""
    totals = await _read_totals(session)
    return [
        *_stats_metrics(await read_stats(session)),
        _attempts(totals),
        _durations(totals),
        *_waiting_metrics(await read_waiting(session, now=now), now),
        _endpoints(await _count_endpoints(session)),
    ]


def redis_metrics(queue_depth: int | None, workers: list[WorkerStatus] | None) -> Iterator[Metric]:
    """Yield the metrics from Redis. Leave out those whose value is None: Redis does not answer."""
    if queue_depth is not None:
        yield _gauge("queue_depth", "Wake-ups that wait in Redis or run.", queue_depth)
    if workers is not None:
        yield _gauge("workers", "Workers that are alive.", len(workers))
        yield _gauge(
            "deliveries_in_flight_limit",
            "Deliveries that all workers together can send at the same time.",
            sum(worker.most_in_flight for worker in workers),
        )


def as_text(metrics: Iterable[Metric]) -> bytes:
    """Return the metrics in Prometheus' text format."""
    return generate_latest(_Collected(metrics))


class _Collected(Collector):
    """Collects given metrics: the library expects a registry, but these live for one scrape."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def _stats_metrics(stats: Stats) -> Iterator[Metric]:
    sales = stats.sales
    yield CounterMetricFamily("hookshop_orders", "Orders placed.", value=sales.orders)
    yield CounterMetricFamily(
        "hookshop_gross_cents", "Cents from all orders, before refunds.", value=sales.gross_cents
    )
    yield CounterMetricFamily(
        "hookshop_refunded_cents", "Cents that were refunded.", value=sales.refunded_cents
    )
    deliveries = GaugeMetricFamily(
        "hookshop_deliveries", "Deliveries by their current state.", labels=["state"]
    )
    for state in DeliveryState:
        deliveries.add_metric([state.value], stats.deliveries[state])
    yield deliveries


def _waiting_metrics(waiting: Waiting, now: datetime) -> Iterator[Metric]:
    yield _gauge(
        "deliveries_in_flight", "Deliveries that the workers are sending.", waiting.sending
    )
    yield _gauge(
        "deliveries_due",
        "Deliveries that could be sent this moment, as soon as a worker and a slot are free; "
        f"at most {MAX_DUE} are counted for each endpoint.",
        waiting.due,
    )
    yield _gauge(
        "deliveries_held_back",
        "Pending deliveries that their endpoint holds back: it is paused or disabled, its circuit "
        "breaker is open, or it sent Retry-After.",
        waiting.held_back,
    )
    oldest = (now - waiting.oldest_at).total_seconds() if waiting.oldest_at else 0
    yield _gauge(
        "oldest_waiting_seconds",
        "Age of the oldest delivery that is not finished and not held back; 0 if there is none.",
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
    """Return the totals by outcome and duration, for all endpoints together."""
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
        "Attempts by outcome: succeeded, a class of statuses such as 5xx, or the name of an error.",
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
        so_far += amounts[bound]  # buckets of a Prometheus histogram are cumulative
        buckets.append(("+Inf" if bound == NO_BOUND_MS else str(bound / 1000), so_far))
    durations = HistogramMetricFamily(
        "hookshop_attempt_duration_seconds", "Duration of attempts, with any outcome."
    )
    durations.add_metric([], buckets, sum_value=total_ms / 1000)
    return durations


def _gauge(name: str, documentation: str, value: float) -> Metric:
    return GaugeMetricFamily(f"hookshop_{name}", documentation, value=value)
