"""The retry schedule. Pure: no clock, no random source, no database.

The setting is ``SHOP_RETRY_SCHEDULE``.
"""

from collections.abc import Callable
from dataclasses import dataclass

# Maximum share by which a delay is made longer or shorter, and what a sandbox may set it to.
JITTER = 0.2
MAX_JITTER = 0.5
MAX_DELAY_SECONDS = 7 * 24 * 3600

NAMED_SCHEDULES = {
    # Short enough to watch in a demo: all six attempts within about a minute.
    "demo": (0, 2, 4, 8, 15, 30),
    # Ten attempts over about three days, as real senders do.
    "standard": (0, 5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400),
}


@dataclass(frozen=True, slots=True)
class Delay:
    """The delay before an attempt and its parts, all in seconds.

    ``schedule``: the delay in the schedule. ``jitter``: a random amount to add, possibly negative.
    ``retry_after``: the delay that the endpoint asked for, or 0.
    """

    schedule: float
    jitter: float = 0
    retry_after: float = 0

    @property
    def seconds(self) -> float:
        """The whole delay. ``retry_after`` can make it longer, never shorter."""
        return max(self.schedule + self.jitter, self.retry_after)


@dataclass(frozen=True, slots=True)
class RetrySchedule:
    """``delays[n]`` is the wait in seconds before attempt ``n + 1``; the first is usually 0."""

    delays: tuple[float, ...]

    @classmethod
    def parse(cls, text: str) -> "RetrySchedule":
        """Return the schedule for ``demo``, ``standard`` or a list of seconds such as ``0, 5, 60``.

        Raise ``ValueError`` with the reason if the text is neither.
        """
        if text in NAMED_SCHEDULES:
            return cls(NAMED_SCHEDULES[text])
        try:
            delays = tuple(float(part) for part in text.split(","))
        except ValueError:
            names = " or ".join(NAMED_SCHEDULES)
            raise ValueError(f"expected {names}, or seconds separated by commas") from None
        # This comparison is also false for NaN.
        if not all(0 <= delay <= MAX_DELAY_SECONDS for delay in delays):
            raise ValueError(f"each delay must be from 0 to {MAX_DELAY_SECONDS} seconds")
        return cls(delays)

    def __str__(self) -> str:
        """Return the seconds as ``parse`` reads them, such as ``0,0.2,5``."""
        return ",".join(f"{delay:.15g}" for delay in self.delays)

    def delay_before(
        self, attempt_number: int, random: Callable[[], float], *, jitter: float = JITTER
    ) -> Delay | None:
        """Return the delay before this attempt (the first is 1), or None if none is left.

        ``random``: returns a number from 0 up to 1, as ``random.random`` does. ``jitter``: the
        maximum share by which the delay is made longer or shorter. Without jitter, deliveries that
        failed together would all be retried together.
        """
        if attempt_number > len(self.delays):
            return None
        scheduled = self.delays[attempt_number - 1]
        return Delay(scheduled, jitter=scheduled * jitter * (2 * random() - 1))

    def delays_after(self, attempt_number: int) -> tuple[float, ...]:
        """Return the delays that are left after this number of attempts."""
        return self.delays[attempt_number:]
