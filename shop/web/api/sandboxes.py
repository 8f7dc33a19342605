"""``/v1/sandboxes``: make, list, read, change, drop. ``/v1/sandbox/reset``: empty one."""

from dataclasses import asdict
from typing import Annotated, Any, Literal, cast, get_type_hints

from litestar import Request, delete, get, patch, post
from litestar.params import FromPath, JSONBody
from msgspec import UNSET, Meta, Struct, UnsetType

from hookshop.webkit.bodies import StrictJson
from hookshop.webkit.errors import Problem
from hookshop.webkit.json_api import problems
from hookshop.webkit.login_brake import client_address
from hookshop.webkit.sandbox_rules import (
    DEFAULT_LIFETIME_SECONDS,
    ID_PATTERN,
    ID_RULE,
    MAX_LIFETIME_SECONDS,
    number_in,
    sandbox_prefix,
)
from hookshop.webkit.security import NO_STORE
from hookshop.webkit.times import rfc3339_ms
from shop.config import Settings
from shop.database.models import Sandbox
from shop.sandboxes.settings import (
    MAX_FAILURES,
    MAX_REQUEST_TIMEOUT_SECONDS,
    SandboxSettings,
)
from shop.web.api.fields import Cursor, Limit, NextCursor, Time
from shop.web.dependencies import TheCreationBrake, TheSandboxActions, TheSettings
from shop.web.sandboxes.effective_settings import effective_settings
from shop.webhooks.rules.retries import MAX_JITTER

# The pattern is documented only: a wrong id gets a 422 with the rule in words.
SandboxId = Annotated[
    str,
    Meta(
        extra_json_schema={"pattern": ID_PATTERN},
        description=f"An id: {ID_RULE}.",
        examples=["lesson-7"],
    ),
]
BaseUrl = Annotated[
    str,
    Meta(
        description="Put it before every path of the shop to be in this sandbox.",
        examples=["http://127.0.0.1:8000/s/lesson-7"],
    ),
]
Lifetime = Annotated[
    int,
    Meta(
        ge=1,
        le=MAX_LIFETIME_SECONDS,
        description="From now until it is dropped by itself.",
        examples=[DEFAULT_LIFETIME_SECONDS],
    ),
]
Schedule = Annotated[
    str,
    Meta(
        max_length=1000,
        description="`demo`, `standard`, or the seconds before each attempt.",
        examples=["0,0.2,0.2"],
    ),
]
Jitter = Annotated[
    float,
    Meta(
        ge=0,
        le=MAX_JITTER,
        description="Maximum share by which a delay is longer or shorter.",
        examples=[0.2],
    ),
]
Timeout = Annotated[
    float,
    Meta(
        gt=0,
        le=MAX_REQUEST_TIMEOUT_SECONDS,
        description="Deadline of one attempt.",
        examples=[10.0],
    ),
]
BreakerFailures = Annotated[
    int,
    Meta(
        ge=0,
        le=MAX_FAILURES,
        description="Failed requests in a row that open a circuit breaker; 0: never.",
        examples=[20],
    ),
]
DisableAfter = Annotated[
    int,
    Meta(
        ge=0,
        le=MAX_FAILURES,
        description="Failed deliveries in a row that disable an endpoint; 0: never.",
        examples=[10],
    ),
]
NOT_MADE = problems(
    {
        409: "The id is taken, or there are as many sandboxes as `SHOP_MAX_SANDBOXES` allows.",
        422: "The id or the schedule is not valid: `detail` says why.",
        429: "This address made too many sandboxes, or sent too many wrong tokens. "
        "`Retry-After` says how long to wait.",
    }
)
NOT_CHANGED = problems({422: "The schedule is not valid: `detail` says why."})
NOT_EMPTIED = problems({409: "Orders come faster than they can be deleted."})

AnyRequest = Request[Any, Any, Any]


class NewSandbox(Struct, forbid_unknown_fields=True, frozen=True):
    """Body of ``POST /v1/sandboxes``. Settings that are absent or null are those of the shop.

    ``id``: without one, it cannot be guessed.
    """

    id: SandboxId | None = None
    expires_in_seconds: Lifetime = DEFAULT_LIFETIME_SECONDS
    retry_schedule: Schedule | None = None
    jitter: Jitter | None = None
    request_timeout_seconds: Timeout | None = None
    breaker_failures: BreakerFailures | None = None
    disable_after_failures: DisableAfter | None = None


class ChangeSandbox(Struct, forbid_unknown_fields=True):
    """Body of ``PATCH /v1/sandboxes/{id}``. Absent fields stay unchanged.

    A setting that is null becomes that of the shop.
    """

    expires_in_seconds: Lifetime | UnsetType = UNSET
    retry_schedule: Schedule | UnsetType | None = UNSET
    jitter: Jitter | UnsetType | None = UNSET
    request_timeout_seconds: Timeout | UnsetType | None = UNSET
    breaker_failures: BreakerFailures | UnsetType | None = UNSET
    disable_after_failures: DisableAfter | UnsetType | None = UNSET


class SandboxDocument(Struct):
    """A sandbox, with the settings that apply in it."""

    id: SandboxId
    base_url: BaseUrl
    created_at: Time
    expires_at: Time
    retry_schedule: Schedule
    jitter: Jitter
    request_timeout_seconds: Timeout
    breaker_failures: BreakerFailures
    disable_after_failures: DisableAfter


