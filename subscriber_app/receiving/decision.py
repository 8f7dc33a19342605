"""What is to become of a request: the verdict, from what came in and what was handled before. Pure.

``inbox`` asks twice: ``examine`` needs nothing but the request, ``settle`` also the memory of
handled messages, and so runs inside the transaction that writes to it.
"""

import hashlib
from dataclasses import dataclass, replace
from decimal import Decimal

from subscriber_app.checklist import Checklist, Finding, VerificationError
from subscriber_app.receiving.defences import NONE_OFF, Defence, SwitchedOff, judged_body
from subscriber_app.receiving.events import MONEY_EVENTS, Event, parse_event
from subscriber_app.receiving.verification import Expectation, IncomingRequest, verify
from subscriber_app.vocabulary import Reason, StepName, Verdict


@dataclass(frozen=True, slots=True)
class Ruling:
    """``status``: of the answer. ``reason`` and ``detail``: why the request is refused, if so."""

    verdict: Verdict
    checklist: Checklist
    status: int = 200
    reason: Reason | None = None
    detail: str = ""
    event: Event | None = None


@dataclass(frozen=True, slots=True)
class Handled:
    """What is remembered of a message that was accepted. ``receipt_id``: of that request."""

    body_sha256: str
    receipt_id: str


def examine(request: IncomingRequest, expected: Expectation) -> Ruling:
    """Everything that can be said of a request without knowing those before it. Never raises."""
    checklist = Checklist()
    try:
        verify(request, expected, checklist)
        with checklist.step(StepName.EVENT) as step:
            event = parse_event(judged_body(request.body, expected.off))
            step.finding = Finding(_described(event))
    except VerificationError as refusal:
        return refuse(refusal, checklist)
    return Ruling(Verdict.ACCEPTED if event.type else Verdict.IGNORED, checklist, event=event)


def settle(
    ruling: Ruling,
    request: IncomingRequest,
    handled: Handled | None,
    off: SwitchedOff = NONE_OFF,
) -> Ruling:
    """Finish an ``accepted`` ruling by what is remembered of its message; all others stand.

    ``off``: without de-duplication nothing is a repeat, and money is booked again.
    """
    if ruling.verdict is not Verdict.ACCEPTED or ruling.event is None:
        return ruling
    checklist = ruling.checklist
    try:
        with checklist.step(StepName.DEDUPLICATION) as step:
            step.finding = _compare(request, handled, off)
    except VerificationError as refusal:
        return refuse(refusal, checklist)
    repeats = handled is not None and Defence.DEDUPLICATION not in off
    with checklist.step(StepName.BOOKING) as step:
        if repeats:
            step.finding = Finding("Booked already, not again", skipped=True)
        else:
            step.finding = _booking(ruling.event)
    return replace(ruling, verdict=Verdict.DUPLICATE) if repeats else ruling


def refuse(refusal: VerificationError, checklist: Checklist) -> Ruling:
    """The ruling on a request that a check, or a fault on purpose, refuses."""
    return Ruling(Verdict.REJECTED, checklist, refusal.status, refusal.reason, refusal.detail)


def body_sha256(request: IncomingRequest, off: SwitchedOff = NONE_OFF) -> str:
    """Hex digest by which a repeated body is recognised."""
    return hashlib.sha256(judged_body(request.body, off)).hexdigest()


def _compare(request: IncomingRequest, handled: Handled | None, off: SwitchedOff) -> Finding:
    if Defence.DEDUPLICATION in off:
        return Finding("Switched off: nobody asks whether it came before", skipped=True)
    if handled is None:
        return Finding("The first with this webhook-id")
    if handled.body_sha256 != body_sha256(request, off):
        raise VerificationError(
            Reason.CONFLICTING_BODY,
            f"This webhook-id came before with another body, see {handled.receipt_id}",
        )
    return Finding(f"This webhook-id was handled before, see {handled.receipt_id}")


def _booking(event: Event) -> Finding:
    if event.type not in MONEY_EVENTS:
        return Finding("No money in this event", skipped=True)
    return Finding(f"{_amount(event)} booked")


def _described(event: Event) -> str:
    if event.type is None:
        return f"{event.type_name} is an event that we do not know: acknowledged, and ignored"
    if event.type in MONEY_EVENTS:
        return f"{event.type_name} over {_amount(event)}"
    return event.type_name


def _amount(event: Event) -> str:
    return f"{Decimal(event.value_cents).scaleb(-2)}"
