"""Moves one delivery on: claim it, sign and send it, record what came of it.

Called by the worker for each wake-up. The claim is committed before the request goes out, and the
record is one transaction after it, so no transaction is open while the network is slow. A fencing
number makes sure that a worker which outlived its lease cannot overwrite its successor's record.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, or_
from sqlmodel import and_, col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from shop.announcements import Change, ChangeFeed
from shop.database import Database
from shop.models import Attempt, Delivery, Endpoint, Message
from shop.vocabulary import DeliveryState, EndpointStatus, Trigger
from shop.webhooks.endpoints import disable, live_secrets
from shop.webhooks.outcomes import Outcome, judge, retry_after_seconds
from shop.webhooks.retries import RetrySchedule
from shop.webhooks.sender import Answer, OutgoingRequest, Sender
from shop.webhooks.signing import SignedContent, signing_headers

# How long past the request's deadline a claim holds: enough to record the attempt.
LEASE_MARGIN = timedelta(seconds=3)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DeliveryRules:
    """How deliveries are made: settings, clock and dice.

    ``issuer``: the shop's public URL, named in each token. ``random``: from 0 up to 1.
    """

    schedule: RetrySchedule
    request_timeout: timedelta
    issuer: str
    now: Callable[[], datetime]
    random: Callable[[], float]


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to make the next attempt, as long as ``fence`` is the delivery's newest."""

    delivery: Delivery
    message: Message
    endpoint: Endpoint
    secrets: list[str]
    fence: int

    @property
    def attempt_number(self) -> int:
        """Counts from 1."""
        return self.delivery.attempt_count + 1


class Courier:
    """Delivers what it is told to, if it is really due."""

    def __init__(
        self, database: Database, sender: Sender, feed: ChangeFeed, rules: DeliveryRules
    ) -> None:
        self._database = database
        self._sender = sender
        self._feed = feed
        self._rules = rules

    async def deliver(self, delivery_id: str) -> None:
        """Make the delivery's next attempt; does nothing when another worker has it."""
        claim = await self._claim(delivery_id)
        if claim is None:
            return
        await self._announce(claim)
        started_at = self._rules.now()
        answer = await self._attempt(claim, started_at)
        await self._record(claim, started_at, answer)
        await self._announce(claim)

    async def _claim(self, delivery_id: str) -> Claim | None:
        now = self._rules.now()
        lease_expires_at = now + self._rules.request_timeout + LEASE_MARGIN
        async with self._database.writing() as session:
            take = (
                update(Delivery)
                .where(col(Delivery.id) == delivery_id, is_due(now))
                .values(
                    state=DeliveryState.SENDING,
                    fence=Delivery.fence + 1,
                    lease_expires_at=lease_expires_at,
                )
            )
            if (await session.exec(take)).rowcount == 0:
                return None
            return await _load_claim(session, delivery_id)

    async def _attempt(self, claim: Claim, started_at: datetime) -> Answer:
        """Sign and send. A failure of our own becomes an answer, too: the queue must move on."""
        try:
            return await self._sender.send(self._sign(claim, started_at))
        except Exception as error:
            logger.exception("Delivery %s could not be sent", claim.delivery.id)
            return Answer({}, error="internal_error", error_detail=type(error).__name__)

    def _sign(self, claim: Claim, started_at: datetime) -> OutgoingRequest:
        url = claim.endpoint.webhook_url
        content = SignedContent(claim.message.id, int(started_at.timestamp()), claim.message.body)
        signed = signing_headers(content, claim.secrets, issuer=self._rules.issuer, audience=url)
        return OutgoingRequest(
            url, {"Content-Type": "application/json", **signed}, claim.message.body
        )

    async def _record(self, claim: Claim, started_at: datetime, answer: Answer) -> None:
        async with self._database.writing() as session:
            move_on = (
                update(Delivery)
                .where(
                    col(Delivery.id) == claim.delivery.id,
                    col(Delivery.state) == DeliveryState.SENDING,
                    col(Delivery.fence) == claim.fence,
                )
                .values(**self._next_state(claim, answer))
            )
            if (await session.exec(move_on)).rowcount == 0:
                logger.warning("Delivery %s: another worker took over", claim.delivery.id)
                return
            session.add(_attempt_row(claim, started_at, answer))
            if judge(answer.status) is Outcome.GONE:
                await disable(session, claim.endpoint.id, reason="gone")
        _log_attempt(claim, answer)

    def _next_state(self, claim: Claim, answer: Answer) -> dict[str, object]:
        now = self._rules.now()
        outcome = judge(answer.status)
        values: dict[str, object] = {
            "attempt_count": claim.attempt_number,
            "last_status": answer.status,
            "last_error": answer.error,
            "lease_expires_at": None,
            "next_trigger": Trigger.AUTOMATIC,
            "next_attempt_at": None,
        }
        if outcome is Outcome.SUCCEEDED:
            return values | {"state": DeliveryState.SUCCEEDED, "completed_at": now}
        delay = self._rules.schedule.delay_before(claim.attempt_number + 1, self._rules.random)
        if delay is None or outcome is Outcome.GONE:
            return values | {"state": DeliveryState.FAILED, "completed_at": now}
        asked_for = retry_after_seconds(answer.status, answer.headers, now=now)
        next_attempt_at = now + timedelta(seconds=max(delay, asked_for))
        return values | {"state": DeliveryState.PENDING, "next_attempt_at": next_attempt_at}

    async def _announce(self, claim: Claim) -> None:
        await self._feed.announce(
            Change("delivery", claim.delivery.id, order_id=claim.message.order_id)
        )


