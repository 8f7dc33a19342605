"""``/v1/webhooks/{id}/…``: send a test event, rotate the secret, recover missed deliveries."""

from datetime import datetime, timedelta
from typing import Annotated

from litestar import post
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from hookshop.webkit.bodies import StrictJson
from hookshop.webkit.datetime_input import in_utc
from hookshop.webkit.errors import Problem
from hookshop.webkit.json_api import problems
from hookshop.webkit.security import NO_STORE
from hookshop.webkit.times import rfc3339_ms, utc_now
from shop.database.models import Endpoint
from shop.database.transactions import Database
from shop.vocabulary import EndpointStatus
from shop.web.api.fields import DeliveryId, EndpointId, Secret, SecretId, Time
from shop.web.dependencies import TheActions, TheDatabase, TheSettings
from shop.web.lookups import existing_endpoint, no_such_endpoint
from shop.webhooks.recovery import Recovery, RecoveryRange, count_recoverable

ONE_DAY_SECONDS = 24 * 3600
MAX_GRACE_SECONDS = 30 * ONE_DAY_SECONDS
DISABLED = problems({409: "The endpoint is disabled."})


class RotateSecret(Struct, forbid_unknown_fields=True, frozen=True):
    """Body of ``POST …/rotate-secret``. ``grace_seconds``: how long old secrets continue to sign.

    ``replace_oldest``: if five secrets are live, let the oldest expire now.
    """

    grace_seconds: Annotated[int, Meta(ge=0, le=MAX_GRACE_SECONDS, examples=[ONE_DAY_SECONDS])] = (
        ONE_DAY_SECONDS
    )
    replace_oldest: bool = False


WITH_DEFAULTS = RotateSecret()


class RotatedSecret(Struct):
    """The only response that contains the new secret.

    ``expires_at``: when the previous secret stops signing.
    """

    secret: Secret
    secret_id: SecretId
    expires_at: Time


class Recover(Struct, forbid_unknown_fields=True):
    """Body of ``POST …/recover``. ``since``: with a time zone, such as ``2026-11-23T12:00:00Z``.

    ``dry_run``: only count.
    """

    since: Annotated[datetime, Meta(tz=True, examples=["2026-11-23T12:00:00Z"])]
    dry_run: bool = False


class Recovered(Struct):
    """Numbers of deliveries. ``count`` is the sum of ``resent`` and ``created``."""

    count: int
    resent: int
    created: int


class SentPing(Struct):
    """The delivery of the test event."""

    delivery_id: DeliveryId


@post("/webhooks/{endpoint_id:str}/ping", status_code=202, responses=DISABLED)
async def ping_endpoint(
    endpoint_id: FromPath[EndpointId], database: TheDatabase, actions: TheActions
) -> SentPing:
    """Send the test event ``webhook.ping``, regardless of the endpoint's event types."""
    await _enabled_endpoint(database, endpoint_id)
    delivery_id = await actions.ping(endpoint_id)
    if delivery_id is None:
        raise no_such_endpoint(endpoint_id)
    return SentPing(delivery_id)


@post(
    "/webhooks/{endpoint_id:str}/rotate-secret",
    status_code=200,
    dto=StrictJson[RotateSecret],
    return_dto=None,
    response_headers=NO_STORE,
    responses=problems({409: "Five secrets are live, and `replace_oldest` is not set."}),
)
async def rotate_secret(
    *,
    endpoint_id: FromPath[EndpointId],
    data: JSONBody[RotateSecret] = WITH_DEFAULTS,
    database: TheDatabase,
    actions: TheActions,
) -> RotatedSecret:
    """Add a new secret. During the grace period all live secrets sign; the oldest signs the token.

    The body may be left out.
    """
    await existing_endpoint(database, endpoint_id)
    rotated = await actions.rotate_secret(
        endpoint_id,
        grace=timedelta(seconds=data.grace_seconds),
        replace_oldest=data.replace_oldest,
    )
    return RotatedSecret(rotated.secret, rotated.id, rfc3339_ms(rotated.grace_ends_at))


@post(
    "/webhooks/{endpoint_id:str}/recover",
    status_code=202,
    dto=StrictJson[Recover],
    return_dto=None,
    responses=DISABLED,
)
async def recover_endpoint(
    endpoint_id: FromPath[EndpointId],
    data: JSONBody[Recover],
    settings: TheSettings,
    database: TheDatabase,
    actions: TheActions,
) -> Recovered:
    """Resend undelivered deliveries since a time, and create those that the endpoint missed.

    It missed a message if it is subscribed to the type and there is no delivery. If a long run is
    interrupted, repeat the call to do the rest.
    """
    endpoint = await _enabled_endpoint(database, endpoint_id)
    span = RecoveryRange.of(
        endpoint, in_utc(data.since), retention=settings.retention, now=utc_now()
    )
    if data.dry_run:
        async with database.reading() as session:
            return _recovered(await count_recoverable(session, endpoint, span))
    return _recovered(await actions.recover(endpoint, span))


def _recovered(recovery: Recovery) -> Recovered:
    return Recovered(recovery.count, recovery.resent, recovery.created)


async def _enabled_endpoint(database: Database, endpoint_id: str) -> Endpoint:
    endpoint = await existing_endpoint(database, endpoint_id)
    if endpoint.status is EndpointStatus.DISABLED:
        raise Problem(
            409, 'the endpoint is disabled; enable it first: PATCH it with {"status": "active"}'
        )
    return endpoint
