"""The page on which to subscribe and unsubscribe, and to see where we stand with the shop."""

from typing import Any

from litestar import Request, Response, get, post
from litestar.response import Redirect, ServerSentEvent, Template

from subscriber_app.keyring import fingerprint
from subscriber_app.models import Subscription
from subscriber_app.shop_errors import ShopError, ShopUnreachable
from subscriber_app.subscription import SUBSCRIBABLE, Subscriptions
from subscriber_app.web.controls import fault_banner
from subscriber_app.web.dependencies import TheFeed, TheSubscriptions
from subscriber_app.web.live import Region, live_stream

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
    form = await request.form()
    ticked = [str(value) for value in form.getall("event_types", []) if value in SUBSCRIBABLE]
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
async def rotate(subscriptions: TheSubscriptions) -> AnyResponse:
    """Have the shop make a new secret."""
    try:
        await subscriptions.rotate()
    except ShopError as error:
        return await _page(subscriptions, problem=str(error), status=502)
    return Redirect("/subscription", status_code=303)


@post("/subscription/secret", include_in_schema=False)
async def take_over_secret(request: AnyRequest, subscriptions: TheSubscriptions) -> AnyResponse:
    """Keep the secret that somebody made in the shop and typed in here."""
    try:
        await subscriptions.take_over(str((await request.form()).get("secret", "")).strip())
    except ShopError as error:
        return await _page(subscriptions, problem=str(error), status=422)
    return Redirect("/subscription", status_code=303)


async def _page(
    subscriptions: Subscriptions,
    ticked: list[str] | None = None,
    *,
    problem: str = "",
    status: int = 200,
) -> Template:
    context = await _region(subscriptions, ticked).read()
    return Template(
        "subscriber/subscription/subscription.html",
        context={**context, **await _at_the_shop(subscriptions), "problem": problem},
        status_code=status,
    )


async def _at_the_shop(subscriptions: Subscriptions) -> dict[str, Any]:
    """What the shop says of us; asked once a page, and not for every live update."""
    try:
        return {"shop_status": await subscriptions.status_at_shop(), "shop_problem": ""}
    except ShopUnreachable as error:
        return {"shop_status": None, "shop_problem": str(error)}


def _previous(standing: Subscription | None) -> str:
    """The fingerprint of the secret before, as long as one is kept."""
    return fingerprint(standing.previous_secret) if standing and standing.previous_secret else ""


def _region(subscriptions: Subscriptions, ticked: list[str] | None = None) -> Region:
    async def read() -> dict[str, Any]:
        standing = await subscriptions.current()
        return {
            "subscription": standing,
            "fingerprint": fingerprint(standing.secret) if standing else "",
            "previous": _previous(standing),
            "webhook_url": subscriptions.webhook_url,
            "shop_url": subscriptions.shop_url,
            "event_type_choices": [(each.value, each.value) for each in SUBSCRIBABLE],
            "ticked": SUBSCRIBABLE if ticked is None else ticked,
        }

    return Region("subscription", "subscriber/subscription/_subscription.html", read)
