"""Fan-out: one order with a hundred subscribed endpoints. How long until the last one has it?"""

import asyncio
from pathlib import Path

from benchmarks.baselines import AIOHTTP, HTTPX, Task, Webhook, run_aiohttp, run_httpx
from benchmarks.pipeline import idle_pipeline, prepare_dataset, running_sink
from benchmarks.progress import show
from benchmarks.report import Comparison, Figure, Report
from benchmarks.sizes import Sizes

ONE = "one worker"


def measure(sizes: Sizes, var: Path) -> Report:
    """Measure milliseconds from an order's commit to its last recorded attempt."""
    samples: dict[str, list[float]] = {ONE: [], HTTPX: [], AIOHTTP: []}
    with running_sink() as sink:
        urls = [f"{sink}/hook/{number}" for number in range(sizes.fan_out)]
        dataset = prepare_dataset(var / "fan-out", urls, orders=0)
        body = "x" * 170  # as long as an order's event
        task = Task([Webhook(url, "msg_bench", body) for url in urls], dataset.secret)
        with idle_pipeline(dataset, var / "round", workers=1, is_open=True) as pipeline:
            for number in range(sizes.fan_out_orders):
                show(f"fan-out: order {number + 1} of {sizes.fan_out_orders}")
                samples[ONE].append(asyncio.run(pipeline.order_and_wait()) * 1000)
                samples[HTTPX].append(run_httpx(task) * 1000)
                samples[AIOHTTP].append(run_aiohttp(task) * 1000)
    comparisons = (Comparison(HTTPX), Comparison(AIOHTTP))
    return Report(
        f"Fan-out: one order, {sizes.fan_out} endpoints; from the commit until the last attempt is"
        f" recorded; median of {sizes.fan_out_orders} orders",
        [
            Figure(ONE, "ms", samples[ONE], comparisons),
            Figure(HTTPX, "ms", samples[HTTPX]),
            Figure(AIOHTTP, "ms", samples[AIOHTTP]),
        ],
    )
