"""The settings of the delivery engine, with its clock and its source of randomness."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from shop.webhooks.rules.retries import RetrySchedule

# From the timeout of the request to the end of the lease, to record the attempt.
LEASE_MARGIN = timedelta(seconds=3)


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """The settings of the delivery engine.

    ``request_timeout``: for the whole exchange. ``issuer``: the shop's public URL, named in each
    token. ``now``: returns the time in UTC. ``random``: returns a number from 0 up to 1.
    ``disable_after``: failed deliveries in a row that disable an endpoint; 0: never.
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
