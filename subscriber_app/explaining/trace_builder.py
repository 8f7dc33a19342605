"""Builds the trace of a message: our half from the database, the shop's half from its API.

The shop is asked each time, with a short timeout. Without its response, the trace is our half.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import defer
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from subscriber_app.database.models import Receipt, Subscription
from subscriber_app.database.transactions import Database
from subscriber_app.explaining.trace import ReceivedRequest, Trace, build_trace, request_key
from subscriber_app.receiving.verification import IncomingRequest
from subscriber_app.shop_api.client import ShopClient
from subscriber_app.shop_api.delivery_log import ListedDelivery, ShopDelivery
from subscriber_app.shop_api.errors import ShopError
from subscriber_app.vocabulary import Result

SHOP_TIMEOUT_SECONDS = 1.5  # a person waits for the page
MAX_RECEIPTS = 100  # anyone may have sent the same id a million times
MAX_CANDIDATES = 5  # deliveries whose URL is compared with ours
# A trace needs no bodies, and a hundred of them may have 256 KiB each.
_WITHOUT_BODY = defer(col(Receipt.body), raiseload=True)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class TraceResult:
    """A trace, or None if neither side knows the message.

    ``problem``: why the shop's half is missing. ``other_endpoints``: how many other endpoints the
    message was sent to. ``is_cut``: there are more receipts than are shown.
    """

    trace: Trace | None
    problem: str = ""
    other_endpoints: int = 0
    is_cut: bool = False


class TraceBuilder:
    """Builds traces. ``webhook_url``: our URL, to find deliveries to an earlier endpoint."""

    def __init__(
        self,
        database: Database,
        shop: ShopClient,
        *,
        webhook_url: str,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._shop = shop
        self._webhook_url = webhook_url
        self._now = now

    async def build(self, message_id: str) -> TraceResult:
        """Return the trace of a message as far as it is known now."""
        async with self._database.reading() as session:
            receipts = await _receipts_of(session, message_id)
            subscription = (await session.exec(select(Subscription))).first()
        received = [_received(receipt) for receipt in receipts[:MAX_RECEIPTS]]
        delivery, others, problem = None, 0, ""
        try:
            async with asyncio.timeout(SHOP_TIMEOUT_SECONDS):
                listed = await self._shop.deliveries_of(message_id)
                delivery = await self._ours(listed, subscription)
                others = len({each.endpoint_id for each in listed}) - bool(delivery)
        except ShopError as error:
            problem = str(error)
        except TimeoutError:
            problem = f"No response from {self._shop.shop_url} within {SHOP_TIMEOUT_SECONDS:g} s"
        trace = build_trace(delivery, received, now=self._now()) if delivery or received else None
        return TraceResult(trace, problem, others, is_cut=len(receipts) > MAX_RECEIPTS)

    async def newest_messages(self, limit: int) -> list[Receipt]:
        """Return the newest receipt of each of the ``limit`` messages received last."""
        newest = (
            select(Receipt)
            .where(col(Receipt.message_id).is_not(None))
            .order_by(col(Receipt.id).desc())
            .limit(limit * 5)  # a message rarely arrives more than a few times
            .options(_WITHOUT_BODY)
        )
        async with self._database.reading() as session:
            receipts = (await session.exec(newest)).all()
        by_message = {receipt.message_id: receipt for receipt in reversed(receipts)}
        found = sorted(by_message.values(), key=lambda receipt: receipt.id, reverse=True)
        return found[:limit]

    async def _ours(
        self, listed: Sequence[ListedDelivery], subscription: Subscription | None
    ) -> ShopDelivery | None:
        """Return the delivery to our endpoint, or to our URL if we have registered again since."""
        endpoint_id = subscription.endpoint_id if subscription else ""
        for each in listed:
            if each.endpoint_id == endpoint_id:
                return await self._shop.delivery(each.id)
        for each in listed[:MAX_CANDIDATES]:
            delivery = await self._shop.delivery(each.id)
            urls = {attempt.request.url for attempt in delivery.attempts}
            if self._webhook_url in urls:
                return delivery
        return None


async def _receipts_of(session: AsyncSession, message_id: str) -> Sequence[Receipt]:
    query = (
        select(Receipt)
        .where(Receipt.message_id == message_id)
        .order_by(col(Receipt.id).desc())
        .limit(MAX_RECEIPTS + 1)
        .options(_WITHOUT_BODY)
    )
    return (await session.exec(query)).all()


def _received(receipt: Receipt) -> ReceivedRequest:
    request = IncomingRequest([(name, value) for name, value in receipt.headers], b"")
    return ReceivedRequest(
        receipt_id=receipt.id,
        key=request_key(request.header("webhook-timestamp"), request.header("webhook-signature")),
        received_at=receipt.received_at,
        verified_at=_after(receipt.received_at, receipt.duration_ms),
        booked_at=(
            None if receipt.booked_ms is None else _after(receipt.received_at, receipt.booked_ms)
        ),
        verdict=receipt.verdict,
        reason=receipt.reason,
        status=receipt.status,
        value_cents=receipt.value_cents,
        results=[Result(step["result"]) for step in receipt.steps],
        fault=receipt.fault,
    )


def _after(moment: datetime, milliseconds: float) -> datetime:
    return moment + timedelta(milliseconds=milliseconds)
