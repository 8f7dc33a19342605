"""Gathers both halves of a message's story: ours from the database, the shop's from its API.

Called by ``web.story``. The shop is asked each time and not waited for long: without it, our half
is told alone.
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
from subscriber_app.explaining.trace import ReceivedRequest, Story, stamp_of, tell
from subscriber_app.receiving.verification import IncomingRequest
from subscriber_app.shop_api.client import ShopClient
from subscriber_app.shop_api.delivery_log import ListedDelivery, ShopDelivery
from subscriber_app.shop_api.errors import ShopError
from subscriber_app.vocabulary import Result

PATIENCE_SECONDS = 1.5  # of a page; the shop is near, or it is away
MAX_RECEIPTS = 100  # somebody may have sent the same id a million times
MAX_CANDIDATES = 5  # deliveries of which one may be for us
# A story has no use for bodies, of which a stranger may have sent a hundred times 256 KiB.
_WITHOUT_BODY = defer(col(Receipt.body), raiseload=True)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Told:
    """A story, or None when neither side knows the message.

    ``problem``: why the shop's half is missing. ``other_endpoints``: how many others were told the
    same. ``is_cut``: there are more receipts than are shown.
    """

    story: Story | None
    problem: str = ""
    other_endpoints: int = 0
    is_cut: bool = False


class TraceBuilder:
    """``webhook_url``: ours, by which a delivery for us is known after a new registration."""

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

    async def tell(self, message_id: str) -> Told:
        """The story of a message as far as it is known now."""
        async with self._database.reading() as session:
            receipts = await _receipts_of(session, message_id)
            subscription = (await session.exec(select(Subscription))).first()
        received = [_received(receipt) for receipt in receipts[:MAX_RECEIPTS]]
        delivery, others, problem = None, 0, ""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                listed = await self._shop.deliveries_of(message_id)
                delivery = await self._ours(listed, subscription)
                others = len({each.endpoint_id for each in listed}) - bool(delivery)
        except ShopError as error:
            problem = str(error)
        except TimeoutError:
            problem = f"No answer from {self._shop.shop_url} within {PATIENCE_SECONDS:g} s"
        story = tell(delivery, received, now=self._now()) if delivery or received else None
        return Told(story, problem, others, is_cut=len(receipts) > MAX_RECEIPTS)

    async def newest_messages(self, limit: int) -> list[Receipt]:
        """The newest receipt of each of the messages that came last."""
        newest = (
            select(Receipt)
            .where(col(Receipt.message_id).is_not(None))
            .order_by(col(Receipt.id).desc())
            .limit(limit * 5)  # a message comes a few times at most, as a rule
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
        """The delivery for our endpoint; or, after we registered anew, for our address."""
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
        stamp=stamp_of(request.header("webhook-timestamp"), request.header("webhook-signature")),
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
