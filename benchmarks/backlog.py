"""A backlog: an endpoint is available again after an outage. How fast are its deliveries sent?

Each delivery has failed once and is due, the endpoint's circuit breaker is open until a probe
succeeds, and Redis has no wake-ups: the worker has to find all deliveries in the database.
"""

from pathlib import Path

from benchmarks.baselines import AIOHTTP, CELERY, HTTPX, NODE
from benchmarks.pipeline import Pipeline, prepare_dataset, running_sink, simulate_outage
from benchmarks.progress import show
from benchmarks.report import Comparison, Figure, Report
from benchmarks.rounds import (
    Run,
    baseline_figures,
    baseline_runs,
    note_missing_baselines,
    run_rounds,
    run_workers,
)
from benchmarks.sizes import Sizes

ONE, TWO = "one worker", "two workers"


def measure(sizes: Sizes, var: Path) -> Report:
    """Measure webhooks per second, and the time until all are delivered."""
    with running_sink() as sink:
        show("backlog: placing orders")
        dataset = prepare_dataset(var / "backlog", [f"{sink}/hook"], sizes.backlog)
        simulate_outage(dataset)
        runs: dict[str, Run] = {
            ONE: lambda: run_workers(dataset, var, Pipeline.release_backlog, workers=1),
            TWO: lambda: run_workers(dataset, var, Pipeline.release_backlog, workers=2),
            **baseline_runs(dataset, var),
        }
        rates = run_rounds("backlog", runs, rounds=sizes.rounds, webhooks=len(dataset.webhooks))
    comparisons = (
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
            Figure(ONE, "/s", rates[ONE], comparisons),
            drained,
            Figure(TWO, "/s", rates[TWO], (Comparison(ONE), Comparison(HTTPX))),
            *baseline_figures(rates),
        ],
    )
    note_missing_baselines(report)
    return report
