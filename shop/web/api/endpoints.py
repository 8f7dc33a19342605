"""``/v1/webhooks``: register, list, read, change and delete endpoints."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec
from litestar import delete, get, patch, post
from litestar.params import FromPath, JSONBody
from msgspec import UNSET, Meta, Struct, UnsetType, field
from sqlmodel.ext.asyncio.session import AsyncSession

from hookshop.webkit.bodies import StrictJson
from hookshop.webkit.errors import Problem
from hookshop.webkit.plain_text import MAX_DESCRIPTION_LENGTH, require_text_line
from hookshop.webkit.security import NO_STORE
from hookshop.webkit.times import rfc3339, rfc3339_ms
from shop.database.models import Endpoint
from shop.vocabulary import EndpointStatus, EventType
from shop.web.dependencies import TheActions, TheDatabase, TheSettings
from shop.web.lookups import no_such_endpoint
from shop.webhooks.endpoints import registry
from shop.webhooks.endpoints.registry import SUBSCRIBABLE_EVENT_TYPES, EndpointChange, NewEndpoint
from shop.webhooks.endpoints.secrets import list_live

Description = Annotated[str, Meta(max_length=MAX_DESCRIPTION_LENGTH)]

EventTypes = Annotated[list[EventType], Meta(min_length=1, max_length=10)]


class RegisterEndpoint(Struct, forbid_unknown_fields=True):
    """Body of ``POST /v1/webhooks/register``."""

    webhook_url: str
    event_types: EventTypes = field(default_factory=lambda: [EventType.PURCHASE_CREATED])
    description: Description = ""

    def __post_init__(self) -> None:
        require_text_line("description", self.description, max_length=MAX_DESCRIPTION_LENGTH)


class RegisteredEndpoint(Struct):
    """The only response that contains the secret. ``issuer``: the ``iss`` of the shop's tokens."""

    id: str
    webhook_url: str
    event_types: list[str]
    status: str
    secret: str
    secret_id: str
    issuer: str
    created_at: str


class ChangeEndpoint(Struct, forbid_unknown_fields=True):
    """Body of ``PATCH /v1/webhooks/{id}``. Absent fields stay unchanged."""

    # Bounds are checked in code: on fields that may be absent, they break Litestar's OpenAPI.
    event_types: list[EventType] | UnsetType = UNSET
    description: str | UnsetType = UNSET
    status: Literal["active", "paused"] | UnsetType = UNSET

    def __post_init__(self) -> None:
        if self.description is not UNSET:
            require_text_line("description", self.description, max_length=MAX_DESCRIPTION_LENGTH)


class EndpointDocument(Struct):
    """An endpoint. ``disabled_reason``: why the shop disabled it."""

    id: str
    webhook_url: str
    event_types: list[str]
    description: str
    status: str
    disabled_reason: str | None
    created_at: str


class SecretDocument(Struct):
    """A live secret, without the secret itself. ``expires_at``: null for the current one."""

    id: str
    created_at: str
    expires_at: str | None


class EndpointDetails(EndpointDocument):
    """An endpoint with its live secrets, newest first. ``issuer``: the ``iss`` of the tokens."""

    issuer: str
    secrets: list[SecretDocument]


class EndpointList(Struct):
    """All endpoints, on one page, because there are only a few."""

    data: list[EndpointDocument]
    next_cursor: None = None


@post(
    "/webhooks/register",
    dto=StrictJson[RegisterEndpoint],
    return_dto=None,
    response_headers=NO_STORE,
)
async def register_endpoint(
    data: JSONBody[RegisterEndpoint],
    settings: TheSettings,
    actions: TheActions,
) -> RegisteredEndpoint:
    """Register a URL. 409: it is already registered. 422: the URL policy refuses it."""
    wanted = NewEndpoint(data.webhook_url, _subscribable(data.event_types), data.description)
    registered = await actions.register(wanted, settings.url_policy)
    endpoint = registered.endpoint
    return RegisteredEndpoint(
        id=endpoint.id,
        webhook_url=endpoint.webhook_url,
        event_types=endpoint.event_types,
        status=endpoint.status,
        secret=registered.secret,
        secret_id=registered.secret_id,
        issuer=settings.base_url,
        created_at=rfc3339(endpoint.created_at),
    )


@get("/webhooks")
async def list_endpoints(database: TheDatabase) -> EndpointList:
    """Return all endpoints, newest first."""
    async with database.reading() as session:
        found = await registry.list_all(session)
    return EndpointList(data=[_document(endpoint) for endpoint in found])


@get("/webhooks/{endpoint_id:str}")
async def get_endpoint(
    endpoint_id: FromPath[str], settings: TheSettings, database: TheDatabase
) -> EndpointDetails:
    """Return an endpoint, with the ids and expiry times of its live secrets."""
    async with database.reading() as session:
        endpoint = await registry.find(session, endpoint_id)
        if endpoint is None:
            raise no_such_endpoint(endpoint_id)
        return await _details(session, endpoint, issuer=settings.base_url)


@patch("/webhooks/{endpoint_id:str}", dto=StrictJson[ChangeEndpoint], return_dto=None)
async def change_endpoint(
    endpoint_id: FromPath[str],
    data: JSONBody[ChangeEndpoint],
    settings: TheSettings,
    database: TheDatabase,
    actions: TheActions,
) -> EndpointDetails:
    """Change description, event types or status. ``active`` also enables a disabled endpoint."""
    types = _checked(data.event_types, EventTypes)
    wanted = EndpointChange(
        description=None if data.description is UNSET else data.description,
        event_types=types and _subscribable(types),
        status=None if data.status is UNSET else EndpointStatus(data.status),
    )
    endpoint = await actions.change_endpoint(endpoint_id, wanted)
    if endpoint is None:
        raise no_such_endpoint(endpoint_id)
    async with database.reading() as session:
        return await _details(session, endpoint, issuer=settings.base_url)


@delete("/webhooks/{endpoint_id:str}")
async def delete_endpoint(endpoint_id: FromPath[str], actions: TheActions) -> None:
    """Delete an endpoint and cancel its waiting deliveries. Its history stays."""
    if not await actions.delete_endpoint(endpoint_id):
        raise no_such_endpoint(endpoint_id)


def _checked(value: Any, kind: Any) -> Any:
    """Return the value, or None if it is absent. Raise ``Problem`` (400) if it is no ``kind``."""
    if value is UNSET:
        return None
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise Problem(400, f"the body is not as documented: {error}") from None


def _subscribable(event_types: list[EventType]) -> list[EventType]:
    for event_type in event_types:
        if event_type not in SUBSCRIBABLE_EVENT_TYPES:
            raise Problem(400, f"{event_type} is always sent and cannot be subscribed to")
    return event_types


def _document(endpoint: Endpoint) -> EndpointDocument:
    return EndpointDocument(
        id=endpoint.id,
        webhook_url=endpoint.webhook_url,
        event_types=endpoint.event_types,
        description=endpoint.description,
        status=endpoint.status,
        disabled_reason=endpoint.disabled_reason,
        created_at=rfc3339(endpoint.created_at),
    )


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
