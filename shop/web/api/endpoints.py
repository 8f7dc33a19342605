"""``/v1/webhooks``: register, list, read, change and delete endpoints."""

from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec
from litestar import delete, get, patch, post
from litestar.params import FromPath, JSONBody
from msgspec import UNSET, Meta, Struct, UnsetType, field
from sqlmodel.ext.asyncio.session import AsyncSession

from hookshop.webkit.bodies import StrictJson
from hookshop.webkit.errors import Problem
from hookshop.webkit.json_api import ProblemDocument, problems
from hookshop.webkit.plain_text import MAX_DESCRIPTION_LENGTH, require_text_line
from hookshop.webkit.sandbox_paths import url_here
from hookshop.webkit.security import NO_STORE
from hookshop.webkit.times import rfc3339, rfc3339_ms, utc_now
from shop.database.models import Endpoint
from shop.vocabulary import BreakerState, DisabledReason, EndpointStatus, EventType
from shop.web.api.fields import (
    EndpointId,
    EventTypeList,
    Issuer,
    NextCursor,
    Secret,
    SecretId,
    Time,
    WebhookUrl,
    WholeSecond,
)
from shop.web.dependencies import TheActions, TheDatabase, TheSettings
from shop.web.lookups import no_such_endpoint
from shop.webhooks.endpoints import registry
from shop.webhooks.endpoints.registry import SUBSCRIBABLE_EVENT_TYPES, EndpointChange, NewEndpoint
from shop.webhooks.endpoints.secrets import list_live
from shop.webhooks.rules.circuit_breaker import CircuitBreaker
from shop.webhooks.rules.signing import check_secret

Description = Annotated[
    str,
    Meta(
        max_length=MAX_DESCRIPTION_LENGTH,
        description="One line of printable characters.",
        examples=["the subscriber"],
    ),
]
EventTypes = Annotated[
    list[EventType],
    Meta(
        min_length=1,
        max_length=10,
        description="`webhook.ping` is always sent, and cannot be among them.",
        examples=[["purchase.created"]],
    ),
]

OwnSecret = Annotated[
    str,
    Meta(
        max_length=100,
        description="A secret that the receiver has already: `whsec_`, then 24 to 64 bytes in "
        "base64. Without it, the shop makes one.",
        examples=["whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="],
    ),
]


class RegisterEndpoint(Struct, forbid_unknown_fields=True):
    """Body of ``POST /v1/webhooks/register``."""

    webhook_url: WebhookUrl
    event_types: EventTypes = field(default_factory=lambda: [EventType.PURCHASE_CREATED])
    description: Description = ""
    secret: OwnSecret | UnsetType = UNSET

    def __post_init__(self) -> None:
        require_text_line("description", self.description, max_length=MAX_DESCRIPTION_LENGTH)
        if self.secret is not UNSET:
            check_secret(self.secret)


class RegisteredEndpoint(Struct):
    """The only response that contains the secret. ``issuer``: the ``iss`` of the shop's tokens."""

    id: EndpointId
    webhook_url: WebhookUrl
    event_types: EventTypeList
    status: EndpointStatus
    secret: Secret
    secret_id: SecretId
    issuer: Issuer
    created_at: WholeSecond


class ChangeEndpoint(Struct, forbid_unknown_fields=True):
    """Body of ``PATCH /v1/webhooks/{id}``. Absent fields stay unchanged."""

    event_types: EventTypes | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    status: Annotated[Literal["active", "paused"] | UnsetType, Meta(examples=["paused"])] = UNSET

    def __post_init__(self) -> None:
        if self.description is not UNSET:
            require_text_line("description", self.description, max_length=MAX_DESCRIPTION_LENGTH)


class BreakerDocument(Struct):
    """The circuit breaker of an endpoint: while it is open, deliveries wait.

    ``consecutive_failures``: failed requests in a row. ``next_probe_at``: null while it is closed.
    ``half_open``: that time has passed, so one delivery is sent as a probe.
    """

    state: Annotated[BreakerState, Meta(examples=["closed"])]
    consecutive_failures: Annotated[int, Meta(examples=[0])]
    next_probe_at: Annotated[Time | None, Meta(examples=[None])]


class EndpointDocument(Struct):
    """An endpoint. ``disabled_reason``: why the shop disabled it."""

    id: EndpointId
    webhook_url: WebhookUrl
    event_types: EventTypeList
    description: Annotated[str, Meta(examples=["the subscriber"])]
    status: EndpointStatus
    disabled_reason: Annotated[DisabledReason | None, Meta(examples=[None])]
    breaker: BreakerDocument
    created_at: WholeSecond


class SecretDocument(Struct):
    """A live secret, without the secret itself. ``expires_at``: null for the current one."""

    id: SecretId
    created_at: WholeSecond
    expires_at: Annotated[Time | None, Meta(examples=[None])]


class EndpointDetails(EndpointDocument):
    """An endpoint with its live secrets, newest first. ``issuer``: the ``iss`` of the tokens."""

    issuer: Issuer
    secrets: list[SecretDocument]


class EndpointList(Struct):
    """All endpoints, on one page, because there are only a few."""

    data: list[EndpointDocument]
    next_cursor: NextCursor


