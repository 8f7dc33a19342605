"""Claims due deliveries, so that exactly one worker sends each.

Each sandbox gets its share, and in it each endpoint, which has a limit of requests in flight. A
claim has a lease, in case its worker dies, and a fencing number, in case that worker comes back.
"""

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Integer, bindparam, func, select
from sqlmodel import col

from shop.database.bound_session import filtered
from shop.database.models import Delivery, Message
from shop.vocabulary import DeliveryState, Trigger
from shop.webhooks import states
from shop.webhooks.endpoints.secrets import EncryptedSecret, encrypted_secrets
from shop.webhooks.engine.due import NOW, LockedEndpoint, can_send_to, is_active, is_due
from shop.webhooks.engine.settings import DeliverySettings, SettingsBySandbox
from shop.webhooks.rules.slots import Slots


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to make a delivery's next attempt, and the data for it.

    Valid as long as ``fence`` is the delivery's newest fencing number. ``body``: the stored bytes.
    ``attempt_count``: attempts before this one. ``secrets``: the live ones, newest first, still
    encrypted. ``settings``: of its sandbox. The other fields are columns of ``models.Delivery`` and
    its message and endpoint.
    """

    delivery_id: str
    sandbox: int
    endpoint_id: str
    message_id: str
    message_created_at: datetime
    order_id: str | None
    body: bytes
    attempt_count: int
    reconnect_count: int
    counted_as_failed: bool
    trigger: Trigger
    waits_since: datetime
    skipped_ms: int
    due_at: datetime
    delay: dict[str, float] | None
    fence: int
    webhook_url: str
    secrets: Sequence[EncryptedSecret]
    settings: DeliverySettings

    @property
    def attempt_number(self) -> int:
        """The number of this attempt; the first is 1."""
        return self.attempt_count + 1

    @property
    def log_fields(self) -> dict[str, object]:
        """The fields of log lines about this attempt, for ``extra``."""
        return {
            "delivery_id": self.delivery_id,
            "attempt": self.attempt_number,
            "message_id": self.message_id,
            "endpoint_id": self.endpoint_id,
            "order_id": self.order_id,
        }


@dataclass(frozen=True, slots=True)
class ClaimBatch:
    """Claims made together. ``has_more``: more may be due that can be claimed at once."""

    claims: Sequence[Claim] = ()
    has_more: bool = False


def claim_due(  # noqa: PLR0913 – what a look needs
    connection: Connection,
    endpoints: Collection[LockedEndpoint],
    *,
    limit: int,
    slots: Slots,
    settings: SettingsBySandbox,
    now: datetime,
) -> ClaimBatch:
    """Claim up to ``limit`` due deliveries of these endpoints.

    ``slots``: of this worker. ``settings``: of the sandboxes that exist. Give each sandbox its
    share, and in it each endpoint. Claim nothing for an endpoint that is paused, disabled or
    deleted. While its circuit breaker is open or it is on hold, claim only deliveries that pass the
    breaker. Claim at most half of an endpoint's slots, so that another worker finds some: recording
    and claiming are one transaction, so a worker with all slots would fill them again before any
    other could.
    """
    endpoints = [each for each in endpoints if _may_claim_for(each, settings)]
    if limit <= 0 or not endpoints:
        return ClaimBatch()
    looking = _Look(connection, slots, _free_slots(connection, endpoints), now)
    by_sandbox = _grouped(endpoints, slots)
    for position, theirs in enumerate(by_sandbox):
        # The sandboxes that follow share what this one does not need.
        share = math.ceil((limit - len(looking.rows)) / (len(by_sandbox) - position))
        looking.find(theirs, share)
    rows = looking.rows
    if not rows:
        return ClaimBatch()
    # All rows are locked, or this is SQLite's only writer, so each of them is still pending.
    for lease, leased in groupby(sorted(rows, key=_lease(settings)), key=_lease(settings)):
        states.claim(connection, [row.id for row in leased], lease_expires_at=now + lease)
    claims = _claims(connection, rows, endpoints, settings, now)
    return ClaimBatch(claims, looking.has_more or len(rows) == limit)


def _may_claim_for(endpoint: LockedEndpoint, settings: SettingsBySandbox) -> bool:
    return endpoint.may_have_due and is_active(endpoint) and endpoint.sandbox in settings


def _grouped(endpoints: Iterable[LockedEndpoint], slots: Slots) -> list[list[LockedEndpoint]]:
    """Return the endpoints of each sandbox. One with few deliveries in flight comes first."""
    by_sandbox: dict[int, list[LockedEndpoint]] = {}
    for endpoint in endpoints:
        by_sandbox.setdefault(endpoint.sandbox, []).append(endpoint)
    return [by_sandbox[number] for number in sorted(by_sandbox, key=slots.used)]


def _lease(settings: SettingsBySandbox) -> Callable[[Any], timedelta]:
    return lambda row: settings[row.sandbox].lease


@dataclass(slots=True)
class _Look:
    """Finds due deliveries. ``rows``: those found. ``has_more``: more could be claimed at once.

    ``slots``: of this worker. ``free``: slots of each endpoint.
    """

    connection: Connection
    slots: Slots
    free: Mapping[str, int]
    now: datetime
    rows: list[Any] = field(default_factory=list)
    has_more: bool = False

    def find(self, endpoints: Sequence[LockedEndpoint], limit: int) -> None:
        """Find up to ``limit`` due deliveries of the endpoints of one sandbox."""
        end = len(self.rows) + limit
        # Of equal ones, an endpoint with few requests in flight comes first.
        for position, endpoint in enumerate(sorted(endpoints, key=self._in_flight)):
            # The endpoints that follow share what this one does not need.
            share = math.ceil((end - len(self.rows)) / (len(endpoints) - position))
            possible = min(self.free[endpoint.id], self.slots.free(endpoint.sandbox))
            wanted = min(share, possible, math.ceil(endpoint.places / 2))
            if wanted > 0:
                found = _due_deliveries(self.connection, endpoint, wanted, self.now)
                self.rows += found
                self.slots.take(endpoint.sandbox, len(found))
                self.has_more |= len(found) == wanted < possible

    def _in_flight(self, endpoint: LockedEndpoint) -> int:
        return endpoint.places - self.free[endpoint.id]


def _free_slots(connection: Connection, endpoints: Collection[LockedEndpoint]) -> Mapping[str, int]:
    """Return how many more requests to each endpoint may be in flight, from all workers."""
    ids = [endpoint.id for endpoint in endpoints]
    # A separate statement after the lock: only then it sees what another worker has claimed.
    used = {row.endpoint_id: row.used for row in connection.execute(_USED_SLOTS, {"ids": ids})}
    return {
        # While the breaker is open, only one request at a time is sent, as a probe.
        endpoint.id: (1 if endpoint.probe_at else endpoint.places) - used.get(endpoint.id, 0)
        for endpoint in endpoints
    }


def _due_deliveries(
    connection: Connection, endpoint: LockedEndpoint, limit: int, now: datetime
) -> Sequence[Any]:
    """Return the rows of an endpoint's due deliveries, the longest waiting first."""
    query = _DUE if can_send_to(endpoint, now) else _DUE_THAT_PASS_THE_BREAKER
    values = {"now": now, "endpoint": endpoint.id, "max_rows": limit}
    return connection.execute(query, values).all()


