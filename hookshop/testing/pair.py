"""A shop and a subscriber of a test's own, and waiting for what happens between them."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Literal

from hookshop.testing import timeouts
from hookshop.testing.http_client import (
    MAX_WAIT_SECONDS,
    ApiClient,
    HookshopError,
    Json,
    Query,
)
from hookshop.testing.records import Delivery, Order, Receipt, order_id_of
from hookshop.testing.server import HookshopServer
from hookshop.testing.shop import Shop
from hookshop.testing.subscriber import Subscriber

WAIT_SECONDS = 10.0  # of waiting calls, unless the test says otherwise
ADVANCE_SECONDS = 60.0  # real attempts are made on the way
LIFETIME_SECONDS = 3600  # of a sandbox that nobody drops, because a run was interrupted


class Hookshop:
    """A shop and its subscriber. No other test sees them."""

    def __init__(self, shop: Shop, subscriber: Subscriber) -> None:
        self.shop = shop
        self.subscriber = subscriber

    def buy(self, product: str = "mug", *, quantity: int = 1, customer: str = "") -> Order:
        """Place an order in the shop."""
        return self.shop.buy(product, quantity=quantity, customer=customer)

    def wait_for_delivery(
        self,
        order: Order | str,
        *,
        state: str = "succeeded",
        event_type: str | None = None,
        timeout: float = WAIT_SECONDS,
    ) -> Delivery:
        """Return a delivery of the order with this state, as soon as there is one.

        ``timeout``: in seconds. Raise ``WaitTimeoutError``, which says what happened instead.
        """
        __tracebackhide__ = True  # of pytest: show the line of the test
        order_id = order_id_of(order)
        query = {"order_id": order_id, "state": state, "event_type": event_type}
        found = _wait(self.shop.api, "/v1/deliveries", query, timeout)
        if not found["satisfied"]:
            wanted = f"a delivery{_of_type(event_type)} in state {state}"
            raise timeouts.no_delivery(self.shop, self.subscriber, order_id, wanted, timeout)
        return Delivery.read(found["data"][0])

    def wait_for_receipt(
        self,
        order: Order | str,
        *,
        verdict: str = "accepted",
        event_type: str | None = None,
        count: int = 1,
        timeout: float = WAIT_SECONDS,
    ) -> Receipt:
        """Return the newest receipt of the order with this verdict, when there are ``count``."""
        __tracebackhide__ = True  # of pytest: show the line of the test
        order_id = order_id_of(order)
        query = {"order_id": order_id, "verdict": verdict, "event_type": event_type}
        counted = {**query, "min_count": count}
        found = _wait(self.subscriber.api, "/v1/receipts", counted, timeout)
        if not found["satisfied"]:
            how_many = "a receipt" if count == 1 else f"{count} receipts"
            wanted = f"{how_many}{_of_type(event_type)} with verdict {verdict}"
            raise timeouts.no_receipt(self.shop, self.subscriber, order_id, wanted, timeout)
        return Receipt.read(found["data"][0])

    def wait_until_quiet(
        self, level: Literal["idle", "settled"] = "settled", *, timeout: float = WAIT_SECONDS
    ) -> None:
        """Wait until nothing is being sent (idle), or until no retry is planned either (settled).

        Then look whether something did *not* happen.
        """
        __tracebackhide__ = True  # of pytest: show the line of the test
        found = _wait(self.shop.api, "/v1/quiescence", {"level": level}, timeout)
        if not found["satisfied"]:
            raise timeouts.not_quiet(self.shop, self.subscriber, level, found, timeout)

    def advance_time(  # noqa: PLR0913 – the units of time
        self,
        *,
        days: float = 0,
        hours: float = 0,
        minutes: float = 0,
        seconds: float = 0,
        to: Literal["next_attempt"] | None = None,
        timeout: float = ADVANCE_SECONDS,
    ) -> None:
        """Skip time, and return when everything that became due on the way has ended.

        Each retry is really made, in order. ``to``: skip up to the next attempt. ``timeout``: of
        the real time that this takes, in seconds.
        """
        __tracebackhide__ = True  # of pytest: show the line of the test
        distance = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
        body: Json = {"to": to} if to else {"seconds": distance}
        self.subscriber.api.post("/v1/clock/advance", body)  # which moves the shop's clock, too
        deadline = time.monotonic() + timeout
        found = _wait(self.shop.api, "/v1/clock", {}, timeout)
        left = deadline - time.monotonic()
        if not (
            found["satisfied"] and _wait(self.subscriber.api, "/v1/clock", {}, left)["satisfied"]
        ):
            raise timeouts.still_advancing(self.shop, self.subscriber, found, timeout)


@contextmanager
def new_pair(
    server: HookshopServer, *, keep: Callable[[], bool] = lambda: False, **settings: object
) -> Iterator[Hookshop]:
    """Make a sandbox in each application, the one subscribed to the other, and drop both.

    ``keep``: asked at the end, whether to leave them until they expire, an hour after their start.
    ``settings``: of the shop's sandbox, as in ``POST /v1/sandboxes``.
    """
    shop_api = ApiClient(server.shop_url, server.shop_token)
    subscriber_api = ApiClient(server.subscriber_url, server.subscriber_token)
    lifetime: Json = {"expires_in_seconds": LIFETIME_SECONDS}
    shop = shop_api.post("/v1/sandboxes", lifetime | {"jitter": 0} | settings)
    try:
        wanted = lifetime | {"shop_url": shop["base_url"], "shop_token": shop["token"]}
        subscriber = subscriber_api.post("/v1/sandboxes", wanted)
    except HookshopError:
        _drop(shop_api, shop)
        raise
    try:
        yield Hookshop(
            Shop(shop["base_url"], shop["token"]),
            Subscriber(subscriber["base_url"], subscriber["token"], subscriber["endpoint_id"]),
        )
    finally:
        if not keep():
            _drop(subscriber_api, subscriber)
            _drop(shop_api, shop)


def _drop(api: ApiClient, sandbox: Json) -> None:
    # A test may have dropped it, and a server that has ended has none.
    with suppress(HookshopError):
        api.delete(f"/v1/sandboxes/{sandbox['id']}")


def _wait(api: ApiClient, path: str, query: Query, timeout: float) -> Json:
    """Return the first response that is satisfied, or the last one before the time-out."""
    deadline = time.monotonic() + timeout
    while True:
        left = max(0.0, deadline - time.monotonic())
        wait = min(left, MAX_WAIT_SECONDS)
        found = api.get(path, {**query, "wait": wait}, seconds=wait)
        if found["satisfied"] or time.monotonic() >= deadline:
            return found


def _of_type(event_type: str | None) -> str:
    return f" of {event_type}" if event_type else ""
