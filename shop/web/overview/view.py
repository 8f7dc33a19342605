"""Turns the data of the overview into text and charts. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from shop.database.counters import AttemptSummary
from shop.database.models import Endpoint
from shop.redis.heartbeats import WorkerStatus
from shop.web.charts import Chart, Series, bar_chart
from shop.web.hold_labels import WAITING_FOR, waiting_sentence
from shop.web.stat_labels import NOTHING, age, counted, percent, tone_of_rate
from shop.web.state_labels import BAR_ORDER, state_label
from shop.webhooks.queries.dashboard_stats import Orders, SlowEndpoint, StateCounts, Waiting
from shop.webhooks.queries.deliveries import Stats
from shop.webhooks.queries.endpoint_health import Failures, sum_up
from shop.webhooks.rules.holds import Hold
from shop.webhooks.rules.time_buckets import Window

LONG_WAIT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Reading:
    """All data of the overview, read at one moment. ``wake_ups``, ``workers``: None without Redis.

    ``examples``: for each reason of failure, the id of a delivery.
    """

    now: datetime
    window: Window
    stats: Stats
    endpoints: Mapping[str, Endpoint]
    orders: Orders
    deliveries: StateCounts
    attempts: Sequence[AttemptSummary]
    failures: Sequence[Failures]
    examples: Mapping[str, str]
    slowest: Sequence[SlowEndpoint]
    waiting: Waiting
    wake_ups: int | None
    workers: Sequence[WorkerStatus] | None


@dataclass(frozen=True, slots=True)
class Figure:
    """A large number. ``tone``: empty if it is neither good nor bad."""

    value: str
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Overview:
    """The data for the templates. ``is_new``: there are no orders yet."""

    reading: Reading
    is_new: bool
    success_rate: Figure
    attempts: int
    undelivered: Figure
    backlog: str
    oldest: Figure
    workers: Figure
    orders_chart: Chart
    orders_summary: str
    deliveries_chart: Chart
    deliveries_summary: str


def view(reading: Reading) -> Overview:
    """Return the overview for one reading."""
    attempts = sum_up(reading.attempts)
    return Overview(
        reading,
        is_new=reading.stats.orders == 0,
        success_rate=Figure(percent(attempts.success_rate), tone_of_rate(attempts.success_rate)),
        attempts=attempts.total,
        undelivered=_undelivered(reading.waiting),
        backlog=_backlog(reading.waiting),
        oldest=_oldest(reading),
        workers=_workers(reading.workers),
        orders_chart=_orders_chart(reading),
        orders_summary=_orders_summary(reading),
        deliveries_chart=_deliveries_chart(reading),
        deliveries_summary=_deliveries_summary(reading.deliveries),
    )


def _undelivered(waiting: Waiting) -> Figure:
    number = f"{waiting.total:,}{'+' if waiting.due_is_more else ''}"
    return Figure(number, "waiting" if waiting.total else "")


def _backlog(waiting: Waiting) -> str:
    """Return what the undelivered ones wait for, in the words of the flow."""
    due = f"{waiting.due:,} due"
    if waiting.by_hold[Hold.CONCURRENCY]:
        due += f" ({waiting.by_hold[Hold.CONCURRENCY]:,} {WAITING_FOR[Hold.CONCURRENCY]})"
    others: dict[Hold, int] = {
        hold: count for hold, count in waiting.by_hold.items() if hold is not Hold.CONCURRENCY
    }
    parts = [f"{waiting.sending:,} in flight", due, waiting_sentence(others, "{:,}".format)]
    return ", ".join(part for part in parts if part)


def _oldest(reading: Reading) -> Figure:
    if reading.waiting.oldest_at is None:
        return Figure(NOTHING)
    passed = reading.now - reading.waiting.oldest_at
    return Figure(age(passed), "bad" if passed.total_seconds() > LONG_WAIT_SECONDS else "waiting")


def _workers(workers: Sequence[WorkerStatus] | None) -> Figure:
    if workers is None:
        return Figure("?", "bad")
    return Figure(f"{len(workers)}", "good" if workers else "bad")


def _orders_chart(reading: Reading) -> Chart:
    series = Series("orders", "accent", reading.orders.by_bucket)
    return bar_chart("orders", "Orders per minute", reading.window, series)


def _orders_summary(reading: Reading) -> str:
    buckets = reading.orders.by_bucket
    if not buckets:
        return ""
    busiest = max(buckets, key=lambda bucket: (buckets[bucket], bucket))
    total = counted(reading.orders.count, "order", "orders")
    most = f"the most in one minute: {buckets[busiest]:,}"
    return f"{total} in the last hour; {most}, at {reading.window.bucket_label(busiest)} UTC."


def _deliveries_chart(reading: Reading) -> Chart:
    series = [
        Series(
            state.value,
            state_label(state).tone,
            {bucket: amounts[state] for bucket, amounts in reading.deliveries.items()},
        )
        for state in BAR_ORDER
    ]
    return bar_chart("made", "Deliveries per minute, by state", reading.window, *series)


def _deliveries_summary(buckets: StateCounts) -> str:
    by_state = {state: sum(amounts[state] for amounts in buckets.values()) for state in BAR_ORDER}
    total = counted(sum(by_state.values()), "delivery", "deliveries")
    states = ", ".join(f"{amount:,} {state.value}" for state, amount in by_state.items() if amount)
    return f"{total} created in the last hour; now {states}."
