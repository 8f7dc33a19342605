"""Rotates the secret of an endpoint: asks for the grace period, and shows the new secret once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

from litestar import Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Template

from hookshop.webkit.double_submit import once_per_form
from hookshop.webkit.forms import read_form
from hookshop.webkit.security import NO_STORE
from shop.database.models import Endpoint
from shop.database.transactions import Database
from shop.web.dependencies import TheActions, TheDatabase
from shop.web.lookups import existing_endpoint
from shop.web.stat_labels import age
from shop.webhooks.endpoints.secrets import (
    MAX_LIVE_SECRETS,
    TooManySecrets,
    list_live,
)

# Label and length of each grace period, by the value of the form's field.
GRACES = {
    "none": ("none: the old secret ends immediately", timedelta()),
    "hour": ("1 hour", timedelta(hours=1)),
    "day": ("1 day", timedelta(days=1)),
    "week": ("7 days", timedelta(days=7)),
}
DEFAULT_GRACE = "day"

AnyRequest = Request[Any, Any, Any]
AnyResponse = Response[Any]


@dataclass(frozen=True, slots=True)
class SecretRow:
    """A live secret for the page. ``name``: its public id. ``until``: None for the current one."""

    name: str
    since: datetime
    until: datetime | None
    age: str


def describe(
    secrets: Sequence[tuple[str, datetime, datetime | None]], *, now: datetime
) -> list[SecretRow]:
    """Return the result of ``list_live`` as rows for the page."""
    return [SecretRow(name, since, until, age(now - since)) for name, since, until in secrets]


@get("/endpoints/{endpoint_id:str}/rotate-secret", include_in_schema=False)
async def confirm_rotation(database: TheDatabase, endpoint_id: FromPath[str]) -> Template:
    """Explain what rotating will do, and ask for the grace period."""
    return await _page(database, await existing_endpoint(database, endpoint_id))


@post("/endpoints/{endpoint_id:str}/rotate-secret", include_in_schema=False)
@once_per_form
async def rotate_secret(
    request: AnyRequest,
    database: TheDatabase,
    actions: TheActions,
    endpoint_id: FromPath[str],
) -> AnyResponse:
    """Add a new secret. This response is the only page that shows it."""
    endpoint = await existing_endpoint(database, endpoint_id)
    form = await read_form(request)
    chosen, replace_oldest = form.text("grace"), form.text("replace_oldest") == "yes"
    if chosen not in GRACES:
        return await _page(database, endpoint, errors={"grace": "Choose a grace period."})
    _label, grace = GRACES[chosen]
    try:
        rotated = await actions.rotate_secret(
            endpoint_id, grace=grace, replace_oldest=replace_oldest
        )
    except TooManySecrets:
        errors = {"replace_oldest": "Select this box, or choose no grace period."}
        return await _page(database, endpoint, grace=chosen, errors=errors, status=409)
    return Template(
        "shop/endpoints/rotated.html",
        context={
            "endpoint": endpoint,
            "secret": rotated.secret,
            "secret_id": rotated.id,
            "until": rotated.grace_ends_at if grace else None,
        },
        status_code=201,
        headers=NO_STORE,
    )


async def _page(
    database: Database,
    endpoint: Endpoint,
    *,
    grace: str = DEFAULT_GRACE,
    errors: Mapping[str, str] = MappingProxyType({}),
    status: int = 422,
) -> Template:
    now = datetime.now(UTC)
    async with database.reading() as session:
        secrets = describe(await list_live(session, endpoint.id, now=now), now=now)
    return Template(
        "shop/endpoints/rotate.html",
        context={
            "endpoint": endpoint,
            "secrets": secrets,
            "grace_choices": [(value, label) for value, (label, _grace) in GRACES.items()],
            "grace": grace,
            "is_full": len(secrets) >= MAX_LIVE_SECRETS,
            "errors": errors,
        },
        status_code=status if errors else 200,
    )
