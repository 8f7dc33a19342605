"""Delivers: claim, sign and send, record what came of it, and go on with what waits.

Called by the worker for each wake-up. The claim is committed before the request goes out, and the
record is made after it, so no transaction is open while the network is slow; see ``ledger``.
"""

import asyncio
import logging
from datetime import datetime, timedelta

from sqlalchemy.exc import OperationalError

from shop.announcements import ChangeFeed
from shop.database import Database
from shop.webhooks.claims import Claim
from shop.webhooks.due import find_due
from shop.webhooks.http_client import Answer, HttpClient, OutgoingRequest
from shop.webhooks.ledger import Ledger
from shop.webhooks.records import INTERNAL_ERROR, Finished
from shop.webhooks.rules import DeliveryRules
from shop.webhooks.signing import SignedContent, signing_headers
from shop.webhooks.vault import Vault

# How long one wake-up goes on with what waits for the same endpoint.
SHIFT = timedelta(seconds=2)
RECORD_PAUSE_SECONDS = 0.5  # a full disk says so at once, and not only once

logger = logging.getLogger(__name__)


class Courier:
    """Delivers what it is told to, if it is really due. ``ledger``: where it claims and records."""

    def __init__(
        self,
        database: Database,
        sender: HttpClient,
        feed: ChangeFeed,
        vault: Vault,
        rules: DeliveryRules,
    ) -> None:
        self._database = database
        self._sender = sender
        self._vault = vault
        self._rules = rules
        self.ledger = Ledger(database, feed, rules)

    async def work_off(self, delivery_id: str, *, enqueued_at: datetime | None = None) -> None:
        """Deliver, then go on with what else waits for the same endpoint, for a while.

        A wake-up may find the endpoint's share in use and do nothing; whoever uses it goes on. Or
        it comes too late for this very delivery: then there is room for another one.
        ``enqueued_at``: of the wake-up that led here, if there was one.
        """
        until = self._rules.now() + SHIFT
        claim = await self.ledger.claim(delivery_id, or_next=True)
        while claim:
            finished = await self._attempt(claim, enqueued_at)
            claim = await self._record(finished, go_on=self._rules.now() < until)
            enqueued_at = None

    async def deliver(self, delivery_id: str) -> None:
        """Make the delivery's next attempt, unless it is not due or another worker has it."""
        claim = await self.ledger.claim(delivery_id)
        if claim:
            await self._record(await self._attempt(claim), go_on=False)

    async def find_due(self, *, limit: int, is_thorough: bool = True) -> list[str]:
        """Ids of deliveries to wake workers for; ``is_thorough``: see ``due.find_due``."""
        async with self._database.reading() as session:
            return await find_due(
                session,
                now=self._rules.now(),
                longest_lease=self._rules.lease,
                limit=limit,
                is_thorough=is_thorough,
            )

    async def _attempt(self, claim: Claim, enqueued_at: datetime | None = None) -> Finished:
        """Sign and send. A failure of our own becomes an answer, too: the queue must move on."""
        started_at = self._rules.now()
        try:
            answer = await self._sender.send(self._sign(claim, started_at))
        except Exception as error:
            logger.exception("Delivery %s could not be sent", claim.delivery.id, extra=claim.facts)
            answer = Answer({}, error=INTERNAL_ERROR, error_detail=type(error).__name__)
        return Finished(claim, started_at, answer, enqueued_at)

    def _sign(self, claim: Claim, started_at: datetime) -> OutgoingRequest:
        url, body = claim.webhook_url, claim.delivery.body
        secrets = [secret.unlock(self._vault) for secret in claim.secrets]
        content = SignedContent(claim.delivery.message_id, int(started_at.timestamp()), body)
        signed = signing_headers(content, secrets, issuer=self._rules.issuer, audience=url)
        return OutgoingRequest(url, {"Content-Type": "application/json", **signed}, body)

    async def _record(self, finished: Finished, *, go_on: bool) -> Claim | None:
        """Write down what came of it, and try again while the claim lasts.

        What is not written down will be sent a second time. Answers the claim to go on with.
        """
        while True:
            try:
                return await self.ledger.record(finished, go_on=go_on)
            except OperationalError as error:
                if self._rules.now() >= finished.started_at + self._rules.lease:
                    raise
                delivery_id, facts = finished.claim.delivery.id, finished.claim.facts
                logger.warning(
                    "Delivery %s: recording it again: %s", delivery_id, error.orig, extra=facts
                )
            await asyncio.sleep(RECORD_PAUSE_SECONDS)
