"""A received webhook in words: as lines for people, and as a JSON document for programs. Pure."""

import base64
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import click

from hookshop.testing.verification import Result, Step, Verification
from hookshop.testing.webhook_server import ReceivedWebhook
from hookshop.webkit.plain_text import escape_unprintable

COLORS = {Result.PASSED: "green", Result.FAILED: "red", Result.IGNORED: "yellow"}
NAME_WIDTH = len("content type")
RESULT_WIDTH = len(Result.NOT_REACHED)
MAX_SHOWN_LENGTH = 60  # characters of what a sender chose


def lines(webhook: ReceivedWebhook, number: int, earlier: int | None) -> Iterator[str]:
    """Yield the lines about a webhook.

    ``number``: counted from 1. ``earlier``: the number of the last webhook with the same id.
    """
    time = datetime.fromtimestamp(webhook.received_at, UTC).astimezone().strftime("%H:%M:%S")
    yield click.style(f"#{number}  {time}  {_event(webhook)}  {_message_id(webhook)}", bold=True)
    if earlier:
        yield (
            f"  The webhook-id is that of #{earlier}: this is another attempt. "
            "A receiver that has done the work already skips it."
        )
    if webhook.fault:
        yield click.style(f"  Fault {webhook.fault}: {_what_the_fault_does(webhook)}", fg="yellow")
    if webhook.verification:
        yield from map(_step_line, webhook.verification.steps)
    yield f"  {_conclusion(webhook)}"
    for line in _what_was_believed(webhook):
        yield click.style(f"  {line}", fg="yellow")


def document(webhook: ReceivedWebhook, number: int, earlier: int | None) -> dict[str, Any]:
    """Return the same facts for JSON, with headers and body as they came."""
    verification = webhook.verification
    return {
        "number": number,
        "same_id_as": earlier,
        "received_at": datetime.fromtimestamp(webhook.received_at, UTC).isoformat(),
        "path": webhook.path,
        "message_id": webhook.message_id,
        "event": webhook.event,
        "fault": webhook.fault,
        "is_genuine": _is_genuine(verification) if verification else None,
        "steps": [_step_document(step) for step in verification.steps] if verification else [],
        "status": webhook.status,
        "booked": webhook.booked,
        "headers": [list(header) for header in webhook.headers],
        "body_base64": base64.b64encode(webhook.body).decode(),
    }


def _event(webhook: ReceivedWebhook) -> str:
    return _shown(str(webhook.event["type"])) if webhook.event else "no event"


def _message_id(webhook: ReceivedWebhook) -> str:
    return _shown(webhook.message_id or "without webhook-id")


def _shown(text: str) -> str:
    return escape_unprintable(text[:MAX_SHOWN_LENGTH])


def _what_the_fault_does(webhook: ReceivedWebhook) -> str:
    if webhook.verification:
        return "verifies as usual, then goes wrong"
    return "does not verify the request"


def _step_line(step: Step) -> str:
    result = click.style(f"{step.result:<{RESULT_WIDTH}}", fg=COLORS.get(step.result))
    reason = f" ({step.reason})" if step.reason else ""
    return f"  {step.name:<{NAME_WIDTH}}  {result}  {step.detail}{reason}".rstrip()


def _is_genuine(verification: Verification) -> bool:
    return verification.is_genuine and not verification.ignored


def _conclusion(webhook: ReceivedWebhook) -> str:
    if webhook.status is None:
        return "No response."
    answered = f"Responded with {webhook.status}"
    if webhook.verification is None:
        return f"{answered}."
    if webhook.verification.ignored:
        return f"{answered}: accepted, because a defense is off."
    return f"{answered}: {'genuine' if webhook.verification.is_genuine else 'not genuine'}."


def _what_was_believed(webhook: ReceivedWebhook) -> Iterator[str]:
    """Yield what a defense would have changed, if this receiver is naive."""
    if webhook.verification and webhook.verification.ignored:
        names = ", ".join(step.name for step in webhook.verification.ignored)
        yield f"Would have been rejected by: {names}."
    if webhook.booked is not None:
        times = "once" if webhook.booked == 1 else f"{webhook.booked} times"
        yield f"Its message is booked {times}."
    if (webhook.booked or 0) > 1:
        yield "With deduplication, it is booked once."


def _step_document(step: Step) -> dict[str, str | None]:
    return {
        "name": step.name,
        "result": step.result,
        "detail": step.detail,
        "reason": step.reason,
    }
