"""Registers, finds, changes and deletes endpoints."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import col, or_, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from hookshop.webkit.encryption import Encryption
from shop.database.locks import FOR_NO_KEY_UPDATE, FOR_UPDATE, Lock, advisory_lock
from shop.database.models import Endpoint
from shop.ids import new_id
from shop.vocabulary import EndpointStatus, EventType
from shop.webhooks.endpoints.secrets import add_secret
from shop.webhooks.rules.url_policy import UrlPolicy
from shop.webhooks.rules.urls import UrlRefused, parse_url

SUBSCRIBABLE_EVENT_TYPES = (
    EventType.PURCHASE_CREATED,
    EventType.PURCHASE_SHIPPED,
    EventType.PURCHASE_REFUNDED,
)


class AlreadyRegistered(Exception):  # noqa: N818 – the name says what happened
    """The URL, perhaps in another spelling, belongs to the endpoint ``endpoint_id``."""

    def __init__(self, endpoint_id: str) -> None:
        super().__init__(f"this URL is already registered as {endpoint_id}")
        self.endpoint_id = endpoint_id


class CannotPauseDisabled(Exception):  # noqa: N818 – the name says what happened
    """A disabled endpoint cannot be paused: that would hide the reason why it is disabled."""


@dataclass(frozen=True, slots=True)
class NewEndpoint:
    """The endpoint to register. ``event_types``: some of ``SUBSCRIBABLE_EVENT_TYPES``.

    ``secret``: one that the receiver has already; None: a new one.
    """

    webhook_url: str
    event_types: Sequence[EventType] = (EventType.PURCHASE_CREATED,)
    description: str = ""
    secret: str | None = None


@dataclass(frozen=True, slots=True)
class EndpointChange:
    """Changes to an endpoint; None: no change. ``status``: ``active`` or ``paused``."""

    description: str | None = None
    event_types: Sequence[EventType] | None = None
    status: EndpointStatus | None = None


@dataclass(frozen=True, slots=True)
class Registered:
    """A new endpoint. ``secret``: in plain text, to be shown once. ``secret_id``: its public id."""

    endpoint: Endpoint
    secret: str
    secret_id: str


async def register(
    session: AsyncSession,
    wanted: NewEndpoint,
    *,
    policy: UrlPolicy,
    encryption: Encryption,
    now: datetime,
) -> Registered:
    """Add an endpoint with its secret.

    Raise ``UrlRefused``, or ``AlreadyRegistered`` if the URL is registered in any spelling, before
    anything is written.
    """
    policy.check(wanted.webhook_url)
    key = parse_url(wanted.webhook_url).key
    await advisory_lock(session, f"url {key}")
    existing_id = await _find_by_url(session, wanted.webhook_url, key)
    if existing_id:
        raise AlreadyRegistered(existing_id)
    endpoint = Endpoint(
        id=new_id("ep", now),
        webhook_url=wanted.webhook_url,
        url_key=key,
        description=wanted.description,
        event_types=list(dict.fromkeys(wanted.event_types)),
        status=EndpointStatus.ACTIVE,
        created_at=now,
    )
    session.add(endpoint)
    await session.flush()  # the secret's foreign key needs the endpoint's row
    new = add_secret(session, endpoint.id, encryption=encryption, now=now, secret=wanted.secret)
    return Registered(endpoint, new.secret, new.id)


async def find(
    session: AsyncSession, endpoint_id: str, *, locked: Lock | None = None
) -> Endpoint | None:
    """Return the endpoint, or None if it does not exist or is deleted.

    ``locked``: the lock on its row until this transaction ends, such as ``FOR_UPDATE``.
    """
    endpoint = await session.get(Endpoint, endpoint_id, with_for_update=locked)
    return endpoint if endpoint and endpoint.deleted_at is None else None


async def list_all(session: AsyncSession) -> Sequence[Endpoint]:
    """Return all endpoints that are not deleted, newest first."""
    query = select(Endpoint).where(col(Endpoint.deleted_at).is_(None))
    return (await session.exec(query.order_by(col(Endpoint.id).desc()))).all()


async def change(
    session: AsyncSession, endpoint_id: str, wanted: EndpointChange
) -> Endpoint | None:
    """Change an endpoint and return it, or None if there is no such endpoint.

    Status ``active`` also enables a disabled endpoint: its waiting deliveries are sent and its
    failures reset. Raise ``CannotPauseDisabled`` for status ``paused`` if it is disabled.
    """
    endpoint = await find(session, endpoint_id, locked=FOR_NO_KEY_UPDATE)
    if endpoint is None:
        return None
    if wanted.description is not None:
        endpoint.description = wanted.description
    if wanted.event_types is not None:
        endpoint.event_types = list(dict.fromkeys(wanted.event_types))
    if wanted.status is not None:
        _set_status(endpoint, wanted.status)
    session.add(endpoint)
    return endpoint


def _set_status(endpoint: Endpoint, status: EndpointStatus) -> None:
    if status is EndpointStatus.PAUSED and endpoint.status is EndpointStatus.DISABLED:
        raise CannotPauseDisabled("the shop has disabled this endpoint; make it active first")
    endpoint.status = status
    if status is EndpointStatus.ACTIVE:
        # Reset the circuit breaker: a person who does this expects the next attempt now.
        endpoint.disabled_reason = None
        endpoint.failed_deliveries = 0
        endpoint.failed_attempts, endpoint.probe_at = 0, None
        endpoint.hold_until = None


async def disable(session: AsyncSession, endpoint_id: str, *, reason: str) -> None:
    """Disable an active endpoint. Its waiting deliveries stay. A paused endpoint stays paused.

    ``reason``: a name such as ``gone``, shown to people.
    """
    await session.exec(
        update(Endpoint)
        .where(col(Endpoint.id) == endpoint_id, col(Endpoint.status) == EndpointStatus.ACTIVE)
        .values(status=EndpointStatus.DISABLED, disabled_reason=reason)
    )


async def mark_deleted(session: AsyncSession, endpoint_id: str, *, now: datetime) -> bool:
    """Mark an endpoint as deleted, so that nothing more is sent to it.

    Return whether there was such an endpoint. ``deletion`` cancels its waiting deliveries.
    """
    # Wait for orders that are being placed and refer to it, and block new ones.
    endpoint = await find(session, endpoint_id, locked=FOR_UPDATE)
    if endpoint is None:
        return False
    endpoint.deleted_at = now
    session.add(endpoint)
    return True


async def _find_by_url(session: AsyncSession, webhook_url: str, key: str) -> str | None:
    """Return the id of the endpoint with this URL, preferably in this spelling, or None.

    ``key``: the URL's key. A few endpoints of older databases have none, because another spelling
    of their URL has it.
    """
    query = (
        select(Endpoint.id, Endpoint.webhook_url, Endpoint.url_key)
        .where(
            col(Endpoint.deleted_at).is_(None),
            or_(col(Endpoint.url_key) == key, col(Endpoint.url_key).is_(None)),
        )
        .order_by(col(Endpoint.url_key).is_(None), Endpoint.id)
    )
    found = {
        spelling: endpoint_id
        for endpoint_id, spelling, its_key in await session.exec(query)
        if key == (its_key or _key_of(spelling))
    }
    return found.get(webhook_url) or next(iter(found.values()), None)


def _key_of(webhook_url: str) -> str | None:
    try:
        return parse_url(webhook_url).key
    except UrlRefused:  # registered by an older version
        return None
