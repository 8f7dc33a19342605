"""Decides the verdict on a request. No database, network or clock.

``evaluate`` needs only the request. ``finalize`` also needs the processed messages, so it runs
inside the transaction that adds to them.
"""

import hashlib
from dataclasses import dataclass, replace
from decimal import Decimal

from subscriber_app.checklist import Checklist, Finding, VerificationError
from subscriber_app.receiving.defences import NONE_OFF, Defence, SwitchedOff, verified_body
from subscriber_app.receiving.events import MONEY_EVENTS, Event, parse_event
from subscriber_app.receiving.verification import Expectation, IncomingRequest, verify
from subscriber_app.vocabulary import Reason, StepName, Verdict


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict. ``status``: of the response. ``reason`` and ``detail``: of a rejection."""

    verdict: Verdict
    checklist: Checklist
    status: int = 200
    reason: Reason | None = None
    detail: str = ""
    event: Event | None = None


@dataclass(frozen=True, slots=True)
class ProcessedMessage:
    """An accepted message. ``receipt_id``: of the request that was accepted."""

    body_sha256: str
    receipt_id: str


def evaluate(request: IncomingRequest, expected: Expectation) -> Decision:
    """Decide on a request without regard to processed messages. Never raises."""
    checklist = Checklist()
    try:
        verify(request, expected, checklist)
        with checklist.step(StepName.EVENT) as step:
            event = parse_event(verified_body(request.body, expected.off))
            step.finding = Finding(_event_detail(event))
    except VerificationError as error:
        return reject(error, checklist)
    return Decision(Verdict.ACCEPTED if event.type else Verdict.IGNORED, checklist, event=event)


def finalize(
    decision: Decision,
    request: IncomingRequest,
    processed: ProcessedMessage | None,
    off: SwitchedOff = NONE_OFF,
) -> Decision:
    """Return the final decision: an accepted request may still be a duplicate or a conflict.

    ``processed``: the message with the same webhook-id. ``off``: without de-duplication, every
    request counts as new, and money is booked again.
    """
    if decision.verdict is not Verdict.ACCEPTED or decision.event is None:
        return decision
    checklist = decision.checklist
    try:
        with checklist.step(StepName.DEDUPLICATION) as step:
            step.finding = _deduplicate(request, processed, off)
    except VerificationError as error:
        return reject(error, checklist)
    is_duplicate = processed is not None and Defence.DEDUPLICATION not in off
    with checklist.step(StepName.BOOKING) as step:
        if is_duplicate:
            step.finding = Finding("Booked before; not booked again", skipped=True)
        else:
            step.finding = _booking_finding(decision.event)
    return replace(decision, verdict=Verdict.DUPLICATE) if is_duplicate else decision


def reject(error: VerificationError, checklist: Checklist) -> Decision:
    """Return the decision on a request that a check or a fault rejects."""
    return Decision(Verdict.REJECTED, checklist, error.status, error.reason, error.detail)


def body_sha256(request: IncomingRequest, off: SwitchedOff = NONE_OFF) -> str:
    """Return the hex digest that identifies the body."""
    return hashlib.sha256(verified_body(request.body, off)).hexdigest()


def _deduplicate(
    request: IncomingRequest, processed: ProcessedMessage | None, off: SwitchedOff
) -> Finding:
    if Defence.DEDUPLICATION in off:
        return Finding("Switched off: every request counts as new", skipped=True)
    if processed is None:
        return Finding("First request with this webhook-id")
    if processed.body_sha256 != body_sha256(request, off):
        raise VerificationError(
            Reason.CONFLICTING_BODY,
            f"This webhook-id was received before with another body: {processed.receipt_id}",
        )
    return Finding(f"This webhook-id was accepted before: {processed.receipt_id}")


def _booking_finding(event: Event) -> Finding:
    if event.type not in MONEY_EVENTS:
        return Finding("No money in this event", skipped=True)
    return Finding(f"{_amount(event)} booked")


def _event_detail(event: Event) -> str:
    if event.type is None:
        return f"Unknown event type {event.type_name}: acknowledged and ignored"
    if event.type in MONEY_EVENTS:
        return f"{event.type_name} for {_amount(event)}"
    return event.type_name


def _amount(event: Event) -> str:
    sign = "−" if event.value_cents < 0 else ""
    return f"{sign}${Decimal(abs(event.value_cents)).scaleb(-2)}"
