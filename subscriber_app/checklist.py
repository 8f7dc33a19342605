"""Records the result of each verification step. Pure.

All checks of a request run through one ``Checklist``. Its steps are stored with the receipt and
shown on its page.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from subscriber_app.vocabulary import Reason, Result, StepName


class VerificationError(Exception):
    """A check rejects the request. ``detail``: one sentence: what was expected, what was received.

    ``status``: of the HTTP response; by default the status of the reason.
    """

    def __init__(self, reason: Reason, detail: str, *, status: int | None = None) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.status = reason.status if status is None else status


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of a check that passed. ``skipped``: there was nothing to check."""

    detail: str = ""
    skipped: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """One step and its result."""

    name: StepName
    result: Result
    detail: str = ""


@dataclass(slots=True)
class OpenStep:
    """A step in progress: assign the check's result to ``finding``."""

    finding: Finding = Finding()


class Checklist:
    """The results of the steps taken so far."""

    def __init__(self) -> None:
        self._steps: dict[StepName, Step] = {}

    @contextmanager
    def step(self, name: StepName) -> Iterator[OpenStep]:
        """Run one step in a ``with`` block. A ``VerificationError`` is recorded and re-raised."""
        open_step = OpenStep()
        try:
            yield open_step
        except VerificationError as error:
            self._steps[name] = Step(name, Result.FAILED, error.detail)
            raise
        result = Result.SKIPPED if open_step.finding.skipped else Result.PASSED
        self._steps[name] = Step(name, result, open_step.finding.detail)

    @property
    def steps(self) -> list[Step]:
        """Return every step, in the order of ``StepName``; steps not taken are ``not_reached``."""
        return [self._steps.get(name, Step(name, Result.NOT_REACHED)) for name in StepName]
