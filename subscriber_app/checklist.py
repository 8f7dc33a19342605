"""Keeps what came of each verification step, whether it passed or the request ended there. Pure.

``verification`` and ``inbox`` run their checks through one ``Checklist``; its steps are stored with
the receipt and shown on its page.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from subscriber_app.vocabulary import Reason, Result, StepName


class VerificationError(Exception):
    """A check refuses the request. ``detail``: one sentence, what was expected and what came."""

    def __init__(self, reason: Reason, detail: str, *, status: int | None = None) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.status = reason.status if status is None else status


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check that did not refuse has to say. ``skipped``: there was nothing to check."""

    detail: str = ""
    skipped: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the list."""

    name: StepName
    result: Result
    detail: str = ""


@dataclass(slots=True)
class OpenStep:
    """A step that is being taken: put what was found into ``finding``."""

    finding: Finding = Finding()


class Checklist:
    """The steps taken so far, in order."""

    def __init__(self) -> None:
        self._taken: dict[StepName, Step] = {}

    @contextmanager
    def step(self, name: StepName) -> Iterator[OpenStep]:
        """Take one step in the block; a ``VerificationError`` there is noted and passed on."""
        taking = OpenStep()
        try:
            yield taking
        except VerificationError as refusal:
            self._taken[name] = Step(name, Result.FAILED, refusal.detail)
            raise
        result = Result.SKIPPED if taking.finding.skipped else Result.PASSED
        self._taken[name] = Step(name, result, taking.finding.detail)

    @property
    def steps(self) -> list[Step]:
        """Every step there is; those that were not taken are ``not_reached``."""
        return [self._taken.get(name, Step(name, Result.NOT_REACHED)) for name in StepName]
