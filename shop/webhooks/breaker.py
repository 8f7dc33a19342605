"""When to leave an endpoint alone for a while: a circuit breaker. Pure: no clock, no database.

An endpoint that fails again and again is not called for each delivery that is due, but only once in
a while, until a call succeeds: nobody gains from hammering what is down, and others wait meanwhile.
Called by ``delivery`` after each attempt.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

FAILURES_TO_OPEN = 20  # attempts in a row; a single delivery on the demo schedule makes six
FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Breaker:
    """``failures``: attempts in a row that failed. ``probe_at``: not before then, if set.

    With ``probe_at`` set the breaker is open: nothing is sent before that moment, and from then on
    one delivery at a time, as a probe, until one succeeds.
    """

    failures: int = 0
    probe_at: datetime | None = None

    def after_success(self) -> "Breaker":
        """Closed: all is well."""
        return Breaker()

    def after_failure(self, now: datetime) -> "Breaker":
        """One failure more; opens at the twentieth, and waits longer after each failed probe."""
        failures = self.failures + 1
        if failures < FAILURES_TO_OPEN:
            return Breaker(failures)
        if self.probe_at and self.probe_at > now:
            # Was sent before the breaker opened, and says nothing new.
            return Breaker(self.failures, self.probe_at)
        # The exponent is bounded, since after a day of probes the number would be astronomical.
        pause = FIRST_PAUSE * 2 ** min(failures - FAILURES_TO_OPEN, 10)
        return Breaker(failures, now + min(pause, LONGEST_PAUSE))
