"""Webhooks per second that the subscriber verifies and books, without a shop.

They are signed before the clock starts, each with its own message id. The baseline is the
textbook's subscriber, which only checks the signature and does not record each step.
"""

import shutil
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.load import Post, post_all
from benchmarks.progress import show
from benchmarks.report import Comparison, Figure, Report
from benchmarks.sizes import Sizes
from benchmarks.systems import CLOCK_TICK_SECONDS, HOOKSHOP, TEXTBOOK, System, running_system
from benchmarks.webhooks import signed_webhook

CONCURRENCY = 50
WARM_UP = 50
MIN_RATIO = 1.2  # the target against the textbook, which does less


def measure(sizes: Sizes, var: Path) -> Report:
    """Measure receipts per second, and processor milliseconds per receipt."""
    rates: dict[str, list[float]] = {HOOKSHOP: [], TEXTBOOK: []}
    costs: dict[str, list[float]] = {HOOKSHOP: [], TEXTBOOK: []}
    for number in range(sizes.rounds):
        for name in (HOOKSHOP, TEXTBOOK):
            show(f"receipts: round {number + 1} of {sizes.rounds}, {name}")
            with running_system(name, var / "receipts") as system:
                _deliver(system, WARM_UP)
                rate, cost = _deliver(system, sizes.receipts)
            rates[name].append(rate)
            costs[name].append(cost)
            shutil.rmtree(var / "receipts")
    return Report(
        f"Receipts: {sizes.receipts:,} signed requests, {CONCURRENCY} at a time, into the"
        f" subscriber; median of {sizes.rounds}",
        [
            Figure(
                "receipts",
                "/s",
                rates[HOOKSHOP],
                (Comparison(f"{TEXTBOOK}, receipts", at_least=MIN_RATIO),),
            ),
            Figure(f"{TEXTBOOK}, receipts", "/s", rates[TEXTBOOK], is_hidden=True),
            Figure(
                "processor for one", "ms", costs[HOOKSHOP], (Comparison(f"{TEXTBOOK}, processor"),)
            ),
            Figure(f"{TEXTBOOK}, processor", "ms", costs[TEXTBOOK], is_hidden=True),
        ],
    )


def _deliver(system: System, count: int) -> tuple[float, float]:
    """Return receipts per second, and the subscriber's processor milliseconds per receipt."""
    now = datetime.now(UTC)
    posts = [
        Post(*signed_webhook(system.secret, system.webhook_url, issuer=system.issuer, now=now))
        for _ in range(count)
    ]
    booked, used = system.booked(), system.processor_seconds()["subscriber"]
    load = post_all(system.webhook_url, posts, concurrency=CONCURRENCY)
    used = max(system.processor_seconds()["subscriber"] - used, CLOCK_TICK_SECONDS)
    if system.booked() != booked + count:
        raise SystemExit(f"{system.booked() - booked} of {count} webhooks were booked")
    return count / load.seconds, used / count * 1000
