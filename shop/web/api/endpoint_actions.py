"""``/v1/webhooks/{id}/…``: test event, new secret, and recovery of what was not received."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from litestar import post
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from hookshop.webkit.bodies import StrictJson
from hookshop.webkit.datetime_input import in_utc
from hookshop.webkit.errors import Problem
from hookshop.webkit.times import rfc3339_ms, utc_now
from shop.database.models import Endpoint
from shop.database.transactions import Database
from shop.redis.change_feed import Change
from shop.vocabulary import EndpointStatus
from shop.web.api.endpoints import no_such_endpoint
from shop.web.dependencies import TheDatabase, TheEncryption, TheFeed, TheSettings, TheWakeUps
from shop.webhooks.endpoints import registry
from shop.webhooks.endpoints.secrets import rotate
from shop.webhooks.manual_actions import ping
from shop.webhooks.recovery import Recovery, RecoveryRange, count_recoverable, recover

ONE_DAY_SECONDS = 24 * 3600
MAX_GRACE_SECONDS = 30 * ONE_DAY_SECONDS


class RotateSecret(Struct, forbid_unknown_fields=True):
    """Body of ``POST …/rotate-secret``. ``grace_seconds``: how long the old secret signs, too.

    ``replace_oldest``: where five secrets are live, end the oldest at once.
    """

    grace_seconds: Annotated[int, Meta(ge=0, le=MAX_GRACE_SECONDS)] = ONE_DAY_SECONDS
    replace_oldest: bool = False


class RotatedSecret(Struct):
    """The only answer that ever holds the new secret.

    ``expires_at``: when the secret before it stops signing.
    """

    secret: str
    secret_id: str
    expires_at: str


class Recover(Struct, forbid_unknown_fields=True):
    """Body of ``POST …/recover``. ``since``: such as ``2026-11-23T12:00:00Z``, with its zone.

    ``dry_run``: only count.
    """

    since: Annotated[datetime, Meta(tz=True)]
    dry_run: bool = False


class Recovered(Struct):
    """How many deliveries are sent: ``count`` is the sum of ``resent`` and ``created``."""

    count: int
    resent: int
    created: int


class SentPing(Struct):
    """The delivery by which to follow the test event."""

    delivery_id: str


@post("/webhooks/{endpoint_id:str}/ping", status_code=202)
async def ping_endpoint(
    endpoint_id: FromPath[str], database: TheDatabase, wake_ups: TheWakeUps, feed: TheFeed
) -> SentPing:
    """Send ``webhook.ping``, whatever the endpoint's filter says. 409: it is disabled."""
    await _insist_on_enabled(database, endpoint_id)
    async with database.writing() as session:
        delivery_id = await ping(session, endpoint_id, now=datetime.now(UTC))
    if delivery_id is None:
        raise no_such_endpoint(endpoint_id)
    wake_ups.send(delivery_id)
    await feed.announce(Change("delivery", delivery_id))
    return SentPing(delivery_id)


@post(
    "/webhooks/{endpoint_id:str}/rotate-secret",
    status_code=200,
    dto=StrictJson[RotateSecret],
    return_dto=None,
)
async def rotate_secret(
    endpoint_id: FromPath[str],
    data: JSONBody[RotateSecret],
    database: TheDatabase,
    encryption: TheEncryption,
    feed: TheFeed,
) -> RotatedSecret:
    """Make a new secret. Until the grace is over both sign, and the oldest signs the token.

    409: five secrets are live, and the body does not say which one shall make room.
    """
    await _existing(database, endpoint_id)
    grace, now = timedelta(seconds=data.grace_seconds), datetime.now(UTC)
    async with database.writing() as session:
        new = await rotate(
            session,
            endpoint_id,
            grace=grace,
            encryption=encryption,
            now=now,
            replace_oldest=data.replace_oldest,
        )
    await feed.announce(Change("endpoint", endpoint_id))
    return RotatedSecret(new.secret, new.id, rfc3339_ms(now + grace))


@post(
    "/webhooks/{endpoint_id:str}/recover",
    status_code=202,
    dto=StrictJson[Recover],
    return_dto=None,
)
async def recover_endpoint(
    endpoint_id: FromPath[str],
    data: JSONBody[Recover],
    settings: TheSettings,
    database: TheDatabase,
    feed: TheFeed,
) -> Recovered:
    """Resend everything since then that has not succeeded, and create what was missed.

    Missed is a message whose type is in the endpoint's filter and that has no delivery for it. A
    long run may break off; calling again does the rest. 409: the endpoint is disabled.
    """
    endpoint = await _insist_on_enabled(database, endpoint_id)
    span = RecoveryRange.of(
        endpoint, in_utc(data.since), retention=settings.retention, now=utc_now()
    )
    if data.dry_run:
        async with database.reading() as session:
            return _recovered(await count_recoverable(session, endpoint, span))
    try:
        return _recovered(await recover(database, endpoint, span, clock=utc_now))
    finally:
        # Also after a part. The workers' scheduler finds what is due: thousands of wake-ups would
        # only crowd the queue.
        await feed.announce(Change.everything())


def _recovered(recovery: Recovery) -> Recovered:
    return Recovered(recovery.count, recovery.resent, recovery.created)


async def _insist_on_enabled(database: Database, endpoint_id: str) -> Endpoint:
    endpoint = await _existing(database, endpoint_id)
    if endpoint.status is EndpointStatus.DISABLED:
        raise Problem(
            409, 'the endpoint is disabled; enable it first: PATCH it with {"status": "active"}'
        )
    return endpoint


async def _existing(database: Database, endpoint_id: str) -> Endpoint:
    async with database.reading() as session:
        endpoint = await registry.find(session, endpoint_id)
    if endpoint is None:
        raise no_such_endpoint(endpoint_id)
    return endpoint
