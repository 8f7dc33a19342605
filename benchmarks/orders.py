"""Orders per second that the shop accepts over HTTP, while a worker delivers them.

The webhooks go to the bare receiver, so the subscriber uses no processor time. One baseline is the
textbook's shop with its worker. The other is the same POST to the bare receiver, which is an upper
bound for any web application.
"""

import shutil
from pathlib import Path

from benchmarks.load import ORDER, post_all
from benchmarks.pipeline import running_sink
from benchmarks.progress import show
from benchmarks.report import Comparison, Figure, Report
from benchmarks.sizes import Sizes
from benchmarks.systems import HOOKSHOP, TEXTBOOK, running_system

CONCURRENCY = (1, 50)
WARM_UP = 50
BARE = "the bare receiver"

Rates = dict[str, list[float]]  # requests per second by system, one for each round


def measure(sizes: Sizes, var: Path) -> Report:
    """Measure orders per second, 1 and 50 at a time."""
    rates: dict[int, Rates] = {
        concurrency: {HOOKSHOP: [], TEXTBOOK: [], BARE: []} for concurrency in CONCURRENCY
    }
    with running_sink() as sink:
        for number in range(sizes.rounds):
            show(f"orders: round {number + 1} of {sizes.rounds}")
            for name in (HOOKSHOP, TEXTBOOK):
                for concurrency, rate in _rates(name, f"{sink}/hook", sizes.orders, var).items():
                    rates[concurrency][name].append(rate)
            for concurrency in CONCURRENCY:
                load = post_all(f"{sink}/orders", [ORDER] * sizes.orders, concurrency=concurrency)
                rates[concurrency][BARE].append(sizes.orders / load.seconds)
    return Report(
        f"Orders accepted a second: {sizes.orders:,} orders while a worker delivers them;"
        f" median of {sizes.rounds}",
        [
            figure
            for concurrency in CONCURRENCY
            for figure in _figures(concurrency, rates[concurrency])
        ],
    )


def _rates(name: str, receiver_url: str, orders: int, var: Path) -> dict[int, float]:
    """Start a system, and return its orders per second by concurrency."""
    rates = {}
    with running_system(name, var / "orders", receiver_url=receiver_url) as system:
        post_all(system.orders_url, [ORDER] * WARM_UP, concurrency=min(CONCURRENCY))
        for concurrency in CONCURRENCY:
            system.wait_until_delivered()
            load = post_all(system.orders_url, [ORDER] * orders, concurrency=concurrency)
            rates[concurrency] = orders / load.seconds
        system.wait_until_delivered()
    shutil.rmtree(var / "orders")
    return rates


def _figures(concurrency: int, rates: Rates) -> list[Figure]:
    baselines = {name: f"{name}, {concurrency} at a time" for name in (TEXTBOOK, BARE)}
    return [
        Figure(
            f"{concurrency} at a time",
            "/s",
            rates[HOOKSHOP],
            [Comparison(label) for label in baselines.values()],
        ),
        *(Figure(label, "/s", rates[name], is_hidden=True) for name, label in baselines.items()),
    ]
