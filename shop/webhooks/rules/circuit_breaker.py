"""A circuit breaker: when to leave a failing endpoint alone for a while.

An endpoint that keeps failing is not called for every due delivery, but once in a while, until a
request succeeds. Hammering a server that is down helps nobody, and other endpoints need the slots.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

FAILURES_TO_OPEN = 20  # attempts in a row; a single delivery on the demo schedule makes six
MIN_PAUSE = timedelta(seconds=5)
MAX_PAUSE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class CircuitBreaker:
    """``failures``: failed attempts in a row. ``probe_at``: set while the breaker is open.

    While it is open, nothing is sent before ``probe_at``. From then on one delivery at a time goes
    out as a probe, until one succeeds.
    """

    failures: int = 0
    probe_at: datetime | None = None

    def after_success(self) -> "CircuitBreaker":
        """Return a closed breaker."""
        return CircuitBreaker()

    def after_failure(self, now: datetime) -> "CircuitBreaker":
        """Count a failure: the twentieth opens the breaker, each failed probe doubles the pause."""
        failures = self.failures + 1
        if failures < FAILURES_TO_OPEN:
            return CircuitBreaker(failures)
        if self.probe_at and self.probe_at > now:
            # This request went out before the breaker opened: it tells nothing new.
            return CircuitBreaker(self.failures, self.probe_at)
        # Bound the exponent: after a day of probes the number would be astronomical.
        pause = MIN_PAUSE * 2 ** min(failures - FAILURES_TO_OPEN, 10)
        return CircuitBreaker(failures, now + min(pause, MAX_PAUSE))
