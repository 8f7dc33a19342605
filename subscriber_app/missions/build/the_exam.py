"""Build mission 19: the exam."""

from subscriber_app.missions.build.exam_cases import (
    NO_RECEIVER,
    NOT_ASKED,
    exam_evidence,
    missing_of,
)
from subscriber_app.missions.build.steps import ADD_PROBE, CHECK
from subscriber_app.missions.facts import CaseFact, Check, Facts
from subscriber_app.missions.mission import Judgment, Mission, Need, Part, Track, counted, judgment

GROUPS = {
    "accepts": "It accepts what is genuine",
    "rejects": "It rejects what is not",
    "once": "Each message has one effect",
    "survives": "It survives odd and broken requests",
    "quick": "It is quick",
    "rotates": "It accepts webhooks during a rotation",
}
# For these the exam must hand over a new secret, which it does in a terminal.
BY_COMMAND = ("old-secret-rejected", "new-secret-accepted")


def judge(facts: Facts) -> Judgment:
    """Prove every *must* that the shop can judge without starting the receiver itself."""
    return judgment(facts, *(_part(facts, group, label) for group, label in GROUPS.items()))


def _part(facts: Facts, group: str, label: str) -> Part:
    check = facts.check
    musts = _musts(check, group) if check else []
    failed = [each for each in musts if each.verdict != "passed"]
    evidence = []
    if check and check.is_finished and not check.problem and musts and not failed:
        evidence = [exam_evidence(check.exam_id, facts, musts[0].name)]
    return Part(f"group-{group}", label, evidence, _missing(facts, musts, failed), is_kept=False)


def _musts(check: Check, group: str) -> list[CaseFact]:
    return [
        each
        for each in check.cases
        if each.group == group and each.level == "must" and each.name not in BY_COMMAND
    ]


def _missing(facts: Facts, musts: list[CaseFact], failed: list[CaseFact]) -> str:
    check = facts.check
    if facts.own_receiver is None:
        return NO_RECEIVER
    if check is None:
        return NOT_ASKED
    if check.is_finished and check.problem:
        return f"the exam ended early: {check.problem}"
    if failed:
        more = len(failed) - 1
        others = f", and {counted(more, 'other case')} of this group" if more else ""
        return missing_of(facts, failed[0].name) + others
    return "no case was asked" if check.is_finished and not musts else missing_of(facts, "")


MISSION = Mission(
    track=Track.BUILD,
    number=19,
    title="The exam",
    goal="Pass every must of the exam with your own receiver.",
    steps=(ADD_PROBE, CHECK),
    hints=(
        "Each failed case names the mission that teaches it. Do that mission again.",
        (
            "hookshop exam asks more in a terminal: with --run it kills your receiver twenty "
            "times, "
            "and it hands over a new secret."
        ),
    ),
    explanation=(
        (
            "Your receiver has passed every must that the shop can ask it from outside: see "
            "the {exam}."
        ),
        (
            "It verifies the raw bytes, rejects forgeries and replays, acts once, answers quickly, "
            "and survives what the internet sends. Put the exam into the tests of your project: "
            "docs/exam.md shows how."
        ),
    ),
    judge=judge,
    needs=frozenset({Need.ENDPOINTS}),
    cases=(*GROUPS, "order"),
)
