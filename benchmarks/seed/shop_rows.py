"""Generates a shop's history: orders, messages, deliveries and attempts.

Of every ten orders, three are shipped and one is refunded. Nine of ten deliveries succeed at once,
most others after a retry; the rest fail. One endpoint is paused, and recent deliveries to it are
pending. Requests have valid signatures.
"""

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any
from uuid import UUID

from benchmarks.seed.bulk_load import Row
from benchmarks.seed.times import next_moment, sqlite_time, uuid7_hex
from shop import __version__
from shop.orders.catalog import CATALOG
from shop.vocabulary import DeliveryState, EventType, Trigger
from shop.webhooks.rules.events import Event, serialize
from shop.webhooks.rules.retries import NAMED_SCHEDULES
from shop.webhooks.rules.signing import LiveSecret, SignedContent, signing_headers

NAMES = ("Ada", "Grace", "Alan", "Barbara", "Edsger", "Frances", "Donald", "Radia", "")
SCHEDULE = NAMED_SCHEDULES["demo"]
PAUSED_FOR = timedelta(minutes=10)
DELIVERIES_PER_ORDER = 2.7  # on average: 1 to the CRM, 1.4 to the ledger, 0.3 to the warehouse

Outcome = int | str  # a status, or the name of an error
# Percentage of deliveries, the outcomes of their attempts, their state.
DELIVERY_OUTCOMES: Sequence[tuple[float, tuple[Outcome, ...], DeliveryState]] = (
    (90, (200,), DeliveryState.SUCCEEDED),
    (5, (500, 200), DeliveryState.SUCCEEDED),
    (2, ("response_timeout", 503, 202), DeliveryState.SUCCEEDED),
    (1, (503, 503, "connection_refused", 503, 503, 503), DeliveryState.FAILED),
    (1, (404, 404, 404, 404, 404, 404), DeliveryState.FAILED),
    (1, (429, "connection_reset"), DeliveryState.CANCELLED),
)
_WEIGHTS = [weight for weight, _outcomes, _state in DELIVERY_OUTCOMES]


@dataclass(frozen=True, slots=True)
class Target:
    """An endpoint. ``latency_ms``: its mean response time."""

    id: str
    url: str
    secret: LiveSecret
    event_types: Sequence[EventType]
    latency_ms: float
    is_paused: bool = False


