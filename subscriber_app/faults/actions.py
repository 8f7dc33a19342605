"""What can go wrong with one request on purpose, and its word in scripts and receipts. Pure."""

import re
from dataclasses import dataclass
from enum import StrEnum

from subscriber_app.checklist import VerificationError
from subscriber_app.vocabulary import Reason

MIN_STATUS, MAX_STATUS = 300, 599
RETRY_AFTER_STATUSES = (429, 503)  # the shop ignores Retry-After with any other status
MAX_RETRY_AFTER_SECONDS = 86_400
MAX_SLOW_SECONDS = 60  # bounds how long a connection stays open
MAX_LOCATION_LENGTH = 200
DEFAULT_LOCATION = "/"  # any value: the shop does not follow redirects
SCRIPT_WORDS = (
    "a status (503), a status with Retry-After (429:5), slow:3, timeout, drop, accept_then_500"
)

_STATUS = re.compile(r"([0-9]{3})(?::([0-9]{1,6}))?", re.ASCII)
_SLOW = re.compile(r"slow:([0-9]{1,6})", re.ASCII)
_LOCATION = re.compile(r"[!-~]+", re.ASCII)
_MAX_SHOWN_LENGTH = 30


class BadFault(ValueError):  # noqa: N818 – the name says what happened
    """The fault is invalid. The message is for the person who tried to set it."""


class FaultActionKind(StrEnum):
    """What happens instead of the normal response."""

    STATUS = "status"  # respond with a given status, without verifying the request
    SLOW = "slow"  # the normal response, late
    TIMEOUT = "timeout"  # no response; the connection stays open until the sender gives up
    DROP = "drop"  # no response; the connection is closed
    ACCEPT_THEN_500 = "accept_then_500"  # book and commit, then respond with 500
    CRASH_WORKER = "crash_worker"  # book and commit, then kill the sender; not in scripts


WITHOUT_RESPONSE = (FaultActionKind.TIMEOUT, FaultActionKind.DROP)


@dataclass(frozen=True, slots=True)
class FaultAction:
    """``status``, ``retry_after`` (seconds), ``location``: of the response. ``seconds``: delay."""

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
    def script_word(self) -> str:
        """Return the word for a script: ``503``, ``429:5``, ``slow:3``, ``timeout``, ``drop``."""
        if self.kind is FaultActionKind.STATUS:
            return (
                f"{self.status}"
                if self.retry_after is None
                else f"{self.status}:{self.retry_after}"
            )
        return f"slow:{self.seconds}" if self.kind is FaultActionKind.SLOW else self.kind.value

    @property
    def rejection(self) -> VerificationError | None:
        """Return the rejection of the unverified request, or None if it is verified as usual."""
        if self.kind is FaultActionKind.STATUS:
            doing = f"respond with {self.status}"
        elif self.kind in WITHOUT_RESPONSE:
            doing = "send no response"
        else:
            return None
        detail = f"Set to {doing} on purpose; the request was not verified"
        return VerificationError(Reason.SIMULATED_FAULT, detail, status=self.status)

    def response_status(self, status: int) -> int | None:
        """Return the status to send instead of ``status``; None for no response."""
        if self.kind in WITHOUT_RESPONSE or self.kind is FaultActionKind.CRASH_WORKER:
            return None
        is_success = status < MIN_STATUS
        return 500 if self.kind is FaultActionKind.ACCEPT_THEN_500 and is_success else status


def parse_script_word(word: str) -> FaultAction | None:
    """Return the action of one word of a script; None for ``200``, the normal response.

    Raise ``BadFault`` for an unknown word.
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
    raise BadFault(f"{shown(word)} is not a script word; use 200, {SCRIPT_WORDS}")


def parse_recorded_word(word: str) -> FaultAction | None:
    """Return the action that a receipt names: one of a script, or a crash."""
    if word == FaultActionKind.CRASH_WORKER:
        return FaultAction(FaultActionKind.CRASH_WORKER)
    return parse_script_word(word)


def check_range(name: str, value: int | None, lowest: int, highest: int) -> None:
    """Raise ``BadFault`` unless ``value`` is a number from ``lowest`` to ``highest``."""
    if value is None or not lowest <= value <= highest:
        raise BadFault(f"{name} must be from {lowest} to {highest}")


def shown(text: str) -> str:
    """Return untrusted text for a message: short, and without invisible characters."""
    cut = f"{text[:_MAX_SHOWN_LENGTH]}…" if len(text) > _MAX_SHOWN_LENGTH else text
    return ascii(cut) if not cut.isprintable() else f"‘{cut}’"


def _check_status(action: FaultAction) -> None:
    check_range("status", action.status, MIN_STATUS, MAX_STATUS)
    if action.retry_after is not None:
        if action.status not in RETRY_AFTER_STATUSES:
            raise BadFault("retry_after needs the status 429 or 503")
        check_range("retry_after", action.retry_after, 0, MAX_RETRY_AFTER_SECONDS)
    if action.location is not None:
        if action.status is None or action.status >= 400:  # noqa: PLR2004 – RFC 9110: 3xx redirects
            raise BadFault("location needs a status from 300 to 399")
        if len(action.location) > MAX_LOCATION_LENGTH or not _LOCATION.fullmatch(action.location):
            raise BadFault(f"location must be 1 to {MAX_LOCATION_LENGTH} visible ASCII characters")
