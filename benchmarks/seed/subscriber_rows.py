"""Generates an inbox's history: receipts, purchases and processed messages.

Of every hundred receipts, eighty are accepted, twelve are duplicates, three ignored, five rejected.
Accepted ones have valid signatures with the given secret.
"""

import hashlib
import json
import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from benchmarks.seed.bulk_load import Row
from benchmarks.seed.times import next_moment, sqlite_time, uuid7_hex
from shop import __version__
from shop.vocabulary import EventType
from shop.webhooks.rules.events import Event, serialize
from shop.webhooks.rules.signing import LiveSecret, SignedContent, signing_headers
from subscriber_app.receiving.receipt_ids import ReceiptIds
from subscriber_app.vocabulary import Reason, Result, StepName, Verdict

VERDICTS = (Verdict.ACCEPTED, Verdict.DUPLICATE, Verdict.IGNORED, Verdict.REJECTED)
VERDICT_WEIGHTS = (80, 12, 3, 5)
# Common reasons, with the step that rejects for them.
REASONS = (
    (Reason.SIGNATURE_MISMATCH, StepName.SIGNATURE),
    (Reason.TIMESTAMP_TOO_OLD, StepName.TIMESTAMP),
    (Reason.MISSING_HEADER, StepName.HEADERS),
    (Reason.TOKEN_EXPIRED, StepName.TOKEN),
    (Reason.MALFORMED_EVENT, StepName.EVENT),
)
KINDS = (EventType.PURCHASE_CREATED, EventType.PURCHASE_SHIPPED, EventType.PURCHASE_REFUNDED)
KIND_WEIGHTS = (75, 20, 5)
UNKNOWN_KIND = "customer.birthday"
PRICES = (1250, 5075, 3400, 2790, 1490, 8900)


@dataclass(frozen=True, slots=True)
class Sent:
    """A sent webhook. ``kind``: the event type in the body."""

    event: Event
    kind: str
    body: bytes


