"""Orders a second that the shop accepts over HTTP, while a worker delivers them as on any day.

The webhooks go to the bare receiver, so the subscriber takes nothing of the machine. One yardstick
is the textbook's shop, with its worker; the other is the same POST to the bare receiver, which no
web application could beat.
"""

import shutil
from pathlib import Path

from benchmarks.figures import Comparison, Figure, Report
from benchmarks.line import running_sink
from benchmarks.load import ORDER, post_all
from benchmarks.progress import show
from benchmarks.sizes import Sizes
from benchmarks.systems import HOOKSHOP, TEXTBOOK, running_system

AT_ONCE = (1, 50)
WARM_UP = 50
BARE = "the bare receiver"

Rates = dict[str, list[float]]  # requests a second by who answered, one for each round


def measure(sizes: Sizes, var: Path) -> Report:
    """Orders a second, 1 and 50 at a time."""
    rates: dict[int, Rates] = {
        at_once: {HOOKSHOP: [], TEXTBOOK: [], BARE: []} for at_once in AT_ONCE
    }
    with running_sink() as sink:
        for number in range(sizes.rounds):
            show(f"orders: round {number + 1} of {sizes.rounds}")
            for name in (HOOKSHOP, TEXTBOOK):
                for at_once, rate in _rates(name, f"{sink}/hook", sizes.orders, var).items():
                    rates[at_once][name].append(rate)
            for at_once in AT_ONCE:
                load = post_all(f"{sink}/orders", [ORDER] * sizes.orders, at_once=at_once)
                rates[at_once][BARE].append(sizes.orders / load.seconds)
    return Report(
        f"Orders accepted a second: {sizes.orders:,} orders while a worker delivers them;"
        f" median of {sizes.rounds}",
        [figure for at_once in AT_ONCE for figure in _figures(at_once, rates[at_once])],
    )


def _rates(name: str, receiver_url: str, orders: int, var: Path) -> dict[int, float]:
    """Return the orders a second of a system that is started for it, by how many come at once."""
    rates = {}
    with running_system(name, var / "orders", receiver_url=receiver_url) as system:
        post_all(system.orders_url, [ORDER] * WARM_UP, at_once=min(AT_ONCE))
        for at_once in AT_ONCE:
            system.wait_until_delivered()
            load = post_all(system.orders_url, [ORDER] * orders, at_once=at_once)
            rates[at_once] = orders / load.seconds
        system.wait_until_delivered()
    shutil.rmtree(var / "orders")
    return rates


def _figures(at_once: int, rates: Rates) -> list[Figure]:
    yardsticks = {name: f"{name}, {at_once} at a time" for name in (TEXTBOOK, BARE)}
    return [
        Figure(
            f"{at_once} at a time",
            "/s",
            rates[HOOKSHOP],
            [Comparison(label) for label in yardsticks.values()],
        ),
        *(Figure(label, "/s", rates[name], in_passing=True) for name, label in yardsticks.items()),
    ]
