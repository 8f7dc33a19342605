"""Mission 8: retry and back off."""

from collections.abc import Sequence
from datetime import datetime

from subscriber_app.missions.facts import Answer, AttemptFact, DeliveryFact, Evidence, Facts, Kind
from subscriber_app.missions.links import DELIVERY, SET_SCRIPT, SHOP
from subscriber_app.missions.mission import (
    Judgment,
    Mission,
    Need,
    Part,
    Question,
    Step,
    Tool,
    fault_to_set,
    judgment,
)

PREDICTION = "gap"
TOLERANCE = 0.2  # of the planned gap
MIN_TOLERANCE_SECONDS = 0.05
ATTEMPTS = 3


def judge(facts: Facts) -> Judgment:
    """Prove two failed attempts and a success, and a prediction that was near the plan."""
    answer = facts.answers.get(PREDICTION)
    retried = [each for each in facts.deliveries if _is_retried(each)]
    predicted = [each for each in retried if answer and answer.at <= _decided_at(each)]
    near = [each for each in predicted if answer and _is_near(answer, _planned(each))]
    shown = next(iter([*near, *reversed(predicted), *reversed(retried)]), None)
    return judgment(
        facts,
        Part(
            "predicted",
            "You predicted the second gap",
            [Evidence("prediction", Kind.VALUE, f"{answer.text} s", answer.at)] if answer else (),
            "predict the second gap first",
        ),
        _three_attempts(facts, shown),
        _near(answer, shown, is_early=shown in predicted, is_near=shown in near),
    )


def _is_retried(delivery: DeliveryFact) -> bool:
    attempts = delivery.attempts
    return (
        len(attempts) >= ATTEMPTS
        and not attempts[0].has_succeeded
        and not attempts[1].has_succeeded
        and attempts[2].has_succeeded
        and all(each.schedule_seconds is not None for each in attempts[1:ATTEMPTS])
    )


def _decided_at(delivery: DeliveryFact) -> datetime:
    """Return when the second gap was known."""
    return delivery.attempts[2].decided_at or delivery.attempts[1].ended_at


def _planned(delivery: DeliveryFact) -> float:
    return delivery.attempts[2].schedule_seconds or 0


def _is_near(answer: Answer, planned: float) -> bool:
    return abs(float(answer.text) - planned) <= max(TOLERANCE * planned, MIN_TOLERANCE_SECONDS)


def _three_attempts(facts: Facts, shown: DeliveryFact | None) -> Part:
    label = "Two attempts fail, the third succeeds"
    if shown:
        evidence = [
            Evidence("delivery", Kind.DELIVERY, shown.id, shown.completed_at),
            Evidence("first", Kind.VALUE, _gap(shown.attempts, 1)),
            Evidence("second", Kind.VALUE, _gap(shown.attempts, 2)),
        ]
        return Part("attempts", label, evidence, "")
    failing = [
        each for each in facts.deliveries if each.attempts and not each.attempts[0].has_succeeded
    ]
    if failing:
        missing = f"{len(failing[-1].attempts)} of {ATTEMPTS} attempts were made"
    else:
        missing = f"no delivery has failed; {fault_to_set(facts, 'the script 503 503 200')}"
    return Part("attempts", label, (), missing)


def _gap(attempts: Sequence[AttemptFact], index: int) -> str:
    gap = (attempts[index].started_at - attempts[index - 1].ended_at).total_seconds()
    skipped = attempts[index].skipped_seconds
    return f"{gap + skipped:.1f} s" + (
        f", of which {skipped:.1f} s were skipped" if skipped else ""
    )


def _near(
    answer: Answer | None, shown: DeliveryFact | None, *, is_early: bool, is_near: bool
) -> Part:
    label = "Your prediction is within 20 % of the plan"
    if answer is None or shown is None:
        return Part("near", label, (), "the second gap has not come yet")
    planned = _planned(shown)
    if is_near:
        return Part("near", label, [Evidence("planned", Kind.VALUE, f"{planned:g} s")], "")
    if not is_early:
        return Part("near", label, (), "you predicted when the gap was known; set the script again")
    missing = (
        f"you predicted {answer.text} s, but the plan was {planned:g} s; "
        "predict again, set the script again, and buy again"
    )
    return Part("near", label, (), missing)


MISSION = Mission(
    number=8,
    title="Retry and back off",
    goal="Let two attempts fail, and predict how long the shop waits before the third.",
    steps=(
        Step(
            "Set the fault “Script” to 503 503 200: the subscriber fails twice, "
            "then responds normally.",
            SET_SCRIPT,
        ),
        Step(
            "Predict the second gap: the time between the end of the second attempt and the start "
            "of the third. The demo's [retry schedule] is 0, 2, 4, 8, 15 and 30 seconds. Answer "
            "above, before you buy."
        ),
        Step("Buy something in the shop.", SHOP),
        Step(
            "Watch the delivery: each attempt has its time, and why it came then.",
            DELIVERY,
        ),
    ),
    questions=(Question(PREDICTION, "The second gap", "Decimals are allowed.", unit="seconds"),),
    hints=(
        (
            "The first number of the schedule is the wait before the first attempt, the second the "
            "wait before the second attempt. Which one is before the third?"
        ),
        (
            "The [jitter] makes each wait up to 20 % longer or shorter. Predict the number in the "
            "schedule."
        ),
        (
            "If your sandbox has a schedule of its own, the second gap is its third number. A "
            "wrong prediction costs nothing: try again."
        ),
    ),
    explanation=(
        (
            "The shop tried {delivery} three times. The first gap was {first}, the second "
            "{second}; you predicted {prediction}, and the schedule says {planned}."
        ),
        (
            "The gaps grow: that is [backoff]. A receiver in trouble gets fewer requests, so that "
            "it can recover."
        ),
        (
            "The real gap differs a little from the schedule on purpose. Without [jitter], a "
            "thousand deliveries that failed together would all come back in the same moment."
        ),
    ),
    judge=judge,
    needs=frozenset({Need.DELIVERIES, Need.ENDPOINTS}),
    wants_attempts=lambda delivery: delivery.event_type == "purchase.created",
    tools=frozenset({Tool.FAULTS}),
    picture="back_off.html",
)
