"""Mission 15: at least once."""

from subscriber_app.faults.actions import FaultActionKind
from subscriber_app.missions.facts import Evidence, Facts, Kind, ReceiptFact
from subscriber_app.missions.links import SET_SCRIPT, SHOP, TRACE
from subscriber_app.missions.mission import (
    Action,
    Condition,
    Judgment,
    Mission,
    Need,
    Part,
    Step,
    Tool,
    counted,
    fault_to_set,
    judgment,
)
from subscriber_app.vocabulary import Verdict

SERVER_ERROR = 500
CRASH = "crash-worker"
KEEP = "keep-worker"


def judge(facts: Facts) -> Judgment:
    """Prove a booking without a good answer, its repetition, and that it counts once."""
    booked = [each for each in facts.receipts if _is_booked_in_vain(each)]
    repeated = {each.id: _repetition(each, facts) for each in booked}
    shown = next(iter([*(each for each in booked if repeated[each.id]), *booked]), None)
    again = repeated[shown.id] if shown else None
    return judgment(
        facts,
        Part(
            "booked",
            "A purchase is booked, but the answer is 500 or gets lost",
            [shown.evidence("booked"), _loss(shown)] if shown else (),
            "the crash is armed; buy something in the shop"
            if facts.is_crash_armed
            else "no purchase was booked and then answered with an error; "
            + fault_to_set(facts, "the script accept_then_500"),
        ),
        Part(
            "repeated",
            "The shop sends it again, and it is recognized",
            [again.evidence("again")] if again else (),
            _waits_for(shown) if shown else "nothing to send again yet",
        ),
        _one_booking(facts, shown, again),
    )


def _waits_for(booked: ReceiptFact) -> str:
    if booked.fault == FaultActionKind.CRASH_WORKER:
        return "the second request comes when the lease has expired, about 15 s after the first"
    return "the second request comes at the time of the retry schedule, in about 2 s"


def _is_booked_in_vain(receipt: ReceiptFact) -> bool:
    return (
        receipt.is_genuine
        and receipt.value_cents is not None
        and (receipt.status is None or receipt.status >= SERVER_ERROR)
    )


def _loss(receipt: ReceiptFact) -> Evidence:
    """Return what became of the answer, for the explanation."""
    if receipt.fault == FaultActionKind.CRASH_WORKER:
        told = "its worker was killed before it could read the answer"
    else:
        told = f"the answer was {receipt.status}" if receipt.status else "there was no answer"
    return Evidence("loss", Kind.VALUE, told)


def _repetition(receipt: ReceiptFact, facts: Facts) -> ReceiptFact | None:
    later = [each for each in facts.receipts_of(receipt.message_id or "") if each.id > receipt.id]
    return next((each for each in later if each.verdict is Verdict.DUPLICATE), None)


def _one_booking(facts: Facts, shown: ReceiptFact | None, again: ReceiptFact | None) -> Part:
    label = "Two requests, one booking"
    if shown is None or again is None or shown.message_id is None:
        return Part("once", label, (), "0 of 2 requests with the same message")
    bookings = facts.bookings_of(shown.message_id)
    if len(bookings) != 1:
        missing = f"the message was booked {counted(len(bookings), 'time')}: is a defense off?"
        return Part("once", label, (), missing)
    return Part("once", label, [Evidence("message", Kind.MESSAGE, shown.message_id)], "")


MISSION = Mission(
    number=15,
    title="At least once",
    goal="Book a purchase, lose the answer, and see what the sender must do.",
    steps=(
        Step(
            "Set the fault “Script” to accept_then_500: the subscriber books the "
            "next purchase, but then answers 500, as if it had crashed in between.",
            SET_SCRIPT,
        ),
        Step(
            "Or, instead of the fault, crash a real process: the subscriber books the next "
            "purchase, and then the shop's [worker] is killed before it can read the answer. The "
            "demo starts a new worker at once. That one sends the purchase again when the "
            "[lease] of the killed one has expired, after about 15 seconds.",
            action=Action(CRASH, "Crash the worker at the next webhook"),
            only_if=Condition.CAN_CRASH_WORKER,
        ),
        Step(
            "Instead, the crash is armed: when the next purchase is booked, the shop's [worker] is "
            "killed. About 15 seconds later, the purchase is sent again.",
            action=Action(KEEP, "Do not crash the worker"),
            only_if=Condition.CRASH_IS_ARMED,
        ),
        Step("Buy something in the shop.", SHOP),
        Step(
            "Look at both requests: the trace shows what each side knew at which moment.",
            TRACE,
        ),
    ),
    hints=(
        (
            "Use the script with one word, not the fault “500 after booking”: that would fail "
            "every time."
        ),
        (
            "The second request comes after about two seconds, by the [retry schedule]; after a "
            "crash of the worker, after about 15 seconds."
        ),
    ),
    explanation=(
        (
            "{booked} was booked, but the shop cannot know: {loss}. Perhaps the purchase was "
            "booked before that, perhaps not."
        ),
        (
            "So it must choose: not to send again, and perhaps lose a purchase, or to send again, "
            "and perhaps repeat one. It sent {again}, which the subscriber recognized by its "
            "webhook-id."
        ),
        (
            "“Exactly once” cannot be promised over a network: the answer may always be lost. [at "
            "least once|At least once] on the sender's side and [idempotency] on the receiver's "
            "give the same result: the message {message} was booked once."
        ),
    ),
    judge=judge,
    needs=frozenset({Need.ENDPOINTS}),
    tools=frozenset({Tool.FAULTS}),
)
