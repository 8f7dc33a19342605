"""The loop of a worker: look for due deliveries, send them, record the attempts.

A look is one transaction. It records completed attempts and claims due deliveries. Requests are
sent after the commit, so no transaction is open during a network call. The dispatcher looks after
each wake-up and each completed attempt. Without either, it polls every quarter of a second, so it
does not depend on Redis. A look that leaves nothing to do in a sandbox where time is skipped is
followed by a step of its clock, which makes the next attempts due.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from hookshop.webkit.encryption import Encryption
from shop.database.transactions import Database
from shop.redis.change_feed import Change, ChangeFeed, Kind
from shop.redis.wake_ups import WakeUps
from shop.vocabulary import Trigger
from shop.webhooks.engine.after_attempt import INTERNAL_ERROR, CompletedAttempt
from shop.webhooks.engine.claiming import Claim, ClaimBatch, claim_due
from shop.webhooks.engine.clock_steps import find_advancing, take_step
from shop.webhooks.engine.due import (
    LockedEndpoint,
    is_anything_due,
    lock_due_endpoints,
    release_abandoned,
)
from shop.webhooks.engine.http_client import HttpClient, OutgoingRequest, Response
from shop.webhooks.engine.recording import record_attempts
from shop.webhooks.engine.settings import DeliverySettings, SettingsBySandbox, read_settings
from shop.webhooks.rules.signing import SignedContent, signing_headers
from shop.webhooks.rules.slots import Slots

MAX_CLAIMS_PER_LOOK = 50  # for all sandboxes together; bounds the transaction
SCHEDULER_INTERVAL_SECONDS = 0.25
RELEASE_INTERVAL = timedelta(seconds=0.25)
# More frequent looks would find few deliveries each, at the cost of a full look.
MIN_LOOK_INTERVAL_SECONDS = 0.02
PAUSE_AFTER_ERROR_SECONDS = 0.5  # an error such as a full disk comes back immediately

logger = logging.getLogger(__name__)


class Dispatcher:
    """Sends due deliveries until it is stopped."""

    def __init__(  # noqa: PLR0913, PLR0917 – the parts that it connects
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
        self._sending: dict[asyncio.Task[None], Claim] = {}
        self._completed: deque[CompletedAttempt] = deque()
        self.is_idle = asyncio.Event()  # set while a wake-up would lead to a look at once
        self._look_requested = asyncio.Event()
        self._woken_at: datetime | None = None
        self._is_stopping = False
        self._released_at: datetime | None = None

    @property
    def in_flight(self) -> int:
        """The number of deliveries that are being sent now."""
        return len(self._sending)

    def longest_timeout(self) -> timedelta:
        """Return the longest timeout of the requests that are being sent now."""
        timeouts = (claim.settings.request_timeout for claim in self._sending.values())
        return max(timeouts, default=timedelta())

    def wake(self, enqueued_at: datetime) -> None:
        """Look soon. ``enqueued_at``: when the wake-up was sent. The earliest one counts."""
        self._woken_at = min(self._woken_at or enqueued_at, enqueued_at)
        self._look_requested.set()

    def stop(self) -> None:
        """Claim no more deliveries. ``run`` ends when all attempts in flight are recorded."""
        self._is_stopping = True
        self._look_requested.set()

    async def run(self) -> None:
        """Look repeatedly until ``stop`` is called. Log a failed look and go on."""
        clock = asyncio.get_running_loop().time
        while not self._is_stopping or self._sending or self._completed:
            try:
                await self._wait_for_work()
                looked_at = clock()
                await self.look()
                await asyncio.sleep(looked_at + MIN_LOOK_INTERVAL_SECONDS - clock())
            except OperationalError as error:
                logger.warning("The database is unavailable, retrying: %s", error.orig)
                await self._pause_after_error()
            except Exception:
                logger.exception("A look for due deliveries failed, retrying")
                await self._pause_after_error()

    async def _wait_for_work(self) -> None:
        """Return when a look is requested or a delivery is due."""
        while not self._look_requested.is_set():
            self.is_idle.set()
            try:
                async with asyncio.timeout(SCHEDULER_INTERVAL_SECONDS):
                    await self._look_requested.wait()
                    return
            except TimeoutError:
                # Only read: an idle worker should not block writers.
                if await self._database.read(partial(is_anything_due, now=self._settings.now())):
                    return
            finally:
                self.is_idle.clear()

    async def look(self, *, limit: int = MAX_CLAIMS_PER_LOOK) -> None:
        """Record completed attempts, claim up to ``limit`` due deliveries, and start sending them.

        Where an advance waits for nothing, take its next step and claim what is due then. Raise
        ``OperationalError`` if the database is unavailable. The next look then records the
        attempts.
        """
        advancing = await self._look_once(limit)
        if advancing and not self._is_stopping and await self._take_steps(advancing):
            await self._look_once(limit)

    async def _look_once(self, limit: int) -> Sequence[int]:
        """Look. Return the sandboxes whose advances may take a step."""
        self._look_requested.clear()
        woken_at, self._woken_at = self._woken_at, None
        completed: list[CompletedAttempt] = []
        try:
            changed_endpoint_ids, batch, advancing = await self._database.write(
                lambda connection: self._record_and_claim(connection, completed, limit)
            )
        except OperationalError:
            # ``completed`` is empty if the transaction could not begin; then all are in the queue.
            unrecorded = [*completed, *self._completed]
            self._completed = deque(self._with_lease_left(unrecorded))
            raise
        except Exception:
            # If one attempt cannot be stored, store the others.
            await self._record_separately(completed)
            raise
        for claim in batch.claims:
            self._start_sending(claim, woken_at)
        self._announce([each.claim for each in completed], batch.claims, changed_endpoint_ids)
        if batch.has_more:
            self._look_again(woken_at)
        return advancing

    async def _take_steps(self, sandboxes: Sequence[int]) -> bool:
        """Take a step of each of these advances. Return whether any was taken."""
        has_moved = False
        for number in sandboxes:
            step = await take_step(self._database, number, clock=self._settings.now)
            if step:
                has_moved = True
                kind: Kind = "everything" if step.is_last else "clock"
                self._feed.announce_soon(Change(kind, sandbox=number))
        return has_moved

    def _record_and_claim(
        self, connection: Connection, completed: list[CompletedAttempt], limit: int
    ) -> tuple[Collection[str], ClaimBatch, Sequence[int]]:
        """Record the completed attempts and claim due deliveries.

        Move the attempts to ``completed``. Return the ids of changed endpoints, the claims, and the
        sandboxes of ``find_advancing``.
        """
        # Read the queue as late as possible, so that late attempts join the transaction.
        while self._completed:
            completed.append(self._completed.popleft())
        now = self._settings.now()
        attempted = {each.claim.endpoint_id for each in completed}
        if self._should_release(now):
            release_abandoned(connection, now=now)
        endpoints = lock_due_endpoints(connection, also=attempted, now=now)
        settings = self._read_settings(connection, endpoints.values(), completed)
        changed = record_attempts(connection, completed, endpoints, settings, now=now)
        batch = claim_due(
            connection,
            endpoints.values(),
            limit=0 if self._is_stopping else limit,
            # This may run in another thread: copy what the event loop changes.
            slots=Slots(claim.sandbox for claim in list(self._sending.values())),
            settings=settings,
            now=now,
        )
        return changed, batch, find_advancing(connection)

    def _read_settings(
        self,
        connection: Connection,
        endpoints: Iterable[LockedEndpoint],
        completed: Iterable[CompletedAttempt],
    ) -> SettingsBySandbox:
        numbers = {each.sandbox for each in endpoints} | {each.claim.sandbox for each in completed}
        return read_settings(connection, numbers, self._settings)

    def _should_release(self, now: datetime) -> bool:
        """Return whether ``RELEASE_INTERVAL`` has passed since this was last true."""
        last = self._released_at
        if last is not None and abs(now - last) < RELEASE_INTERVAL:  # abs: the clock was set back
            return False
        self._released_at = now
        return True

    def _start_sending(self, claim: Claim, woken_at: datetime | None) -> None:
        # The wake-up may be older than the message.
        enqueued_at = max(woken_at, claim.message_created_at) if woken_at else None
        task = asyncio.create_task(self._send(claim, enqueued_at))
        self._sending[task] = claim  # the event loop has only weak references to tasks
        task.add_done_callback(self._sending.pop)

    async def _send(self, claim: Claim, enqueued_at: datetime | None) -> None:
        """Sign and send. Record an error of this program as ``internal_error``, and go on."""
        started_at = self._settings.now()
        try:
            response = await self._client.send(self._signed(claim, started_at))
        except Exception as error:
            logger.exception(
                "%s: attempt %d could not be sent",
                claim.delivery_id,
                claim.attempt_number,
                extra=claim.log_fields,
            )
            response = Response({}, error=INTERNAL_ERROR, error_detail=type(error).__name__)
        self._completed.append(CompletedAttempt(claim, started_at, response, enqueued_at))
        self._look_requested.set()

    def _signed(self, claim: Claim, started_at: datetime) -> OutgoingRequest:
        content = SignedContent(claim.message_id, int(started_at.timestamp()), claim.body)
        headers = signing_headers(
            content,
            [secret.decrypt(self._encryption) for secret in claim.secrets],
            issuer=claim.settings.issuer,
            audience=claim.webhook_url,
        )
        return OutgoingRequest(
            claim.webhook_url,
            {"Content-Type": "application/json", **headers},
            claim.body,
            fresh_connection=claim.trigger is Trigger.RECONNECT,
            timeout_seconds=claim.settings.request_timeout.total_seconds(),
        )

    def _announce(
        self, recorded: Sequence[Claim], claimed: Sequence[Claim], endpoint_ids: Collection[str]
    ) -> None:
        deliveries = [
            Change("delivery", claim.delivery_id, claim.order_id, claim.sandbox)
            for claim in (*recorded, *claimed)
        ]
        sandboxes = {claim.endpoint_id: claim.sandbox for claim in recorded}
        endpoints = [Change("endpoint", id_, sandbox=sandboxes[id_]) for id_ in endpoint_ids]
        self._feed.announce_soon(*deliveries, *endpoints)

    def _look_again(self, woken_at: datetime | None) -> None:
        """Continue with a backlog, and wake another worker to share it."""
        self._woken_at = woken_at
        self._look_requested.set()
        self._wake_ups.send()

    def _with_lease_left(self, completed: Sequence[CompletedAttempt]) -> list[CompletedAttempt]:
        """Return the attempts that can still be recorded: their leases have not expired."""
        now = self._settings.now()
        kept = []
        for each in completed:
            if now < each.started_at + each.claim.settings.lease:
                kept.append(each)
            else:
                logger.warning(
                    "%s: attempt %d could not be recorded before its lease expired, sending again",
                    each.claim.delivery_id,
                    each.claim.attempt_number,
                    extra=each.claim.log_fields,
                )
        return kept

    async def _record_separately(self, completed: Sequence[CompletedAttempt]) -> None:
        """Record each attempt in its own transaction. Log those that cannot be stored."""
        for each in completed:
            try:
                await self._record(each)
            except OperationalError:
                self._completed += self._with_lease_left([each])
            except Exception:
                logger.exception(
                    "%s: attempt %d cannot be stored, sending again when its lease expires",
                    each.claim.delivery_id,
                    each.claim.attempt_number,
                    extra=each.claim.log_fields,
                )

    async def _record(self, completed: CompletedAttempt) -> None:
        def record(connection: Connection) -> None:
            now, endpoint_id = self._settings.now(), completed.claim.endpoint_id
            endpoints = lock_due_endpoints(connection, also=[endpoint_id], now=now)
            settings = self._read_settings(connection, (), [completed])
            record_attempts(connection, [completed], endpoints, settings, now=now)

        await self._database.write(record)

    async def _pause_after_error(self) -> None:
        await asyncio.sleep(PAUSE_AFTER_ERROR_SECONDS)
        self._look_requested.set()  # the failed look may have left work undone
