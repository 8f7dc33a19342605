"""How a worker delivers: its settings, its clock and its source of randomness."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from shop.webhooks.rules.retries import RetrySchedule

# How long a claim outlasts the request's deadline: enough time to record the attempt.
LEASE_MARGIN = timedelta(seconds=3)


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """``issuer``: the shop's public URL, named in each token. ``random``: returns 0 up to 1.

    ``disable_after``: failed deliveries in a row that disable an endpoint; 0 for never.
    """

    schedule: RetrySchedule
    request_timeout: timedelta
    issuer: str
    now: Callable[[], datetime]
    random: Callable[[], float]
    disable_after: int = 0

    @property
    def lease(self) -> timedelta:
        """How long a claim is valid."""
        return self.request_timeout + LEASE_MARGIN
