"""The loop of a worker: look into the database, send what is due, record what came of it.

To look is one transaction: it records the attempts that have ended and claims what is due. The
claims are committed before anything is sent, so no transaction is open while the network is slow.
The dispatcher looks when a wake-up comes, when an attempt has ended, and by itself every quarter of
a second: nothing depends on Redis.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from shop.database.transactions import Database
from shop.redis.change_feed import Change, ChangeFeed
from shop.redis.wake_ups import WakeUps
from shop.vocabulary import Trigger
from shop.webhooks.endpoints.encryption import Encryption
from shop.webhooks.engine.claiming import (
    Claim,
    Claimed,
    claim_due,
    is_anything_due,
    lock_endpoints_in_play,
    release_abandoned,
)
from shop.webhooks.engine.http_client import HttpClient, OutgoingRequest, Response
from shop.webhooks.engine.recording import INTERNAL_ERROR, CompletedAttempt, record_attempts
from shop.webhooks.engine.settings import DeliverySettings
from shop.webhooks.rules.signing import SignedContent, signing_headers

MAX_IN_FLIGHT = 600  # deliveries of one worker; most systems let a process open 1,024 files
MAX_CLAIMS_PER_LOOK = 50  # half of an endpoint's most slots, so that two workers share a backlog
SCHEDULER_INTERVAL_SECONDS = 0.25
RELEASE_INTERVAL = timedelta(seconds=0.25)
# Looks that follow each other at once would each find little, and cost as much as full ones.
MIN_LOOK_INTERVAL_SECONDS = 0.02
PAUSE_AFTER_ERROR_SECONDS = 0.5  # a full disk says so at once, and not only once

logger = logging.getLogger(__name__)


class Dispatcher:
    """``wake`` it, ``run`` it, ``stop`` it."""

    def __init__(  # noqa: PLR0913, PLR0917 – the parts that it puts to work
        self,
        database: Database,
        client: HttpClient,
        feed: ChangeFeed,
        wake_ups: WakeUps,
        encryption: Encryption,
        settings: DeliverySettings,
    ) -> None:
        self._database = database
        self._client = client
        self._feed = feed
        self._wake_ups = wake_ups
        self._encryption = encryption
        self._settings = settings
        self._sending: set[asyncio.Task[None]] = set()
        self._completed: deque[CompletedAttempt] = deque()
        self._has_reason = asyncio.Event()
        self._woken_at: datetime | None = None
        self._is_stopping = False
        self._released_at: datetime | None = None

    @property
    def in_flight(self) -> int:
        """How many deliveries it is sending at this moment."""
        return len(self._sending)

    def wake(self, enqueued_at: datetime) -> None:
        """Look soon. ``enqueued_at``: when the wake-up was sent; the earliest one counts."""
        self._woken_at = min(self._woken_at or enqueued_at, enqueued_at)
        self._has_reason.set()

    def stop(self) -> None:
        """Claim nothing more; ``run`` ends when all that was sent is recorded."""
        self._is_stopping = True
        self._has_reason.set()

    async def run(self) -> None:
        """Look again and again until it is stopped. An error of one look does not end it."""
        clock = asyncio.get_running_loop().time
        while not self._is_stopping or self._sending or self._completed:
            try:
                await self._wait_for_a_reason()
                looked_at = clock()
                await self.look()
                await asyncio.sleep(looked_at + MIN_LOOK_INTERVAL_SECONDS - clock())
            except OperationalError as error:
                logger.warning("The database cannot be used now, looking again: %s", error.orig)
                await self._pause_after_error()
            except Exception:
                logger.exception("A look failed, looking again in spite of that")
                await self._pause_after_error()

    async def look(self, *, limit: int = MAX_CLAIMS_PER_LOOK) -> None:
        """Record the attempts that have ended, claim up to ``limit`` deliveries, and send them.

        Raises ``OperationalError`` when the database cannot be used now; nothing is lost then.
        """
        self._has_reason.clear()
        woken_at, self._woken_at = self._woken_at, None
        completed: list[CompletedAttempt] = []
        try:
            changed, claimed = await self._database.write(
                lambda connection: self._record_and_claim(connection, completed, limit)
            )
        except OperationalError:
            self._completed.extendleft(reversed(self._with_lease_left(completed)))
            raise
        except Exception:
            # One attempt that cannot be stored must harm none but itself.
            await self._record_each_alone(completed)
            raise
        for claim in claimed.claims:
            self._begin(claim, woken_at)
        self._announce([each.claim for each in completed], claimed.claims, changed)
        if claimed.has_more:
            self._look_again(woken_at)

    async def _wait_for_a_reason(self) -> None:
        """Return when there is a wake-up, an attempt to record, or something that is due."""
        while not self._has_reason.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SCHEDULER_INTERVAL_SECONDS):
                    await self._has_reason.wait()
                    return
            # Ask without writing: a worker at rest should hold up nobody.
            if await self._database.read(partial(is_anything_due, now=self._settings.now())):
                return

    def _record_and_claim(
        self, connection: Connection, completed: list[CompletedAttempt], limit: int
    ) -> tuple[Collection[str], Claimed]:
        """Fill ``completed`` with what is recorded. Return the endpoints changed and the claims."""
        # Only now, with the lock held: whatever has ended meanwhile joins this transaction.
        while self._completed:
            completed.append(self._completed.popleft())
        now = self._settings.now()
        ours = {each.claim.endpoint_id for each in completed}
        if self._should_release(now):
            release_abandoned(connection, now=now)
        endpoints = lock_endpoints_in_play(connection, also=ours, now=now)
        changed = record_attempts(connection, completed, endpoints, self._settings, now=now)
        claimed = claim_due(
            connection,
            endpoints.values(),
            limit=min(limit, self._free_slots()),
            lease=self._settings.lease,
            now=now,
        )
        return changed, claimed

    def _should_release(self, now: datetime) -> bool:
        """Return whether it is time to look for claims of dead workers, which is not always."""
        last, self._released_at = self._released_at, now
        if last is None or abs(now - last) >= RELEASE_INTERVAL:
            return True
        self._released_at = last
        return False

    def _free_slots(self) -> int:
        return 0 if self._is_stopping else MAX_IN_FLIGHT - len(self._sending)

    def _begin(self, claim: Claim, woken_at: datetime | None) -> None:
        # A wake-up that was sent before the order existed is not what led to its delivery.
        enqueued_at = max(woken_at, claim.message_created_at) if woken_at else None
        task = asyncio.create_task(self._send(claim, enqueued_at))
        self._sending.add(task)  # the event loop itself would let go of it
        task.add_done_callback(self._sending.discard)

    async def _send(self, claim: Claim, enqueued_at: datetime | None) -> None:
        """Sign and send. A failure of our own is recorded, too: the queue must move on."""
        started_at = self._settings.now()
        try:
            response = await self._client.send(self._signed(claim, started_at))
        except Exception as error:
            logger.exception("%s: could not be sent", claim.delivery_id, extra=claim.facts)
            response = Response({}, error=INTERNAL_ERROR, error_detail=type(error).__name__)
        self._completed.append(CompletedAttempt(claim, started_at, response, enqueued_at))
        self._has_reason.set()

    def _signed(self, claim: Claim, started_at: datetime) -> OutgoingRequest:
        content = SignedContent(claim.message_id, int(started_at.timestamp()), claim.body)
        headers = signing_headers(
            content,
            [secret.decrypt(self._encryption) for secret in claim.secrets],
            issuer=self._settings.issuer,
            audience=claim.webhook_url,
        )
        return OutgoingRequest(
            claim.webhook_url,
            {"Content-Type": "application/json", **headers},
            claim.body,
            fresh_connection=claim.trigger is Trigger.RECONNECT,
        )

    def _announce(
        self, recorded: Sequence[Claim], claimed: Sequence[Claim], endpoint_ids: Collection[str]
    ) -> None:
        deliveries = [
            Change("delivery", claim.delivery_id, order_id=claim.order_id)
            for claim in (*recorded, *claimed)
        ]
        self._feed.announce_soon(*deliveries, *(Change("endpoint", id_) for id_ in endpoint_ids))

    def _look_again(self, woken_at: datetime | None) -> None:
        """Go on with a backlog, and let another worker share it."""
        self._woken_at = woken_at
        self._has_reason.set()
        self._wake_ups.send()

    def _with_lease_left(self, completed: Sequence[CompletedAttempt]) -> list[CompletedAttempt]:
        """Return what may still be recorded: after its lease, somebody sends it again."""
        now = self._settings.now()
        kept = []
        for each in completed:
            if now < each.started_at + self._settings.lease:
                kept.append(each)
            else:
                logger.warning(
                    "%s: attempt %d could not be recorded in time, it is made again",
                    each.claim.delivery_id,
                    each.claim.attempt_number,
                    extra=each.claim.facts,
                )
        return kept

    async def _record_each_alone(self, completed: Sequence[CompletedAttempt]) -> None:
        for each in completed:
            try:
                await self._record(each)
            except OperationalError:
                self._completed += self._with_lease_left([each])
            except Exception:
                logger.exception(
                    "%s: attempt %d cannot be stored; it is made again when its lease has run out",
                    each.claim.delivery_id,
                    each.claim.attempt_number,
                    extra=each.claim.facts,
                )

    async def _record(self, completed: CompletedAttempt) -> None:
        def record(connection: Connection) -> None:
            now, endpoint_id = self._settings.now(), completed.claim.endpoint_id
            endpoints = lock_endpoints_in_play(connection, also=[endpoint_id], now=now)
            record_attempts(connection, [completed], endpoints, self._settings, now=now)

        await self._database.write(record)

    async def _pause_after_error(self) -> None:
        await asyncio.sleep(PAUSE_AFTER_ERROR_SECONDS)
        self._has_reason.set()  # nobody knows what the look that failed has left undone
