"""How deliveries are made, as the worker is set up; handed to all who make and record attempts."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from shop.webhooks.retries import RetrySchedule

# How long past the request's deadline a claim holds: enough to record the attempt.
LEASE_MARGIN = timedelta(seconds=3)


@dataclass(frozen=True, slots=True)
class DeliveryRules:
    """Settings, clock and dice.

    ``issuer``: the shop's public URL, named in each token. ``random``: from 0 up to 1.
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
        """How long a claim holds."""
        return self.request_timeout + LEASE_MARGIN
