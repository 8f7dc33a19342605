"""The whole path: from orders through the API until the last purchase is booked.

Shop, worker, subscriber and Redis run as in the demo, on the same machine as the customers. The
baseline is a textbook program for the same task (``benchmarks/textbook``), run alternately.
"""

import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from benchmarks.load import ORDER, Load, post_all
from benchmarks.progress import show
from benchmarks.report import Comparison, Figure, Report
from benchmarks.sizes import Sizes
from benchmarks.systems import CLOCK_TICK_SECONDS, HOOKSHOP, TEXTBOOK, System, running_system

CUSTOMERS = (16, 50)
PROCESSES = ("shop", "worker", "subscriber", "redis")
WARM_UP = 50
# Targets by customers: the worker's processor milliseconds per order.
MAX_WORKER_MS = {16: 4}


@dataclass(frozen=True, slots=True)
class Run:
    """Orders and bookings per second, and processor milliseconds per order by process.

    ``retries``: the number of orders that were repeated because the shop was busy (5xx).
    """

    orders: float
    booked: float
    retries: int
    processor_ms: Mapping[str, float]


Runs = Mapping[str, Sequence[Run]]  # by system, one for each round


def measure(sizes: Sizes, var: Path) -> Report:
    """Measure orders and bookings per second, and the processor time of each process."""
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
            *(_retry_note(customers, runs[customers]) for customers in CUSTOMERS),
        ],
    )


def order_and_book(system: System, orders: int, *, customers: int) -> Run:
    """Place orders, ``customers`` at a time, and wait until all are booked."""
    before, booked = system.processor_seconds(), system.booked()
    started = time.perf_counter()
    load = _order_at_all(system.orders_urls, orders, customers)
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
        load.retries,
        {name: seconds / orders * 1000 for name, seconds in used.items()},
    )


def _order_at_all(urls: Sequence[str], orders: int, customers: int) -> Load:
    """Place orders, divided between the shops. Return the load of all together."""
    share, at_once = orders // len(urls), customers // len(urls)
    with ThreadPoolExecutor(len(urls)) as threads:
        loads = list(
            threads.map(lambda url: post_all(url, [ORDER] * share, concurrency=at_once), urls)
        )
    return Load(max(load.seconds for load in loads), sum(load.retries for load in loads))


def _retry_note(customers: int, runs: Runs) -> str:
    counts = (f"{name} {sum(run.retries for run in those)}" for name, those in runs.items())
    return f"{customers} customers: orders retried because the shop was busy: {', '.join(counts)}."


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
    baseline = f"{TEXTBOOK}, {label}"
    return [
        Figure(label, unit, samples[HOOKSHOP], (Comparison(baseline),), at_most),
        Figure(baseline, unit, samples[TEXTBOOK], is_hidden=True),
    ]
