"""How pages show verdicts and results. What was not judged is never green."""

from hookshop.webkit.state_labels import StateLabel
from shop.exam.case import NOT_ASKED, TITLES, CaseResult, Verdict
from shop.exam.scorecard import Result, Scorecard

GROUP_TITLES = TITLES

_VERDICTS = {
    Verdict.PASSED: StateLabel("passed", "check", "good"),
    Verdict.FAILED: StateLabel("failed", "cross", "bad"),
    Verdict.NOT_JUDGED: StateLabel("not judged", "ring", "waiting"),
    Verdict.ERROR: StateLabel("error", "dash", "muted"),
}
_NOT_ASKED = StateLabel(NOT_ASKED, "dash", "muted")
_RUNNING = StateLabel("running", "ring", "busy")
_STATUS_ONLY = StateLabel("passed, status only", "ring", "waiting")
_RESULTS = {
    Result.PASSED: StateLabel("passed", "check", "good"),
    Result.FAILED: StateLabel("failed", "cross", "bad"),
    Result.NOT_REACHED: StateLabel("not reached", "dash", "muted"),
    Result.STOPPED: StateLabel("stopped", "ring", "muted"),
}


def verdict_label(result: CaseResult) -> StateLabel:
    """Return how the verdict on a case is shown."""
    return _VERDICTS[result.verdict] if result.was_asked else _NOT_ASKED


def result_label(card: Scorecard, *, is_finished: bool) -> StateLabel:
    """Return how the result of a run is shown."""
    if not is_finished:
        return _RUNNING
    if card.result is Result.PASSED and card.saw_status_only:
        return _STATUS_ONLY
    return _RESULTS[card.result]
