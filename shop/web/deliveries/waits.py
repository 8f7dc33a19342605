"""The wait before an attempt, in words and as a bar: schedule, jitter, Retry-After, and being late.

Called by ``timeline``. Inside a bar the parts of a wait are to scale. The bars among themselves are
not: waits of two seconds and of a day would not fit into one picture, so a bar grows with the
logarithm of its wait.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from shop.vocabulary import Trigger
from shop.web.formatting import signed_span, span
from shop.webhooks.rules.retries import Delay

MIN_BAR_SECONDS = 0.2  # a shorter wait is told in words only
FULL_BAR, MIN_BAR_PERCENT = 97.0, 6.0  # per cent of its column; the mark at its end needs some room


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a wait in words. ``kind`` picks its colour and pattern in the bar, too."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a wait in the bar; ``start`` and ``width`` in per cent of the bar's column."""

    kind: str
    start: float
    width: float


@dataclass(frozen=True, slots=True)
class Bar:
    """A wait as a picture: its segments, and where on it the plan, the start and the wish lie.

    ``asked``: what Retry-After asked for, if that was less than the wait.
    """

    segments: Sequence[Segment]
    due: float
    started: float | None
    asked: float | None


@dataclass(frozen=True, slots=True)
class Wait:
    """The wait before an attempt. ``late``: seconds from plan to start, None if not known (yet).

    ``is_decided``: later tries depend on chance and on what comes between.
    """

    delay: Delay | None
    late: float | None = None
    trigger: Trigger = Trigger.AUTOMATIC
    is_decided: bool = True

    @property
    def planned(self) -> float:
        """Seconds from the decision to the plan."""
        return self.delay.seconds if self.delay else 0

    @property
    def total(self) -> float:
        """All that the bar has to hold; what jitter took away stands beyond the plan."""
        scheduled = self.delay.schedule if self.delay else 0
        return max(scheduled, self.planned + max(self.late or 0, 0))

    @property
    def headline(self) -> str:
        """How long in all; empty where nothing had to be waited for."""
        if not self.delay:
            return ""
        if self.late is None:
            return f"{'waits' if self.is_decided else 'about'} {span(self.planned)}"
        return f"waited {span(self.planned + self.late)}"

    @property
    def parts(self) -> list[Part]:
        """In words."""
        parts = list(_reasons(self))
        if self.late is not None and self.late < 0:
            parts.append(Part("late", f"started {span(self.late)} early: a clock was set back"))
        elif self.late is not None:
            parts.append(Part("late", f"started {span(self.late)} late"))
        return parts

    def bar(self, longest: float) -> Bar | None:
        """As a picture, on the scale of the longest wait beside it; None if there is too little."""
        if self.total < MIN_BAR_SECONDS:
            return None
        length = max(FULL_BAR * math.log1p(self.total) / math.log1p(longest), MIN_BAR_PERCENT)

        def place(seconds: float) -> float:
            return round(seconds / self.total * length, 2)

        asked = self.delay.retry_after if self.delay else 0
        return Bar(
            [
                Segment(kind, place(start), round(place(end) - place(start), 2))
                for kind, start, end in _pieces(self)
                if end > start
            ],
            due=place(self.planned),
            started=None if self.late is None else place(max(self.planned + self.late, 0)),
            asked=place(asked) if 0 < asked < self.planned else None,
        )


def _reasons(wait: Wait) -> Iterator[Part]:
    delay = wait.delay
    if wait.trigger is Trigger.MANUAL:
        yield Part("by-hand", "sent by hand, due at once")
    elif wait.trigger is Trigger.RECONNECT:
        yield Part("at-once", "on a fresh connection, due at once; no step of the schedule")
    elif delay is None:
        yield Part("at-once", "due at once")
    elif not wait.is_decided:
        yield Part("expected", f"schedule {span(delay.schedule)}, jitter up to a fifth of it")
    else:
        yield Part("schedule", f"schedule {span(delay.schedule)}")
        if delay.jitter:
            kind = "jitter" if delay.jitter > 0 else "saved"
            yield Part(kind, f"jitter {signed_span(delay.jitter)}")
        if delay.retry_after:
            counts = delay.retry_after > delay.schedule + delay.jitter
            effect = "so it waits longer" if counts else "which is less"
            yield Part("retry-after", f"Retry-After {span(delay.retry_after)}, {effect}")


def _pieces(wait: Wait) -> Iterator[tuple[str, float, float]]:
    """What the bar is made of, as kind, beginning and end in seconds; painted in this order."""
    if wait.delay:
        scheduled = wait.delay.schedule
        with_jitter = scheduled + wait.delay.jitter
        yield "schedule" if wait.is_decided else "expected", 0, min(scheduled, with_jitter)
        yield "jitter", scheduled, with_jitter
        yield "retry-after", with_jitter, wait.delay.retry_after
        yield "saved", with_jitter, scheduled  # what jitter took away
    yield "late", wait.planned, wait.planned + max(wait.late or 0, 0)
