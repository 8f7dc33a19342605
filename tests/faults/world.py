"""Real processes, started separately, so that each can be killed, suspended and restarted."""

import contextlib
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psutil
from redis import Redis
from redis.exceptions import RedisError

from hookshop.redis_socket import private_redis_socket
from tests.demo import ROOT, clean_environment, free_ports
from tests.faults.books import Books
from tests.faults.databases import PostgresBook, SqliteBook
from tests.faults.proxy import Proxy, running_proxy
from tests.programs import client
from tests.waiting import wait_for

MODULES = {
    "redis": "hookshop.demo.private_redis",
    "shop": "shop",
    "second shop": "shop",
    "worker": "shop.worker",
    "second worker": "shop.worker",
    "worker that only wakes up": "tests.faults.only_wakes_up",
    "second worker that only wakes up": "tests.faults.only_wakes_up",
    "subscriber": "subscriber_app",
}
USUAL = ("redis", "shop", "worker", "subscriber")
START_SECONDS = 180.0  # on a machine that does a lot of other things
ORDER = {"items": [{"product_id": "mug", "quantity": 1}]}


class World:
    """Shop, workers, subscriber and Redis with their own ports and folder."""

    def __init__(
        self,
        folder: Path,
        proxy: Proxy,
        settings: dict[str, str],
        *,
        database_url: str | None = None,
    ) -> None:
        shop_port, subscriber_port, second_port = free_ports(3)
        proxy.to = f"127.0.0.1:{subscriber_port}"
        self.proxy = proxy
        self.var = folder / "var"
        self.redis_socket = private_redis_socket(self.var)
        shop = PostgresBook(database_url) if database_url else SqliteBook(self.var / "shop.db")
        self.books = Books(shop, SqliteBook(self.var / "subscriber.db"), proxy)
        self.shop_url = f"http://127.0.0.1:{shop_port}"
        self.second_shop_url = f"http://127.0.0.1:{second_port}"
        self.subscriber_url = f"http://{proxy.to}"
        self._folder = folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._starts = 0
        self._logs: dict[str, Path] = {}
        self._environment = clean_environment() | {
            "HOOKSHOP_VAR": str(self.var),
            "SHOP_DATABASE_URL": database_url or "",
            "SHOP_PORT": str(shop_port),
            "SHOP_RETRY_SCHEDULE": "0" + ",1" * 20,
            "SHOP_DISABLE_AFTER_FAILURES": "0",
            "SUBSCRIBER_PORT": str(subscriber_port),
            "SUBSCRIBER_PUBLIC_URL": proxy.url,
            "SUBSCRIBER_SHOP_URL": self.shop_url,
            "SUBSCRIBER_AUTO_REGISTER": "1",
            "PYTHONUNBUFFERED": "1",
            **settings,
        }

    # Processes

    def start(self, *names: str, **settings: str) -> None:
        """Start programs of ``MODULES`` and wait until they are ready."""
        for name in names:
            self._starts += 1
            self._logs[name] = self._folder / f"{self._starts} {name}.log"
            with self._logs[name].open("wb") as log:
                self._running[name] = subprocess.Popen(
                    [sys.executable, "-m", MODULES[name]],
                    cwd=ROOT,
                    env=self._environment | self._own_settings(name) | settings,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
        for name in names:
            wait_for(lambda name=name: self._is_at_work(name), f"{name} is at work", START_SECONDS)  # type: ignore[misc]

    def _own_settings(self, name: str) -> dict[str, str]:
        if name != "second shop":
            return {}
        return {
            "SHOP_PORT": self.second_shop_url.rpartition(":")[2],
            "SHOP_PUBLIC_URL": self.shop_url,
        }

    def log(self, name: str) -> str:
        """Return the program's output since its last start."""
        return self._logs[name].read_text(errors="replace")

    def process(self, name: str) -> psutil.Process:
        """Return the running program, to measure it."""
        return psutil.Process(self._running[name].pid)

    def is_running(self, name: str) -> bool:
        """Return whether the program was started and has not ended."""
        return name in self._running and self._running[name].poll() is None

    def kill(self, name: str) -> None:
        """Send SIGKILL, as the kernel does when memory runs out."""
        self._running[name].kill()
        self._running[name].wait()

    def ask_to_stop(self, name: str) -> None:
        """Send SIGTERM."""
        self._running[name].terminate()

    def wait_for_end(self, name: str) -> int:
        """Wait for the end of the program; return its exit code."""
        return self._running[name].wait(timeout=START_SECONDS)

    def freeze(self, name: str) -> None:
        """Send SIGSTOP: the program keeps its connections, but does nothing."""
        self._running[name].send_signal(signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        """Send SIGCONT."""
        self._running[name].send_signal(signal.SIGCONT)

    def restore(self) -> None:
        """Start all missing programs, and delete orders and receipts."""
        self.proxy.release()
        for name, program in self._running.items():
            self.thaw(name)
            if name not in USUAL and program.poll() is None:
                self.kill(name)
        self.start(*(name for name in USUAL if not self.is_running(name)))
        wait_for(lambda: self.proxy.busy == 0, "no request of the previous test is in flight")
        self.proxy.reset()
        self.books.delete_all()
        with self.redis() as redis:
            redis.flushall()

    def end(self) -> None:
        """Stop all programs."""
        for program in self._running.values():
            program.kill()
            program.wait()

    def _is_at_work(self, name: str) -> bool:
        assert self.is_running(name), f"{name} has ended:\n{self.log(name)}"
        if name == "redis":
            with contextlib.suppress(RedisError), self.redis() as redis:
                return bool(redis.ping())
            return False
        if "worker" in name:
            return "Worker started" in self.log(name)
        if name == "subscriber":
            return "Subscribed as" in self.log(name) and _serves(self.subscriber_url)
        return _serves(self.shop_url if name == "shop" else self.second_shop_url)

    # Sandboxes

    def create_sandbox(self, sandbox_id: str, **settings: Any) -> None:
        """Add a sandbox of the shop that lives for an hour. ``settings``: its columns."""
        now = datetime.now(UTC)
        columns = {
            "id": sandbox_id,
            "created_at": now,
            "expires_at": now + timedelta(hours=1),
            **settings,
        }
        names, marks = ", ".join(columns), ", ".join("?" * len(columns))
        statement = f"INSERT INTO sandbox ({names}) VALUES ({marks})"
        self.books.change_shop(statement, *columns.values())

    def base_url(self, sandbox: str | None) -> str:
        """Return the shop's URL in a sandbox. None: in ``main``."""
        return f"{self.shop_url}/s/{sandbox}" if sandbox else self.shop_url

    # Orders

    def order(self) -> httpx.Response:
        """Order one mug."""
        with client(self.shop_url) as shop:
            return shop.post("/v1/orders", json=ORDER, timeout=60)

    def order_many(self, count: int, *, at_once: int = 8) -> list[float]:
        """Place orders, all of which are accepted; return the seconds that each took."""
        with client(self.shop_url) as shop, ThreadPoolExecutor(at_once) as threads:

            def order(_number: int) -> float:
                answer = shop.post("/v1/orders", json=ORDER, timeout=60)
                assert answer.status_code == 201, answer.text
                return answer.elapsed.total_seconds()

            return list(threads.map(order, range(count)))

    def set_status(self, endpoint_id: str, status: str) -> None:
        """Pause an endpoint, or let its deliveries continue."""
        with client(self.shop_url) as shop:
            answer = shop.patch(f"/v1/webhooks/{endpoint_id}", json={"status": status})
            assert answer.status_code == 200, answer.text

    def ping_many(self, endpoint_ids: Sequence[str], *, sandbox: str | None = None) -> None:
        """Send a test event to each of these endpoints, as an ordinary delivery."""
        with client(self.base_url(sandbox)) as shop, ThreadPoolExecutor(8) as threads:
            paths = (f"v1/webhooks/{endpoint_id}/ping" for endpoint_id in endpoint_ids)
            for answer in threads.map(lambda path: shop.post(path, json={}, timeout=60), paths):
                assert answer.is_success, answer.text

    def register(self, url: str, *, sandbox: str | None = None) -> str:
        """Register another endpoint for purchases; return its id."""
        with client(self.base_url(sandbox)) as shop:
            answer = shop.post("v1/webhooks/register", json={"webhook_url": url})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def read(self, path: str) -> Any:
        """Return a document of the shop's API."""
        with client(self.shop_url) as shop:
            return shop.get(path, timeout=60).raise_for_status().json()

    # Parts

    def redis(self) -> Redis:
        """Return a new connection to Redis."""
        return Redis(unix_socket_path=str(self.redis_socket), socket_timeout=5)


@contextmanager
def running_world(database_url: str | None = None, **settings: str) -> Iterator[World]:
    """Yield a world without running programs. ``settings``: environment of all programs.

    ``database_url``: of the shop's database; None for an SQLite file.
    """
    with ExitStack() as cleaning:
        # Not pytest's tmp_path, which is too long for the path of a socket.
        folder = Path(cleaning.enter_context(tempfile.TemporaryDirectory(prefix="hookshop-")))
        proxy = cleaning.enter_context(running_proxy())
        world = World(folder, proxy, settings, database_url=database_url)
        cleaning.callback(world.end)
        yield world


def slowest(seconds: Sequence[float]) -> str:
    return f"slowest of {len(seconds)} orders {max(seconds) * 1000:.0f} ms"


def _serves(url: str) -> bool:
    with contextlib.suppress(httpx.TransportError), client(url) as application:
        return application.get("/healthz").is_success
    return False
