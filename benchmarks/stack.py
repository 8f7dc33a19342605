"""Runs the whole demo as separate processes, to be measured from outside."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks.processes import free_port
from hookshop.webkit.encryption import Encryption

START_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Stack:
    """The running demo. ``receipts``: a read-only connection to the subscriber's database."""

    shop_url: str
    webhook_url: str
    secret: str
    receipts: sqlite3.Connection

    def receipt_count(self) -> int:
        """Return the number of committed receipts."""
        [count] = self.receipts.execute("SELECT count(*) FROM receipt").fetchone()
        return int(count)


@contextmanager
def running_stack(var: Path) -> Iterator[Stack]:
    """Run the demo below ``var`` on free ports until the block ends."""
    shop_port, subscriber_port = free_port(), free_port()
    environment = os.environ | {
        "HOOKSHOP_VAR": str(var),
        "SHOP_PORT": str(shop_port),
        "SUBSCRIBER_PORT": str(subscriber_port),
    }
    command = [sys.executable, "-m", "hookshop.demo"]
    demo = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    try:
        shop_url = f"http://127.0.0.1:{shop_port}"
        webhook_url = wait_until_subscribed(shop_url)
        with closing(read_only(var / "subscriber.db")) as receipts:
            yield Stack(shop_url, webhook_url, secret_of(var), receipts)
    finally:
        demo.send_signal(signal.SIGINT)
        demo.wait()


def wait_until_subscribed(shop_url: str) -> str:
    """Wait until the subscriber has registered, and return its URL."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            endpoints = httpx.get(f"{shop_url}/v1/webhooks").json()["data"]
        except httpx.HTTPError:
            endpoints = []
        if endpoints:
            return str(endpoints[0]["webhook_url"])
        time.sleep(0.05)
    raise SystemExit(f"The subscriber has not registered within {START_SECONDS} s.")


def secret_of(var: Path) -> str:
    """Return the secret of the only endpoint, decrypted from the shop's database."""
    with closing(read_only(var / "shop.db")) as database:
        [locked] = database.execute("SELECT locked_secret FROM endpoint_secret").fetchone()
    return Encryption.open(var / "secrets.key").decrypt(locked)


def read_only(path: Path) -> sqlite3.Connection:
    """Open a database read-only, in autocommit: each statement sees the latest commit."""
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)
