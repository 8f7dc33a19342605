"""Faults: what a receiver does wrong on purpose, as words of a script. Pure.

The words are those of the subscriber, which docs/faults.md explains.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

MIN_STATUS, MAX_STATUS = 300, 599
RETRY_AFTER_STATUSES = (429, 503)  # the shop ignores Retry-After with any other status
MAX_RETRY_AFTER_SECONDS = 86_400
MAX_SLOW_SECONDS = 60
MAX_WORDS = 100
NORMAL = "200"
WORDS = (
    "200 (a normal response), a status (503), a status with Retry-After (429:5), slow:3, timeout, "
    "drop, accept_then_500"
)

_STATUS = re.compile(r"([0-9]{3})(?::([0-9]{1,6}))?", re.ASCII)
_SLOW = re.compile(r"slow:([0-9]{1,6})", re.ASCII)
_SEPARATORS = re.compile(r"[\s,]+")


class BadFault(ValueError):  # noqa: N818 – the name says what happened
    """A word is not a fault. The message is one line for the user."""


class Kind(StrEnum):
    """What happens instead of the normal response."""

    STATUS = "status"  # respond with a status, without verifying the request
    SLOW = "slow"  # the normal response, late
    TIMEOUT = "timeout"  # no response; the connection stays open until the sender gives up
    DROP = "drop"  # no response; the connection is reset
    ACCEPT_THEN_500 = "accept_then_500"  # do the work, then respond with 500


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. ``word``: as written in scripts.

    ``status`` and ``retry_after`` (seconds) are of ``STATUS``, ``seconds`` of ``SLOW``.
    """

    word: str
    kind: Kind
    status: int | None = None
    retry_after: int | None = None
    seconds: int | None = None

    @property
    def verifies(self) -> bool:
        """Return whether the receiver does its work before things go wrong."""
        return self.kind in {Kind.SLOW, Kind.ACCEPT_THEN_500}


def parse_script(script: str | Iterable[str]) -> tuple[Fault | None, ...]:
    """Return one fault for each word; None for ``200``, the normal response.

    ``script``: words, or a text in which spaces or commas separate them. Raise ``BadFault``.
    """
    words = _SEPARATORS.split(script.strip(" ,")) if isinstance(script, str) else list(script)
    if not any(words) or len(words) > MAX_WORDS:
        raise BadFault(f"A fault script has 1 to {MAX_WORDS} words. Words are {WORDS}.")
    return tuple(map(parse_word, words))


def parse_word(word: str) -> Fault | None:
    """Return the fault; None for ``200``. Raise ``BadFault`` for anything else."""
    if word == NORMAL:
        return None
    if word in {Kind.TIMEOUT, Kind.DROP, Kind.ACCEPT_THEN_500}:
        return Fault(word, Kind(word))
    if slow := _SLOW.fullmatch(word):
        seconds = _in_range(word, int(slow[1]), 1, MAX_SLOW_SECONDS)
        return Fault(word, Kind.SLOW, seconds=seconds)
    if found := _STATUS.fullmatch(word):
        status = _in_range(word, int(found[1]), MIN_STATUS, MAX_STATUS)
        return Fault(word, Kind.STATUS, status, _retry_after(word, status, found[2]))
    raise BadFault(f"{word[:30]!r} is not a fault. Use {WORDS}.")


def _retry_after(word: str, status: int, text: str | None) -> int | None:
    if text is None:
        return None
    if status not in RETRY_AFTER_STATUSES:
        raise BadFault(f"{word!r}: only 429 and 503 can have Retry-After, as in 429:5.")
    return _in_range(word, int(text), 0, MAX_RETRY_AFTER_SECONDS)


def _in_range(word: str, number: int, lowest: int, highest: int) -> int:
    if not lowest <= number <= highest:
        raise BadFault(f"{word!r}: {number} is not from {lowest} to {highest}.")
    return number
