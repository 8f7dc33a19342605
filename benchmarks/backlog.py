"""A backlog: an endpoint is back after an outage. How quickly is what waited for it delivered?

Each delivery has failed once and is due, the endpoint's circuit breaker is open until a probe
succeeds, and Redis knows of nothing: the worker has to find it all in the database.
"""

from pathlib import Path

from benchmarks.figures import Comparison, Figure, Report
from benchmarks.line import Line, running_sink, stock_up, suffer_outage
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
    """Webhooks a second, and the time until all are delivered."""
    with running_sink() as sink:
        show("backlog: placing orders")
        stock = stock_up(var / "backlog", [f"{sink}/hook"], sizes.backlog)
        suffer_outage(stock)
        runs: dict[str, Run] = {
            ONE: lambda: workers_run(stock, var, Line.release_backlog, workers=1),
            TWO: lambda: workers_run(stock, var, Line.release_backlog, workers=2),
            **yardstick_runs(stock, var),
        }
        rates = race("backlog", runs, rounds=sizes.rounds, webhooks=len(stock.webhooks))
    beside = (
        Comparison(HTTPX, at_least=4),
        Comparison(AIOHTTP),
        Comparison(CELERY),
        Comparison(NODE, at_least=0.45),
    )
    drained = Figure("time to drain", "s", [sizes.backlog / rate for rate in rates[ONE]])
    report = Report(
        f"Backlog: {sizes.backlog:,} deliveries due after an outage; webhooks a second;"
        f" median of {sizes.rounds}",
        [
            Figure(ONE, "/s", rates[ONE], beside),
            drained,
            Figure(TWO, "/s", rates[TWO], (Comparison(ONE), Comparison(HTTPX))),
            *yardstick_figures(rates),
        ],
    )
    note_absence(report)
    return report
