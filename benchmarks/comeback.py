"""A worker restarts: deliveries and their wake-ups have accumulated while it was stopped.

Its speed is measured in slices of half a second, from its first heartbeat on. The baseline is the
full speed of the same worker afterwards, when as many deliveries become due at once.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from benchmarks.pipeline import (
    Pipeline,
    pipeline_without_workers,
    prepare_dataset,
    running_sink,
    wait_for_workers,
)
from benchmarks.processes import running
from benchmarks.progress import show
from benchmarks.report import Comparison, Figure, Report
from benchmarks.sizes import Sizes

SLICE_SECONDS = 0.5
POLL_SECONDS = 0.005
TIMEOUT_SECONDS = 120
FULL_SPEED, FIRST_SECOND = "full speed", "the first second"
MIN_RATIO = 0.8  # the target: the speed in the first second, relative to full speed


@dataclass(frozen=True, slots=True)
class Progress:
    """``samples``: pairs of elapsed seconds and recorded deliveries, from (0, 0) to the end."""

    samples: Sequence[tuple[float, int]]

    @property
    def seconds(self) -> float:
        """Return the time until the last delivery was recorded."""
        return self.samples[-1][0]

    def rate(self, start: float, end: float) -> float:
        """Return deliveries per second between two times; ``end`` is limited to the last sample."""
        end = min(end, self.seconds)
        return (self._done(end) - self._done(start)) / (end - start)

    def full_rate(self) -> float:
        """Return deliveries per second between the first one recorded and the last one.

        If all were recorded at once: since the last sample before.
        """
        first = next(second for second, done in self.samples if done)
        if first == self.seconds:
            first = max(second for second, done in self.samples if not done)
        return self.rate(first, self.seconds)

    def _done(self, moment: float) -> int:
        return max((done for second, done in self.samples if second <= moment), default=0)


def measure(sizes: Sizes, var: Path) -> Report:
    """Measure deliveries per second, by slices."""
    restarts, full = [], []
    with running_sink() as sink:
        show("comeback: placing orders")
        dataset = prepare_dataset(var / "comeback", [f"{sink}/hook"], 2 * sizes.comeback)
        for number in range(sizes.rounds):
            show(f"comeback: round {number + 1} of {sizes.rounds}")
            with pipeline_without_workers(dataset, var / "round") as pipeline:
                pipeline.postpone(dataset.delivery_ids[sizes.comeback :])
                asyncio.run(pipeline.wake_one_by_one(sizes.comeback))
                with running("shop.worker", HOOKSHOP_VAR=str(pipeline.var)):
                    wait_for_workers(pipeline.var, 1)
                    restarts.append(_sample(pipeline, sizes.comeback))
                    pipeline.make_due()
                    full.append(_sample(pipeline, sizes.comeback))
    comparison = Comparison(FULL_SPEED)
    return Report(
        f"Comeback: {sizes.comeback:,} deliveries and wake-ups from before the worker started;"
        f" webhooks a second; median of {sizes.rounds}",
        [
            *(
                Figure(f"{start:.1f} to {end:.1f} s", "/s", rates, (comparison,))
                for start, end, rates in _slices(restarts)
            ),
            Figure(
                FIRST_SECOND,
                "/s",
                [each.rate(0, 1) for each in restarts],
                (Comparison(FULL_SPEED, at_least=MIN_RATIO),),
            ),
            Figure("until all are delivered", "s", [each.seconds for each in restarts]),
            Figure(FULL_SPEED, "/s", [each.full_rate() for each in full]),
        ],
    )


def _slices(restarts: Sequence[Progress]) -> list[tuple[float, float, list[float]]]:
    """Return the slices in which every round had work; the last one may be shorter."""
    count = int(min(each.seconds for each in restarts) / SLICE_SECONDS) + 1
    edges = [number * SLICE_SECONDS for number in range(count + 1)]
    return [
        (start, end, [each.rate(start, end) for each in restarts]) for start, end in pairwise(edges)
    ]


def _sample(pipeline: Pipeline, count: int) -> Progress:
    """Sample the progress until ``count`` more are delivered."""
    before, started = pipeline.delivered(), time.perf_counter()
    samples = [(0.0, 0)]
    while samples[-1][1] < count:
        if samples[-1][0] > TIMEOUT_SECONDS:
            raise SystemExit(f"not everything was sent within {TIMEOUT_SECONDS} s")
        time.sleep(POLL_SECONDS)
        samples.append((time.perf_counter() - started, pipeline.delivered() - before))
    return Progress(samples)
