"""``/sandboxes``: the list, making a pair of sandboxes, and dropping one. Only in ``main``."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from litestar import Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect, Template

from hookshop.webkit.double_submit import once_per_form
from hookshop.webkit.errors import Problem
from hookshop.webkit.forms import read_form
from hookshop.webkit.login_brake import client_address
from hookshop.webkit.plain_text import sentence
from hookshop.webkit.sandbox_rules import (
    DEFAULT_LIFETIME_SECONDS,
    ID_RULE,
    LIFETIMES,
    is_sandbox_id,
    number_in,
)
from hookshop.webkit.sandboxes import require_main
from hookshop.webkit.security import NO_STORE
from subscriber_app.database.models import Sandbox
from subscriber_app.parts import SubscriberParts
from subscriber_app.sandboxes import UnknownSandbox
from subscriber_app.shop_api.client import ShopSandbox
from subscriber_app.shop_api.errors import ShopError
from subscriber_app.shop_api.shop_urls import sandbox_of_shop_url
from subscriber_app.web.dependencies import (
    TheCreationBrake,
    TheParts,
    TheSandboxes,
    TheSandboxMaker,
)
from subscriber_app.web.sandbox_api import existing_sandbox
from subscriber_app.web.sandbox_maker import MadeSandbox, SandboxMaker, WantedSandbox

PAGE_SIZE = 50

AnyRequest = Request[Any, Any, Any]
AnyResponse = Response[Any]


@dataclass(frozen=True, slots=True)
class NewSandboxForm:
    """The form. ``id``, ``lifetime``: what was entered. ``problem``: what went wrong, or ""."""

    id: str = ""
    lifetime: str = str(DEFAULT_LIFETIME_SECONDS)
    problem: str = ""
    lifetimes = tuple(LIFETIMES.items())


@get("/sandboxes", include_in_schema=False)
async def show_sandboxes(request: AnyRequest, sandboxes: TheSandboxes) -> Template:
    """Show all sandboxes, newest first, and the form for a new one."""
    require_main()
    cursor = request.query_params.get("cursor", "")
    found = sandboxes.list(before=number_in(cursor))
    return _list(found, NewSandboxForm(), is_first=not cursor)


@post("/sandboxes", include_in_schema=False)
@once_per_form
async def make_sandboxes(
    request: AnyRequest,
    parts: TheParts,
    sandboxes: TheSandboxes,
    sandbox_maker: TheSandboxMaker,
    creation_brake: TheCreationBrake,
) -> AnyResponse:
    """Make a sandbox of the shop and one here, and show their addresses and tokens."""
    require_main()
    form = await read_form(request)
    sandbox_id, lifetime = form.text("id").strip(), form.text("expires_in_seconds")
    if lifetime not in LIFETIMES:
        raise Problem(422, "choose when the sandbox expires")
    creation_brake.check(client_address(request))
    try:
        _check_id(sandbox_id)
        at_shop = await parts.shop.make_sandbox(sandbox_id or None, int(lifetime))
        made = await _make_ours(parts, sandbox_maker, at_shop, int(lifetime))
    except (Problem, ShopError) as error:
        detail, status = (
            (error.detail, error.status_code) if isinstance(error, Problem) else (str(error), 502)
        )
        form_again = NewSandboxForm(sandbox_id, lifetime, sentence(detail))
        return _list(sandboxes.list(), form_again, status=status)
    return Template(
        "subscriber/sandboxes/made.html",
        context={
            "made": made,
            "base_url": sandbox_maker.base_url(made.sandbox),
            "at_shop": at_shop,
        },
        headers=NO_STORE,
    )


async def _make_ours(
    parts: SubscriberParts, maker: SandboxMaker, at_shop: ShopSandbox, lifetime: int
) -> MadeSandbox:
    """Make our sandbox for the one at the shop. If that fails, drop the shop's again."""
    wanted = WantedSandbox(
        at_shop.base_url, at_shop.id, shop_token=at_shop.token, expires_in_seconds=lifetime
    )
    try:
        return await maker.make(wanted)
    except Problem:
        with suppress(ShopError):
            await parts.shop.drop_sandbox(at_shop.id)
        raise


@get("/sandboxes/{sandbox_id:str}/drop", include_in_schema=False)
async def confirm_dropping(sandbox_id: FromPath[str], sandboxes: TheSandboxes) -> Template:
    """Show what dropping will do, and ask for confirmation."""
    require_main()
    sandbox = existing_sandbox(sandboxes, sandbox_id)
    return Template(
        "subscriber/sandboxes/drop.html",
        context={"sandbox": sandbox, "at_shop": _id_at_shop(sandbox)},
    )


@post("/sandboxes/{sandbox_id:str}/drop", include_in_schema=False)
async def drop_sandboxes(
    sandbox_id: FromPath[str], parts: TheParts, sandboxes: TheSandboxes
) -> AnyResponse:
    """Drop our sandbox, and the one of the shop with which it is paired."""
    require_main()
    sandbox = existing_sandbox(sandboxes, sandbox_id)
    with suppress(UnknownSandbox):  # another request was faster
        await sandboxes.drop(sandbox_id)
    try:
        if at_shop := _id_at_shop(sandbox):
            await parts.shop.drop_sandbox(at_shop)
    except ShopError as error:
        problem = f"{sandbox_id} is dropped here, but not in the shop: {error}."
        form = NewSandboxForm(problem=problem)
        return _list(sandboxes.list(), form, status=502)
    return Redirect("/sandboxes", status_code=303)


def _id_at_shop(sandbox: Sandbox) -> str | None:
    """Return the id of the shop's sandbox with which ours is paired; None for its ``main``."""
    shop_url, separator, id_ = sandbox.shop_url.rpartition("/s/")
    return sandbox_of_shop_url(sandbox.shop_url, shop_url) if separator and id_ else None


def _check_id(sandbox_id: str) -> None:
    if sandbox_id and not is_sandbox_id(sandbox_id):
        raise Problem(422, f"{sandbox_id!r} is no ID of a sandbox: {ID_RULE}")


def _list(
    found: Sequence[Sandbox],
    form: NewSandboxForm,
    *,
    status: int = 200,
    is_first: bool = True,
) -> Template:
    older = f"/sandboxes?cursor={found[PAGE_SIZE - 1].number}" if len(found) > PAGE_SIZE else None
    context = {
        "sandboxes": found[:PAGE_SIZE],
        "newest_address": None if is_first else "/sandboxes",
        "older_address": older,
        "form": form,
    }
    return Template("subscriber/sandboxes/sandboxes.html", context=context, status_code=status)
