"""The steps of an advance: how far to move the plan of a sandbox, and when the advance ends.

An advance never skips an attempt. Each step goes to the next planned moment, and the next step is
taken when the attempts of that moment have ended.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

MAX_PENDING = 10_000  # deliveries: each step moves all of them

MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Step:
    """How far to move the plan. ``remaining_ms``: how far the advance may go after it.

    ``is_last``: nothing is due after it, so the advance ends.
    """

    skip_ms: int
    remaining_ms: int
    is_last: bool

    @property
    def skip(self) -> timedelta:
        """The distance of the step."""
        return self.skip_ms * MILLISECOND


def next_step(remaining_ms: int | None, planned_in_ms: int | None) -> Step:
    """Return the next step of an advance in a sandbox where nothing is due or in flight.

    ``remaining_ms``: how far it may still go; None: as far as the next planned attempt.
    ``planned_in_ms``: how far away that is; None: no attempt is planned.
    """
    if remaining_ms is None:
        return Step(planned_in_ms or 0, 0, is_last=planned_in_ms is None)
    if planned_in_ms is None or planned_in_ms > remaining_ms:
        return Step(remaining_ms, 0, is_last=True)
    return Step(planned_in_ms, remaining_ms - planned_in_ms, is_last=False)


def whole_ms(distance: timedelta) -> int:
    """Return the distance in milliseconds, rounded up, so that what it leads to is due after it."""
    return math.ceil(distance / MILLISECOND)


def ms_until(planned_at: datetime | None, now: datetime) -> int | None:
    """Return how far away a planned moment is, at least 0; None if there is none."""
    return None if planned_at is None else max(whole_ms(planned_at - now), 0)
