"""What can go wrong with one request on purpose, and the word for it in scripts and receipts. Pure.

Called by ``settings``, which decides which request meets which mishap.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from subscriber_app.checklist import VerificationError
from subscriber_app.vocabulary import Reason

MIN_STATUS, MAX_STATUS = 300, 599
MAY_SAY_WHEN = (429, 503)  # the shop heeds Retry-After in these answers only
MAX_RETRY_AFTER_SECONDS = 86_400
MAX_SLOW_SECONDS = 60  # seconds, so that no connection is held for ever
MAX_LOCATION_LENGTH = 200
DEFAULT_LOCATION = "/"  # shops do not follow redirects, so any will do
WORDS = "a status (503), a status with Retry-After (429:5), slow:3, timeout, drop, accept_then_500"

_STATUS = re.compile(r"([0-9]{3})(?::([0-9]{1,6}))?", re.ASCII)
_SLOW = re.compile(r"slow:([0-9]{1,6})", re.ASCII)
_LOCATION = re.compile(r"[!-~]+", re.ASCII)
_LONGEST_SHOWN = 30


class BadFault(ValueError):  # noqa: N818 – the name says what happened
    """No such fault can be set; the message is a sentence for whoever tried."""


class FaultActionKind(StrEnum):
    """What happens instead of the answer that would be right."""

    STATUS = "status"  # an answer with a status that was set; the request is not looked at
    SLOW = "slow"  # the right answer, late
    TIMEOUT = "timeout"  # no answer; the connection is held until the sender gives up
    DROP = "drop"  # no answer; the connection is closed
    ACCEPT_THEN_500 = "accept_then_500"  # booked and committed, and then answered 500


UNANSWERED = (FaultActionKind.TIMEOUT, FaultActionKind.DROP)


@dataclass(frozen=True, slots=True)
class FaultAction:
    """``status``, ``retry_after`` (seconds) and ``location`` of an answer; ``seconds`` of delay."""

    kind: FaultActionKind
    status: int | None = None
    retry_after: int | None = None
    location: str | None = None
    seconds: int | None = None

    def __post_init__(self) -> None:
        if self.kind is FaultActionKind.STATUS:
            _check_status(self)
        if self.kind is FaultActionKind.SLOW:
            check_range("seconds", self.seconds, 1, MAX_SLOW_SECONDS)

    @property
    def word(self) -> str:
        """As in a script: ``503``, ``429:5``, ``slow:3``, ``timeout``, ``drop``."""
        if self.kind is FaultActionKind.STATUS:
            return (
                f"{self.status}"
                if self.retry_after is None
                else f"{self.status}:{self.retry_after}"
            )
        return f"slow:{self.seconds}" if self.kind is FaultActionKind.SLOW else self.kind.value

    @property
    def refusal(self) -> VerificationError | None:
        """With what the request is refused, unread; None when it is judged as ever."""
        if self.kind is FaultActionKind.STATUS:
            doing = f"answer {self.status}"
        elif self.kind in UNANSWERED:
            doing = "give no answer"
        else:
            return None
        detail = f"Set to {doing} on purpose; nothing was looked at"
        return VerificationError(Reason.SIMULATED_FAULT, detail, status=self.status)

    def answered_status(self, status: int) -> int | None:
        """The status that is sent where ``status`` would be right; None for no answer at all."""
        if self.kind in UNANSWERED:
            return None
        is_good = status < MIN_STATUS
        return 500 if self.kind is FaultActionKind.ACCEPT_THEN_500 and is_good else status


def read_word(word: str) -> FaultAction | None:
    """The mishap of one word of a script; None for ``200``: nothing goes wrong.

    Raises ``BadFault`` for whatever else comes.
    """
    if word == "200":
        return None
    if word in {FaultActionKind.TIMEOUT, FaultActionKind.DROP, FaultActionKind.ACCEPT_THEN_500}:
        return FaultAction(FaultActionKind(word))
    if slow := _SLOW.fullmatch(word):
        return FaultAction(FaultActionKind.SLOW, seconds=int(slow[1]))
    if status := _STATUS.fullmatch(word):
        retry_after = int(status[2]) if status[2] else None
        return FaultAction(FaultActionKind.STATUS, status=int(status[1]), retry_after=retry_after)
    raise BadFault(f"{shown(word)} is no word of a script; there are 200, {WORDS}")


def check_range(name: str, value: int | None, lowest: int, highest: int) -> None:
    """Raise ``BadFault`` unless the number is there and within these bounds, both included."""
    if value is None or not lowest <= value <= highest:
        raise BadFault(f"choose {name} from {lowest} to {highest}")


def shown(text: str) -> str:
    """Somebody's text for a message: short, and with nothing invisible in it."""
    cut = f"{text[:_LONGEST_SHOWN]}…" if len(text) > _LONGEST_SHOWN else text
    return ascii(cut) if not cut.isprintable() else f"‘{cut}’"


def _check_status(mishap: FaultAction) -> None:
    check_range("a status", mishap.status, MIN_STATUS, MAX_STATUS)
    if mishap.retry_after is not None:
        if mishap.status not in MAY_SAY_WHEN:
            raise BadFault("retry_after belongs to the statuses 429 and 503, and to no other")
        check_range("retry_after", mishap.retry_after, 0, MAX_RETRY_AFTER_SECONDS)
    if mishap.location is not None:
        if mishap.status is None or mishap.status >= 400:  # noqa: PLR2004 – RFC 9110: 3xx redirects
            raise BadFault("a location belongs to the statuses 300 to 399, and to no other")
        if len(mishap.location) > MAX_LOCATION_LENGTH or not _LOCATION.fullmatch(mishap.location):
            raise BadFault(
                "a location is an address of visible ASCII characters, "
                f"at most {MAX_LOCATION_LENGTH} of them"
            )
