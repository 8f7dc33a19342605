"""Facts for the judges of missions."""

from datetime import UTC, datetime, timedelta
from typing import Any

from subscriber_app.missions.facts import Answer, Facts, ReceiptFact
from subscriber_app.missions.mission import Done, Judgment, NotYet
from subscriber_app.vocabulary import Reason, Verdict

START = datetime(2026, 12, 1, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """Return the time this many seconds after the start of the mission."""
    return START + timedelta(seconds=seconds)


def receipt(number: int, **changes: Any) -> ReceiptFact:
    """Return an accepted receipt, received ``number`` seconds after the start."""
    given: dict[str, Any] = {
        "id": f"rcp_{number:032x}",
        "received_at": at(number),
        "verdict": Verdict.ACCEPTED,
        "message_id": "msg_1",
        "order_id": "ord_1",
        "event_type": "purchase.created",
        "value_cents": 5075,
        "credentials": (f"t{number}", f"s{number}", ""),
    }
    return ReceiptFact(**{**given, **changes})


def forgery(number: int, attack: str, reason: Reason = Reason.SIGNATURE_MISMATCH) -> ReceiptFact:
    """Return the rejected receipt of an attack."""
    return receipt(
        number, verdict=Verdict.REJECTED, reason=reason, attack=attack, message_id=f"msg_{number}"
    )


def answer(text: str, seconds: float) -> Answer:
    return Answer(text, at(seconds))


def facts(**given: Any) -> Facts:
    """Return facts of a mission that began at ``START``."""
    return Facts(START, at(60), **given)


def missing(judgment: Judgment) -> str:
    """Return the nearest miss of a mission that is not done."""
    assert isinstance(judgment, NotYet), judgment
    return judgment.missing


def proof(judgment: Judgment) -> dict[str, str]:
    """Return the evidence of a mission that is done: ids by name."""
    assert isinstance(judgment, Done), judgment
    return {each.name: each.id for each in judgment.evidence}
