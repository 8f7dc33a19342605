"""A burst: thousands of orders at once. How many webhooks per second do one and two workers send?

When the clock starts, the orders are committed, their wake-ups are in Redis and the workers are
running. It stops when the last attempt is committed. The baselines record nothing.
"""

from pathlib import Path

from benchmarks.baselines import AIOHTTP, CELERY, HTTPX, NODE
from benchmarks.pipeline import Pipeline, prepare_dataset, running_sink
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
    """Measure webhooks per second."""
    with running_sink() as sink:
        show("burst: placing orders")
        dataset = prepare_dataset(var / "burst", [f"{sink}/hook"], sizes.burst)
        runs: dict[str, Run] = {
            ONE: lambda: run_workers(dataset, var, Pipeline.release_burst, workers=1),
            TWO: lambda: run_workers(dataset, var, Pipeline.release_burst, workers=2),
            **baseline_runs(dataset, var),
        }
        rates = run_rounds("burst", runs, rounds=sizes.rounds, webhooks=len(dataset.webhooks))
    comparisons = (
        Comparison(HTTPX, at_least=4),
        Comparison(AIOHTTP),
        Comparison(CELERY, at_least=1),
        Comparison(NODE, at_least=0.45),
    )
    report = Report(
        f"Burst: {sizes.burst:,} orders, one endpoint; webhooks a second, every attempt recorded;"
        f" median of {sizes.rounds}",
        [
            Figure(ONE, "/s", rates[ONE], comparisons),
            Figure(TWO, "/s", rates[TWO], (Comparison(ONE, at_least=1.6),)),
            *baseline_figures(rates),
        ],
    )
    note_missing_baselines(report)
    return report