def _claims(
    connection: Connection,
    rows: Sequence[Any],
    endpoints: Collection[LockedEndpoint],
    settings: SettingsBySandbox,
    now: datetime,
) -> list[Claim]:
    urls = {endpoint.id: endpoint.webhook_url for endpoint in endpoints}
    secrets = encrypted_secrets(connection, {row.endpoint_id for row in rows}, now=now)
    return [
        Claim(
            delivery_id=row.id,
            sandbox=row.sandbox,
            endpoint_id=row.endpoint_id,
            message_id=row.message_id,
            message_created_at=row.message_created_at,
            order_id=row.order_id,
            body=row.body,
            attempt_count=row.attempt_count,
            reconnect_count=row.reconnect_count,
            counted_as_failed=row.counted_as_failed,
            trigger=row.next_trigger,
            waits_since=row.waits_since,
            skipped_ms=row.skipped_ms,
            due_at=row.next_attempt_at,
            delay=row.next_delay,
            fence=row.fence + 1,
            webhook_url=urls[row.endpoint_id],
            secrets=secrets[row.endpoint_id],
            settings=settings[row.sandbox],
        )
        for row in rows
    ]


# Built once: building a statement takes several times as long as executing it.
_USED_SLOTS = (
    select(col(Delivery.endpoint_id), func.count().label("used"))
    .where(
        col(Delivery.endpoint_id).in_(bindparam("ids", expanding=True)),
        col(Delivery.state) == DeliveryState.SENDING,
    )
    .group_by(col(Delivery.endpoint_id))
)
_COLUMNS: tuple[Any, ...] = (
    Delivery.id,
    Delivery.sandbox,
    Delivery.endpoint_id,
    Delivery.message_id,
    col(Message.created_at).label("message_created_at"),
    Message.order_id,
    Message.body,
    Delivery.attempt_count,
    Delivery.reconnect_count,
    Delivery.counted_as_failed,
    Delivery.next_trigger,
    Delivery.waits_since,
    Delivery.skipped_ms,
    Delivery.next_attempt_at,
    Delivery.next_delay,
    Delivery.fence,
)
_ALL_DUE = (
    select(*_COLUMNS)
    .join(Message, col(Message.id) == Delivery.message_id)
    .where(is_due(NOW))
    .order_by(col(Delivery.next_attempt_at))
    .limit(bindparam("max_rows", type_=Integer))
    .with_for_update(of=Delivery, skip_locked=True)  # ignored on SQLite, which does not need it
)
_DUE = _ALL_DUE.where(col(Delivery.endpoint_id) == bindparam("endpoint"))
_DUE_THAT_PASS_THE_BREAKER = _ALL_DUE.where(
    # Not by endpoint: its backlog may be large, and the index of these deliveries is small.
    filtered(col(Delivery.endpoint_id)) == bindparam("endpoint"),
    col(Delivery.passes_breaker),
)
