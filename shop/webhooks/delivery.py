"""Moves one delivery on: claim it, sign and send it, record what came of it.

Called by the worker for each wake-up. The claim is committed before the request goes out, and the
record is one transaction after it, so no transaction is open while the network is slow. A fencing
number makes sure that a worker which outlived its lease cannot overwrite its successor's record.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.exc import OperationalError
from sqlmodel import col, update
from sqlmodel.ext.asyncio.session import AsyncSession

from shop.announcements import Change, ChangeFeed
from shop.database import Database
from shop.models import Attempt, Delivery, Endpoint
from shop.vocabulary import DeliveryState, Trigger
from shop.webhooks.breaker import Breaker
from shop.webhooks.claims import Claim, claim, find_due, find_next
from shop.webhooks.endpoint_secrets import live_secrets
from shop.webhooks.endpoints import disable
from shop.webhooks.outcomes import Outcome, judge, retry_after_seconds
from shop.webhooks.retries import RetrySchedule
from shop.webhooks.sender import Answer, OutgoingRequest, Sender
from shop.webhooks.signing import SignedContent, signing_headers
from shop.webhooks.vault import Vault

# How long past the request's deadline a claim holds: enough to record the attempt.
LEASE_MARGIN = timedelta(seconds=3)
# How long one wake-up goes on with what waits for the same endpoint.
SHIFT = timedelta(seconds=2)
# A few hundred wake-ups may come at once. Whoever has sent and wants to record it must not queue
# behind all of them: when its claim runs out meanwhile, the delivery is sent a second time.
CLAIMS_AT_A_TIME = 10
RECORD_PAUSE_SECONDS = 0.5  # a full disk says so at once, and not only once
INTERNAL_ERROR = "internal_error"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DeliveryRules:
    """How deliveries are made: settings, clock and dice.

    ``issuer``: the shop's public URL, named in each token. ``random``: from 0 up to 1.
    ``disable_after``: failed deliveries in a row that disable an endpoint; 0 for never.
    """

    schedule: RetrySchedule
    request_timeout: timedelta
    issuer: str
    now: Callable[[], datetime]
    random: Callable[[], float]
    disable_after: int = 0

    @property
    def lease(self) -> timedelta:
        """How long a claim holds."""
        return self.request_timeout + LEASE_MARGIN


class Courier:
    """Delivers what it is told to, if it is really due."""

    def __init__(
        self,
        database: Database,
        sender: Sender,
        feed: ChangeFeed,
        vault: Vault,
        rules: DeliveryRules,
    ) -> None:
        self._database = database
        self._sender = sender
        self._feed = feed
        self._vault = vault
        self._rules = rules
        self._claiming = asyncio.Semaphore(CLAIMS_AT_A_TIME)

    async def work_off(self, delivery_id: str) -> None:
        """Deliver, then go on with what else waits for the same endpoint, for a while.

        A wake-up may find the endpoint's share in use and do nothing; whoever uses it goes on.
        """
        until = self._rules.now() + SHIFT
        next_id: str | None = delivery_id
        while next_id:
            endpoint_id = await self.deliver(next_id)
            if endpoint_id is None or self._rules.now() >= until:
                return
            next_id = await self._find_next(endpoint_id)

    async def deliver(self, delivery_id: str) -> str | None:
        """Make the delivery's next attempt, and answer the id of its endpoint.

        None, and nothing done, when it is not due, or another worker has it.
        """
        claimed = await self._claim(delivery_id)
        if claimed is None:
            return None
        await self._announce(claimed)
        started_at = self._rules.now()
        answer = await self._attempt(claimed, started_at)
        await self._record(claimed, started_at, answer)
        await self._announce(claimed)
        return claimed.endpoint.id

    async def find_due(self, *, limit: int) -> list[str]:
        """Ids of deliveries to wake workers for."""
        async with self._database.reading() as session:
            return await find_due(
                session, now=self._rules.now(), longest_lease=self._rules.lease, limit=limit
            )

    async def _find_next(self, endpoint_id: str) -> str | None:
        async with self._database.reading() as session:
            return await find_next(
                session, endpoint_id, now=self._rules.now(), longest_lease=self._rules.lease
            )

    async def _claim(self, delivery_id: str) -> Claim | None:
        async with self._claiming, self._database.writing() as session:
            return await claim(
                session,
                delivery_id,
                lease=self._rules.lease,
                now=self._rules.now(),
            )

    async def _attempt(self, claimed: Claim, started_at: datetime) -> Answer:
        """Sign and send. A failure of our own becomes an answer, too: the queue must move on."""
        try:
            return await self._sender.send(await self._sign(claimed, started_at))
        except Exception as error:
            logger.exception("Delivery %s could not be sent", claimed.delivery.id)
            return Answer({}, error=INTERNAL_ERROR, error_detail=type(error).__name__)

    async def _sign(self, claimed: Claim, started_at: datetime) -> OutgoingRequest:
        url, body = claimed.endpoint.webhook_url, claimed.message.body
        async with self._database.reading() as session:
            secrets = await live_secrets(
                session, claimed.endpoint.id, vault=self._vault, now=started_at
            )
        content = SignedContent(claimed.message.id, int(started_at.timestamp()), body)
        signed = signing_headers(content, secrets, issuer=self._rules.issuer, audience=url)
        return OutgoingRequest(url, {"Content-Type": "application/json", **signed}, body)

    async def _record(self, claimed: Claim, started_at: datetime, answer: Answer) -> None:
        """Write down what came of it, and try again while the claim lasts.

        What is not written down will be sent a second time.
        """
        while True:
            try:
                return await self._write_down(claimed, started_at, answer)
            except OperationalError as error:
                if self._rules.now() >= started_at + self._rules.lease:
                    raise
                logger.warning(
                    "Delivery %s: recording it again: %s", claimed.delivery.id, error.orig
                )
            await asyncio.sleep(RECORD_PAUSE_SECONDS)

    async def _write_down(self, claimed: Claim, started_at: datetime, answer: Answer) -> None:
        now, outcome = self._rules.now(), judge(answer.status)
        values = self._next_state(claimed, answer, now)
        async with self._database.writing() as session:
            move_on = (
                update(Delivery)
                .where(
                    col(Delivery.id) == claimed.delivery.id,
                    col(Delivery.state) == DeliveryState.SENDING,
                    col(Delivery.fence) == claimed.fence,
                )
                .values(**values)
            )
            if (await session.exec(move_on)).rowcount == 0:
                logger.warning("Delivery %s: another worker took over", claimed.delivery.id)
                return
            session.add(_attempt_row(claimed, started_at, answer))
            gave_up = values["state"] is DeliveryState.FAILED
            seen_by_people = False
            if answer.error != INTERNAL_ERROR:  # our own failures are no account of the endpoint's
                seen_by_people = await self._note_health(
                    session, claimed.endpoint.id, outcome, gave_up=gave_up, now=now
                )
        _log_attempt(claimed, answer)
        if seen_by_people:
            await self._feed.announce(Change("endpoint", claimed.endpoint.id))

    def _next_state(self, claimed: Claim, answer: Answer, now: datetime) -> dict[str, object]:
        outcome = judge(answer.status)
        values: dict[str, object] = {
            "attempt_count": claimed.attempt_number,
            "last_status": answer.status,
            "last_error": answer.error,
            "lease_expires_at": None,
            "next_trigger": Trigger.AUTOMATIC,
            "next_attempt_at": None,
        }
        if outcome is Outcome.SUCCEEDED:
            return values | {"state": DeliveryState.SUCCEEDED, "completed_at": now}
        delay = self._rules.schedule.delay_before(claimed.attempt_number + 1, self._rules.random)
        if delay is None or outcome is Outcome.GONE:
            return values | {"state": DeliveryState.FAILED, "completed_at": now}
        asked_for = retry_after_seconds(answer.status, answer.headers, now=now)
        return values | {
            "state": DeliveryState.PENDING,
            "next_attempt_at": now + timedelta(seconds=max(delay, asked_for)),
            "waits_since": now,
        }

    async def _note_health(
        self,
        session: AsyncSession,
        endpoint_id: str,
        outcome: Outcome,
        *,
        gave_up: bool,
        now: datetime,
    ) -> bool:
        """Keep the endpoint's account: its breaker, its run of failed deliveries, its end.

        Answers whether its breaker opened or closed, or it was disabled.
        """
        endpoint = await session.get_one(Endpoint, endpoint_id, with_for_update=True)
        breaker = Breaker(endpoint.failed_attempts, endpoint.probe_at)
        if outcome is Outcome.SUCCEEDED:
            breaker, endpoint.failed_deliveries = breaker.after_success(), 0
        else:
            breaker = breaker.after_failure(now)
            endpoint.failed_deliveries += gave_up
        breaker_moved = breaker.probe_at != endpoint.probe_at
        endpoint.failed_attempts, endpoint.probe_at = breaker.failures, breaker.probe_at
        session.add(endpoint)  # writes only if something differs
        await session.flush()
        if outcome is Outcome.GONE:
            await disable(session, endpoint_id, reason="gone")
            return True
        if 0 < self._rules.disable_after <= endpoint.failed_deliveries:
            await disable(session, endpoint_id, reason="failing")
            return True
        return breaker_moved

    async def _announce(self, claimed: Claim) -> None:
        await self._feed.announce(
            Change("delivery", claimed.delivery.id, order_id=claimed.message.order_id)
        )


def _attempt_row(claimed: Claim, started_at: datetime, answer: Answer) -> Attempt:
    return Attempt(
        delivery_id=claimed.delivery.id,
        number=claimed.attempt_number,
        endpoint_id=claimed.endpoint.id,
        trigger=claimed.delivery.next_trigger,
        started_at=started_at,
        duration_ms=answer.duration_ms,
        request_url=claimed.endpoint.webhook_url,
        request_headers=answer.request_headers,
        response_status=answer.status,
        response_headers=answer.headers,
        response_body=answer.body,
        response_truncated=answer.truncated,
        error=answer.error,
        error_detail=answer.error_detail,
    )


def _log_attempt(claimed: Claim, answer: Answer) -> None:
    logger.info(
        "Delivery %s attempt %d → %s in %d ms",
        claimed.delivery.id,
        claimed.attempt_number,
        answer.status or answer.error,
        answer.duration_ms,
    )
