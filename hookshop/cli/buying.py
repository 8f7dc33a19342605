"""``hookshop buy``: places orders through the shop's API."""

import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import click

from hookshop.cli.json_api import JsonApi
from hookshop.cli.options import json_option, shop_options

MAX_QUANTITY = 99
MAX_ORDERS = 10_000
MAX_CALL_SECONDS = 30  # of one call that waits
DEFAULT_PRODUCT = "fishing-rod"


@click.command()
@click.argument("products", metavar="[PRODUCT]...", nargs=-1)
@click.option("--quantity", type=click.IntRange(1, MAX_QUANTITY), default=1, show_default=True)
@click.option("--customer", default="", metavar="NAME", help="Shown on the order.")
@click.option(
    "--times",
    type=click.IntRange(1, MAX_ORDERS),
    default=1,
    show_default=True,
    help="Place this many orders, one after the other.",
)
@click.option(
    "--wait",
    type=click.FloatRange(0, 3600),
    metavar="SECONDS",
    help="Wait until all webhooks of the orders have succeeded or failed. If one has not "
    "succeeded by then, the exit code is 1.",
)
@shop_options()
@json_option
def buy(
    products: tuple[str, ...],
    quantity: int,
    customer: str,
    times: int,
    wait: float | None,
    shop: JsonApi,
    as_json: bool,
) -> None:
    """Place an order for these products, or for a fishing-rod.

    GET /v1/products lists the products.
    """
    counts = Counter(products or (DEFAULT_PRODUCT,))
    items = [{"product_id": each, "quantity": quantity * counts[each]} for each in counts]
    orders = _place(shop, {"items": items, "customer_name": customer}, times)
    if wait is not None:
        until = time.monotonic() + wait
        orders = [_settled(shop, order["id"], until) for order in orders]
    for order in orders:
        click.echo(json.dumps(order) if as_json else _line(order, shop.url))
    if wait is not None and not all(map(_has_succeeded, orders)):
        raise click.exceptions.Exit(1)


def _place(shop: JsonApi, body: dict[str, Any], times: int) -> list[dict[str, Any]]:
    """Place the same order several times, with a progress bar on a terminal."""
    is_shown = times > 1 and sys.stderr.isatty()
    with click.progressbar(
        range(times), label="Placing orders", file=sys.stderr, hidden=not is_shown
    ) as turns:
        return [shop.call("POST", "/v1/orders", body) for _ in turns]


def _settled(shop: JsonApi, order_id: str, until: float) -> dict[str, Any]:
    """Return the order once it is settled, or as it is when the time is up."""
    while True:
        seconds = max(0.0, min(until - time.monotonic(), MAX_CALL_SECONDS))
        query = f"wait_for=settled&wait={seconds:.3f}"
        order: dict[str, Any] = shop.call("GET", f"/v1/orders/{order_id}?{query}")
        if order["satisfied"] or time.monotonic() >= until:
            return order


def _has_succeeded(order: dict[str, Any]) -> bool:
    return all(delivery["state"] == "succeeded" for delivery in order["deliveries"])


def _line(order: dict[str, Any], shop_url: str) -> str:
    count = order["subscribers"]
    parts = [
        f"{order['total_cents'] / 100:.2f}",
        f"{count} subscriber{'' if count == 1 else 's'}",
        f"{shop_url}/orders/{order['id']}",
    ]
    if "satisfied" in order:
        parts.insert(2, _states(order["deliveries"]))
    return "  ".join([order["id"], *parts])


def _states(deliveries: Sequence[dict[str, Any]]) -> str:
    """Return how many deliveries are in which state, such as ``1 succeeded, 1 pending``."""
    counts = Counter(delivery["state"] for delivery in deliveries)
    return ", ".join(f"{count} {state}" for state, count in sorted(counts.items())) or "no webhooks"
