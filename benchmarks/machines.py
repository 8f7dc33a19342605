"""Two shops and two workers on PostgreSQL, beside one of each on SQLite: the whole path.

That is what a second machine adds and costs, although all of them run on this one. Both databases
write each commit to the disk. Afterwards, each order must be booked exactly once.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.progress import show
from benchmarks.report import Comparison, Figure, Report
from benchmarks.sizes import Sizes
from benchmarks.systems import System, running_hookshop
from benchmarks.whole_path import WARM_UP, Run, order_and_book
from tests import postgres

TWO, ONE = "two of each on PostgreSQL", "one of each on SQLite"
CUSTOMERS = 16
MIN_RATIO = 0.8


def measure(sizes: Sizes, var: Path) -> Report:
    """Measure bookings per second. Without PostgreSQL, only say so."""
    report = Report(
        f"Machines: {sizes.whole_path:,} orders by {CUSTOMERS} customers until the last is booked;"
        f" median of {sizes.rounds}",
        [],
    )
    programs = postgres.find_programs()
    if programs is None:
        report.notes.append(postgres.HOW_TO_GET_ONE)
        return report
    runs: dict[str, list[Run]] = {ONE: [], TWO: []}
    with postgres.running_cluster(programs, postgres.DURABLE) as cluster:
        for number in range(sizes.rounds):
            for name, of_this in runs.items():
                show(f"machines: round {number + 1}, {name}")
                of_this.append(_measure_once(name, cluster.url, var / "machines", sizes.whole_path))
    report.figures += [
        Figure(
            TWO, "/s", [run.booked for run in runs[TWO]], (Comparison(ONE, at_least=MIN_RATIO),)
        ),
        Figure(ONE, "/s", [run.booked for run in runs[ONE]]),
    ]
    return report


def _measure_once(name: str, server_url: str, var: Path, orders: int) -> Run:
    with _running(name, server_url, var) as system:
        order_and_book(system, WARM_UP, customers=CUSTOMERS)
        run = order_and_book(system, orders, customers=CUSTOMERS)
        _check(system)
    shutil.rmtree(var)
    return run


@contextmanager
def _running(name: str, server_url: str, var: Path) -> Iterator[System]:
    if name == ONE:
        with running_hookshop(var) as system:
            yield system
        return
    with postgres.empty_database(server_url) as url:
        postgres.run_in_new_loop(postgres.migrate(url))
        with running_hookshop(var, two_on=url) as system:
            yield system


def _check(system: System) -> None:
    """Exit unless each order is booked exactly once."""
    ordered = sorted(system.query_shop("SELECT id FROM shop_order"))
    query = "SELECT order_id FROM purchase ORDER BY 1"
    booked = system.subscriber_database.execute(query).fetchall()
    if [tuple(row) for row in ordered] != booked:
        raise SystemExit(f"{len(ordered)} orders, but {len(booked)} purchases")
