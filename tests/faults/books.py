"""Counts the rows of both databases and the forwarded requests, and compares both sides.

It reads the databases directly, because the applications' own numbers are under test.
"""

from dataclasses import dataclass
from typing import Any

from tests.faults.databases import Book
from tests.faults.proxy import Proxy
from tests.waiting import MAX_WAIT_SECONDS, wait_for

SHOP_FACTS = (
    "attempt",
    "delivery",
    "message",
    "used_idempotency_key",
    "order_line",
    "shop_order",
    "order_tally",
    "state_tally",
    "delivery_tally",
    "attempt_tally",
)
SUBSCRIBER_FACTS = ("purchase", "handled_message", "receipt")
COUNT_DELIVERIES = """
    SELECT state, count(*) FROM delivery
    WHERE endpoint_id = coalesce(?, endpoint_id) GROUP BY state ORDER BY state
"""


@dataclass(frozen=True, slots=True)
class Count:
    """One line of a report. ``deliveries``: those to the subscriber, by state."""

    orders: int
    messages: int
    deliveries: dict[str, int]
    attempts: int
    requests: int
    purchases: int

    def __str__(self) -> str:
        states = ", ".join(f"{count} {state}" for state, count in self.deliveries.items())
        return (
            f"{self.orders} orders, {self.messages} messages, deliveries: {states or 'none'}, "
            f"{self.requests} requests, {self.purchases} purchases booked"
        )


@dataclass(frozen=True, slots=True)
class Books:
    """The databases of the shop and the subscriber, and the proxy between them."""

    shop: Book
    subscriber: Book
    proxy: Proxy

    def count(self) -> Count:
        """Return the current counts."""
        endpoint = self.subscriber_endpoint()
        return Count(
            orders=self.of_shop("SELECT count(*) FROM shop_order")[0][0],
            messages=self.of_shop("SELECT count(*) FROM message WHERE order_id NOTNULL")[0][0],
            deliveries=dict(self.of_shop(COUNT_DELIVERIES, endpoint)),
            attempts=self.of_shop("SELECT count(*) FROM attempt WHERE endpoint_id = ?", endpoint)[
                0
            ][0],
            requests=self.proxy.requests,
            purchases=self.of_subscriber("SELECT count(*) FROM purchase")[0][0],
        )

    def wait_until_delivered(self, patience: float = MAX_WAIT_SECONDS) -> None:
        """Wait until every order's delivery to the subscriber has succeeded."""

        def delivered() -> bool:
            count = self.count()
            return count.deliveries == {"succeeded": count.orders}

        try:
            wait_for(delivered, "everything is delivered", patience)
        except AssertionError as error:
            raise AssertionError(f"{error}; there are {self.count()}") from None

    def compare(self) -> None:
        """Fail unless each order has its message, its delivery and exactly one booked purchase."""
        count = self.count()
        assert count.messages == count.orders, count
        assert sum(count.deliveries.values()) == count.orders, count
        ordered = self.of_shop("SELECT id, total_cents FROM shop_order ORDER BY id")
        booked = self.of_subscriber("SELECT order_id, value_cents FROM purchase ORDER BY order_id")
        assert booked == ordered, count
        numbers = self.of_shop("SELECT delivery_id, count(*), max(number) FROM attempt GROUP BY 1")
        assert [row for row in numbers if row[1] != row[2]] == []

    def verdicts(self) -> dict[str, int]:
        """Return the number of the subscriber's receipts by verdict."""
        return dict(self.of_subscriber("SELECT verdict, count(*) FROM receipt GROUP BY verdict"))

    def subscriber_endpoint(self) -> str:
        """Return the endpoint id of the subscriber."""
        return str(self.of_subscriber("SELECT endpoint_id FROM subscription")[0][0])

    def of_shop(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        return self.shop.read(query, *values)

    def of_subscriber(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        return self.subscriber.read(query, *values)

    def change_shop(self, statement: str, *values: Any) -> None:
        """Run a statement on the shop's database."""
        self.shop.write((statement, values))

    def delete_all(self) -> None:
        """Delete orders, receipts and other endpoints, and reset the subscriber's endpoint."""
        standing = (self.subscriber_endpoint(),)
        self.shop.write(
            *self.shop.keep_workers_out,
            *((f"DELETE FROM {table}", ()) for table in SHOP_FACTS),
            ("DELETE FROM endpoint_secret WHERE endpoint_id <> ?", standing),
            ("DELETE FROM endpoint WHERE id <> ?", standing),
            ("DELETE FROM sandbox WHERE number > 0", ()),
            ("UPDATE endpoint SET failed_attempts = 0, probe_at = NULL, places = 20", ()),
        )
        self.subscriber.write(*((f"DELETE FROM {table}", ()) for table in SUBSCRIBER_FACTS))
