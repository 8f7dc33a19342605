"""What the calls of both applications that skip time have in common."""

from datetime import timedelta
from typing import Annotated, Literal

from msgspec import Meta, Struct

from hookshop.webkit.errors import Problem
from hookshop.webkit.sandbox_rules import MAX_ADVANCE

MAX_SECONDS = round(MAX_ADVANCE.total_seconds())

Count = Annotated[int, Meta(examples=[0])]
RemainingSeconds = Annotated[float | None, Meta(examples=[0.0])]


class AdvanceClock(Struct, forbid_unknown_fields=True, frozen=True):
    """Body of ``POST /v1/clock/advance``: either ``seconds``, or ``"to": "next_attempt"``."""

    seconds: Annotated[
        Annotated[float, Meta(gt=0, le=MAX_SECONDS)] | None,
        Meta(description="How much time to skip; at most 30 days.", examples=[86400]),
    ] = None
    to: Annotated[
        Literal["next_attempt"] | None,
        Meta(description="Skip up to the next attempt of any delivery.", examples=[None]),
    ] = None

    @property
    def distance(self) -> timedelta | None:
        """How much time to skip; None: up to the next attempt. Raise ``Problem`` (400)."""
        if (self.seconds is None) == (self.to is None):
            raise Problem(400, 'send either "seconds", such as 86400, or "to": "next_attempt"')
        return None if self.seconds is None else timedelta(seconds=self.seconds)


class StepWaitDocument(Struct):
    """What the next step waits for: attempts that are in flight, and deliveries that are due.

    ``until``: when the last one in flight ends at the latest, in real time; null without any.
    """

    in_flight: Count
    due: Count
    until: Annotated[str | None, Meta(extra_json_schema={"format": "date-time"}, examples=[None])]

    def __str__(self) -> str:
        """Return it as a part of a sentence."""
        until = f" (until {self.until} at the latest)" if self.until else ""
        return f"{self.in_flight} in flight{until} and {self.due} due"
