"""``/v1/sandboxes``: make, list, read, change, drop. ``/v1/sandbox/reset``: empty one."""

from datetime import timedelta
from typing import Annotated, Any, Literal

from litestar import Request, delete, get, patch, post
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct, structs

from hookshop.webkit.bodies import StrictJson
from hookshop.webkit.errors import Problem
from hookshop.webkit.json_api import problems
from hookshop.webkit.login_brake import client_address
from hookshop.webkit.sandbox_rules import (
    DEFAULT_LIFETIME_SECONDS,
    ID_PATTERN,
    MAX_LIFETIME_SECONDS,
    number_in,
)
from hookshop.webkit.sandboxes import no_such_sandbox
from hookshop.webkit.security import NO_STORE
from hookshop.webkit.times import rfc3339_ms
from subscriber_app.database.models import Sandbox
from subscriber_app.resetting import reset
from subscriber_app.sandboxes import Sandboxes, UnknownSandbox
from subscriber_app.web.api_fields import Cursor, Limit, NextCursor, Time
from subscriber_app.web.dependencies import (
    TheClock,
    TheCreationBrake,
    TheParts,
    TheSandboxes,
    TheSandboxMaker,
)
from subscriber_app.web.sandbox_maker import SandboxMaker, WantedSandbox

# The pattern is documented only: a wrong id gets a 422 with the rule in words.
SandboxId = Annotated[str, Meta(extra_json_schema={"pattern": ID_PATTERN}, examples=["lesson-7"])]
Seconds = Annotated[int, Meta(ge=1, le=MAX_LIFETIME_SECONDS, examples=[DEFAULT_LIFETIME_SECONDS])]
Url = Annotated[str, Meta(examples=["http://127.0.0.1:8001/s/lesson-7"])]
Kept = Annotated[list[Literal["subscription"]], Meta(examples=[["subscription"]])]
NOT_MADE = problems(
    {
        409: "The id is taken, or there are too many sandboxes.",
        422: "`shop_url` is not a URL of our shop, or the id is not valid.",
        429: "This address has made too many sandboxes. `Retry-After` says how long to wait.",
        502: "The shop did not register the sandbox, so it was not made.",
    }
)

AnyRequest = Request[Any, Any, Any]


class NewSandbox(Struct, forbid_unknown_fields=True):
    """Body of ``POST /v1/sandboxes``.

    ``shop_url``: the ``base_url`` of the shop's sandbox, or the shop's own URL. ``id``: without
    one, it cannot be guessed. ``shop_token``: the token of the shop's sandbox; by default
    ``SUBSCRIBER_SHOP_TOKEN``. ``subscribe``: register with the shop.
    """

    shop_url: Annotated[str, Meta(examples=["http://127.0.0.1:8000/s/lesson-7"])]
    id: SandboxId | None = None
    shop_token: str | None = None
    subscribe: bool = True
    expires_in_seconds: Seconds = DEFAULT_LIFETIME_SECONDS


class SandboxChange(Struct, forbid_unknown_fields=True):
    """Body of ``PATCH /v1/sandboxes/{id}``. ``expires_in_seconds``: from now."""

    expires_in_seconds: Seconds


class SandboxDocument(Struct):
    """A sandbox. ``receiver_url``: where its webhooks are sent. ``shop_url``: its shop."""

    id: SandboxId
    base_url: Url
    receiver_url: Url
    shop_url: Url
    created_at: Time
    expires_at: Time


class CreatedSandbox(SandboxDocument):
    """A new sandbox. ``token``: opens this sandbox only; shown only once; null if all is open."""

    endpoint_id: Annotated[str | None, Meta(examples=["ep_01939f0c5e7d7f62a3b4c5d6e7f80910"])]
    token: str | None


class SandboxList(Struct):
    """One page of the sandboxes."""

    data: list[SandboxDocument]
    next_cursor: NextCursor


class Reset(Struct, forbid_unknown_fields=True, frozen=True):
    """Body of ``POST /v1/sandbox/reset``. ``keep``: what stays as it is."""

    keep: Kept = []


class EmptySandbox(Struct):
    """The result. ``kept``: what was kept."""

    kept: Kept


KEEP_NOTHING = Reset()


