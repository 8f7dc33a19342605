"""A fault: what goes wrong with which request, always, by chance or by a script. Pure.

Made by the JSON API and the dashboard from what was asked for, and by ``current`` from what was
stored. The same numbers always give the same sequence.
"""

import hashlib
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from subscriber_app.faults.actions import (
    BadFault,
    FaultAction,
    FaultActionKind,
    check_range,
    read_word,
)

MAX_WORDS = 100
MAX_SCRIPT_LENGTH = 1000  # characters
MAX_NUMBER = 999_999_999  # of seeds and positions
_POSSIBLE = 2**64


class FaultMode(StrEnum):
    """The kinds of faults."""

    NONE = "none"
    STATUS = "status"  # answer every request with a status
    SLOW = "slow"  # answer as it should be, but late
    NEVER = "never"  # hold every connection until the sender gives up
    DROP = "drop"  # close every connection without an answer
    ACCEPT_THEN_500 = "accept_then_500"  # book, commit, and answer 500 all the same
    RANDOM = "random"  # fail some per cent of the requests
    SCRIPT = "script"  # one word for each request, until the script is used up


# What each mode is told beside its name; those without a default in _DEFAULTS or below are needed.
PARAMETERS: dict[FaultMode, tuple[str, ...]] = {
    FaultMode.NONE: (),
    FaultMode.STATUS: ("status", "retry_after", "location"),
    FaultMode.SLOW: ("seconds",),
    FaultMode.NEVER: (),
    FaultMode.DROP: (),
    FaultMode.ACCEPT_THEN_500: (),
    FaultMode.RANDOM: ("percent", "status", "seed", "position"),
    FaultMode.SCRIPT: ("script", "position"),
}
_DEFAULTS: dict[FaultMode, dict[str, int]] = {
    FaultMode.RANDOM: {"status": 500, "seed": 1, "position": 0},
    FaultMode.SCRIPT: {"position": 0},
}
_ALWAYS = {
    FaultMode.NEVER: FaultAction(FaultActionKind.TIMEOUT),
    FaultMode.DROP: FaultAction(FaultActionKind.DROP),
    FaultMode.ACCEPT_THEN_500: FaultAction(FaultActionKind.ACCEPT_THEN_500),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that makes sense; make one with ``make_fault``. What the mode does not need is None.

    ``position``: how many requests have met the sequence of a random or a scripted fault.
    """

    mode: FaultMode = FaultMode.NONE
    status: int | None = None
    retry_after: int | None = None  # seconds
    location: str | None = None
    seconds: int | None = None
    percent: int | None = None
    seed: int | None = None
    script: str | None = None
    position: int | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """The places of the script's tape."""
        return tuple((self.script or "").split())

    @property
    def used(self) -> int:
        """How many places of the sequence are used up."""
        return self.position or 0

    @property
    def is_active(self) -> bool:
        """Whether anything can still go wrong; not when a script is used up."""
        if self.mode is FaultMode.SCRIPT:
            return self.used < len(self.words)
        return self.mode is not FaultMode.NONE

    @property
    def moves(self) -> bool:
        """Whether each request uses up a place of a sequence."""
        return self.position is not None and self.is_active

    @property
    def mishap(self) -> FaultAction | None:
        """What meets the next request; None when it is treated as it should be."""
        if self.mode is FaultMode.STATUS:
            return FaultAction(FaultActionKind.STATUS, self.status, self.retry_after, self.location)
        if self.mode is FaultMode.SLOW:
            return FaultAction(FaultActionKind.SLOW, seconds=self.seconds)
        if self.mode is FaultMode.RANDOM:
            failing = FaultAction(FaultActionKind.STATUS, self.status)
            return failing if _draw(self.seed, self.used) * 100 < (self.percent or 0) else None
        if self.mode is FaultMode.SCRIPT:
            return read_word(self.words[self.used]) if self.is_active else None
        return _ALWAYS.get(self.mode)

    def after_one_request(self) -> "Fault":
        """The fault that the request after the next one meets."""
        return replace(self, position=self.used + 1) if self.moves else self

    def document(self) -> dict[str, Any]:
        """What it was made from, and how far it has come; ``make_fault`` takes it."""
        return {name: value for name, value in asdict(self).items() if value is not None}


NORMAL = Fault()


def make_fault(mode: FaultMode, **given: Any) -> Fault:
    """The fault with these parameters, of the types that ``Fault`` has; None counts as not given.

    Raises ``BadFault``, with a sentence for people, when it makes no sense.
    """
    told = {name: value for name, value in given.items() if value is not None}
    for name in told:
        if name not in PARAMETERS[mode]:
            raise BadFault(f"{name} does not belong to the mode “{mode}”")
    fault = Fault(mode, **(_DEFAULTS.get(mode, {}) | told))
    if mode is FaultMode.SCRIPT:
        fault = _checked_script(fault)
    if mode is FaultMode.RANDOM:
        check_range("percent", fault.percent, 1, 100)
        check_range("a seed", fault.seed, 0, MAX_NUMBER)
        check_range("a position", fault.position, 0, MAX_NUMBER)
        FaultAction(FaultActionKind.STATUS, fault.status)  # raises for one that cannot be answered
    fault.mishap  # noqa: B018 – raises for what cannot be done
    return fault


def _checked_script(fault: Fault) -> Fault:
    script = fault.script or ""
    if len(script) > MAX_SCRIPT_LENGTH or not 0 < len(fault.words) <= MAX_WORDS:
        raise BadFault(
            f"a script is 1 to {MAX_WORDS} words, {MAX_SCRIPT_LENGTH} characters at the most"
        )
    for word in fault.words:
        read_word(word)
    check_range("a position", fault.position, 0, len(fault.words))
    return replace(fault, script=" ".join(fault.words))


def _draw(seed: int | None, position: int) -> float:
    """A number from 0 to below 1, by chance as it seems; each place of a sequence has its own.

    So nothing but the position has to be remembered, and every version of Python agrees.
    """
    digest = hashlib.sha256(f"{seed}:{position}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / _POSSIBLE
