"""When a failed delivery is tried again. Pure rules: no clock, no dice, no database.

Called by ``webhooks.delivery`` after each attempt; the schedule comes from ``SHOP_RETRY_SCHEDULE``.
"""

from collections.abc import Callable
from dataclasses import dataclass

JITTER = 0.2  # each delay is stretched or shortened by up to this share
LONGEST_DELAY_SECONDS = 7 * 24 * 3600

NAMED_SCHEDULES = {
    # Quick enough to watch on a stage: all six attempts within about a minute.
    "demo": (0, 2, 4, 8, 15, 30),
    # Ten attempts over about three days, as real senders do.
    "standard": (0, 5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400),
}


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
        if not all(0 <= delay <= LONGEST_DELAY_SECONDS for delay in delays):
            raise ValueError(f"each delay must be from 0 to {LONGEST_DELAY_SECONDS} seconds")
        return cls(delays)

    def delay_before(self, attempt_number: int, random: Callable[[], float]) -> float | None:
        """Seconds to wait before this attempt (the first is 1), or None when none is left.

        ``random``: returns a number from 0 up to 1, as ``random.random`` does.
        """
        if attempt_number > len(self.delays):
            return None
        delay = self.delays[attempt_number - 1]
        return delay * (1 - JITTER + 2 * JITTER * random())