class CreatedSandbox(SandboxDocument):
    """A new sandbox. ``token``: opens this sandbox only, and is shown only now.

    It is null if the shop has no admin token: then everything is open.
    """

    token: Annotated[str | None, Meta(examples=[None])]


class SandboxList(Struct):
    """One page of the sandboxes."""

    data: list[SandboxDocument]
    next_cursor: NextCursor


class ResetSandbox(Struct, forbid_unknown_fields=True, frozen=True):
    """Body of ``POST /v1/sandbox/reset``. ``keep``: what stays."""

    keep: Annotated[tuple[Literal["endpoints"], ...], Meta(examples=[["endpoints"]])] = ()


class EmptiedSandbox(Struct):
    """The result. ``kept``: what was kept."""

    kept: Annotated[tuple[Literal["endpoints"], ...], Meta(examples=[["endpoints"]])]


WITH_DEFAULTS = NewSandbox()
KEEP_NOTHING = ResetSandbox()


@post(
    "/sandboxes",
    dto=StrictJson[NewSandbox],
    return_dto=None,
    response_headers=NO_STORE,
    responses=NOT_MADE,
)
async def create_sandbox(
    *,
    request: AnyRequest,
    data: JSONBody[NewSandbox] = WITH_DEFAULTS,
    settings: TheSettings,
    sandbox_actions: TheSandboxActions,
    creation_brake: TheCreationBrake,
) -> CreatedSandbox:
    """Make a sandbox: a shop of one's own, at its ``base_url``. The body may be left out."""
    creation_brake.check(client_address(request))
    made = await sandbox_actions.make(
        data.id, _own_settings(data), lifetime_seconds=data.expires_in_seconds
    )
    return CreatedSandbox(**_fields(made.sandbox, settings), token=made.token)


@get("/sandboxes")
async def list_sandboxes(
    settings: TheSettings,
    sandbox_actions: TheSandboxActions,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> SandboxList:
    """Return one page of sandboxes, newest first. ``next_cursor`` leads to the next page."""
    before = number_in(cursor) if cursor is not None else None
    if cursor is not None and before is None:
        raise Problem(400, "unknown cursor: start again without one")
    found = await sandbox_actions.page(limit=limit + 1, before=before)
    shown = [SandboxDocument(**_fields(each, settings)) for each in found[:limit]]
    return SandboxList(shown, str(found[limit - 1].number) if len(found) > limit else None)


@get("/sandboxes/{sandbox_id:str}")
async def get_sandbox(
    sandbox_id: FromPath[SandboxId], settings: TheSettings, sandbox_actions: TheSandboxActions
) -> SandboxDocument:
    """Return a sandbox."""
    return SandboxDocument(**_fields(await sandbox_actions.existing(sandbox_id), settings))


@patch(
    "/sandboxes/{sandbox_id:str}",
    dto=StrictJson[ChangeSandbox],
    return_dto=None,
    responses=NOT_CHANGED,
)
async def change_sandbox(
    sandbox_id: FromPath[SandboxId],
    data: JSONBody[ChangeSandbox],
    settings: TheSettings,
    sandbox_actions: TheSandboxActions,
) -> SandboxDocument:
    """Change settings of a sandbox, or when it expires."""
    seconds = None if data.expires_in_seconds is UNSET else data.expires_in_seconds
    changed = await sandbox_actions.change(
        sandbox_id, _own_settings(data), lifetime_seconds=seconds
    )
    return SandboxDocument(**_fields(changed, settings))


@delete("/sandboxes/{sandbox_id:str}")
async def drop_sandbox(sandbox_id: FromPath[SandboxId], sandbox_actions: TheSandboxActions) -> None:
    """Drop a sandbox. From the response on it does not exist; its id is free again."""
    await sandbox_actions.drop(sandbox_id)


@post(
    "/sandbox/reset",
    status_code=200,
    dto=StrictJson[ResetSandbox],
    return_dto=None,
    responses=NOT_EMPTIED,
)
async def reset_sandbox(
    *, data: JSONBody[ResetSandbox] = KEEP_NOTHING, sandbox_actions: TheSandboxActions
) -> EmptiedSandbox:
    """Empty the sandbox of this base URL, also ``main``. When the response comes, it is empty.

    Orders, messages, deliveries, idempotency keys, counters and endpoints are deleted. With
    ``"keep": ["endpoints"]`` endpoints stay, with their secrets, as if nothing had been sent to
    them. The body may be left out.
    """
    await sandbox_actions.reset(keep_endpoints="endpoints" in data.keep)
    return EmptiedSandbox(tuple(sorted(set(data.keep))))


def _own_settings(data: NewSandbox | ChangeSandbox) -> SandboxSettings:
    """Return the settings in a body; those that are left out are absent."""
    given = {name: getattr(data, name) for name in get_type_hints(SandboxSettings)}
    own = {name: value for name, value in given.items() if value is not UNSET}
    return cast("SandboxSettings", own)


def _fields(sandbox: Sandbox, settings: Settings) -> dict[str, Any]:
    assert sandbox.expires_at is not None  # noqa: S101 – only main has none
    return {
        "id": sandbox.id,
        "base_url": settings.base_url + sandbox_prefix(sandbox.id),
        "created_at": rfc3339_ms(sandbox.created_at),
        "expires_at": rfc3339_ms(sandbox.expires_at),
        **asdict(effective_settings(sandbox, settings)),
    }


SANDBOXES = [
    create_sandbox,
    list_sandboxes,
    get_sandbox,
    change_sandbox,
    drop_sandbox,
    reset_sandbox,
]
