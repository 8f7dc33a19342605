"""Runs the shop's workers and the baselines alternately on the same work."""

from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.baselines import (
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
from benchmarks.pipeline import Dataset, Pipeline, idle_pipeline
from benchmarks.progress import show
from benchmarks.report import Figure, Report

Run = Callable[[], float]  # returns the seconds that it took


def run_rounds(
    name: str, runs: Mapping[str, Run], *, rounds: int, webhooks: int
) -> dict[str, list[float]]:
    """Return webhooks per second of each run, one for each round."""
    rates: dict[str, list[float]] = {label: [] for label in runs}
    for number in range(rounds):
        for label, run in runs.items():
            show(f"{name}: round {number + 1} of {rounds}, {label}")
            rates[label].append(webhooks / run())
    return rates


def run_workers(
    dataset: Dataset, var: Path, release: Callable[[Pipeline], float], *, workers: int
) -> float:
    """Return the seconds that the workers take for a fresh copy of the dataset."""
    with idle_pipeline(dataset, var / "round", workers=workers) as pipeline:
        return release(pipeline)


def baseline_runs(dataset: Dataset, var: Path) -> dict[str, Run]:
    """Return the baselines for the same webhooks; Celery and Node if installed."""
    task = dataset.task()
    runs: dict[str, Run] = {
        HTTPX: lambda: run_httpx(task),
        AIOHTTP: lambda: run_aiohttp(task),
    }
    if has_celery():
        runs[CELERY] = lambda: run_celery(task, var / "celery")
    if has_node():
        runs[NODE] = lambda: run_node(task, var / "node")
    return runs


def baseline_figures(rates: Mapping[str, list[float]]) -> list[Figure]:
    """Return the figures of the baselines that were run."""
    labels = (HTTPX, AIOHTTP, CELERY, NODE)
    return [Figure(label, "/s", rates[label]) for label in labels if label in rates]


def note_missing_baselines(report: Report) -> None:
    """Add a note for each missing baseline."""
    if not has_celery():
        report.notes.append("Without Celery: run make bench, which sets up .venv-bench for it.")
    if not has_node():
        report.notes.append(
            "Without Node: install node and npm, and run make bench, which adds BullMQ."
        )