@dataclass(frozen=True, slots=True)
class InboxHistory:
    """The parameters. ``span``: the length of the history before ``now``; ``url``: our receiver."""

    url: str
    issuer: str
    secret: LiveSecret
    now: datetime
    span: timedelta
    rng: random.Random

    def rows(self, receipts: int) -> Iterator[Row]:
        """Yield ``receipts`` receipts with their purchases."""
        ids = ReceiptIds()
        recent: deque[Sent] = deque(maxlen=10)  # accepted ones, which may be sent again
        moment = self.now - self.span
        for left in range(receipts, 0, -1):
            moment = next_moment(moment, until=self.now, left=left, rng=self.rng)
            receipt_id = ids.next(moment)
            [verdict] = self.rng.choices(VERDICTS, VERDICT_WEIGHTS)
            if verdict is Verdict.DUPLICATE and not recent:
                verdict = Verdict.ACCEPTED
            if verdict is Verdict.DUPLICATE:
                sent = self.rng.choice(recent)
            else:
                sent = self._sent(moment, is_known=verdict is not Verdict.IGNORED)
            yield "receipt", self._receipt(receipt_id, sent, verdict, moment)
            if verdict is Verdict.ACCEPTED:
                recent.append(sent)
                yield from self._booked(receipt_id, sent, moment)

    def _sent(self, moment: datetime, *, is_known: bool) -> Sent:
        [kind] = self.rng.choices(KINDS, KIND_WEIGHTS)
        cents = self.rng.choice(PRICES)
        if kind is EventType.PURCHASE_REFUNDED:
            cents = -cents
        occurred_at = moment - timedelta(seconds=1)
        order_id = f"ord_{uuid7_hex(occurred_at, self.rng)}"
        event = Event(
            UUID(hex=uuid7_hex(occurred_at, self.rng)), kind, occurred_at, cents, order_id
        )
        body = serialize(event)
        if is_known:
            return Sent(event, kind.value, body)
        return Sent(event, UNKNOWN_KIND, body.replace(kind.encode(), UNKNOWN_KIND.encode()))

    def _receipt(
        self, receipt_id: str, sent: Sent, verdict: Verdict, moment: datetime
    ) -> dict[str, Any]:
        reason, failing = None, None
        if verdict is Verdict.REJECTED:
            reason, failing = self.rng.choice(REASONS)
        took = 0.6 + self.rng.random()
        knows_event = failing is None
        is_money = knows_event and sent.kind in {KINDS[0].value, KINDS[2].value}
        return {
            "id": receipt_id,
            "received_at": sqlite_time(moment),
            "duration_ms": round(took, 2),
            "booked_ms": round(took + 0.9, 2) if verdict is Verdict.ACCEPTED else None,
            "verdict": verdict.value,
            "reason": reason.value if reason else None,
            "status": reason.status if reason else 200,
            "message_id": sent.event.message_id,
            "event_type": sent.kind if knows_event else None,
            "value_cents": sent.event.value_cents if is_money else None,
            "headers": self._headers(sent, moment, is_forged=reason is Reason.SIGNATURE_MISMATCH),
            "body": sent.body,
            "steps": _steps(failing),
        }

    def _headers(self, sent: Sent, moment: datetime, *, is_forged: bool) -> str:
        content = SignedContent(sent.event.message_id, int(moment.timestamp()), sent.body)
        # A forged request is signed for another body.
        signed_content = SignedContent(content.message_id, content.timestamp, b"{}")
        signed = signing_headers(
            signed_content if is_forged else content,
            [self.secret],
            issuer=self.issuer,
            audience=self.url,
        )
        return json.dumps(
            [
                ["host", self.url.split("/")[2]],
                ["user-agent", f"Hookshop/{__version__}"],
                ["accept", "*/*"],
                ["accept-encoding", "identity"],
                ["content-type", "application/json"],
                ["content-length", str(len(sent.body))],
                *([name.lower(), value] for name, value in signed.items()),
            ]
        )

    def _booked(self, receipt_id: str, sent: Sent, moment: datetime) -> Iterator[Row]:
        event = sent.event
        occurred_at = sqlite_time(event.occurred_at.replace(microsecond=0))
        digest = hashlib.sha256(sent.body).hexdigest()
        processed = {"id": event.message_id, "body_sha256": digest, "receipt_id": receipt_id}
        yield "handled_message", processed
        if event.type is not EventType.PURCHASE_SHIPPED:
            yield (
                "purchase",
                {
                    "receipt_id": receipt_id,
                    "message_id": event.message_id,
                    "event_type": event.type.value,
                    "event_id": str(event.id),
                    "order_id": event.order_id,
                    "value_cents": event.value_cents,
                    "occurred_at": occurred_at,
                    "booked_at": sqlite_time(moment),
                },
            )
        is_sale = event.type is EventType.PURCHASE_CREATED
        is_refund = event.type is EventType.PURCHASE_REFUNDED
        yield (
            "purchase_state",
            {
                "order_id": event.order_id,
                "first_receipt_id": receipt_id,
                "is_overtaken": not is_sale,
                "bought_cents": event.value_cents if is_sale else 0,
                "refunded_cents": event.value_cents if is_refund else 0,
                "bought_at": occurred_at if is_sale else None,
                "shipped_at": None if is_sale or is_refund else occurred_at,
                "refunded_at": occurred_at if is_refund else None,
            },
        )


def _steps(failing: StepName | None) -> str:
    """Return the checklist as JSON, cached. ``failing``: the failed step; None if all passed."""
    if failing not in _STEPS_JSON:
        result, steps = Result.PASSED, []
        for name in StepName:
            result = Result.FAILED if name is failing else result
            steps.append({"name": name.value, "result": result.value, "detail": _DETAIL[result]})
            result = Result.NOT_REACHED if name is failing else result
        _STEPS_JSON[failing] = json.dumps(steps)
    return _STEPS_JSON[failing]


_STEPS_JSON: dict[StepName | None, str] = {}
_DETAIL = {
    Result.PASSED: "As it should be; seeded, not checked",
    Result.FAILED: "Refused; seeded, not checked",
    Result.NOT_REACHED: "",
}
