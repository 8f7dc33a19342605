"""``make bench``: how long from an order's answer to the subscriber's committed receipt?

Everything runs on this machine, at rest: one order at a time. The yardstick, taken in turns in the
same run, is a plain httpx POST of a signed webhook to the same receiver, until its receipt is
committed: what no shop in between could beat.
"""

import math
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import httpx

from benchmarks.stack import Stack, running_stack
from shop.ids import new_uuid
from shop.vocabulary import EventType
from shop.webhooks.events import Event, serialise
from shop.webhooks.signing import LiveSecret, SignedContent, signing_headers

ROUNDS = 300
WARM_UP = 20
# Between two measurements, so that each one meets a system at rest; up to twice as long by chance,
# or else the rounds would fall into step with the worker, which looks into Redis every 20 ms.
REST_SECONDS = 0.02
LOOK_SECONDS = 0.0005  # between two looks into the database: the resolution of the result
ORDER = {"items": [{"product_id": "mug", "quantity": 1}]}


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="hookshop-bench-") as var:
        print("Starting shop, worker, subscriber and Redis …")
        with running_stack(Path(var)) as stack, httpx.Client() as client:
            ordered, posted = measure(stack, client)
    report(ordered, posted)


def measure(stack: Stack, client: httpx.Client) -> tuple[list[float], list[float]]:
    """Milliseconds for each order and for each plain POST, taken in turns."""
    ordered, posted = [], []
    for number in range(WARM_UP + ROUNDS):
        samples = (order_to_receipt(stack, client), post_to_receipt(stack, client))
        if number >= WARM_UP:
            ordered.append(samples[0])
            posted.append(samples[1])
        if sys.stdout.isatty():
            print(f"\r{max(0, number + 1 - WARM_UP)} of {ROUNDS}", end="", flush=True)
    return ordered, posted


def order_to_receipt(stack: Stack, client: httpx.Client) -> float:
    """From the answer to ``POST /v1/orders`` until the receipt can be read from the database."""
    return _timed(stack, lambda: _order(stack, client), from_the_answer=True)


def post_to_receipt(stack: Stack, client: httpx.Client) -> float:
    """From sending the webhook by hand until the receipt can be read from the database."""
    headers, body = _signed_webhook(stack)
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
    time.sleep(REST_SECONDS * (1 + random.random()))
    return elapsed


def _order(stack: Stack, client: httpx.Client) -> None:
    client.post(f"{stack.shop_url}/v1/orders", json=ORDER).raise_for_status()


def _post(stack: Stack, client: httpx.Client, headers: dict[str, str], body: bytes) -> None:
    client.post(stack.webhook_url, headers=headers, content=body).raise_for_status()


def _signed_webhook(stack: Stack) -> tuple[dict[str, str], bytes]:
    now = datetime.now(UTC)
    event = Event(new_uuid(now), EventType.PURCHASE_CREATED, now, 1490, "ord_bench")
    body = serialise(event)
    content = SignedContent(event.message_id, int(now.timestamp()), body)
    signed = signing_headers(
        content,
        [LiveSecret("sec_bench", stack.secret)],
        issuer=stack.shop_url,
        audience=stack.webhook_url,
    )
    return {"Content-Type": "application/json", **signed}, body


def report(ordered: Sequence[float], posted: Sequence[float]) -> None:
    print(f"\r{ROUNDS} orders, one at a time; milliseconds until the receipt is committed\n")
    print(f"{'':<34}{'median':>9}{'p95':>9}{'p99':>9}{'max':>9}")
    for name, samples in (
        ("order answered → receipt", ordered),
        ("plain httpx POST → receipt", posted),
    ):
        row = "".join(f"{value:9.1f}" for value in _summary(samples))
        print(f"{name:<34}{row}")
    ratios = zip(_summary(ordered), _summary(posted), strict=True)
    print(f"{'times the plain POST':<34}" + "".join(f"{a / b:8.1f}×" for a, b in ratios))


def _summary(samples: Sequence[float]) -> tuple[float, float, float, float]:
    ranked = sorted(samples)
    return statistics.median(ranked), _percentile(ranked, 95), _percentile(ranked, 99), ranked[-1]


def _percentile(ranked: Sequence[float], percent: int) -> float:
    """Nearest rank: the smallest sample that at least ``percent`` of all do not exceed."""
    return ranked[math.ceil(len(ranked) * percent / 100) - 1]


if __name__ == "__main__":
    main()
