"""Lets the shop's workers and the yardsticks do the same work by turns. For burst and backlog."""

from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.figures import Figure, Report
from benchmarks.line import Line, Stock, ready_line
from benchmarks.progress import show
from benchmarks.yardsticks import (
    AIOHTTP,
    CELERY,
    HTTPX,
    NODE,
    has_celery,
    has_node,
    run_aiohttp,
    run_celery,
    run_httpx,
    run_node,
)

Run = Callable[[], float]  # answers the seconds that it took


def race(
    name: str, runs: Mapping[str, Run], *, rounds: int, webhooks: int
) -> dict[str, list[float]]:
    """Webhooks a second of each run, one for each round."""
    rates: dict[str, list[float]] = {label: [] for label in runs}
    for number in range(rounds):
        for label, run in runs.items():
            show(f"{name}: round {number + 1} of {rounds}, {label}")
            rates[label].append(webhooks / run())
    return rates


def workers_run(
    stock: Stock, var: Path, release: Callable[[Line], float], *, workers: int
) -> float:
    """Seconds of so many workers on a fresh copy of the stock."""
    with ready_line(stock, var / "round", workers=workers) as line:
        return release(line)


def yardstick_runs(stock: Stock, var: Path) -> dict[str, Run]:
    """The yardsticks on the same webhooks; Celery and Node where they are installed."""
    task = stock.task()
    runs: dict[str, Run] = {
        HTTPX: lambda: run_httpx(task),
        AIOHTTP: lambda: run_aiohttp(task),
    }
    if has_celery():
        runs[CELERY] = lambda: run_celery(task, var / "celery")
    if has_node():
        runs[NODE] = lambda: run_node(task, var / "node")
    return runs


def yardstick_figures(rates: Mapping[str, list[float]]) -> list[Figure]:
    """Those of the yardsticks that were taken."""
    labels = (HTTPX, AIOHTTP, CELERY, NODE)
    return [Figure(label, "/s", rates[label]) for label in labels if label in rates]


def note_absence(report: Report) -> None:
    """Say so if a yardstick is missing."""
    if not has_celery():
        report.notes.append("Without Celery: make bench would set up .venv-bench for it.")
    if not has_node():
        report.notes.append("Without Node: install node and npm, and make bench adds BullMQ.")
