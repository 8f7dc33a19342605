"""The facts for the picture of the flow, read at one moment."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from shop.vocabulary import DeliveryState, EndpointStatus, EventType
from shop.web.endpoint_names import endpoint_name

MAX_COUNT = 5000  # orders of the last minute; counting more would be slow


@dataclass(frozen=True, slots=True)
class EndpointFacts:
    """An endpoint and the number of its deliveries in each state.

    `due`: pending deliveries whose `next_attempt_at` has passed, at most `MAX_DUE`. `passing`:
    those that a person has resent, which ignore an open circuit breaker and Retry-After.
    `failed_attempts`: in a row. `probe_at`: set while the circuit breaker is open. `hold_until`:
    the end of the pause that Retry-After asked for. `next_attempt_at`: the earliest of all pending
    deliveries. `concurrency`: how many deliveries may be in flight to the endpoint.
    """

    id: str
    webhook_url: str
    status: EndpointStatus
    concurrency: int
    description: str = ""
    disabled_reason: str | None = None
    failed_attempts: int = 0
    probe_at: datetime | None = None
    hold_until: datetime | None = None
    next_attempt_at: datetime | None = None
    pending: int = 0
    due: int = 0
    passing: int = 0
    sending: int = 0
    succeeded: int = 0
    failed: int = 0

    @property
    def has_free_slot(self) -> bool:
        """Whether one more delivery may be in flight."""
        return self.sending < self.concurrency

    @property
    def name(self) -> str:
        """The label of its lane."""
        return endpoint_name(self)


@dataclass(frozen=True, slots=True)
class DeliveryFacts:
    """A delivery. `passes_breaker`: its next attempt ignores an open circuit breaker.

    `value_cents`: the amount in its event, negative for a refund; None without an order.
    `outcome`: the result of the last attempt, such as `500` or `response_timeout`.
    """

    id: str
    endpoint_id: str
    event_type: EventType
    state: DeliveryState
    waits_since: datetime
    order_id: str | None = None
    value_cents: int | None = None
    attempt_count: int = 0
    next_attempt_at: datetime | None = None
    lease_expires_at: datetime | None = None
    passes_breaker: bool = False
    outcome: str = ""


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """An order whose message has no subscribers."""

    id: str
    total_cents: int


@dataclass(frozen=True, slots=True)
class Facts:
    """All facts of one moment.

    `endpoints`: oldest first. `deliveries`: the newest, the unfinished ones that are next, and some
    that failed. `orders_without_subscribers`: some of the newest orders. `queue_length`: None if
    Redis does not answer. `workers`: None if their number is unknown.
    """

    now: datetime
    endpoints: Sequence[EndpointFacts] = ()
    deliveries: Sequence[DeliveryFacts] = ()
    orders_without_subscribers: Sequence[OrderFacts] = ()
    orders: int = 0
    orders_in_last_minute: int = 0
    failed: int = 0
    queue_length: int | None = 0
    workers: int | None = 1

    @property
    def redis_answers(self) -> bool:
        """Whether workers are woken through Redis."""
        return self.queue_length is not None

    @property
    def has_no_worker(self) -> bool:
        """Whether it is certain that no worker is alive."""
        return self.workers == 0
