"""The wait before an attempt, as text and as a bar: schedule, jitter, Retry-After, skipped time.

The parts of one bar are drawn to scale. The lengths of bars are not: waits of two seconds and of a
day must fit into one picture, so the length grows with the logarithm of the wait.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from shop.vocabulary import Trigger
from shop.web.formatting import signed_span, span
from shop.webhooks.rules.retries import Delay

MIN_BAR_SECONDS = 0.2  # a shorter wait has no bar
# Of the bar's column. The mark at the end of the bar needs the rest.
MAX_BAR_PERCENT, MIN_BAR_PERCENT = 97.0, 6.0


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a wait as text. ``kind`` selects its color and pattern, also in the bar."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a wait in the bar. ``start`` and ``width``: in percent of the bar's column."""

    kind: str
    start: float
    width: float


@dataclass(frozen=True, slots=True)
class Bar:
    """A wait as a bar: its segments, and marks on it, in percent of the bar's column.

    ``due``: the planned time. ``started``: the actual start. ``asked``: the end of Retry-After, if
    that was shorter than the wait.
    """

    segments: Sequence[Segment]
    due: float
    started: float | None
    asked: float | None


@dataclass(frozen=True, slots=True)
class Wait:
    """The wait before an attempt.

    ``late``: seconds from the planned time to the start; None if unknown. ``is_decided``: whether
    the delay is final; that of later attempts is only an estimate. ``skipped``: seconds of the
    planned wait that were skipped, so that the attempt was due so much earlier.
    """

    delay: Delay | None
    late: float | None = None
    trigger: Trigger = Trigger.AUTOMATIC
    is_decided: bool = True
    skipped: float = 0

    @property
    def planned(self) -> float:
        """The planned wait in seconds."""
        return self.delay.seconds if self.delay else 0

    @property
    def total(self) -> float:
        """The seconds that the bar shows. They include time that negative jitter saved."""
        scheduled = self.delay.schedule if self.delay else 0
        return max(scheduled, self.planned, self.started or 0)

    @property
    def started(self) -> float | None:
        """The seconds that were really waited before the start; None if unknown."""
        return None if self.late is None else max(self.planned - self.skipped + self.late, 0)

    @property
    def headline(self) -> str:
        """The whole wait as text; empty without a delay."""
        if not self.delay:
            return ""
        if self.started is None:
            remaining = max(self.planned - self.skipped, 0)
            return f"{'waits' if self.is_decided else 'about'} {span(remaining)}"
        return f"waited {span(self.started)}"

    @property
    def parts(self) -> list[Part]:
        """The parts of the wait as text."""
        parts = list(_reasons(self))
        if self.skipped:
            parts.append(Part("skipped", f"skipped {span(self.skipped)}"))
        if self.late is not None and self.late < 0:
            parts.append(
                Part("late", f"started {span(self.late)} before it was due: a clock was set back")
            )
        elif self.late is not None:
            parts.append(Part("late", f"started {span(self.late)} after it was due"))
        return parts

    def bar(self, longest: float) -> Bar | None:
        """Return the bar, or None if the wait is too short. ``longest``: seconds of a full bar."""
        if self.total < MIN_BAR_SECONDS:
            return None
        scale = math.log1p(self.total) / math.log1p(longest)
        length = max(MAX_BAR_PERCENT * scale, MIN_BAR_PERCENT)

        def percent(seconds: float) -> float:
            return round(seconds / self.total * length, 2)

        asked = self.delay.retry_after if self.delay else 0
        return Bar(
            [
                Segment(kind, percent(start), round(percent(end) - percent(start), 2))
                for kind, start, end in _segments(self)
                if end > start
            ],
            due=percent(self.planned),
            started=None if self.started is None else percent(self.started),
            asked=percent(asked) if 0 < asked < self.planned else None,
        )


def _reasons(wait: Wait) -> Iterator[Part]:
    delay = wait.delay
    if wait.trigger is Trigger.MANUAL:
        yield Part("by-hand", "resent by hand, due immediately")
    elif wait.trigger is Trigger.RECONNECT:
        yield Part("at-once", "on a new connection, due immediately; not a step of the schedule")
    elif delay is None:
        yield Part("at-once", "due immediately")
    elif not wait.is_decided:
        yield Part("expected", f"schedule {span(delay.schedule)}, plus or minus jitter")
    else:
        yield Part("schedule", f"schedule {span(delay.schedule)}")
        if delay.jitter:
            kind = "jitter" if delay.jitter > 0 else "saved"
            yield Part(kind, f"jitter {signed_span(delay.jitter)}")
        if delay.retry_after:
            counts = delay.retry_after > delay.schedule + delay.jitter
            effect = "longer than the schedule" if counts else "shorter than the schedule"
            yield Part("retry-after", f"Retry-After {span(delay.retry_after)}, {effect}")


def _segments(wait: Wait) -> Iterator[tuple[str, float, float]]:
    """Yield kind, start and end in seconds of each segment, in the order of drawing."""
    if wait.delay:
        scheduled = wait.delay.schedule
        with_jitter = scheduled + wait.delay.jitter
        yield "schedule" if wait.is_decided else "expected", 0, min(scheduled, with_jitter)
        yield "jitter", scheduled, with_jitter
        yield "retry-after", with_jitter, wait.delay.retry_after
        yield "saved", with_jitter, scheduled  # by negative jitter
    due = max(wait.planned - wait.skipped, 0)
    yield "skipped", due, wait.planned
    yield "late", due, max(wait.started or 0, due)
