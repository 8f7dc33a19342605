"""Fan-out: one order that a hundred endpoints are told of. How long until the last one knows?"""

import asyncio
from pathlib import Path

from benchmarks.figures import Comparison, Figure, Report
from benchmarks.line import ready_line, running_sink, stock_up
from benchmarks.progress import show
from benchmarks.sizes import Sizes
from benchmarks.yardsticks import AIOHTTP, HTTPX, Task, Webhook, run_aiohttp, run_httpx

ONE = "one worker"


def measure(sizes: Sizes, var: Path) -> Report:
    """Milliseconds from the order's commit to the last attempt recorded, of each order."""
    samples: dict[str, list[float]] = {ONE: [], HTTPX: [], AIOHTTP: []}
    with running_sink() as sink:
        urls = [f"{sink}/hook/{number}" for number in range(sizes.fan_out)]
        stock = stock_up(var / "fan-out", urls, orders=0)
        body = "x" * 170  # as long as an order's event
        task = Task([Webhook(url, "msg_bench", body) for url in urls], stock.secret)
        with ready_line(stock, var / "round", workers=1, is_open=True) as line:
            for number in range(sizes.fan_out_orders):
                show(f"fan-out: order {number + 1} of {sizes.fan_out_orders}")
                samples[ONE].append(asyncio.run(line.order_and_wait()) * 1000)
                samples[HTTPX].append(run_httpx(task) * 1000)
                samples[AIOHTTP].append(run_aiohttp(task) * 1000)
    beside = (Comparison(HTTPX), Comparison(AIOHTTP))
    return Report(
        f"Fan-out: one order, {sizes.fan_out} endpoints; from the commit until the last attempt is"
        f" recorded; median of {sizes.fan_out_orders} orders",
        [
            Figure(ONE, "ms", samples[ONE], beside),
            Figure(HTTPX, "ms", samples[HTTPX]),
            Figure(AIOHTTP, "ms", samples[AIOHTTP]),
        ],
    )
