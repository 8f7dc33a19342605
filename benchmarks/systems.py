"""Runs shop, worker, subscriber and Redis as separate processes: Hookshop's or the textbook's."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from benchmarks.processes import free_port, running, wait_until, wait_until_serving
from benchmarks.stack import read_only, secret_of, wait_until_subscribed
from hookshop.redis_socket import private_redis_socket
from shop.webhooks.rules.signing import generate_secret
from tests import postgres

HOOKSHOP, TEXTBOOK = "Hookshop", "the textbook"
TIMEOUT_SECONDS = 300
CLOCK_TICK_SECONDS = 0.01  # the resolution of a process's processor time
_IS_DELIVERING = "SELECT EXISTS (SELECT 1 FROM delivery WHERE state IN ('pending', 'sending'))"


@dataclass(frozen=True, slots=True)
class System:
    """A running system. Both kinds have the tables that are queried here.

    ``orders_urls``, ``webhook_url``: where to post orders, one for each shop, and signed webhooks.
    ``secret``: shared by shop and subscriber; unknown with PostgreSQL. ``issuer``: the shop's URL.
    ``processes``: ``redis``, ``shop``, ``worker`` and ``subscriber``, and with two of each ``second
    shop`` and ``second worker``. ``query_shop``: returns the rows of a query.
    """

    orders_urls: Sequence[str]
    webhook_url: str
    secret: str
    issuer: str
    processes: Mapping[str, psutil.Process]
    query_shop: Callable[[str], Sequence[tuple[Any, ...]]]
    subscriber_database: sqlite3.Connection

    @property
    def orders_url(self) -> str:
        """Where to post orders to the first shop."""
        return self.orders_urls[0]

    def booked(self) -> int:
        """Return the number of committed purchases at the subscriber."""
        [count] = self.subscriber_database.execute("SELECT count(*) FROM purchase").fetchone()
        return int(count)

    def wait_until_booked(self, count: int) -> None:
        """Wait until ``count`` purchases are booked."""
        wait_until(lambda: self.booked() >= count, f"{count} booked", seconds=TIMEOUT_SECONDS)

    def wait_until_delivered(self) -> None:
        """Wait until no delivery is pending or being sent."""
        wait_until(lambda: not self._is_delivering(), "all is delivered", seconds=TIMEOUT_SECONDS)

    def _is_delivering(self) -> bool:
        [[is_delivering]] = self.query_shop(_IS_DELIVERING)
        return bool(is_delivering)

    def processor_seconds(self) -> dict[str, float]:
        """Return the processor time of each process since it started."""
        return {name: _processor_seconds(process) for name, process in self.processes.items()}


def _processor_seconds(process: psutil.Process) -> float:
    family = [process, *process.children(recursive=True)]
    return sum(sum(each.cpu_times()[:2]) for each in family)


@contextmanager
def running_system(
    name: str,
    var: Path,
    *,
    receiver_url: str | None = None,
    worker: Sequence[str] = ("shop.worker",),
) -> Iterator[System]:
    """Run a system with its data in ``var`` until the block ends. ``name``: one of the two above.

    ``receiver_url``: where webhooks go instead of to the subscriber. ``worker``: the module of
    Hookshop's worker and its arguments.
    """
    system_context = (
        _textbook(var, receiver_url)
        if name == TEXTBOOK
        else running_hookshop(var, receiver_url=receiver_url, worker=worker)
    )
    with system_context as system:
        yield system


@contextmanager
def running_hookshop(
    var: Path,
    *,
    receiver_url: str | None = None,
    worker: Sequence[str] = ("shop.worker",),
    two_on: str = "",
) -> Iterator[System]:
    """Run Hookshop. ``two_on``: the URL of a PostgreSQL database for two shops and two workers.

    See ``running_system`` for the rest.
    """
    shop_port, second_port, subscriber_port = free_port(), free_port(), free_port()
    shop_url, second_url, subscriber_url = (
        f"http://127.0.0.1:{p}" for p in (shop_port, second_port, subscriber_port)
    )
    environment = {
        "HOOKSHOP_VAR": str(var),
        "SHOP_DATABASE_URL": two_on,
        "SHOP_PUBLIC_URL": shop_url,
        "SHOP_PORT": str(shop_port),
        "SUBSCRIBER_PORT": str(subscriber_port),
        "SUBSCRIBER_SHOP_URL": shop_url,
        "SUBSCRIBER_AUTO_REGISTER": "0" if receiver_url else "1",
    }
    with ExitStack() as stack:
        processes = _Processes(stack, environment)
        processes.start_redis(var)
        processes.start("shop", "shop")
        processes.start("worker", *worker)
        processes.start("subscriber", "subscriber_app")
        shop_urls = [shop_url]
        if two_on:
            processes.start("second shop", "shop", SHOP_PORT=str(second_port))
            processes.start("second worker", *worker)
            shop_urls.append(second_url)
        for url in (*shop_urls, subscriber_url):
            wait_until_serving(url)
        if receiver_url:
            _register(shop_url, receiver_url)
        yield System(
            orders_urls=[f"{url}/v1/orders" for url in shop_urls],
            webhook_url=wait_until_subscribed(shop_url),
            secret="" if two_on else secret_of(var),
            issuer=shop_url,
            processes=processes.by_name,
            query_shop=_postgres(two_on) if two_on else _sqlite(stack, var / "shop.db"),
            subscriber_database=_open(stack, var / "subscriber.db"),
        )


def _register(shop_url: str, receiver_url: str) -> None:
    url, body = f"{shop_url}/v1/webhooks/register", {"webhook_url": receiver_url}
    httpx.post(url, json=body, trust_env=False).raise_for_status()


@contextmanager
def _textbook(var: Path, receiver_url: str | None) -> Iterator[System]:
    shop_port, subscriber_port, secret = free_port(), free_port(), generate_secret()
    shop_url, subscriber_url = (f"http://127.0.0.1:{p}" for p in (shop_port, subscriber_port))
    webhook_url = f"{subscriber_url}/v1/new-purchase"
    environment = {
        "TEXTBOOK_SHOP_DATABASE": str(var / "shop.db"),
        "TEXTBOOK_SUBSCRIBER_DATABASE": str(var / "subscriber.db"),
        "TEXTBOOK_REDIS": str(private_redis_socket(var)),
        "TEXTBOOK_WEBHOOK_URL": receiver_url or webhook_url,
        "TEXTBOOK_SECRET": secret,
    }
    with ExitStack() as stack:
        processes = _Processes(stack, environment)
        processes.start_redis(var)
        processes.start("shop", "benchmarks.textbook.shop", str(shop_port))
        processes.start("subscriber", "benchmarks.textbook.subscriber", str(subscriber_port))
        for url in (shop_url, subscriber_url):
            wait_until_serving(url)
        processes.start("worker", "benchmarks.textbook.worker")
        yield System(
            orders_urls=[f"{shop_url}/v1/orders"],
            webhook_url=webhook_url,
            secret=secret,
            issuer=shop_url,
            processes=processes.by_name,
            query_shop=_sqlite(stack, var / "shop.db"),
            subscriber_database=_open(stack, var / "subscriber.db"),
        )


class _Processes:
    def __init__(self, stack: ExitStack, environment: Mapping[str, str]) -> None:
        self._stack = stack
        self._environment = environment
        self.by_name: dict[str, psutil.Process] = {}

    def start(self, name: str, *module_and_arguments: str, **settings: str) -> None:
        environment = {**self._environment, **settings}
        process = self._stack.enter_context(running(*module_and_arguments, **environment))
        self.by_name[name] = psutil.Process(process.pid)

    def start_redis(self, var: Path) -> None:
        redis = self._stack.enter_context(
            running("hookshop.demo.private_redis", HOOKSHOP_VAR=str(var))
        )
        self.by_name["redis"] = psutil.Process(redis.pid)
        wait_until(private_redis_socket(var).exists, "Redis listens")


def _sqlite(stack: ExitStack, path: Path) -> Callable[[str], Sequence[tuple[Any, ...]]]:
    database = _open(stack, path)
    return lambda query: database.execute(query).fetchall()


def _postgres(url: str) -> Callable[[str], Sequence[tuple[Any, ...]]]:
    return lambda query: postgres.execute(url, query)


def _open(stack: ExitStack, path: Path) -> sqlite3.Connection:
    return stack.enter_context(closing(read_only(path)))
