"""When a failed delivery is tried again. Pure rules: no clock, no dice, no database.

The schedule comes from ``SHOP_RETRY_SCHEDULE``.
"""

from collections.abc import Callable
from dataclasses import dataclass

JITTER = 0.2  # each delay is stretched or shortened by up to this share
MAX_DELAY_SECONDS = 7 * 24 * 3600

NAMED_SCHEDULES = {
    # Quick enough to watch on a stage: all six attempts within about a minute.
    "demo": (0, 2, 4, 8, 15, 30),
    # Ten attempts over about three days, as real senders do.
    "standard": (0, 5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400),
}


@dataclass(frozen=True, slots=True)
class Delay:
    """How long a delivery waits for its next attempt, and why so long; all in seconds.

    ``schedule``: what the schedule says. ``jitter``: how much chance adds to it or, when negative,
    takes away. ``retry_after``: how long the endpoint asked us to wait; 0 when it did not.
    """

    schedule: float
    jitter: float = 0
    retry_after: float = 0

    @property
    def seconds(self) -> float:
        """What is waited: an endpoint can ask for more patience, never for less."""
        return max(self.schedule + self.jitter, self.retry_after)


@dataclass(frozen=True, slots=True)
class RetrySchedule:
    """``delays[n]`` is the wait in seconds before attempt ``n + 1``; the first is usually 0."""

    delays: tuple[float, ...]

    @classmethod
    def parse(cls, text: str) -> "RetrySchedule":
        """Read ``"demo"``, ``"standard"`` or a list of seconds such as ``"0, 5, 60"``.

        Raises ``ValueError`` that says what is wrong.
        """
        if text in NAMED_SCHEDULES:
            return cls(NAMED_SCHEDULES[text])
        try:
            delays = tuple(float(part) for part in text.split(","))
        except ValueError:
            names = " or ".join(NAMED_SCHEDULES)
            raise ValueError(f"expected {names}, or seconds separated by commas") from None
        # The comparison is written so that NaN, too, falls out.
        if not all(0 <= delay <= MAX_DELAY_SECONDS for delay in delays):
            raise ValueError(f"each delay must be from 0 to {MAX_DELAY_SECONDS} seconds")
        return cls(delays)

    def delay_before(self, attempt_number: int, random: Callable[[], float]) -> Delay | None:
        """The wait before this attempt (the first is 1), or None when none is left.

        ``random``: returns a number from 0 up to 1, as ``random.random`` does. Without jitter,
        everything that failed together would come back together, again and again.
        """
        if attempt_number > len(self.delays):
            return None
        scheduled = self.delays[attempt_number - 1]
        return Delay(scheduled, jitter=scheduled * JITTER * (2 * random() - 1))

    def delays_after(self, attempt_number: int) -> tuple[float, ...]:
        """What the schedule still has in store when that many attempts were made."""
        return self.delays[attempt_number:]
