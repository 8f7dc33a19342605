"""Latency at rest: how long from an order's answer to the subscriber's committed receipt?

Everything runs on this machine, one order at a time. The yardstick, taken in turns in the same
run, is a plain httpx POST of a signed webhook to the same receiver, until its receipt is
committed: what no shop in between could beat.
"""

import random
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import httpx

from benchmarks.figures import Comparison, Figure, Report, percentile
from benchmarks.progress import show
from benchmarks.sizes import Sizes
from benchmarks.stack import Stack, running_stack
from benchmarks.webhooks import signed_webhook

WARM_UP = 20
# Between two measurements, so that each one meets a system at rest; up to twice as long by chance,
# or else the rounds would fall into step with the worker, which looks into Redis every 20 ms.
COOLDOWN_SECONDS = 0.02
LOOK_SECONDS = 0.0005  # between two looks into the database: the resolution of the result
ORDER = {"items": [{"product_id": "mug", "quantity": 1}]}
PERCENTILES = (50, 95, 99)
MAX_TIMES = 3  # what is aimed at, for p99


def measure(sizes: Sizes, var: Path) -> Report:
    """Percentiles in milliseconds, of each round; ``sizes.latency_orders`` orders in a round."""
    rounds = []
    with running_stack(var / "latency") as stack, httpx.Client(trust_env=False) as client:
        for number in range(WARM_UP + sizes.rounds * sizes.latency_orders):
            sample = (order_to_receipt(stack, client), post_to_receipt(stack, client))
            if number >= WARM_UP:
                rounds.append(sample)
                show(f"latency: {len(rounds)} of {sizes.rounds * sizes.latency_orders}")
    ordered, posted = zip(*rounds, strict=True)
    return Report(
        f"Latency at rest: {len(rounds)} orders, one at a time; from the order's answer until the"
        " receipt is committed",
        [
            figure
            for percent in PERCENTILES
            for figure in _figures(percent, ordered, posted, sizes.rounds)
        ],
    )


def _figures(
    percent: int, ordered: Sequence[float], posted: Sequence[float], rounds: int
) -> list[Figure]:
    yardstick = f"a direct POST, p{percent}"
    at_most = MAX_TIMES if percent == max(PERCENTILES) else None
    return [
        Figure(
            f"p{percent}",
            "ms",
            [percentile(part, percent) for part in parts(ordered, rounds)],
            (Comparison(yardstick, at_most=at_most),),
        ),
        Figure(
            yardstick,
            "ms",
            [percentile(part, percent) for part in parts(posted, rounds)],
            in_passing=True,
        ),
    ]


def parts(samples: Sequence[float], count: int) -> list[Sequence[float]]:
    """The samples cut into so many rounds of the same length."""
    length = len(samples) // count
    return [samples[start : start + length] for start in range(0, length * count, length)]


def order_to_receipt(stack: Stack, client: httpx.Client) -> float:
    """From the answer to ``POST /v1/orders`` until the receipt can be read from the database."""
    return _timed(stack, lambda: _order(stack, client), from_the_answer=True)


def post_to_receipt(stack: Stack, client: httpx.Client) -> float:
    """From sending the webhook by hand until the receipt can be read from the database."""
    headers, body = signed_webhook(
        stack.secret, stack.webhook_url, issuer=stack.shop_url, now=datetime.now(UTC)
    )
    return _timed(stack, lambda: _post(stack, client, headers, body), from_the_answer=False)


def _timed(stack: Stack, request: Callable[[], None], *, from_the_answer: bool) -> float:
    before = stack.receipt_count()
    started = time.perf_counter()
    request()
    if from_the_answer:
        started = time.perf_counter()
    while stack.receipt_count() == before:
        time.sleep(LOOK_SECONDS)
    elapsed = (time.perf_counter() - started) * 1000
    time.sleep(COOLDOWN_SECONDS * (1 + random.random()))
    return elapsed


def _order(stack: Stack, client: httpx.Client) -> None:
    client.post(f"{stack.shop_url}/v1/orders", json=ORDER).raise_for_status()


def _post(stack: Stack, client: httpx.Client, headers: dict[str, str], body: bytes) -> None:
    client.post(stack.webhook_url, headers=headers, content=body).raise_for_status()
