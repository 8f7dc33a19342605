"""The live pages of endpoints: the list with the registration form, and one endpoint.

Its actions are in ``actions``, ``secret_rotation`` and ``recovery``.
"""

from datetime import UTC, datetime
from typing import Any

from litestar import Request, Response, get, post
from litestar.params import FromPath
from litestar.response import ServerSentEvent, Template

from hookshop.webkit.double_submit import once_per_form
from hookshop.webkit.forms import read_form
from hookshop.webkit.live import Region
from hookshop.webkit.security import NO_STORE
from shop.database.transactions import Database
from shop.web.deliveries.hold_reason import is_held
from shop.web.deliveries.rows import read_rows
from shop.web.dependencies import TheActions, TheDatabase, TheFeed, TheSettings
from shop.web.endpoints.forms import EVENT_TYPE_CHOICES, Registration
from shop.web.endpoints.health_view import view_health
from shop.web.endpoints.recovery import PERIOD_CHOICES
from shop.web.endpoints.secret_rotation import describe
from shop.web.flash import read_resent_count
from shop.web.lookups import existing_endpoint
from shop.web.steady_orders.pages import shop_stream
from shop.webhooks.endpoints import registry
from shop.webhooks.endpoints.refusals import list_refusals
from shop.webhooks.endpoints.registry import AlreadyRegistered
from shop.webhooks.endpoints.secrets import list_live
from shop.webhooks.queries.deliveries import DeliveryFilter, count_by_state, list_deliveries
from shop.webhooks.queries.endpoint_health import find_examples, read_health
from shop.webhooks.rules.time_buckets import Window
from shop.webhooks.rules.urls import UrlRefused

NEWEST_DELIVERIES = 10
NEWEST_REFUSALS = 5
# Charts cost more to render than a list, and numbers that change too often are unreadable.
MIN_INTERVAL_SECONDS = 0.3
POLL_INTERVAL_SECONDS = 10.0  # the charts move with the clock

AnyRequest = Request[Any, Any, Any]
AnyResponse = Response[Any]


@get("/endpoints", include_in_schema=False)
async def show_endpoints(database: TheDatabase) -> Template:
    """Show all endpoints and the registration form."""
    return await _list_page(database, Registration())


@get("/endpoints/live", include_in_schema=False)
async def stream_endpoints(
    request: AnyRequest, database: TheDatabase, feed: TheFeed
) -> ServerSentEvent:
    """Stream the list of endpoints and of refused registrations."""
    return await shop_stream(request, feed, _list_region(database))


@post("/endpoints", include_in_schema=False)
@once_per_form
async def register(
    request: AnyRequest,
    settings: TheSettings,
    database: TheDatabase,
    actions: TheActions,
) -> AnyResponse:
    """Register an endpoint. This response is the only page that shows its secret."""
    form = Registration.read(await read_form(request))
    if form.errors:
        return await _list_page(database, form)
    try:
        registered = await actions.register(form.new_endpoint, settings.url_policy)
    except UrlRefused as refusal:
        form.errors["webhook_url"] = f"The shop does not send to this URL: {refusal}."
        return await _list_page(database, form)
    except AlreadyRegistered as conflict:
        form.errors["webhook_url"] = "This URL is registered already."
        form.existing_endpoint_id = conflict.endpoint_id
        return await _list_page(database, form)
    return Template(
        "shop/endpoints/registered.html",
        context={
            "endpoint": registered.endpoint,
            "secret": registered.secret,
            "secret_id": registered.secret_id,
        },
        status_code=201,
        headers=NO_STORE,
    )


@get("/endpoints/{endpoint_id:str}", include_in_schema=False)
async def show_endpoint(
    request: AnyRequest, database: TheDatabase, endpoint_id: FromPath[str]
) -> Template:
    """Show an endpoint: its state, health, secrets, deliveries and actions."""
    await existing_endpoint(database, endpoint_id)
    context = await _endpoint_region(database, endpoint_id).read()
    context["endpoint_id"] = endpoint_id
    context["sent_again"] = read_resent_count(request.query_params)
    context["period_choices"] = PERIOD_CHOICES
    return Template("shop/endpoints/endpoint.html", context=context)


@get("/endpoints/{endpoint_id:str}/live", include_in_schema=False)
async def stream_endpoint(
    request: AnyRequest, database: TheDatabase, feed: TheFeed, endpoint_id: FromPath[str]
) -> ServerSentEvent:
    """Stream the page of the endpoint, which shows if the endpoint is deleted meanwhile."""
    await existing_endpoint(database, endpoint_id)
    return await shop_stream(request, feed, _endpoint_region(database, endpoint_id))


async def _list_page(database: Database, form: Registration) -> Template:
    context = await _list_region(database).read()
    return Template(
        "shop/endpoints/endpoints.html",
        context={**context, "form": form, "event_type_choices": EVENT_TYPE_CHOICES},
        status_code=form.status,
    )


def _list_region(database: Database) -> Region:
    async def read() -> dict[str, Any]:
        async with database.reading() as session:
            return {
                "endpoints": await registry.list_all(session),
                "refusals": await list_refusals(session, limit=NEWEST_REFUSALS),
            }

    # Every change: a response may have disabled an endpoint. An unchanged list is not sent.
    return Region("endpoints", "shop/endpoints/_endpoints.html", read, lambda _change: True)


def _endpoint_region(database: Database, endpoint_id: str) -> Region:
    theirs = DeliveryFilter(endpoint_id=endpoint_id)

    async def read() -> dict[str, Any]:
        now = datetime.now(UTC)
        hour, day = Window.last_hour(now, bucket_minutes=2), Window.last_day(now)
        async with database.reading() as session:
            page = await list_deliveries(session, theirs, limit=NEWEST_DELIVERIES)
            last_hour = await read_health(session, endpoint_id, hour)
            last_day = await read_health(session, endpoint_id, day)
            endpoint = await registry.find(session, endpoint_id)
            return {
                # None once it is deleted; the page then says so.
                "endpoint": endpoint,
                "is_held": endpoint is not None and is_held(endpoint, now),
                "secrets": describe(await list_live(session, endpoint_id, now=now), now=now),
                "health": [view_health("hour", last_hour), view_health("day", last_day)],
                "failures": last_day.failures,
                "examples": await find_examples(session, last_day.failures),
                "counts": await count_by_state(session, endpoint_id),
                "rows": await read_rows(session, page.rows),
            }

    # Every change, because those of orders and deliveries do not name endpoints. An unchanged page
    # is not sent.
    return Region(
        "endpoint",
        "shop/endpoints/_endpoint.html",
        read,
        lambda _change: True,
        poll_interval_seconds=POLL_INTERVAL_SECONDS,
        min_interval_seconds=MIN_INTERVAL_SECONDS,
    )
