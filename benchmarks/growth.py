"""Is a page as fast after a thousand hours as after one? Compares 1,000 rows with 1,000,000.

Both shops are equally busy, but one has run a thousand times as long. So their pages show the same
amount, and only the size of the database differs. Requests alternate between both, over HTTP. A few
pages find much less in the smaller shop, so only their time is meaningful, not the ratio.

A third shop has the few rows in ``main``, and the many in sandboxes beside it. One of these is full
of hanging receivers. The subscriber has a file for each sandbox, so only the shop's pages matter.
"""

import asyncio
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import httpx

from benchmarks.processes import free_port, memory_mb, running, wait_until_serving
from benchmarks.progress import show
from benchmarks.report import Comparison, Figure, Report
from benchmarks.seed.sandboxes import seed_sandboxes
from benchmarks.seed.shop import seed_shop
from benchmarks.seed.subscriber import seed_subscriber
from benchmarks.sizes import Sizes
from shop.config import Settings as ShopSettings
from subscriber_app.config import Settings as SubscriberSettings

MANY_ROWS_SPAN = timedelta(hours=1000)  # the history of the larger one
RARE = "rare: "  # prefix of the pages that find less in the smaller shop
BESIDE = "beside sandboxes: "  # prefix of the pages of the third shop
WARM_UP = 3
# Targets for every page.
MAX_RATIO, MAX_MS = 1.5, 100


@dataclass(frozen=True, slots=True)
class Pair:
    """A shop and a subscriber of one size. ``shop_pages``, ``subscriber_pages``: URLs by name."""

    rows: int
    processes: dict[str, subprocess.Popen[bytes]]
    shop_pages: dict[str, str]
    subscriber_pages: dict[str, str]


def measure(sizes: Sizes, var: Path) -> Report:
    """Measure the time of each page and the memory of each process.

    Seeded databases in ``var`` are reused.
    """
    report = Report(
        f"Growth: {sizes.many:,} rows beside {sizes.few:,}, equally busy;"
        f" median of {sizes.requests} requests",
        [],
    )
    span_of_few = MANY_ROWS_SPAN * sizes.few / sizes.many
    folders = (
        seeded_folder(var, sizes.few, span_of_few),
        seeded_folder(var, sizes.many, MANY_ROWS_SPAN),
        crowded_folder(var, sizes, span_of_few),
    )
    with ExitStack() as stack:
        few, many, crowded = [
            stack.enter_context(serving(rows, folder))
            for rows, folder in zip((sizes.few, sizes.many, sizes.few), folders, strict=True)
        ]
        client = stack.enter_context(httpx.Client(trust_env=False, timeout=60))
        for name, url in few.shop_pages.items():
            show(f"growth: {name}")
            urls = (url, many.shop_pages[name], crowded.shop_pages[name])
            at_few, at_many, beside = _times(client, urls, sizes.requests)
            report.figures += _figures(few.rows, name, "ms", at_few, at_many)
            report.figures.append(_compared(few.rows, name, BESIDE + name, "ms", beside))
        for name, url in few.subscriber_pages.items():
            show(f"growth: {name}")
            times = _times(client, (url, many.subscriber_pages[name]), sizes.requests)
            report.figures += _figures(few.rows, name, "ms", *times)
        for name in few.processes:
            megabytes = ([memory_mb(pair.processes[name].pid)] for pair in (few, many))
            report.figures += _figures(few.rows, f"memory of the {name}", "MB", *megabytes)
    return report


def _figures(
    few: int, name: str, unit: str, at_few: list[float], at_many: list[float]
) -> list[Figure]:
    return [
        _compared(few, name, name, unit, at_many),
        Figure(_baseline(few, name), unit, at_few, is_hidden=True),
    ]


def _compared(few: int, name: str, label: str, unit: str, samples: list[float]) -> Figure:
    """Return a figure that is compared with the same page at ``few`` rows."""
    at_most = None if name.startswith(RARE) else MAX_RATIO
    comparisons = (Comparison(_baseline(few, name), at_most=at_most),)
    return Figure(label, unit, samples, comparisons, MAX_MS if unit == "ms" else None)


def _baseline(few: int, name: str) -> str:
    return f"{name} at {few:,}"


def _times(client: httpx.Client, urls: Sequence[str], requests: int) -> list[list[float]]:
    """Return the milliseconds of each request of each URL, without the warm-up."""
    taken: list[list[float]] = [[] for _ in urls]
    for _ in range(WARM_UP + requests):
        for url, times in zip(urls, taken, strict=True):
            started = time.perf_counter()
            client.get(url).raise_for_status()
            times.append((time.perf_counter() - started) * 1000)
    return [times[WARM_UP:] for times in taken]


def seeded_folder(var: Path, rows: int, span: timedelta) -> Path:
    """Return a folder with databases of this size. Seed them if they do not exist."""
    folder = var / f"seeded-{rows}"
    finished = folder / "finished"
    if not finished.exists():
        shop = ShopSettings(HOOKSHOP_VAR=folder)  # type: ignore[call-arg]
        subscriber = SubscriberSettings(HOOKSHOP_VAR=folder)  # type: ignore[call-arg]
        asyncio.run(seed_shop(shop, rows, span=span, force=True))
        asyncio.run(seed_subscriber(subscriber, rows, span=span, force=True))
        finished.touch()
    return folder


