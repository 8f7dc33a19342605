"""The page on which to subscribe and unsubscribe, and to see where we stand with the shop."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from litestar import Request, Response, get, post
from litestar.response import Redirect, ServerSentEvent, Template

from hookshop.webkit.forms import read_form
from hookshop.webkit.live import Region, live_stream
from subscriber_app.database.models import FormerSecret, Subscription
from subscriber_app.receiving.keyring import fingerprint
from subscriber_app.shop_api.client import TooManySecrets
from subscriber_app.shop_api.errors import ShopError, ShopUnreachable
from subscriber_app.shop_api.subscription import SUBSCRIBABLE, Subscriptions
from subscriber_app.web.controls import fault_banner
from subscriber_app.web.dependencies import TheFeed, TheSubscriptions

AnyRequest = Request[Any, Any, Any]
AnyResponse = Response[Any]


@get("/subscription", include_in_schema=False)
async def show_subscription(subscriptions: TheSubscriptions) -> Template:
    """Whether, where, for what and under which secret we are subscribed."""
    return await _page(subscriptions)


@get("/subscription/live", include_in_schema=False)
async def stream_subscription(
    request: AnyRequest, feed: TheFeed, subscriptions: TheSubscriptions
) -> ServerSentEvent:
    """The same, kept up to date: it may be subscribing by itself right now."""
    return await live_stream(request, feed, _region(subscriptions), fault_banner())


@post("/subscription", include_in_schema=False)
async def subscribe(request: AnyRequest, subscriptions: TheSubscriptions) -> AnyResponse:
    """Register with the shop for the ticked ``event_types``."""
    form = await read_form(request)
    ticked = [value for value in form.texts("event_types") if value in SUBSCRIBABLE]
    if not ticked:
        return await _page(subscriptions, ticked, problem="Tick at least one event.", status=422)
    try:
        await subscriptions.subscribe(ticked)
    except ShopError as error:
        return await _page(subscriptions, ticked, problem=str(error), status=502)
    return Redirect("/subscription", status_code=303)


@get("/subscription/delete", include_in_schema=False)
async def confirm_unsubscribing(subscriptions: TheSubscriptions) -> AnyResponse:
    """Say what unsubscribing will do, and ask."""
    standing = await subscriptions.current()
    if standing is None:
        return Redirect("/subscription", status_code=303)
    return Template(
        "subscriber/subscription/delete.html", context={"webhook_url": standing.webhook_url}
    )


@post("/subscription/delete", include_in_schema=False)
async def unsubscribe(subscriptions: TheSubscriptions) -> AnyResponse:
    """Have the shop delete our endpoint."""
    try:
        await subscriptions.unsubscribe()
    except ShopError as error:
        return await _page(subscriptions, problem=str(error), status=502)
    return Redirect("/subscription", status_code=303)


@post("/subscription/rotation", include_in_schema=False)
async def rotate(request: AnyRequest, subscriptions: TheSubscriptions) -> AnyResponse:
    """Have the shop make a new secret; ``replace_oldest``: whatever must make room for it."""
    replace_oldest = (await read_form(request)).text("replace_oldest") == "yes"
    try:
        await subscriptions.rotate(replace_oldest=replace_oldest)
    except TooManySecrets as error:
        return await _page(subscriptions, problem=str(error), status=409, is_full=True)
    except ShopError as error:
        return await _page(subscriptions, problem=str(error), status=502)
    return Redirect("/subscription", status_code=303)


@post("/subscription/secret", include_in_schema=False)
async def take_over_secret(request: AnyRequest, subscriptions: TheSubscriptions) -> AnyResponse:
    """Keep the secret that somebody made in the shop and typed in here."""
    try:
        await subscriptions.take_over((await read_form(request)).text("secret"))
    except ShopError as error:
        return await _page(subscriptions, problem=str(error), status=422)
    return Redirect("/subscription", status_code=303)


async def _page(
    subscriptions: Subscriptions,
    ticked: list[str] | None = None,
    *,
    problem: str = "",
    status: int = 200,
    is_full: bool = False,
) -> Template:
    at_the_shop = await _at_the_shop(subscriptions)  # first: we follow what it says
    context = await _region(subscriptions, ticked).read()
    return Template(
        "subscriber/subscription/subscription.html",
        context={**context, **at_the_shop, "problem": problem, "is_full": is_full},
        status_code=status,
    )


async def _at_the_shop(subscriptions: Subscriptions) -> dict[str, Any]:
    """What the shop says of us; asked once a page, and not for every live update."""
    try:
        return {"shop_status": await subscriptions.status_at_shop(), "shop_problem": ""}
    except ShopUnreachable as error:
        return {"shop_status": None, "shop_problem": str(error)}


@dataclass(frozen=True, slots=True)
class SecretView:
    """A secret that we hold. ``name``: the shop's name for it, or "". ``until``: when it ends."""

    fingerprint: str
    name: str
    until: datetime | None = None


def _view(held: Subscription | FormerSecret) -> SecretView:
    until = held.until if isinstance(held, FormerSecret) else held.secret_until
    return SecretView(fingerprint(held.secret), held.secret_id or "", until)


def _region(subscriptions: Subscriptions, ticked: list[str] | None = None) -> Region:
    async def read() -> dict[str, Any]:
        standing = await subscriptions.current()
        return {
            "subscription": standing,
            "secret": _view(standing) if standing else None,
            "former_secrets": [_view(each) for each in await subscriptions.former_secrets()],
            "webhook_url": subscriptions.webhook_url,
            "shop_url": subscriptions.shop_url,
            "event_type_choices": [(each.value, each.value) for each in SUBSCRIBABLE],
            "ticked": SUBSCRIBABLE if ticked is None else ticked,
        }

    return Region("subscription", "subscriber/subscription/_subscription.html", read)
