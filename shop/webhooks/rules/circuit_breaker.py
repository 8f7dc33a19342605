"""A circuit breaker: holds back the deliveries of an endpoint that keeps failing.

While it is open, only a probe goes out now and then (``MIN_PAUSE`` to ``MAX_PAUSE``), until
one succeeds. That spares a server that is down, and leaves the worker's slots to other endpoints.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from shop.vocabulary import BreakerState

FAILURES_TO_OPEN = 20  # failed attempts in a row; one delivery with the demo schedule makes six
MIN_PAUSE = timedelta(seconds=5)
MAX_PAUSE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class CircuitBreaker:
    """The state of an endpoint's circuit breaker.

    ``failures``: failed attempts in a row. ``probe_at``: set while the breaker is open. Nothing is
    sent before ``probe_at``; then one delivery at a time is sent as a probe, until one succeeds.
    """

    failures: int = 0
    probe_at: datetime | None = None

    def state(self, now: datetime) -> BreakerState:
        """Return whether deliveries are sent."""
        if self.probe_at is None:
            return BreakerState.CLOSED
        return BreakerState.OPEN if self.probe_at > now else BreakerState.HALF_OPEN

    def after_success(self) -> "CircuitBreaker":
        """Return a closed breaker."""
        return CircuitBreaker()

    def after_failure(
        self, now: datetime, *, failures_to_open: int = FAILURES_TO_OPEN
    ) -> "CircuitBreaker":
        """Return the breaker after a failed attempt.

        The failure number ``failures_to_open`` opens it; 0: none does. Each failed probe doubles
        the pause.
        """
        failures = self.failures + 1
        if failures < failures_to_open or failures_to_open == 0:
            return CircuitBreaker(failures)
        if self.probe_at and self.probe_at > now:
            # This request was sent before the breaker opened, so its failure does not count.
            return CircuitBreaker(self.failures, self.probe_at)
        # Limit the exponent: after a day of probes the pause would overflow.
        pause = MIN_PAUSE * 2 ** min(failures - failures_to_open, 10)
        return CircuitBreaker(failures, now + min(pause, MAX_PAUSE))
