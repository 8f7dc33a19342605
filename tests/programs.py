"""Calls of the JSON APIs of a running demo."""

from typing import Any

import httpx

from hookshop.webkit import idle_connections
from tests.waiting import wait_for

Document = dict[str, Any]
TIMEOUT_SECONDS = 30  # a very busy machine may need them
_LIMITS = httpx.Limits(keepalive_expiry=idle_connections.CLIENT_SECONDS)


def client(url: str) -> httpx.Client:
    """Return a client for one application, which ignores proxy settings."""
    # verify: plain HTTP needs no certificates, and reading them takes a while.
    return httpx.Client(
        base_url=url, trust_env=False, timeout=TIMEOUT_SECONDS, verify=False, limits=_LIMITS
    )


def async_client(url: str) -> httpx.AsyncClient:
    """Return the same for tests with an event loop."""
    return httpx.AsyncClient(
        base_url=url, trust_env=False, timeout=TIMEOUT_SECONDS, verify=False, limits=_LIMITS
    )


def buy(shop: httpx.Client, product_id: str = "mug", quantity: int = 1, name: str = "") -> str:
    """Order one product; return the id of its only delivery."""
    items = [{"product_id": product_id, "quantity": quantity}]
    answer = shop.post("/v1/orders", json={"items": items, "customer_name": name})
    assert answer.status_code == 201, answer.text
    (delivery_id,) = answer.json()["delivery_ids"]
    return str(delivery_id)


def wait_until(shop: httpx.Client, delivery_id: str, state: str, attempts: int = 0) -> Document:
    """Wait until the delivery has this state and at least this many attempts; return it."""

    def reached() -> Document | None:
        delivery: Document = shop.get(f"/v1/deliveries/{delivery_id}").raise_for_status().json()
        is_there = delivery["state"] == state and delivery["attempt_count"] >= attempts
        return delivery if is_there else None

    return wait_for(reached, f"{delivery_id} is {state}")


def set_fault(subscriber: httpx.Client, status: int | None) -> None:
    """Set the subscriber to respond to every webhook with ``status``; None: normally."""
    inject_fault(subscriber, "status" if status else "none", status=status)


def inject_fault(subscriber: httpx.Client, mode: str, **parameters: int | str | None) -> None:
    """Set any fault. docs/faults.md lists the modes and their parameters."""
    fault = {"mode": mode} | parameters
    subscriber.put("/v1/faults", json=fault).raise_for_status()