def crowded_folder(var: Path, sizes: Sizes, span: timedelta) -> Path:
    """Return a folder with few rows in ``main``, of this span, and many in sandboxes beside it."""
    folder = var / f"seeded-{sizes.few}-beside-{sizes.sandboxes}-sandboxes"
    finished = folder / "finished"
    if not finished.exists():
        shutil.copytree(
            seeded_folder(var, sizes.few, span), folder, ignore=shutil.ignore_patterns("finished")
        )
        shop = ShopSettings(HOOKSHOP_VAR=folder)  # type: ignore[call-arg]
        asyncio.run(seed_sandboxes(shop, sizes.sandboxes, sizes.many, span=MANY_ROWS_SPAN))
        finished.touch()
    return folder


@contextmanager
def serving(rows: int, var: Path) -> Iterator[Pair]:
    """Run both applications. There is no worker, so that nothing changes meanwhile."""
    shop_port, subscriber_port = free_port(), free_port()
    shop, subscriber = (f"http://127.0.0.1:{port}" for port in (shop_port, subscriber_port))
    environment = {
        "HOOKSHOP_VAR": str(var),
        "SHOP_PORT": str(shop_port),
        "SUBSCRIBER_PORT": str(subscriber_port),
        "SUBSCRIBER_SHOP_URL": shop,
    }
    with (
        running("hookshop.demo.private_redis", **environment),
        running("shop", **environment) as shop_process,
        running("subscriber_app", **environment) as subscriber_process,
    ):
        for url in (shop, subscriber):
            wait_until_serving(url)
        processes = {"shop": shop_process, "subscriber": subscriber_process}
        yield Pair(rows, processes, _shop_pages(shop, var), _subscriber_pages(subscriber, var))


def _shop_pages(url: str, var: Path) -> dict[str, str]:
    with closing(sqlite3.connect(f"file:{var / 'shop.db'}?mode=ro", uri=True)) as database:
        [delivery, message, endpoint] = database.execute(
            "SELECT id, message_id, endpoint_id FROM delivery"
            " WHERE sandbox = 0 AND state = 'failed' ORDER BY id DESC LIMIT 1"
        ).fetchone()
        [order] = database.execute("SELECT max(id) FROM shop_order WHERE sandbox = 0").fetchone()
    before = f"{datetime.now(UTC) - timedelta(minutes=10):%Y-%m-%dT%H:%M}"
    log, theirs = f"{url}/deliveries", f"{url}/deliveries?endpoint_id={endpoint}"
    return {
        "log": log,
        "log, one state": f"{log}?state=succeeded",
        "log, one endpoint": theirs,
        "log, event type": f"{log}?event_type=purchase.shipped",
        "log, endpoint and state": f"{theirs}&state=succeeded",
        "log, state and event type": f"{log}?state=succeeded&event_type=purchase.shipped",
        "log, all three": f"{theirs}&state=succeeded&event_type=purchase.created",
        f"{RARE}log, one state": f"{log}?state=failed",
        f"{RARE}log, no such state": f"{log}?state=sending",
        f"{RARE}log, no such pair": f"{log}?state=pending&event_type=purchase.created",
        f"{RARE}log, none of this endpoint": f"{theirs}&event_type=webhook.ping",
        f"{RARE}log, all three": f"{theirs}&state=failed&event_type=purchase.created",
        "log, the last hour": f"{log}?period=hour",
        "log, until ten minutes ago": f"{log}?until={before}",
        "log, id of a delivery": f"{log}?q={delivery}",
        "log, id of an order": f"{log}?q={order}",
        "log, end of an id": f"{log}?q={quote('…')}{message[-8:]}",
        "log, part of a URL": f"{log}?q=ledger",
        "log, found nowhere": f"{log}?q=nowhere",
        "overview": f"{url}/overview",
        "flow": f"{url}/flow",
        "endpoint": f"{url}/endpoints/{endpoint}",
        "delivery": f"{log}/{delivery}",
        "orders": f"{url}/orders",
        "JSON: deliveries": f"{url}/v1/deliveries?limit=50",
        "JSON: totals": f"{url}/v1/stats",
    }


def _subscriber_pages(url: str, var: Path) -> dict[str, str]:
    with closing(sqlite3.connect(f"file:{var / 'subscriber.db'}?mode=ro", uri=True)) as database:
        [receipt, message] = database.execute(
            "SELECT id, message_id FROM receipt WHERE verdict = 'accepted' ORDER BY id DESC LIMIT 1"
        ).fetchone()
    return {
        "inbox": f"{url}/",
        "inbox, one verdict": f"{url}/?verdict=rejected",
        "inbox, event type": f"{url}/?event_type=purchase.shipped",
        "inbox, verdict and event type": f"{url}/?verdict=duplicate&event_type=purchase.created",
        f"{RARE}inbox, verdict and type": f"{url}/?verdict=duplicate&event_type=purchase.refunded",
        f"{RARE}inbox, reason": f"{url}/?reason=token_expired",
        f"{RARE}inbox, reason and type": f"{url}/?reason=token_expired&event_type=purchase.created",
        "inbox, the last hour": f"{url}/?period=hour",
        "inbox, id of a message": f"{url}/?q={message}",
        "inbox, text": f"{url}/?q=ord_",
        "inbox, text found nowhere": f"{url}/?q=nowhere",
        "receipt": f"{url}/receipts/{receipt}",
        "purchases": f"{url}/purchases",
        "JSON: receipts": f"{url}/v1/receipts?limit=50",
        "JSON: the subscriber's totals": f"{url}/v1/stats",
    }
