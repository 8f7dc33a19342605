"""Processes an incoming request: verify it; then de-duplicate and book in one transaction.

Every request leaves a receipt. The transaction is committed before the response, because a 2xx
promises the sender that the message is stored.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlmodel.ext.asyncio.session import AsyncSession

from hookshop.webkit.change_feed import LocalChangeFeed
from hookshop.webkit.encryption import Encryption
from hookshop.webkit.times import utc_now
from subscriber_app.checklist import Checklist
from subscriber_app.database.models import ProcessedMessageRow, Purchase, Receipt
from subscriber_app.database.transactions import Database
from subscriber_app.faults import FaultAction, Faults
from subscriber_app.receiving.decision import (
    Decision,
    ProcessedMessage,
    body_sha256,
    evaluate,
    finalize,
    reject,
)
from subscriber_app.receiving.defence_switches import DefenceSwitches
from subscriber_app.receiving.defences import SwitchedOff
from subscriber_app.receiving.events import MONEY_EVENTS, claimed_order_id
from subscriber_app.receiving.purchases import update_purchase
from subscriber_app.receiving.receipt_ids import ReceiptIds
from subscriber_app.receiving.verification import Expectation, IncomingRequest
from subscriber_app.shop_api.held_secrets import read_trust
from subscriber_app.vocabulary import Verdict

MAX_STORED_ID_LENGTH = 128  # characters

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Received:
    """A committed receipt. ``detail``: one sentence for the sender of a rejected request.

    ``action``: the fault to inject into the response.
    """

    receipt: Receipt
    detail: str
    action: FaultAction | None


class ResetMeanwhile(Exception):  # noqa: N818 – the name says what happened
    """The inbox was emptied while the request was verified. It has left no receipt."""


class Stopwatch:
    """Measures the time since its creation."""

    def __init__(self) -> None:
        self._started = time.perf_counter()

    def milliseconds(self) -> float:
        """Return the elapsed time in milliseconds, with two decimals."""
        return round((time.perf_counter() - self._started) * 1000, 2)


class Inbox:
    """The inbox. ``webhook_url``: the expected audience before there is a subscription."""

    def __init__(  # noqa: PLR0913 – the inbox needs all of these parts
        self,
        database: Database,
        feed: LocalChangeFeed,
        faults: Faults,
        defences: DefenceSwitches,
        encryption: Encryption,
        *,
        webhook_url: str,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._database = database
        self._feed = feed
        self._faults = faults
        self._defences = defences
        self._encryption = encryption
        self._webhook_url = webhook_url
        self._now = now
        self._ids = ReceiptIds()
        self._resets = 0

    async def close(self) -> None:
        """Forget the last id: the application may start again with another clock."""
        self._ids = ReceiptIds()

    def refuse_what_is_under_way(self) -> None:
        """Store no receipt of a request that has begun. Call it in a writing transaction."""
        self._resets += 1

    async def receive(self, request: IncomingRequest) -> Received:
        """Process a request and commit its receipt. Raise only for our own failures.

        Raise ``ResetMeanwhile`` if the inbox is emptied before the receipt is stored.
        """
        resets = self._resets
        received_at, stopwatch = self._now(), Stopwatch()
        off = self._defences.off  # read once: a change must not apply to half of a request
        action = await self._faults.next_action()
        decision = await self._evaluate(request, action, received_at, off)
        async with self._database.writing() as session:
            if resets != self._resets:
                raise ResetMeanwhile
            # Inside the write transaction: of several simultaneous copies, exactly one is first.
            processed = await _find_processed(session, request, decision)
            decision = finalize(decision, request, processed, off)
            # Also inside, so that ids are in the order of the commits.
            receipt = _receipt(self._ids.next(received_at), request, decision, action, received_at)
            receipt.duration_ms = stopwatch.milliseconds()
            session.add(receipt)
            if decision.verdict is Verdict.ACCEPTED:
                await session.flush()  # the rows below reference this one
                if processed is None:
                    await _mark_processed(session, request, receipt, off)
                await _book(session, decision, receipt)
                await session.flush()
                receipt.booked_ms = stopwatch.milliseconds()
        self._feed.announce()
        _log(receipt)
        return Received(receipt, decision.detail, action)

    async def _evaluate(
        self, request: IncomingRequest, action: FaultAction | None, now: datetime, off: SwitchedOff
    ) -> Decision:
        if action and action.rejection:
            return reject(action.rejection, Checklist())
        async with self._database.reading() as session:
            trust = await read_trust(session, now, self._encryption)
        expected = Expectation(
            secrets=trust.secrets if trust else (),
            audience=trust.audience if trust else self._webhook_url,
            now=now.timestamp(),
            off=off,
            issuer=trust.issuer if trust else None,
        )
        return evaluate(request, expected)


async def _find_processed(
    session: AsyncSession, request: IncomingRequest, decision: Decision
) -> ProcessedMessage | None:
    if decision.verdict is not Verdict.ACCEPTED:
        return None  # the id of a request that is not genuine proves nothing
    row = await session.get(ProcessedMessageRow, request.header("webhook-id"))
    return ProcessedMessage(row.body_sha256, row.receipt_id) if row else None


async def _mark_processed(
    session: AsyncSession, request: IncomingRequest, receipt: Receipt, off: SwitchedOff
) -> None:
    if receipt.message_id is None:
        raise AssertionError("an accepted request has a message id")
    session.add(
        ProcessedMessageRow(
            id=receipt.message_id, body_sha256=body_sha256(request, off), receipt_id=receipt.id
        )
    )
    await session.flush()


async def _book(session: AsyncSession, decision: Decision, receipt: Receipt) -> None:
    event = decision.event
    if receipt.message_id is None or event is None or event.occurred_at is None:
        raise AssertionError("an accepted request has a message id and an event with a date")
    await update_purchase(session, event, receipt.id)
    if event.type in MONEY_EVENTS:
        session.add(
            Purchase(
                receipt_id=receipt.id,
                message_id=receipt.message_id,
                event_type=event.type,
                event_id=event.id,
                order_id=event.order_id,
                value_cents=event.value_cents,
                occurred_at=event.occurred_at,
                booked_at=receipt.received_at,
            )
        )


def _receipt(
    receipt_id: str,
    request: IncomingRequest,
    decision: Decision,
    action: FaultAction | None,
    received_at: datetime,
) -> Receipt:
    event = decision.event
    return Receipt(
        id=receipt_id,
        received_at=received_at,
        duration_ms=0,
        verdict=decision.verdict,
        reason=decision.reason,
        status=action.response_status(decision.status) if action else decision.status,
        message_id=(request.header("webhook-id") or "")[:MAX_STORED_ID_LENGTH] or None,
        event_type=event.type_name if event else None,
        value_cents=event.value_cents if event and event.type in MONEY_EVENTS else None,
        order_id=claimed_order_id(request.body),
        headers=[list(pair) for pair in request.headers],
        body=request.body,
        steps=[asdict(step) for step in decision.checklist.steps],
        fault=action.script_word if action else None,
    )


def _log(receipt: Receipt) -> None:
    logger.info(
        "Receipt %s: %s%s → %s",
        receipt.id,
        receipt.verdict,
        f" ({receipt.reason})" if receipt.reason else "",
        receipt.status or "no response",
        extra={
            "receipt_id": receipt.id,
            "message_id": receipt.message_id,
            "verdict": receipt.verdict.value,
            "reason": receipt.reason.value if receipt.reason else None,
            "status": receipt.status,
        },
    )
