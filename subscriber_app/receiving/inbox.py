"""From an incoming request to a receipt: judge, remember, book, in one commit.

Called by ``web.receiver``. The commit comes before the answer: a 2xx that the sender gets is a
promise that nothing will be lost. Whatever comes in leaves a receipt.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlmodel.ext.asyncio.session import AsyncSession

from hookshop.webkit.change_feed import LocalChangeFeed
from hookshop.webkit.times import utc_now
from subscriber_app.checklist import Checklist
from subscriber_app.database.models import HandledMessage, Purchase, Receipt
from subscriber_app.database.transactions import Database
from subscriber_app.faults import FaultAction, Faults
from subscriber_app.receiving.decision import Handled, Ruling, body_sha256, examine, refuse, settle
from subscriber_app.receiving.defence_switches import DefenceSwitches
from subscriber_app.receiving.defences import SwitchedOff
from subscriber_app.receiving.events import MONEY_EVENTS
from subscriber_app.receiving.purchases import take_event
from subscriber_app.receiving.receipt_ids import ReceiptIds
from subscriber_app.receiving.verification import Expectation, IncomingRequest
from subscriber_app.shop_api.held_secrets import read_trust
from subscriber_app.vocabulary import Verdict

MAX_KEPT_ID_LENGTH = 128

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Received:
    """A committed receipt. ``detail``: the sentence for the sender when it was refused.

    ``mishap``: what is to go wrong with the answer on purpose.
    """

    receipt: Receipt
    detail: str
    mishap: FaultAction | None


class Stopwatch:
    """Runs from when it is made."""

    def __init__(self) -> None:
        self._started = time.perf_counter()

    def milliseconds(self) -> float:
        """How long it has run, to the hundredth."""
        return round((time.perf_counter() - self._started) * 1000, 2)


class Inbox:
    """Takes requests in. ``webhook_url``: where we may be addressed before subscribing."""

    def __init__(  # noqa: PLR0913 – an inbox needs all of these
        self,
        database: Database,
        feed: LocalChangeFeed,
        faults: Faults,
        defences: DefenceSwitches,
        *,
        webhook_url: str,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._database = database
        self._feed = feed
        self._faults = faults
        self._defences = defences
        self._webhook_url = webhook_url
        self._now = now
        self._ids = ReceiptIds()

    async def receive(self, request: IncomingRequest) -> Received:
        """Judge a request and commit its receipt. Raises only for failures of our own."""
        received_at, stopwatch = self._now(), Stopwatch()
        off = self._defences.off  # once: a click in between must not split one request in two
        mishap = await self._faults.take()
        ruling = await self._examine(request, mishap, received_at, off)
        async with self._database.writing() as session:
            # Inside the writing transaction: of many copies at once, exactly one comes first.
            handled = await _recall(session, request, ruling)
            ruling = settle(ruling, request, handled, off)
            # Here, too, so that ids follow each other as the commits do.
            receipt = _receipt(self._ids.next(received_at), request, ruling, mishap, received_at)
            receipt.duration_ms = stopwatch.milliseconds()
            session.add(receipt)
            if ruling.verdict is Verdict.ACCEPTED:
                await session.flush()  # each row below refers to the one before it
                if handled is None:
                    await _remember(session, request, receipt, off)
                await _book(session, ruling, receipt)
                await session.flush()
                receipt.booked_ms = stopwatch.milliseconds()
        self._feed.announce()
        _log(receipt)
        return Received(receipt, ruling.detail, mishap)

    async def _examine(
        self, request: IncomingRequest, mishap: FaultAction | None, now: datetime, off: SwitchedOff
    ) -> Ruling:
        if mishap and mishap.refusal:
            return refuse(mishap.refusal, Checklist())
        async with self._database.reading() as session:
            trust = await read_trust(session, now)
        expected = Expectation(
            secrets=trust.secrets if trust else (),
            audience=trust.audience if trust else self._webhook_url,
            now=now.timestamp(),
            off=off,
            issuer=trust.issuer if trust else None,
        )
        return examine(request, expected)


async def _recall(
    session: AsyncSession, request: IncomingRequest, ruling: Ruling
) -> Handled | None:
    if ruling.verdict is not Verdict.ACCEPTED:
        return None  # ids of requests that are not genuine mean nothing
    row = await session.get(HandledMessage, request.header("webhook-id"))
    return Handled(row.body_sha256, row.receipt_id) if row else None


async def _remember(
    session: AsyncSession, request: IncomingRequest, receipt: Receipt, off: SwitchedOff
) -> None:
    if receipt.message_id is None:
        raise AssertionError("an accepted request has one")
    session.add(
        HandledMessage(
            id=receipt.message_id, body_sha256=body_sha256(request, off), receipt_id=receipt.id
        )
    )
    await session.flush()


async def _book(session: AsyncSession, ruling: Ruling, receipt: Receipt) -> None:
    event = ruling.event
    if receipt.message_id is None or event is None or event.occurred_at is None:
        raise AssertionError("an accepted request has all of these")
    await take_event(session, event, receipt.id)
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
    ruling: Ruling,
    mishap: FaultAction | None,
    received_at: datetime,
) -> Receipt:
    event = ruling.event
    return Receipt(
        id=receipt_id,
        received_at=received_at,
        duration_ms=0,
        verdict=ruling.verdict,
        reason=ruling.reason,
        status=mishap.answered_status(ruling.status) if mishap else ruling.status,
        message_id=(request.header("webhook-id") or "")[:MAX_KEPT_ID_LENGTH] or None,
        event_type=event.type_name if event else None,
        value_cents=event.value_cents if event and event.type in MONEY_EVENTS else None,
        headers=[list(pair) for pair in request.headers],
        body=request.body,
        steps=[asdict(step) for step in ruling.checklist.steps],
        fault=mishap.word if mishap else None,
    )


def _log(receipt: Receipt) -> None:
    logger.info(
        "Receipt %s: %s%s → %s",
        receipt.id,
        receipt.verdict,
        f" ({receipt.reason})" if receipt.reason else "",
        receipt.status or "no answer",
        extra={
            "receipt_id": receipt.id,
            "message_id": receipt.message_id,
            "verdict": receipt.verdict.value,
            "reason": receipt.reason.value if receipt.reason else None,
            "status": receipt.status,
        },
    )