class ExistingEndpointProblem(ProblemDocument):
    """The URL is registered already, perhaps in another spelling, as ``endpoint_id``."""

    endpoint_id: EndpointId


@post(
    "/webhooks/register",
    dto=StrictJson[RegisterEndpoint],
    return_dto=None,
    response_headers=NO_STORE,
    responses=problems(
        {409: "The URL is registered already."},
        ExistingEndpointProblem,
        endpoint_id="ep_01939f0a1b2c7d3e8f90a1b2c3d4e5f6",
    )
    | problems({422: "The shop does not call this URL: `detail` says why."}),
)
async def register_endpoint(
    data: JSONBody[RegisterEndpoint],
    settings: TheSettings,
    actions: TheActions,
) -> RegisteredEndpoint:
    """Register a URL for webhooks. The secret is only in this response."""
    wanted = NewEndpoint(
        data.webhook_url,
        _subscribable(data.event_types),
        data.description,
        None if data.secret is UNSET else data.secret,
    )
    registered = await actions.register(wanted, settings.url_policy)
    endpoint = registered.endpoint
    return RegisteredEndpoint(
        id=endpoint.id,
        webhook_url=endpoint.webhook_url,
        event_types=_types(endpoint),
        status=endpoint.status,
        secret=registered.secret,
        secret_id=registered.secret_id,
        issuer=url_here(settings.base_url),
        created_at=rfc3339(endpoint.created_at),
    )


@get("/webhooks")
async def list_endpoints(database: TheDatabase) -> EndpointList:
    """Return all endpoints, newest first."""
    async with database.reading() as session:
        found = await registry.list_all(session)
    return EndpointList([_document(endpoint) for endpoint in found], next_cursor=None)


@get("/webhooks/{endpoint_id:str}")
async def get_endpoint(
    endpoint_id: FromPath[EndpointId], settings: TheSettings, database: TheDatabase
) -> EndpointDetails:
    """Return an endpoint, with the ids and expiry times of its live secrets."""
    async with database.reading() as session:
        endpoint = await registry.find(session, endpoint_id)
        if endpoint is None:
            raise no_such_endpoint(endpoint_id)
        return await _details(session, endpoint, issuer=url_here(settings.base_url))


@patch(
    "/webhooks/{endpoint_id:str}",
    dto=StrictJson[ChangeEndpoint],
    return_dto=None,
    responses=problems({409: "A disabled endpoint cannot be paused."}),
)
async def change_endpoint(
    endpoint_id: FromPath[EndpointId],
    data: JSONBody[ChangeEndpoint],
    settings: TheSettings,
    database: TheDatabase,
    actions: TheActions,
) -> EndpointDetails:
    """Change description, event types or status. ``active`` also enables a disabled endpoint."""
    wanted = EndpointChange(
        description=None if data.description is UNSET else data.description,
        event_types=None if data.event_types is UNSET else _subscribable(data.event_types),
        status=None if data.status is UNSET else EndpointStatus(data.status),
    )
    endpoint = await actions.change_endpoint(endpoint_id, wanted)
    if endpoint is None:
        raise no_such_endpoint(endpoint_id)
    async with database.reading() as session:
        return await _details(session, endpoint, issuer=url_here(settings.base_url))


@delete("/webhooks/{endpoint_id:str}")
async def delete_endpoint(endpoint_id: FromPath[EndpointId], actions: TheActions) -> None:
    """Delete an endpoint and cancel its waiting deliveries. Its history stays."""
    if not await actions.delete_endpoint(endpoint_id):
        raise no_such_endpoint(endpoint_id)


def _subscribable(event_types: list[EventType]) -> list[EventType]:
    for event_type in event_types:
        if event_type not in SUBSCRIBABLE_EVENT_TYPES:
            raise Problem(400, f"{event_type} is always sent and cannot be subscribed to")
    return event_types


def _types(endpoint: Endpoint) -> list[EventType]:
    return [EventType(each) for each in endpoint.event_types]


def _document(endpoint: Endpoint) -> EndpointDocument:
    return EndpointDocument(
        id=endpoint.id,
        webhook_url=endpoint.webhook_url,
        event_types=_types(endpoint),
        description=endpoint.description,
        status=endpoint.status,
        disabled_reason=DisabledReason(reason) if (reason := endpoint.disabled_reason) else None,
        breaker=_breaker(endpoint),
        created_at=rfc3339(endpoint.created_at),
    )


def _breaker(endpoint: Endpoint) -> BreakerDocument:
    breaker = CircuitBreaker(endpoint.failed_attempts, endpoint.probe_at)
    probe_at = rfc3339_ms(breaker.probe_at) if breaker.probe_at else None
    return BreakerDocument(breaker.state(utc_now()), breaker.failures, probe_at)


async def _details(session: AsyncSession, endpoint: Endpoint, *, issuer: str) -> EndpointDetails:
    live = await list_live(session, endpoint.id, now=datetime.now(UTC))
    return EndpointDetails(
        **msgspec.structs.asdict(_document(endpoint)),
        issuer=issuer,
        secrets=[
            SecretDocument(name, rfc3339(since), rfc3339_ms(until) if until else None)
            for name, since, until in live
        ],
    )
