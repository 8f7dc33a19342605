"""Latency at rest: the time from an order's response to the subscriber's committed receipt.

Everything runs on this machine, one order at a time. The baseline, measured alternately, is a plain
httpx POST of a signed webhook to the same receiver, until its receipt is committed. No shop can be
faster than that.
"""

import random
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import httpx

from benchmarks.progress import show
from benchmarks.report import Comparison, Figure, Report, percentile
from benchmarks.sizes import Sizes
from benchmarks.stack import Stack, running_stack
from benchmarks.webhooks import signed_webhook

WARM_UP = 20
# Between two measurements, so that the system is idle again. A random part of the same length is
# added, so that orders do not synchronize with the worker, whose looks are 20 ms apart.
COOLDOWN_SECONDS = 0.02
POLL_SECONDS = 0.0005  # between two queries of the database: the resolution of the result
ORDER = {"items": [{"product_id": "mug", "quantity": 1}]}
PERCENTILES = (50, 95, 99)
MAX_RATIO = 3  # the target for p99


def measure(sizes: Sizes, var: Path) -> Report:
    """Measure percentiles in milliseconds; a round has ``sizes.latency_orders`` orders."""
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
    baseline = f"a direct POST, p{percent}"
    at_most = MAX_RATIO if percent == max(PERCENTILES) else None
    return [
        Figure(
            f"p{percent}",
            "ms",
            [percentile(part, percent) for part in parts(ordered, rounds)],
            (Comparison(baseline, at_most=at_most),),
        ),
        Figure(
            baseline,
            "ms",
            [percentile(part, percent) for part in parts(posted, rounds)],
            is_hidden=True,
        ),
    ]


def parts(samples: Sequence[float], count: int) -> list[Sequence[float]]:
    """Split the samples into ``count`` rounds of equal length."""
    length = len(samples) // count
    return [samples[start : start + length] for start in range(0, length * count, length)]


def order_to_receipt(stack: Stack, client: httpx.Client) -> float:
    """Return milliseconds from the response to ``POST /v1/orders`` until the receipt is read."""
    return _timed(stack, lambda: _order(stack, client), from_response=True)


def post_to_receipt(stack: Stack, client: httpx.Client) -> float:
    """Return milliseconds from sending a webhook directly until the receipt is read."""
    headers, body = signed_webhook(
        stack.secret, stack.webhook_url, issuer=stack.shop_url, now=datetime.now(UTC)
    )
    return _timed(stack, lambda: _post(stack, client, headers, body), from_response=False)


def _timed(stack: Stack, request: Callable[[], None], *, from_response: bool) -> float:
    before = stack.receipt_count()
    started = time.perf_counter()
    request()
    if from_response:
        started = time.perf_counter()
    while stack.receipt_count() == before:
        time.sleep(POLL_SECONDS)
    elapsed = (time.perf_counter() - started) * 1000
    time.sleep(COOLDOWN_SECONDS * (1 + random.random()))
    return elapsed


def _order(stack: Stack, client: httpx.Client) -> None:
    client.post(f"{stack.shop_url}/v1/orders", json=ORDER).raise_for_status()


def _post(stack: Stack, client: httpx.Client, headers: dict[str, str], body: bytes) -> None:
    client.post(stack.webhook_url, headers=headers, content=body).raise_for_status()
