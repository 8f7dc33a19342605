"""Shop and worker as processes with ``SHOP_LOG_FORMAT=json`` write valid JSON lines."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.receiver import Receiver
from tests.serving import free_port, port_of
from tests.waiting import wait_for

pytestmark = pytest.mark.one_database("is about the log")

ROOT = Path(__file__).parents[3]
TOKEN = "correct horse battery"
MUG = {"items": [{"product_id": "mug", "quantity": 1}]}


@contextmanager
def logged(module: str, log: Path, environment: dict[str, str]) -> Iterator[None]:
    """Run ``python -m module`` until the block ends, with its log in a file."""
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=ROOT,
            env={**os.environ, **environment},
            stderr=file,
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait(timeout=15)


def documents(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines()]


@pytest.mark.parametrize("status", [200, 500])
def test_each_line_is_an_object_and_the_ids_lead_from_the_request_to_the_attempt(
    tmp_path: Path, redis_url: str, receiver: Receiver, status: int
) -> None:
    receiver.status = status
    with free_port() as listening:
        port = port_of(listening)
    environment = {
        "HOOKSHOP_VAR": str(tmp_path),
        "SHOP_PORT": str(port),
        "SHOP_REDIS_URL": redis_url,
        "SHOP_ADMIN_TOKEN": TOKEN,
        "SHOP_LOG_FORMAT": "json",
        "SHOP_RETRY_SCHEDULE": "0",
    }
    shop_log, worker_log = tmp_path / "shop.log", tmp_path / "worker.log"
    shop = httpx.Client(
        base_url=f"http://127.0.0.1:{port}",
        headers={"Authorization": f"Bearer {TOKEN}", "X-Request-Id": "from-the-test"},
        trust_env=False,
    )
    with (
        shop,
        logged("shop", shop_log, environment),
        logged("shop.worker", worker_log, environment),
    ):
        wait_for(lambda: _serves(shop), "the shop serves")
        registration = {"webhook_url": receiver.url}
        secret = shop.post("/v1/webhooks/register", json=registration).json()["secret"]
        order = shop.post("/v1/orders", json=MUG).json()
        wait_for(lambda: "attempt" in worker_log.read_text(), "the attempt is logged")

    [delivery_id] = order["delivery_ids"]
    [attempt] = [each for each in documents(worker_log) if "attempt" in each]
    assert attempt["delivery_id"] == delivery_id
    assert attempt["message_id"] == receiver.requests[0].headers["webhook-id"]
    assert attempt["order_id"] == order["id"]
    assert attempt["endpoint_id"].startswith("ep_")
    assert (attempt["attempt"], attempt["outcome"]) == (1, status)
    of_request = [each for each in documents(shop_log) if each.get("request_id") == "from-the-test"]
    assert delivery_id in {each.get("delivery_id") for each in of_request}
    assert ("POST", "/v1/orders", 201) in {
        (each.get("method"), each.get("path"), each.get("status")) for each in of_request
    }
    written = shop_log.read_text() + worker_log.read_text()
    token = receiver.requests[0].headers["authorization"].removeprefix("Bearer ")
    for hidden in (secret.removeprefix("whsec_"), TOKEN, token):
        assert hidden not in written


def _serves(shop: httpx.Client) -> bool:
    try:
        return shop.get("/healthz").is_success
    except httpx.HTTPError:
        return False
