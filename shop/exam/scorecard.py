"""The result of an exam, and what it means for the exit code. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from shop.exam.case import NOT_ASKED, CaseResult, Group, Level, Need, Scheme, Verdict

STATUS_ONLY = "status only"  # the evidence, if there is no other


class ExitCode(IntEnum):
    """The exit codes of the command, as in docs/exam.md."""

    PASSED = 0
    FAILED = 1
    WRONG_USAGE = 2
    NOT_REACHED = 3
    EFFECTS_NOT_JUDGED = 4


class Result(StrEnum):
    """The result of the whole exam."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_REACHED = "not reached"
    STOPPED = "stopped"  # by a person, or the time was used up


@dataclass(frozen=True, slots=True)
class Scorecard:
    """The results so far, in the order of the cases.

    ``evidence``: ``probe``, ``probe command``, ``effect calls``, or ``status only``. ``problem``:
    a sentence on why the exam ended early; empty if it did not. ``was_reached``: False if the
    receiver could not be reached or the exam's own parts failed.
    """

    url: str
    scheme: Scheme
    evidence: str
    seed: int
    version: str
    results: Sequence[CaseResult] = ()
    problem: str = ""
    was_reached: bool = True
    was_stopped: bool = False
    is_strict: bool = False
    seconds: float = 0

    @property
    def result(self) -> Result:
        """The result of the whole exam."""
        if not self.was_reached:
            return Result.NOT_REACHED
        if self.failures:
            return Result.FAILED
        return Result.STOPPED if self.was_stopped else Result.PASSED

    @property
    def failures(self) -> list[CaseResult]:
        """The failed cases that fail the exam, in order."""
        return [each for each in self.results if self._fails(each)]

    def _fails(self, result: CaseResult) -> bool:
        counts = self.is_strict or result.case.level is Level.MUST
        return counts and result.verdict is Verdict.FAILED

    def count(self, verdict: Verdict) -> int:
        """Return the number of cases with this verdict."""
        return Counter(each.verdict for each in self.results)[verdict]

    @property
    def effects_judged(self) -> bool:
        """Whether every case that needs evidence of side effects, and nothing else, was judged."""
        needing = [each for each in self.results if each.case.needs == {Need.EFFECTS}]
        judged = (Verdict.PASSED, Verdict.FAILED)
        return bool(needing) and all(each.verdict in judged for each in needing)

    @property
    def saw_status_only(self) -> bool:
        """Whether there was no evidence of side effects, or not for each case that needed it."""
        unknown = any(
            each.case.needs == {Need.EFFECTS} and each.verdict is Verdict.NOT_JUDGED
            for each in self.results
        )
        return unknown or self.evidence == STATUS_ONLY

    def exit_code(self, *, require_effects: bool = False) -> ExitCode:
        """Return the exit code of the command."""
        if not self.was_reached or self.was_stopped:
            return ExitCode.FAILED if self.was_reached and self.failures else ExitCode.NOT_REACHED
        if self.failures:
            return ExitCode.FAILED
        if any(each.verdict is Verdict.ERROR for each in self.results):
            return ExitCode.NOT_REACHED
        if require_effects and not self.effects_judged:
            return ExitCode.EFFECTS_NOT_JUDGED
        return ExitCode.PASSED

    @property
    def headline(self) -> str:
        """One line on the whole exam, which never calls what was not judged passed."""
        return f"{self.result}: {self.counts} ({self.evidence})"

    @property
    def asked(self) -> list[CaseResult]:
        """The results of the cases that the exam came to."""
        return [result for result in self.results if result.was_asked]

    @property
    def counts(self) -> str:
        """How many cases passed, failed and so on, as text."""
        not_asked = len(self.results) - len(self.asked)
        amounts = {verdict.value: self.count(verdict) for verdict in Verdict}
        amounts[Verdict.ERROR.value] -= not_asked
        amounts[NOT_ASKED] = not_asked
        counts = [f"{amount} {what}" for what, amount in amounts.items() if amount]
        return ", ".join(counts) or "nothing judged"

    def in_group(self, group: Group) -> list[CaseResult]:
        """Return the results of a group, failed ones first."""
        found = [each for each in self.results if each.case.group is group]
        return sorted(found, key=lambda each: _URGENCY[each.verdict])

    @property
    def first_failures(self) -> list[CaseResult]:
        """All failed cases: each *must*, then each *should*, in order."""
        failed = [each for each in self.results if each.verdict is Verdict.FAILED]
        return sorted(failed, key=lambda each: each.case.level is Level.SHOULD)


_URGENCY = {
    Verdict.FAILED: 0,
    Verdict.ERROR: 1,
    Verdict.NOT_JUDGED: 2,
    Verdict.PASSED: 3,
}
