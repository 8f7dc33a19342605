"""A fault: which action applies to which request, always, at random or by a script. Pure.

The same parameters always give the same sequence of actions.
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
    parse_script_word,
)

MAX_SCRIPT_WORDS = 100
MAX_SCRIPT_LENGTH = 1000  # characters
MAX_NUMBER = 999_999_999  # of seeds and positions
_DRAW_RANGE = 2**64


class FaultMode(StrEnum):
    """The kinds of faults."""

    NONE = "none"
    STATUS = "status"  # respond to every request with a status
    SLOW = "slow"  # the normal response, late
    NEVER = "never"  # hold every connection until the sender gives up
    DROP = "drop"  # close every connection without a response
    ACCEPT_THEN_500 = "accept_then_500"  # book and commit, then respond with 500
    RANDOM = "random"  # fail a percentage of the requests
    SCRIPT = "script"  # one word for each request, then normal responses


# The parameters of each mode. ``make_fault`` requires those without a default.
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
_CONSTANT_ACTIONS = {
    FaultMode.NEVER: FaultAction(FaultActionKind.TIMEOUT),
    FaultMode.DROP: FaultAction(FaultActionKind.DROP),
    FaultMode.ACCEPT_THEN_500: FaultAction(FaultActionKind.ACCEPT_THEN_500),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """A valid fault, from ``make_fault``. Parameters of other modes are None.

    ``position``: how many requests a random or a scripted fault has applied to.
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
    def script_words(self) -> tuple[str, ...]:
        """Return the words of the script."""
        return tuple((self.script or "").split())

    @property
    def used(self) -> int:
        """Return the number of used positions of the sequence."""
        return self.position or 0

    @property
    def is_active(self) -> bool:
        """Return whether anything can still go wrong; False after the end of a script."""
        if self.mode is FaultMode.SCRIPT:
            return self.used < len(self.script_words)
        return self.mode is not FaultMode.NONE

    @property
    def is_sequence(self) -> bool:
        """Return whether each request uses one position of a sequence."""
        return self.position is not None and self.is_active

    @property
    def action(self) -> FaultAction | None:
        """Return the action for the next request; None for the normal response."""
        if self.mode is FaultMode.STATUS:
            return FaultAction(FaultActionKind.STATUS, self.status, self.retry_after, self.location)
        if self.mode is FaultMode.SLOW:
            return FaultAction(FaultActionKind.SLOW, seconds=self.seconds)
        if self.mode is FaultMode.RANDOM:
            failing = FaultAction(FaultActionKind.STATUS, self.status)
            return failing if _draw(self.seed, self.used) * 100 < (self.percent or 0) else None
        if self.mode is FaultMode.SCRIPT:
            return parse_script_word(self.script_words[self.used]) if self.is_active else None
        return _CONSTANT_ACTIONS.get(self.mode)

    def after_one_request(self) -> "Fault":
        """Return the fault after the next request."""
        return replace(self, position=self.used + 1) if self.is_sequence else self

    def document(self) -> dict[str, Any]:
        """Return the arguments with which ``make_fault`` restores this fault."""
        return {name: value for name, value in asdict(self).items() if value is not None}


NORMAL = Fault()


def make_fault(mode: FaultMode, **given: Any) -> Fault:
    """Return the fault with these parameters, typed as in ``Fault``; None counts as not given.

    Raise ``BadFault``, with a sentence for people, if they are invalid.
    """
    parameters = {name: value for name, value in given.items() if value is not None}
    for name in parameters:
        if name not in PARAMETERS[mode]:
            raise BadFault(f"{name} is not a parameter of the mode “{mode}”")
    fault = Fault(mode, **(_DEFAULTS.get(mode, {}) | parameters))
    if mode is FaultMode.SCRIPT:
        fault = _checked_script(fault)
    if mode is FaultMode.RANDOM:
        check_range("percent", fault.percent, 1, 100)
        check_range("seed", fault.seed, 0, MAX_NUMBER)
        check_range("position", fault.position, 0, MAX_NUMBER)
        FaultAction(FaultActionKind.STATUS, fault.status)  # raises for an invalid status
    fault.action  # noqa: B018 – raises for what cannot be done
    return fault


def _checked_script(fault: Fault) -> Fault:
    script = fault.script or ""
    if len(script) > MAX_SCRIPT_LENGTH or not 0 < len(fault.script_words) <= MAX_SCRIPT_WORDS:
        raise BadFault(
            f"script must be 1 to {MAX_SCRIPT_WORDS} words, at most {MAX_SCRIPT_LENGTH} characters"
        )
    for word in fault.script_words:
        parse_script_word(word)
    check_range("position", fault.position, 0, len(fault.script_words))
    return replace(fault, script=" ".join(fault.script_words))


def _draw(seed: int | None, position: int) -> float:
    """Return a pseudo-random number in [0, 1) for this position of the sequence.

    A hash needs no stored state and, unlike ``random``, is the same in every version of Python.
    """
    digest = hashlib.sha256(f"{seed}:{position}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / _DRAW_RANGE
