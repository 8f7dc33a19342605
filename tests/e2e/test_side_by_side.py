"""Many sandboxes of one demo at once: nobody sees, uses up or breaks what belongs to another."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from tests.e2e.pair import Running, new_pair
from tests.programs import buy, client, inject_fault
from tests.waiting import wait_for

LEARNERS, ORDERS, REFUNDS = 8, 20, 1


@dataclass(frozen=True, slots=True)
class Learner:
    """Somebody with a pair of sandboxes, whose fault script is as long as their number."""

    number: int
    shop: httpx.Client
    subscriber: httpx.Client

    def play(self) -> "Books":
        """Buy, refund once, and read the books when everything has arrived."""
        if self.number:
            inject_fault(self.subscriber, "script", script=" ".join(["503"] * self.number))
        first, *_others = [buy(self.shop) for _ in range(ORDERS)]
        order_id = self._read(self.shop, f"/v1/deliveries/{first}")["order_id"]
        self.shop.post(f"/v1/orders/{order_id}/refund").raise_for_status()
        return wait_for(self._books_if_settled, f"learner {self.number} is done", patience=60)

    def _books_if_settled(self) -> "Books | None":
        stats = self._read(self.shop, "/v1/stats")
        if stats["deliveries"]["succeeded"] < ORDERS + REFUNDS:
            return None
        receipts = self._read(self.subscriber, "/v1/receipts?limit=100")["data"]
        return Books(
            orders=stats["orders"],
            deliveries={state: n for state, n in stats["deliveries"].items() if n},
            verdicts=Counter(each["verdict"] for each in receipts),
            sold_cents=stats["revenue_cents"],
            booked_cents=self._read(self.subscriber, "/v1/stats")["revenue_cents"],
        )

    @staticmethod
    def _read(application: httpx.Client, path: str) -> dict[str, Any]:
        document: dict[str, Any] = application.get(path).raise_for_status().json()
        return document


@dataclass(frozen=True, slots=True)
class Books:
    """What one learner finds in both applications."""

    orders: int
    deliveries: dict[str, int]
    verdicts: Counter[str]
    sold_cents: int
    booked_cents: int


@contextmanager
def learner(demo: Running, number: int) -> Iterator[Learner]:
    with (
        new_pair(demo) as pair,
        client(pair.shop_url) as shop,
        client(pair.subscriber_url) as subscriber,
    ):
        yield Learner(number, shop, subscriber)


def test_eight_learners_at_once_each_find_exactly_their_own(demo: Running) -> None:
    def play(number: int) -> Books:
        with learner(demo, number) as one:
            return one.play()

    with ThreadPoolExecutor(LEARNERS) as threads:
        found = list(threads.map(play, range(LEARNERS)))

    price = found[0].sold_cents // (ORDERS - REFUNDS)
    assert found == [
        Books(
            orders=ORDERS,
            deliveries={"succeeded": ORDERS + REFUNDS},
            verdicts=Counter(accepted=ORDERS + REFUNDS, rejected=number),
            sold_cents=price * (ORDERS - REFUNDS),
            booked_cents=price * (ORDERS - REFUNDS),
        )
        for number in range(LEARNERS)
    ]