@post(
    "/sandboxes",
    dto=StrictJson[NewSandbox],
    return_dto=None,
    response_headers=NO_STORE,
    responses=NOT_MADE,
)
async def create_sandbox(
    request: AnyRequest,
    data: JSONBody[NewSandbox],
    sandbox_maker: TheSandboxMaker,
    creation_brake: TheCreationBrake,
) -> CreatedSandbox:
    """Make a sandbox with an inbox of its own, paired with a shop, and subscribe it."""
    creation_brake.check(client_address(request))
    made = await sandbox_maker.make(WantedSandbox(**structs.asdict(data)))
    return CreatedSandbox(
        **_fields(made.sandbox, sandbox_maker), endpoint_id=made.endpoint_id, token=made.token
    )


@get("/sandboxes")
async def list_sandboxes(
    sandboxes: TheSandboxes,
    sandbox_maker: TheSandboxMaker,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> SandboxList:
    """Return one page of sandboxes, newest first."""
    before = number_in(cursor) if cursor is not None else None
    if cursor is not None and before is None:
        raise Problem(400, "unknown cursor: start again without one")
    found = sandboxes.list(before=before)
    more = len(found) > limit
    return SandboxList(
        [SandboxDocument(**_fields(each, sandbox_maker)) for each in found[:limit]],
        str(found[limit - 1].number) if more else None,
    )


@get("/sandboxes/{sandbox_id:str}")
async def get_sandbox(
    sandbox_id: FromPath[str], sandboxes: TheSandboxes, sandbox_maker: TheSandboxMaker
) -> SandboxDocument:
    """Return one sandbox."""
    return SandboxDocument(**_fields(existing_sandbox(sandboxes, sandbox_id), sandbox_maker))


@patch("/sandboxes/{sandbox_id:str}", dto=StrictJson[SandboxChange], return_dto=None)
async def change_sandbox(
    sandbox_id: FromPath[str],
    data: JSONBody[SandboxChange],
    sandboxes: TheSandboxes,
    sandbox_maker: TheSandboxMaker,
    clock: TheClock,
) -> SandboxDocument:
    """Change when a sandbox expires."""
    sandbox = existing_sandbox(sandboxes, sandbox_id)
    expires_at = clock() + timedelta(seconds=data.expires_in_seconds)
    changed = await sandboxes.change(sandbox, expires_at=expires_at)
    return SandboxDocument(**_fields(changed, sandbox_maker))


@delete("/sandboxes/{sandbox_id:str}")
async def drop_sandbox(sandbox_id: FromPath[str], sandboxes: TheSandboxes) -> None:
    """Drop a sandbox. From the response on it does not exist; it is removed in the background.

    Its streams end, and it is unsubscribed from its shop, if that responds.
    """
    try:
        await sandboxes.drop(sandbox_id)
    except UnknownSandbox:
        raise no_such_sandbox(sandbox_id) from None


@post("/sandbox/reset", status_code=200, dto=StrictJson[Reset], return_dto=None)
async def reset_sandbox(
    parts: TheParts, clock: TheClock, data: JSONBody[Reset] = KEEP_NOTHING
) -> EmptySandbox:
    """Empty this sandbox, or main: receipts, purchases, attacks, fault, defenses, subscription.

    ``"keep": ["subscription"]`` keeps the last one. When the response comes, it is empty.
    """
    await reset(parts, keep_subscription="subscription" in data.keep, now=clock)
    return EmptySandbox(data.keep)


def existing_sandbox(sandboxes: Sandboxes, sandbox_id: str) -> Sandbox:
    """Return the sandbox. Raise the 404 if it does not exist."""
    try:
        return sandboxes.get(sandbox_id)
    except UnknownSandbox:
        raise no_such_sandbox(sandbox_id) from None


def _fields(sandbox: Sandbox, maker: SandboxMaker) -> dict[str, str]:
    return {
        "id": sandbox.id,
        "base_url": maker.base_url(sandbox),
        "receiver_url": maker.receiver_url(sandbox),
        "shop_url": sandbox.shop_url,
        "created_at": rfc3339_ms(sandbox.created_at),
        "expires_at": rfc3339_ms(sandbox.expires_at),
    }


SANDBOXES = [
    create_sandbox,
    list_sandboxes,
    get_sandbox,
    change_sandbox,
    drop_sandbox,
    reset_sandbox,
]
