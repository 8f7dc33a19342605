"""A burst: thousands of orders at once. How many webhooks a second do one and two workers send?

The orders are committed, their wake-ups lie in Redis and the workers are up when the clock starts;
it stops when the last attempt is durably recorded. The yardsticks record nothing.
"""

from pathlib import Path

from benchmarks.figures import Comparison, Figure, Report
from benchmarks.line import Line, running_sink, stock_up
from benchmarks.progress import show
from benchmarks.racing import (
    Run,
    note_absence,
    race,
    workers_run,
    yardstick_figures,
    yardstick_runs,
)
from benchmarks.sizes import Sizes
from benchmarks.yardsticks import AIOHTTP, CELERY, HTTPX, NODE

ONE, TWO = "one worker", "two workers"


def measure(sizes: Sizes, var: Path) -> Report:
    """Webhooks a second."""
    with running_sink() as sink:
        show("burst: placing orders")
        stock = stock_up(var / "burst", [f"{sink}/hook"], sizes.burst)
        runs: dict[str, Run] = {
            ONE: lambda: workers_run(stock, var, Line.release_burst, workers=1),
            TWO: lambda: workers_run(stock, var, Line.release_burst, workers=2),
            **yardstick_runs(stock, var),
        }
        rates = race("burst", runs, rounds=sizes.rounds, webhooks=len(stock.webhooks))
    beside = (
        Comparison(HTTPX, at_least=4),
        Comparison(AIOHTTP),
        Comparison(CELERY, at_least=1),
        Comparison(NODE, at_least=0.45),
    )
    report = Report(
        f"Burst: {sizes.burst:,} orders, one endpoint; webhooks a second, every attempt recorded;"
        f" median of {sizes.rounds}",
        [
            Figure(ONE, "/s", rates[ONE], beside),
            Figure(TWO, "/s", rates[TWO], (Comparison(ONE, at_least=1.6),)),
            *yardstick_figures(rates),
        ],
    )
    note_absence(report)
    return report