@dataclass(frozen=True, slots=True)
class History:
    """The parameters. ``span``: the length of the history before ``now``.

    ``issuer``: the shop's URL.
    """

    targets: Sequence[Target]
    issuer: str
    now: datetime
    span: timedelta
    rng: random.Random

    def rows(self, deliveries: int) -> Iterator[Row]:
        """Yield orders with their rows until there are ``deliveries`` deliveries."""
        moment = self.now - self.span
        while deliveries:
            left = deliveries / DELIVERIES_PER_ORDER
            moment = next_moment(moment, until=self.now, left=left, rng=self.rng)
            for row in self._order(moment):
                if row[0] == "delivery":
                    if not deliveries:
                        return
                    deliveries -= 1
                yield row

    def _order(self, moment: datetime) -> Iterator[Row]:
        order_id = f"ord_{uuid7_hex(moment, self.rng)}"
        lines = list(self._lines(order_id))
        total = sum(line["unit_price_cents"] * line["quantity"] for line in lines)
        shipped_at = self._later(moment, 0.3, timedelta(hours=1))
        refunded_at = self._later(moment, 0.1, timedelta(hours=3))
        yield (
            "shop_order",
            {
                "id": order_id,
                "customer_name": self.rng.choice(NAMES),
                "total_cents": total,
                "created_at": sqlite_time(moment),
                "shipped_at": sqlite_time(shipped_at) if shipped_at else None,
                "refunded_at": sqlite_time(refunded_at) if refunded_at else None,
            },
        )
        for line in lines:
            yield "order_line", line
        yield from self._message(EventType.PURCHASE_CREATED, moment, total, order_id)
        if shipped_at:
            yield from self._message(EventType.PURCHASE_SHIPPED, shipped_at, total, order_id)
        if refunded_at:
            yield from self._message(EventType.PURCHASE_REFUNDED, refunded_at, -total, order_id)

    def _later(self, moment: datetime, share: float, most: timedelta) -> datetime | None:
        """Return a later time with probability ``share``; otherwise or if in the future, None."""
        if self.rng.random() >= share:
            return None
        later = moment + most * self.rng.random()
        return later if later < self.now else None

    def _lines(self, order_id: str) -> Iterator[dict[str, Any]]:
        count = self.rng.choice((1, 1, 1, 2, 3))
        for position, product in enumerate(self.rng.sample(CATALOG, count), start=1):
            yield {
                "order_id": order_id,
                "position": position,
                "product_id": product.id,
                "product_name": product.name,
                "unit_price_cents": product.price_cents,
                "quantity": self.rng.choice((1, 1, 1, 2, 5)),
            }

    def _message(
        self, kind: EventType, moment: datetime, cents: int, order_id: str
    ) -> Iterator[Row]:
        event = Event(UUID(hex=uuid7_hex(moment, self.rng)), kind, moment, cents, order_id)
        body = serialize(event)
        yield (
            "message",
            {
                "id": event.message_id,
                "event_type": kind.value,
                "order_id": order_id,
                "body": body,
                "created_at": sqlite_time(moment),
            },
        )
        for target in self.targets:
            if kind in target.event_types:
                yield from self._delivery(event, body, target)

    def _delivery(self, event: Event, body: bytes, target: Target) -> Iterator[Row]:
        delivery_id = f"dlv_{uuid7_hex(event.occurred_at, self.rng)}"
        waits = target.is_paused and event.occurred_at > self.now - PAUSED_FOR
        outcomes, state = ((), DeliveryState.PENDING) if waits else self._outcome()
        attempts = list(self._attempts(delivery_id, event, body, target, outcomes))
        last = attempts[-1] if attempts else None
        created_at = sqlite_time(event.occurred_at)
        yield (
            "delivery",
            {
                "id": delivery_id,
                "message_id": event.message_id,
                "endpoint_id": target.id,
                "event_type": event.type.value,
                "state": state.value,
                "attempt_count": len(attempts),
                "next_attempt_at": created_at if waits else None,
                "waits_since": last["decided_at"] if last else created_at,
                "next_trigger": Trigger.AUTOMATIC.value,
                "fence": len(attempts),
                "last_status": last["response_status"] if last else None,
                "last_error": last["error"] if last else None,
                "created_at": created_at,
                "completed_at": last["started_at"] if last else None,
            },
        )
        for attempt in attempts:
            yield "attempt", attempt

    def _outcome(self) -> tuple[tuple[Outcome, ...], DeliveryState]:
        [(_weight, outcomes, state)] = self.rng.choices(DELIVERY_OUTCOMES, _WEIGHTS)
        return outcomes, state

    def _attempts(
        self,
        delivery_id: str,
        event: Event,
        body: bytes,
        target: Target,
        outcomes: Sequence[Outcome],
    ) -> Iterator[dict[str, Any]]:
        due = event.occurred_at
        for number, (outcome, delay) in enumerate(zip(outcomes, SCHEDULE, strict=False), start=1):
            decided, due = due, due + timedelta(seconds=delay)
            started = due + timedelta(milliseconds=5 + 40 * self.rng.random())
            content = SignedContent(event.message_id, int(started.timestamp()), body)
            yield {
                "delivery_id": delivery_id,
                "number": number,
                "endpoint_id": target.id,
                "trigger": Trigger.AUTOMATIC.value,
                "decided_at": sqlite_time(decided),
                "due_at": sqlite_time(due),
                "delay": f'{{"schedule": {delay}, "jitter": 0, "retry_after": 0}}'
                if delay
                else None,
                "enqueued_at": sqlite_time(due),
                "started_at": sqlite_time(started),
                "request_url": target.url,
                "request_headers": self._request_headers(content, target),
                "response_truncated": 0,
                **self._response_columns(outcome, target, started),
            }

    def _request_headers(self, content: SignedContent, target: Target) -> str:
        signed = signing_headers(content, [target.secret], issuer=self.issuer, audience=target.url)
        return json.dumps(
            {
                "host": target.url.split("/")[2],
                "user-agent": f"Hookshop/{__version__}",
                "accept": "*/*",
                "accept-encoding": "identity",
                "content-type": "application/json",
                "content-length": str(len(content.body)),
                **{name.lower(): value for name, value in signed.items()},
            }
        )

    def _response_columns(self, outcome: Outcome, target: Target, at: datetime) -> dict[str, Any]:
        """Return the columns of the response; an outcome with a name is an error without one."""
        took = max(1, int(self.rng.gammavariate(4, target.latency_ms / 4)))
        if isinstance(outcome, str):
            return {
                "duration_ms": 10_000 if outcome.endswith("timeout") else took,
                "timings": None,
                "response_status": None,
                "response_headers": None,
                "response_body": None,
                "error": outcome,
                "error_detail": outcome.replace("_", " "),
            }
        is_success = outcome < HTTPStatus.BAD_REQUEST
        answer = b'{"status": "ok"}' if is_success else b'{"detail": "try again later"}'
        headers = {
            "date": f"{at:%a, %d %b %Y %H:%M:%S} GMT",
            "content-type": "application/json",
            "content-length": str(len(answer)),
        }
        return {
            "duration_ms": took,
            "timings": f'{{"waiting_ms": {took - 0.4:.1f}, "reading_ms": 0.2,'
            ' "reused_connection": true}',
            "response_status": outcome,
            "response_headers": json.dumps(headers),
            "response_body": answer,
            "error": None,
            "error_detail": None,
        }
