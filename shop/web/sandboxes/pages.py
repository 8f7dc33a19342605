"""``/sandboxes``: the list, making a sandbox, and dropping one; only in ``main``.

``/reset``: empties the sandbox in which it is, or ``main``.
"""

from typing import Any

from litestar import Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect, Template

from hookshop.webkit.double_submit import once_per_form
from hookshop.webkit.forms import read_form
from hookshop.webkit.login_brake import client_address
from hookshop.webkit.plain_text import sentence
from hookshop.webkit.sandbox_rules import number_in, sandbox_prefix
from hookshop.webkit.sandboxes import require_main
from hookshop.webkit.security import NO_STORE
from shop.config import Settings
from shop.sandboxes.registry import SandboxIdTaken, TooManySandboxes
from shop.web.dependencies import TheCreationBrake, TheDatabase, TheSandboxActions, TheSettings
from shop.web.sandboxes.actions import BadSandboxId, SandboxActions
from shop.web.sandboxes.form import NewSandboxForm
from shop.webhooks.endpoints import registry
from shop.webhooks.queries.deliveries import read_stats

PAGE_SIZE = 50
KEEP_ENDPOINTS = "endpoints"  # the value of the field "keep"

AnyRequest = Request[Any, Any, Any]
AnyResponse = Response[Any]


@get("/sandboxes", include_in_schema=False)
async def show_sandboxes(
    request: AnyRequest, settings: TheSettings, sandbox_actions: TheSandboxActions
) -> Template:
    """Show all sandboxes, newest first, and the form for a new one."""
    require_main()
    cursor = request.query_params.get("cursor", "")
    before = number_in(cursor)
    return await _list_page(sandbox_actions, settings, NewSandboxForm(), before=before)


@post("/sandboxes", include_in_schema=False)
@once_per_form
async def make_sandbox(
    request: AnyRequest,
    settings: TheSettings,
    sandbox_actions: TheSandboxActions,
    creation_brake: TheCreationBrake,
) -> AnyResponse:
    """Make a sandbox, and show its address, with its token if it has one."""
    require_main()
    form = NewSandboxForm.read(await read_form(request))
    if form.errors:
        return await _list_page(sandbox_actions, settings, form, status=422)
    creation_brake.check(client_address(request))
    try:
        made = await sandbox_actions.make(
            form.id or None, form.own_settings, lifetime_seconds=int(form.lifetime)
        )
    except (BadSandboxId, SandboxIdTaken, TooManySandboxes) as error:
        form.errors["id"] = sentence(str(error))
        status = 422 if isinstance(error, BadSandboxId) else 409
        return await _list_page(sandbox_actions, settings, form, status=status)
    context = {
        "sandbox": made.sandbox,
        "entrance": _address(settings, made.sandbox.id, made.token),
        "has_token": made.token is not None,
        "subscriber_url": _subscriber_url(settings, made.sandbox.id),
    }
    return Template("shop/sandboxes/made.html", context=context, headers=NO_STORE)


@get("/sandboxes/{sandbox_id:str}/drop", include_in_schema=False)
async def confirm_dropping(
    sandbox_id: FromPath[str], sandbox_actions: TheSandboxActions
) -> Template:
    """Say what dropping will do, and ask for confirmation."""
    require_main()
    sandbox = await sandbox_actions.existing(sandbox_id)
    return Template("shop/sandboxes/drop.html", context={"sandbox": sandbox})


@post("/sandboxes/{sandbox_id:str}/drop", include_in_schema=False)
async def drop_sandbox(sandbox_id: FromPath[str], sandbox_actions: TheSandboxActions) -> Redirect:
    """Drop the sandbox."""
    require_main()
    await sandbox_actions.drop(sandbox_id)
    return Redirect("/sandboxes", status_code=303)


@get("/reset", include_in_schema=False)
async def confirm_reset(database: TheDatabase) -> Template:
    """Say what will be deleted, and ask for confirmation."""
    async with database.reading() as session:
        stats = await read_stats(session)
        endpoints = await registry.list_all(session)
    context = {
        "orders": stats.orders,
        "deliveries": sum(stats.deliveries.values()),
        "endpoints": len(endpoints),
    }
    return Template("shop/sandboxes/reset.html", context=context)


@post("/reset", include_in_schema=False)
async def reset_shop(request: AnyRequest, sandbox_actions: TheSandboxActions) -> Redirect:
    """Empty the shop in this sandbox, or in ``main``."""
    kept = (await read_form(request)).texts("keep")
    await sandbox_actions.reset(keep_endpoints=KEEP_ENDPOINTS in kept)
    return Redirect("/overview", status_code=303)


async def _list_page(
    actions: SandboxActions,
    settings: Settings,
    form: NewSandboxForm,
    *,
    before: int | None = None,
    status: int = 200,
) -> Template:
    found = await actions.page(limit=PAGE_SIZE + 1, before=before)
    shown = found[:PAGE_SIZE]
    paired = await actions.paired(shown)
    context: dict[str, Any] = {
        "rows": [
            (each, _subscriber_url(settings, each.id) if each.number in paired else None)
            for each in shown
        ],
        "form": form,
        "has_token": settings.admin_token is not None,
        "newest_address": "/sandboxes" if before else None,
        "older_address": f"/sandboxes?cursor={shown[-1].number}"
        if len(found) > PAGE_SIZE
        else None,
    }
    return Template("shop/sandboxes/sandboxes.html", context=context, status_code=status)


def _address(settings: Settings, sandbox_id: str, token: str | None) -> str:
    """Return the address that opens a sandbox in a browser."""
    return f"{settings.base_url}{sandbox_prefix(sandbox_id)}/" + (f"enter#{token}" if token else "")


def _subscriber_url(settings: Settings, sandbox_id: str) -> str | None:
    """Return the URL of the subscriber's sandbox with the same id, which may not exist."""
    if settings.subscriber_url is None:
        return None
    return f"{settings.subscriber_url}{sandbox_prefix(sandbox_id)}/"


handlers = [
    show_sandboxes,
    make_sandbox,
    confirm_dropping,
    drop_sandbox,
    confirm_reset,
    reset_shop,
]