def is_due(now: datetime) -> ColumnElement[bool]:
    """What may be claimed: a wait that is over, or the lease of a worker that is gone."""
    return or_(
        and_(
            col(Delivery.state) == DeliveryState.PENDING,
            col(Delivery.next_attempt_at) <= now,
            col(Delivery.endpoint_id).in_(
                select(Endpoint.id).where(Endpoint.status == EndpointStatus.ACTIVE)
            ),
        ),
        and_(
            col(Delivery.state) == DeliveryState.SENDING,
            col(Delivery.lease_expires_at) <= now,
        ),
    )


async def find_due(session: AsyncSession, *, now: datetime, limit: int) -> list[str]:
    """Ids of deliveries that may be claimed, the longest waiting first."""
    query = (
        select(Delivery.id).where(is_due(now)).order_by(col(Delivery.next_attempt_at)).limit(limit)
    )
    return list((await session.exec(query)).all())


async def _load_claim(session: AsyncSession, delivery_id: str) -> Claim:
    query = (
        select(Delivery, Message, Endpoint)
        .join(Message, col(Message.id) == Delivery.message_id)
        .join(Endpoint, col(Endpoint.id) == Delivery.endpoint_id)
        .where(Delivery.id == delivery_id)
    )
    delivery, message, endpoint = (await session.exec(query)).one()
    secrets = await live_secrets(session, endpoint.id)
    return Claim(delivery, message, endpoint, secrets, delivery.fence)


def _attempt_row(claim: Claim, started_at: datetime, answer: Answer) -> Attempt:
    return Attempt(
        delivery_id=claim.delivery.id,
        number=claim.attempt_number,
        trigger=claim.delivery.next_trigger,
        started_at=started_at,
        duration_ms=answer.duration_ms,
        request_url=claim.endpoint.webhook_url,
        request_headers=answer.request_headers,
        response_status=answer.status,
        response_headers=answer.headers,
        response_body=answer.body,
        response_truncated=answer.truncated,
        error=answer.error,
        error_detail=answer.error_detail,
    )


def _log_attempt(claim: Claim, answer: Answer) -> None:
    logger.info(
        "Delivery %s attempt %d → %s in %d ms",
        claim.delivery.id,
        claim.attempt_number,
        answer.status or answer.error,
        answer.duration_ms,
    )
