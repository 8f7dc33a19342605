"""Orders a second that the shop accepts over HTTP, with everything else at work.

A worker delivers what is ordered meanwhile, as on any day. The yardstick is the same POST by the
same client to the bare receiver: what no web application could beat.
"""

import asyncio
import time
from contextlib import ExitStack
from pathlib import Path

import httpx
from httpx_aiohttp import HttpxAiohttpClient

from benchmarks.figures import Comparison, Figure, Report
from benchmarks.line import running_sink
from benchmarks.processes import free_port, running, wait_until_serving
from benchmarks.progress import show
from benchmarks.sizes import Sizes

ORDER = {"items": [{"product_id": "mug", "quantity": 1}]}
AT_ONCE = (1, 50)


def measure(sizes: Sizes, var: Path) -> Report:
    """Orders a second, 1 and 50 at a time."""
    figures = []
    with ExitStack() as stack:
        sink = stack.enter_context(running_sink())
        shop = _start_shop(stack, var / "orders", f"{sink}/hook")
        for at_once in AT_ONCE:
            ours, bare = [], []
            for number in range(sizes.rounds):
                show(f"orders: round {number + 1} of {sizes.rounds}, {at_once} at a time")
                ours.append(asyncio.run(_rate(f"{shop}/v1/orders", sizes.orders, at_once)))
                _wait_until_delivered(shop)
                bare.append(asyncio.run(_rate(f"{sink}/orders", sizes.orders, at_once)))
            beside = f"the bare receiver, {at_once} at a time"
            figures += [
                Figure(f"{at_once} at a time", "/s", ours, (Comparison(beside),)),
                Figure(beside, "/s", bare, in_passing=True),
            ]
    return Report(
        f"Orders accepted a second: {sizes.orders:,} orders while a worker delivers them;"
        f" median of {sizes.rounds}",
        figures,
    )


def _start_shop(stack: ExitStack, var: Path, webhook_url: str) -> str:
    port = free_port()
    environment = {"HOOKSHOP_VAR": str(var), "SHOP_PORT": str(port)}
    for module in ("shop.embedded_redis", "shop", "shop.worker"):
        stack.enter_context(running(module, **environment))
    url = f"http://127.0.0.1:{port}"
    wait_until_serving(url)
    registration = {"webhook_url": webhook_url}
    httpx.post(f"{url}/v1/webhooks/register", json=registration, trust_env=False).raise_for_status()
    return url


async def _rate(url: str, orders: int, at_once: int) -> float:
    """Requests a second."""
    numbers = iter(range(orders))
    async with HttpxAiohttpClient(trust_env=False, timeout=60) as client:

        async def order_on() -> None:
            for _ in numbers:  # shared by all
                answer = await client.post(url, json=ORDER)
                answer.raise_for_status()

        started = time.perf_counter()
        await asyncio.gather(*(order_on() for _ in range(at_once)))
        return orders / (time.perf_counter() - started)


def _wait_until_delivered(shop: str) -> None:
    """So that the next measurement has the machine to itself."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        states = httpx.get(f"{shop}/v1/stats", trust_env=False).json()["deliveries"]
        if not states["pending"] and not states["sending"]:
            return
        time.sleep(0.1)
    raise SystemExit("the worker has not kept up with the orders")
