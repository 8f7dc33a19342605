"""The slots of a worker: how many deliveries it sends at the same time, and for whom.

A delivery whose receiver hangs cannot be interrupted. So a tenth of the slots is kept for sandboxes
with fewer than two deliveries in flight: sandboxes in which everything hangs cannot take them, and
the others are served without waiting for a deadline.
"""

from collections import Counter
from collections.abc import Iterable

MAX_IN_FLIGHT = 600  # per worker; most systems limit a process to 1,024 open files
RESERVED_SLOTS = MAX_IN_FLIGHT // 10
MIN_PER_SANDBOX = 2


class Slots:
    """The slots of one worker while it claims. ``in_flight``: the sandbox of each delivery."""

    def __init__(self, in_flight: Iterable[int] = ()) -> None:
        self._used = Counter(in_flight)
        self._total = self._used.total()

    def used(self, sandbox: int) -> int:
        """Return the number of deliveries in flight of this sandbox."""
        return self._used[sandbox]

    def free(self, sandbox: int) -> int:
        """Return how many more deliveries of this sandbox may be in flight."""
        unreserved = MAX_IN_FLIGHT - RESERVED_SLOTS - self._total
        reserved = min(MIN_PER_SANDBOX - self._used[sandbox], MAX_IN_FLIGHT - self._total)
        return max(unreserved, reserved, 0)

    def take(self, sandbox: int, count: int) -> None:
        """Use slots for deliveries of this sandbox."""
        self._used[sandbox] += count
        self._total += count
