"""Turns an endpoint's health into text and charts. Pure."""

from dataclasses import dataclass

from shop.web.charts import Chart, Series, bar_chart
from shop.web.stat_labels import counted, milliseconds, percent, tone_of_rate
from shop.webhooks.queries.endpoint_health import Health


@dataclass(frozen=True, slots=True)
class HealthView:
    """The health in one window, as text. ``sample``: the sample of median and p95."""

    key: str
    words: str
    total: int
    rate: str
    rate_tone: str
    rate_label: str
    median: str
    p95: str
    sample: str
    attempts_chart: Chart
    attempts_summary: str
    latency_chart: Chart
    latency_summary: str


def view_health(key: str, health: Health) -> HealthView:
    """Return the view of the health in one window. ``key``: unique on the page."""
    attempts, latency, window = health.attempts, health.latency, health.window
    buckets = health.by_bucket
    return HealthView(
        key,
        window.label,
        attempts.total,
        rate=percent(attempts.success_rate),
        rate_tone=tone_of_rate(attempts.success_rate),
        rate_label=_rate_label(health),
        median=milliseconds(latency.median_ms if latency else None),
        p95=milliseconds(latency.p95_ms if latency else None),
        sample=_sample(health),
        attempts_chart=bar_chart(
            f"{key}-attempts",
            "Attempts",
            window,
            Series("succeeded", "good", {bucket: one.succeeded for bucket, one in buckets.items()}),
            Series("failed", "bad", {bucket: one.failed for bucket, one in buckets.items()}),
        ),
        attempts_summary=f"{attempts.succeeded:,} succeeded, {attempts.failed:,} failed.",
        latency_chart=bar_chart(
            f"{key}-latency",
            "Average response time in ms",
            window,
            Series(
                "ms", "busy", {bucket: round(one.mean_ms or 0) for bucket, one in buckets.items()}
            ),
        ),
        latency_summary=f"On average {milliseconds(attempts.mean_ms)}.",
    )


def _rate_label(health: Health) -> str:
    if not health.attempts.total:
        return "nothing was sent"
    return f"of {counted(health.attempts.total, 'attempt', 'attempts')} had a 2xx response"


def _sample(health: Health) -> str:
    if health.latency is None:
        return "no responses"
    newest = "the newest " if health.latency.is_partial else ""
    return f"of {newest}{counted(health.latency.sample, 'response', 'responses')}"
