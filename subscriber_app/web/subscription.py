"""The page to subscribe, rotate the secret and unsubscribe."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from litestar import Request, Response, get, post
from litestar.response import Redirect, ServerSentEvent, Template

from hookshop.webkit.double_submit import once_per_form
from hookshop.webkit.encryption import DecryptionFailed
from hookshop.webkit.forms import read_form
from hookshop.webkit.live import Region, live_stream
from hookshop.webkit.sandbox_rules import MAX_ADVANCE
from hookshop.webkit.times import utc_now
from subscriber_app.database.models import FormerSecret, Subscription
from subscriber_app.receiving.keyring import fingerprint
from subscriber_app.shop_api.client import CannotAdvance, TooManySecrets
from subscriber_app.shop_api.errors import ShopError, ShopUnreachable
from subscriber_app.shop_api.subscription import SUBSCRIBABLE, Subscriptions
from subscriber_app.web.dependencies import TheFeed, TheMissions, TheShopClock, TheSubscriptions
from subscriber_app.web.faults import fault_banner
from subscriber_app.web.missions.strip import mission_strip

AnyRequest = Request[Any, Any, Any]
AnyResponse = Response[Any]


@get("/subscription", include_in_schema=False)
async def show_subscription(subscriptions: TheSubscriptions) -> Template:
    """Show the subscription: URLs, event types and secrets."""
    return await _page(subscriptions)


@get("/subscription/live", include_in_schema=False)
async def stream_subscription(
    request: AnyRequest, feed: TheFeed, subscriptions: TheSubscriptions, missions: TheMissions
) -> ServerSentEvent:
    """Stream the region of the same page; with auto-registration it changes by itself."""
    region, strip = _region(subscriptions), mission_strip(missions)
    return await live_stream(request, feed, region, fault_banner(), strip)


@post("/subscription", include_in_schema=False)
async def subscribe(request: AnyRequest, subscriptions: TheSubscriptions) -> AnyResponse:
    """Register with the shop for the selected ``event_types``."""
    form = await read_form(request)
    selected = [value for value in form.texts("event_types") if value in SUBSCRIBABLE]
    if not selected:
        return await _page(subscriptions, selected, problem="Tick at least one event.", status=422)
    try:
        await subscriptions.subscribe(selected)
    except ShopError as error:
        return await _page(subscriptions, selected, problem=str(error), status=502)
    return Redirect("/subscription", status_code=303)


@get("/subscription/delete", include_in_schema=False)
async def confirm_unsubscribing(subscriptions: TheSubscriptions) -> AnyResponse:
    """Show what unsubscribing will do, and ask for confirmation."""
    subscription = await subscriptions.current()
    if subscription is None:
        return Redirect("/subscription", status_code=303)
    return Template(
        "subscriber/subscription/delete.html", context={"webhook_url": subscription.webhook_url}
    )


@post("/subscription/delete", include_in_schema=False)
async def unsubscribe(subscriptions: TheSubscriptions) -> AnyResponse:
    """Delete our endpoint at the shop."""
    try:
        await subscriptions.unsubscribe()
    except ShopError as error:
        return await _page(subscriptions, problem=str(error), status=502)
    return Redirect("/subscription", status_code=303)


@post("/subscription/rotation", include_in_schema=False)
@once_per_form
async def rotate(request: AnyRequest, subscriptions: TheSubscriptions) -> AnyResponse:
    """Rotate the secret. ``replace_oldest``: expire the oldest if there would be too many."""
    replace_oldest = (await read_form(request)).text("replace_oldest") == "yes"
    try:
        await subscriptions.rotate(replace_oldest=replace_oldest)
    except TooManySecrets as error:
        return await _page(subscriptions, problem=str(error), status=409, is_full=True)
    except ShopError as error:
        return await _page(subscriptions, problem=str(error), status=502)
    return Redirect("/subscription", status_code=303)


@post("/subscription/secret", include_in_schema=False)
async def adopt_secret(request: AnyRequest, subscriptions: TheSubscriptions) -> AnyResponse:
    """Use the secret that a person created in the shop."""
    try:
        await subscriptions.adopt_secret((await read_form(request)).text("secret"))
    except ShopError as error:
        return await _page(subscriptions, problem=str(error), status=422)
    return Redirect("/subscription", status_code=303)


@post("/subscription/skip", include_in_schema=False)
@once_per_form
async def skip_until_expiry(
    request: AnyRequest,  # noqa: ARG001 – once_per_form needs it
    subscriptions: TheSubscriptions,
    shop_clock: TheShopClock,
) -> AnyResponse:
    """Skip time in the shop until the first of our former secrets expires, there and here."""
    former = await subscriptions.former_secrets()
    if not former:
        problem = "No former secret is valid any more: there is no wait to skip."
        return await _page(subscriptions, problem=problem, status=409)
    wait = min(each.until for each in former) - utc_now() + timedelta(seconds=1)
    try:
        await shop_clock.advance(min(max(wait, timedelta(seconds=1)), MAX_ADVANCE))
    except CannotAdvance as error:
        return await _page(subscriptions, problem=f"The shop: {error}.", status=error.status)
    except ShopError as error:
        return await _page(subscriptions, problem=str(error), status=502)
    return Redirect("/subscription", status_code=303)


async def _page(
    subscriptions: Subscriptions,
    selected: list[str] | None = None,
    *,
    problem: str = "",
    status: int = 200,
    is_full: bool = False,
) -> Template:
    at_the_shop = await _at_the_shop(subscriptions)  # first, because it updates the secrets
    context = await _region(subscriptions, selected).read()
    return Template(
        "subscriber/subscription/subscription.html",
        context={**context, **at_the_shop, "problem": problem, "is_full": is_full},
        status_code=status,
    )


async def _at_the_shop(subscriptions: Subscriptions) -> dict[str, Any]:
    """Return our endpoint's status at the shop; read once per page, not for live updates."""
    try:
        return {"shop_status": await subscriptions.status_at_shop(), "shop_problem": ""}
    except ShopUnreachable as error:
        return {"shop_status": None, "shop_problem": str(error)}


@dataclass(frozen=True, slots=True)
class SecretView:
    """One of our secrets. ``name``: its public name, or "". ``until``: when it expires."""

    fingerprint: str
    name: str
    until: datetime | None = None


def _view(subscriptions: Subscriptions, held: Subscription | FormerSecret) -> SecretView:
    until = held.until if isinstance(held, FormerSecret) else held.secret_until
    try:
        shown = fingerprint(subscriptions.secret_of(held))
    except DecryptionFailed:
        shown = "unreadable"
    return SecretView(shown, held.secret_id or "", until)


def _region(subscriptions: Subscriptions, selected: list[str] | None = None) -> Region:
    async def read() -> dict[str, Any]:
        subscription = await subscriptions.current()
        former = await subscriptions.former_secrets()
        return {
            "subscription": subscription,
            "secret": _view(subscriptions, subscription) if subscription else None,
            "former_secrets": [_view(subscriptions, each) for each in former],
            "webhook_url": subscriptions.webhook_url,
            "shop_url": subscriptions.shop_url,
            "event_type_choices": [(each.value, each.value) for each in SUBSCRIBABLE],
            "ticked": SUBSCRIBABLE if selected is None else selected,
        }

    return Region("subscription", "subscriber/subscription/_subscription.html", read)
