"""The cases of the exam in the Build track: what each of them sends, and how it is judged. Pure.

The names are the shop's. Which mission teaches a case is said there, too: a test holds both.
"""

from collections.abc import Sequence

from subscriber_app.missions.facts import CaseFact, Evidence, Facts, Kind
from subscriber_app.missions.mission import Judgment, Part, judgment

SENT = {
    "as-sent": "an ordinary delivery",
    "header-case": "names of headers in mixed case",
    "charset": "a content type with a charset",
    "chunked": "a body in chunks, without a Content-Length",
    "body-20-kb": "a body of 20 KB",
    "no-credential": "no credential",
    "another-secret": "signed with another secret",
    "body-bit": "one bit of the amount is changed",
    "id-changed": "another webhook-id",
    "timestamp-changed": "another timestamp than the signed one",
    "signature-last": "the right signature is the last of three",
    "signature-first": "the right signature is the first of three",
    "signature-between-unknown": "the right signature between unknown versions",
    "signature-hex": "the signature in hex",
    "signature-empty": "an empty signature",
    "signature-truncated": "the beginning of the right signature",
    "signature-other-version": "a signature of another version",
    "pretty-printed": "signed JSON with line breaks",
    "keys-reordered": "signed JSON with its keys in another order",
    "non-ascii": "signed JSON with letters that are not ASCII",
    "number-spelling": "signed JSON with 50.0 beside 50",
    "line-feed": "a line feed after the signed body",
    "reserialized": "the same JSON, but not the signed bytes",
    "timestamp-290s-old": "a request of 290 s ago",
    "timestamp-600s-old": "a request of 600 s ago",
    "timestamp-600s-ahead": "a timestamp 600 s ahead",
    "timestamp-milliseconds": "a timestamp in milliseconds",
    "timestamp-not-a-number": "a timestamp that is a word",
    "redelivery": "the same delivery again",
    "ten-at-once": "ten copies at the same instant",
    "same-id-other-body": "the same id with another amount",
    "twenty-p95": "twenty orders: 95 of 100 answers within 1 s",
    "twenty-each": "twenty orders: each answer within 10 s",
    "refund-before-purchase": "the refund arrives before its purchase",
    "shipped-after-refunded": "the shipping arrives after the refund",
    "both-secrets-sign": "both secrets sign during a rotation",
    "trickle": "a body that comes byte by byte, and another request meanwhile",
    "half-request": "half a request, then a whole one",
    "body-5-mb": "a body of 5 MB, then an ordinary one",
    "unknown-type": "an event type that does not exist yet",
    "signed-junk": "a signed body that is no JSON",
    "signed-empty": "a signed empty body",
    "wrong-content-type": "a signed form instead of JSON",
    "get": "a GET",
    "head": "a HEAD",
    "still-works": "after all that, an ordinary delivery",
}
NOT_ASKED = "the exam has not asked your receiver yet; choose “Check my receiver”"
NO_RECEIVER = "you have no receiver yet; register it"
ADD_PROBE = "add a probe to your receiver, so that the exam sees what it does"
SHOWN = "shown by your probe, see the scorecard"
NOT_SHOWN = "not shown, because your receiver has no probe; add one, then do the mission again"
_PROBED_GROUPS = ("once", "order")


def judge_cases(facts: Facts, names: Sequence[str], *others: Part) -> Judgment:
    """Prove the other parts, and that the newest check passed each of these cases."""
    return judgment(facts, *others, *case_parts(facts, names))


def case_parts(facts: Facts, names: Sequence[str]) -> list[Part]:
    """Return one part for each case. A later check may undo it, since the receiver changes."""
    return [
        Part(
            f"case-{name}",
            f"{name}: {SENT[name]}",
            _evidence(facts, name),
            missing_of(facts, name),
            is_kept=False,
        )
        for name in names
    ]


def effects_evidence(facts: Facts) -> Evidence:
    """Return ``effects``: whether the mission shows that the receiver acted once. A text."""
    own = facts.own_receiver
    return Evidence("effects", Kind.VALUE, SHOWN if own and own.has_probe else NOT_SHOWN)


def exam_evidence(exam_id: str, facts: Facts, case: str = "") -> Evidence:
    """Return the scorecard as evidence, at this case."""
    at = facts.check.started_at if facts.check else None
    return Evidence("exam", Kind.EXAM, f"{exam_id}#case-{case}" if case else exam_id, at)


def missing_of(facts: Facts, name: str) -> str:
    """Return why a case is not passed: what came, or why it was not asked."""
    check = facts.check
    if facts.own_receiver is None:
        return NO_RECEIVER
    if check is None:
        return NOT_ASKED
    if case := check.case(name):
        return _miss(case, has_probe=facts.own_receiver.has_probe)
    if check.is_finished:
        return f"the exam ended early: {check.problem}" if check.problem else NOT_ASKED
    return f"the exam is asking your receiver: {len(check.cases)} of {check.total} cases"


def _miss(case: CaseFact, *, has_probe: bool) -> str:
    if case.verdict == "not judged":
        needs_probe = case.group in _PROBED_GROUPS and not has_probe
        return f"{case.name} was not judged: {ADD_PROBE if needs_probe else case.got}"
    if case.verdict == "error":
        return f"{case.name} could not be asked: {case.got}"
    return f"{case.name} failed: {case.got}"


def _evidence(facts: Facts, name: str) -> list[Evidence]:
    check = facts.check
    case = check.case(name) if check else None
    if check is None or case is None or case.verdict != "passed":
        return []
    return [exam_evidence(check.exam_id, facts, name)]
