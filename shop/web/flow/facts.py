"""What is known at one moment: all that the picture of the flow is drawn from. Pure values.

Filled in by ``reading``. Counts stop at ``MOST_COUNTED``: more would cost and tell little.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from shop.vocabulary import DeliveryState, EndpointStatus, EventType

MOST_COUNTED = 5000


@dataclass(frozen=True, slots=True)
class EndpointFacts:
    """An endpoint and its deliveries, counted. ``due``: those pending whose wait is over.

    ``probe_at``: set while its circuit breaker is open. ``hold_until``: what Retry-After asked
    for. ``next_attempt_at``: of whichever pending delivery is first. ``share``: how many may be on
    their way to it at once.
    """

    id: str
    webhook_url: str
    status: EndpointStatus
    share: int
    disabled_reason: str | None = None
    probe_at: datetime | None = None
    hold_until: datetime | None = None
    next_attempt_at: datetime | None = None
    pending: int = 0
    due: int = 0
    sending: int = 0
    succeeded: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class DeliveryFacts:
    """A delivery. ``passes_breaker``: its next attempt ignores an open breaker.

    ``value_cents``: the amount in its event, negative for a refund; None without an order.

    ``outcome``: what the last attempt came to, such as ``500`` or ``response_timeout``.
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
    """An order that no endpoint wants to be told of."""

    id: str
    total_cents: int


@dataclass(frozen=True, slots=True)
class Facts:
    """One moment. ``endpoints``: the oldest first. ``deliveries``: the newest, and those under way.

    ``queue_length``: None when Redis does not answer. ``workers``: None when that is not known.
    """

    now: datetime
    endpoints: Sequence[EndpointFacts] = ()
    deliveries: Sequence[DeliveryFacts] = ()
    untold: Sequence[OrderFacts] = ()
    orders: int = 0
    orders_of_last_minute: int = 0
    failed: int = 0
    queue_length: int | None = 0
    workers: int | None = 1

    @property
    def redis_answers(self) -> bool:
        """Whether wake-ups go through."""
        return self.queue_length is not None

    @property
    def nobody_works(self) -> bool:
        """Whether it is known that no worker is alive."""
        return self.workers == 0
