"""The whole path: customers order through the API. When is the last purchase in the books?

Shop, worker, subscriber and Redis run as in the demo, and share the machine with the customers. The
yardstick is a textbook program for the same task (``benchmarks/textbook``), taken by turns.
"""

import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import Comparison, Figure, Report
from benchmarks.load import ORDER, post_all
from benchmarks.progress import show
from benchmarks.sizes import Sizes
from benchmarks.systems import CLOCK_TICK_SECONDS, HOOKSHOP, TEXTBOOK, System, running_system

CUSTOMERS = (16, 50)
PROCESSES = ("shop", "worker", "subscriber", "redis")
WARM_UP = 50
# What is aimed at: milliseconds of the worker's processor for an order.
MAX_WORKER_MS = {16: 4}


@dataclass(frozen=True, slots=True)
class Run:
    """Orders and bookings a second; milliseconds of processor for an order, by process.

    ``refused``: how many orders met a busy shop (5xx), and were made again.
    """

    orders: float
    booked: float
    refused: int
    processor_ms: Mapping[str, float]


Runs = Mapping[str, Sequence[Run]]  # of each system, one for each round


def measure(sizes: Sizes, var: Path) -> Report:
    """Orders and bookings a second, and what each costs the processes."""
    runs: dict[int, dict[str, list[Run]]] = {
        customers: {HOOKSHOP: [], TEXTBOOK: []} for customers in CUSTOMERS
    }
    for number in range(sizes.rounds):
        for name in (HOOKSHOP, TEXTBOOK):
            with running_system(name, var / "whole-path") as system:
                order_and_book(system, WARM_UP, customers=min(CUSTOMERS))
                for customers in CUSTOMERS:
                    show(f"whole path: round {number + 1}, {name}, {customers} customers")
                    run = order_and_book(system, sizes.whole_path, customers=customers)
                    runs[customers][name].append(run)
            shutil.rmtree(var / "whole-path")
    return Report(
        f"Whole path: {sizes.whole_path:,} orders through the API until the last is booked;"
        f" median of {sizes.rounds}",
        [figure for customers in CUSTOMERS for figure in _figures(customers, runs[customers])],
        [
            "Processor: milliseconds for an order, until its attempt is recorded as well.",
            *(_refusals(customers, runs[customers]) for customers in CUSTOMERS),
        ],
    )


def order_and_book(system: System, orders: int, *, customers: int) -> Run:
    """Place so many orders, ``customers`` at a time, and wait until all are booked."""
    before, booked = system.processor_seconds(), system.booked()
    started = time.perf_counter()
    load = post_all(system.orders_url, [ORDER] * orders, at_once=customers)
    system.wait_until_booked(booked + orders)
    until_booked = time.perf_counter() - started
    system.wait_until_delivered()
    used = {
        name: max(seconds - before[name], CLOCK_TICK_SECONDS)
        for name, seconds in system.processor_seconds().items()
    }
    return Run(
        orders / load.seconds,
        orders / until_booked,
        load.refused,
        {name: seconds / orders * 1000 for name, seconds in used.items()},
    )


def _refusals(customers: int, runs: Runs) -> str:
    counts = (f"{name} {sum(run.refused for run in those)}" for name, those in runs.items())
    return f"{customers} customers: orders refused as busy and made again: {', '.join(counts)}."


def _figures(customers: int, runs: Runs) -> Iterator[Figure]:
    yield from _pair(
        f"{customers} customers: orders",
        "/s",
        {name: [run.orders for run in those] for name, those in runs.items()},
    )
    yield from _pair(
        f"{customers} customers: booked",
        "/s",
        {name: [run.booked for run in those] for name, those in runs.items()},
    )
    for process in PROCESSES:
        yield from _pair(
            f"{customers} customers: processor, {process}",
            "ms",
            {name: [run.processor_ms[process] for run in those] for name, those in runs.items()},
            at_most=MAX_WORKER_MS.get(customers) if process == "worker" else None,
        )


def _pair(
    label: str, unit: str, samples: Mapping[str, Sequence[float]], at_most: float | None = None
) -> list[Figure]:
    beside = f"{TEXTBOOK}, {label}"
    return [
        Figure(label, unit, samples[HOOKSHOP], (Comparison(beside),), at_most),
        Figure(beside, unit, samples[TEXTBOOK], in_passing=True),
    ]
