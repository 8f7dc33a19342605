"""A worker comes back: deliveries and their wake-ups piled up while it was stopped.

Its speed is taken in slices of half a second, from its first sign of life on. The yardstick is what
the same worker does afterwards, when as many deliveries become due at once: its full speed.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from benchmarks.figures import Comparison, Figure, Report
from benchmarks.line import Line, running_sink, stock_up, stopped_line, wait_for_workers
from benchmarks.processes import running
from benchmarks.progress import show
from benchmarks.sizes import Sizes

SLICE_SECONDS = 0.5
LOOK_SECONDS = 0.005
DONE_SECONDS = 120
FULL_SPEED, FIRST_SECOND = "full speed", "the first second"
MIN_SHARE = 0.8  # of its full speed, in the first second; that is what is aimed at


@dataclass(frozen=True, slots=True)
class Progress:
    """``looks``: pairs of seconds and deliveries recorded until then, from zero to the end."""

    looks: Sequence[tuple[float, int]]

    @property
    def seconds(self) -> float:
        """Until the last delivery was recorded."""
        return self.looks[-1][0]

    def rate(self, start: float, end: float) -> float:
        """Deliveries a second between two moments, the second of them at most the end."""
        end = min(end, self.seconds)
        return (self._done(end) - self._done(start)) / (end - start)

    def full_rate(self) -> float:
        """Deliveries a second between the first one recorded and the last one."""
        first = next(second for second, done in self.looks if done)
        return self.rate(first, self.seconds)

    def _done(self, moment: float) -> int:
        return max((done for second, done in self.looks if second <= moment), default=0)


def measure(sizes: Sizes, var: Path) -> Report:
    """Deliveries a second, by slices."""
    returns, full = [], []
    with running_sink() as sink:
        show("comeback: placing orders")
        stock = stock_up(var / "comeback", [f"{sink}/hook"], 2 * sizes.comeback)
        for number in range(sizes.rounds):
            show(f"comeback: round {number + 1} of {sizes.rounds}")
            with stopped_line(stock, var / "round") as line:
                line.postpone(stock.delivery_ids[sizes.comeback :])
                asyncio.run(line.wake_one_by_one(sizes.comeback))
                with running("shop.worker", HOOKSHOP_VAR=str(line.var)):
                    wait_for_workers(line.var, 1)
                    returns.append(_watch(line, sizes.comeback))
                    line.make_due()
                    full.append(_watch(line, sizes.comeback))
    beside = Comparison(FULL_SPEED)
    return Report(
        f"Comeback: {sizes.comeback:,} deliveries and wake-ups from before the worker started;"
        f" webhooks a second; median of {sizes.rounds}",
        [
            *(
                Figure(f"{start:.1f} to {end:.1f} s", "/s", rates, (beside,))
                for start, end, rates in _slices(returns)
            ),
            Figure(
                FIRST_SECOND,
                "/s",
                [each.rate(0, 1) for each in returns],
                (Comparison(FULL_SPEED, at_least=MIN_SHARE),),
            ),
            Figure("until all are delivered", "s", [each.seconds for each in returns]),
            Figure(FULL_SPEED, "/s", [each.full_rate() for each in full]),
        ],
    )


def _slices(returns: Sequence[Progress]) -> list[tuple[float, float, list[float]]]:
    """Those in which each round still had something to do; the last one may be cut off."""
    count = int(min(each.seconds for each in returns) / SLICE_SECONDS) + 1
    edges = [number * SLICE_SECONDS for number in range(count + 1)]
    return [
        (start, end, [each.rate(start, end) for each in returns]) for start, end in pairwise(edges)
    ]


def _watch(line: Line, count: int) -> Progress:
    """Look again and again until ``count`` more are delivered."""
    before, started = line.delivered(), time.perf_counter()
    looks = [(0.0, 0)]
    while looks[-1][1] < count:
        if looks[-1][0] > DONE_SECONDS:
            raise SystemExit(f"not everything was sent within {DONE_SECONDS} s")
        time.sleep(LOOK_SECONDS)
        looks.append((time.perf_counter() - started, line.delivered() - before))
    return Progress(looks)
