"""Processes incoming requests: verify, de-duplicate and book, in one transaction.

Every request leaves a receipt. The transaction is committed before the response, because a 2xx
promises the sender that the message is stored. Requests that come at once share a transaction.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from hookshop.webkit.change_feed import LocalChangeFeed
from hookshop.webkit.encryption import Encryption
from hookshop.webkit.group_commit import GroupCommit
from hookshop.webkit.times import utc_now
from subscriber_app.checklist import Checklist
from subscriber_app.database.transactions import Database
from subscriber_app.faults import FaultAction, FaultActionKind, Faults
from subscriber_app.receiving.books import Books, find_processed
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
from subscriber_app.receiving.receipt_ids import ReceiptIds
from subscriber_app.receiving.verification import Expectation, IncomingRequest
from subscriber_app.shop_api.held_secrets import Trust, read_trust
from subscriber_app.vocabulary import Reason, Verdict

MAX_STORED_ID_LENGTH = 128  # characters

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Received:
    """The result of a request, as in its committed receipt.

    ``status``: of the response; None if a fault suppresses it. ``detail``: one sentence for the
    sender of a rejected request. ``action``: the fault to inject into the response.
    """

    receipt_id: str
    message_id: str | None
    verdict: Verdict
    reason: Reason | None
    status: int | None
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


@dataclass(frozen=True, slots=True)
class _Arrival:
    """A request, with all that must not change before its receipt is stored.

    ``resets``: how often the inbox had been emptied when it arrived.
    """

    request: IncomingRequest
    received_at: datetime
    stopwatch: Stopwatch
    off: SwitchedOff
    action: FaultAction | None
    resets: int


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
        self._commits = GroupCommit(database, self._process, feed.announce)
        self._faults = faults
        self._defences = defences
        self._encryption = encryption
        self._webhook_url = webhook_url
        self._now = now
        self._ids = ReceiptIds()
        self._resets = 0

    async def close(self) -> None:
        """Wait for the requests under way, and forget the last id.

        The application may start again with another clock.
        """
        await self._commits.close()
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
        off = self._defences.off
        action = await self._faults.next_action()
        received = await self._commits.commit(
            _Arrival(request, received_at, stopwatch, off, action, resets)
        )
        if _crashes_worker(received.action):
            self._faults.worker_crash.carry_out()  # only now that the booking is committed
        _log(received)
        return received

    def _process(self, connection: Connection, arrivals: Sequence[_Arrival]) -> list[Received]:
        """Verify requests, and store their receipts and what they book."""
        if any(arrival.resets != self._resets for arrival in arrivals):
            raise ResetMeanwhile
        trust = read_trust(connection, max(each.received_at for each in arrivals), self._encryption)
        decisions = [self._evaluate(arrival, trust) for arrival in arrivals]
        # Inside the write transaction: of several simultaneous copies, exactly one is first.
        processed = find_processed(connection, _accepted_ids(arrivals, decisions))
        books, results = Books(), []
        for arrival, decision in zip(arrivals, decisions, strict=True):
            results.append(self._record(arrival, decision, processed, books))
        books.store(connection)
        return results

    def _evaluate(self, arrival: _Arrival, trust: Trust | None) -> Decision:
        if arrival.action and arrival.action.rejection:
            return reject(arrival.action.rejection, Checklist())
        expected = Expectation(
            secrets=trust.secrets if trust else (),
            audience=trust.audience if trust else self._webhook_url,
            now=arrival.received_at.timestamp(),
            off=arrival.off,
            issuer=trust.issuer if trust else None,
        )
        return evaluate(arrival.request, expected)

    def _record(
        self,
        arrival: _Arrival,
        decision: Decision,
        processed: dict[str, ProcessedMessage],
        books: Books,
    ) -> Received:
        """Add the receipt and what it books. ``processed``: by id; a new message is added."""
        message_id = arrival.request.header("webhook-id") or ""
        decision = finalize(decision, arrival.request, processed.get(message_id), arrival.off)
        if _crashes_worker(arrival.action) and not _books_money(decision):
            arrival = replace(arrival, action=None)
        # Here, so that ids are in the order of the commits.
        receipt = _receipt(self._ids.next(arrival.received_at), arrival, decision)
        books.add_receipt(receipt)
        if decision.verdict is Verdict.ACCEPTED and decision.event:
            if message_id not in processed:
                digest = body_sha256(arrival.request, arrival.off)
                processed[message_id] = ProcessedMessage(digest, receipt["id"])
                books.mark_processed(message_id, processed[message_id])
            books.book(decision.event, receipt)
            receipt["booked_ms"] = arrival.stopwatch.milliseconds()
        return Received(
            receipt["id"],
            receipt["message_id"],
            decision.verdict,
            decision.reason,
            receipt["status"],
            decision.detail,
            arrival.action,
        )


def _crashes_worker(action: FaultAction | None) -> bool:
    return action is not None and action.kind is FaultActionKind.CRASH_WORKER


def _books_money(decision: Decision) -> bool:
    event = decision.event
    return decision.verdict is Verdict.ACCEPTED and event is not None and event.type in MONEY_EVENTS


def _accepted_ids(arrivals: Sequence[_Arrival], decisions: Sequence[Decision]) -> set[str]:
    """Return the message ids of accepted requests: those of others prove nothing."""
    return {
        arrival.request.header("webhook-id") or ""
        for arrival, decision in zip(arrivals, decisions, strict=True)
        if decision.verdict is Verdict.ACCEPTED
    }


def _receipt(receipt_id: str, arrival: _Arrival, decision: Decision) -> dict[str, Any]:
    """Return the row of a receipt, of which nothing is booked yet."""
    event, action, request = decision.event, arrival.action, arrival.request
    return {
        "id": receipt_id,
        "received_at": arrival.received_at,
        "duration_ms": arrival.stopwatch.milliseconds(),
        "booked_ms": None,
        "verdict": decision.verdict,
        "reason": decision.reason,
        "status": action.response_status(decision.status) if action else decision.status,
        "message_id": (request.header("webhook-id") or "")[:MAX_STORED_ID_LENGTH] or None,
        "event_type": event.type_name if event else None,
        "value_cents": event.value_cents if event and event.type in MONEY_EVENTS else None,
        "order_id": claimed_order_id(request.body),
        "headers": request.headers,
        "body": request.body,
        "steps": [
            {"name": step.name, "result": step.result, "detail": step.detail}
            for step in decision.checklist.steps
        ],
        "fault": action.script_word if action else None,
    }


def _log(received: Received) -> None:
    logger.info(
        "Receipt %s: %s%s → %s",
        received.receipt_id,
        received.verdict,
        f" ({received.reason})" if received.reason else "",
        received.status or "no response",
        extra={
            "receipt_id": received.receipt_id,
            "message_id": received.message_id,
            "verdict": received.verdict.value,
            "reason": received.reason.value if received.reason else None,
            "status": received.status,
        },
    )
