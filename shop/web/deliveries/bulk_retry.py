"""Resends all undelivered deliveries that match the filter of the delivery log."""

from typing import Any

from litestar import Request, Response, get, post
from litestar.response import Redirect, Template

from hookshop.webkit.datetime_input import read_moment
from hookshop.webkit.double_submit import once_per_form
from hookshop.webkit.forms import read_form
from hookshop.webkit.times import utc_now
from shop.database.transactions import Database
from shop.web.deliveries.log_query import LogQuery
from shop.web.dependencies import TheActions, TheDatabase
from shop.web.flash import with_resent_count
from shop.webhooks.endpoints import registry
from shop.webhooks.queries.search import searchable
from shop.webhooks.recovery import count_undelivered, count_unreachable

AnyRequest = Request[Any, Any, Any]
AnyResponse = Response[Any]


@get("/deliveries/retry", include_in_schema=False)
async def confirm_retry(request: AnyRequest, database: TheDatabase) -> Template:
    """Show the filter and the number of deliveries to resend, and ask for confirmation."""
    now = utc_now()
    query = LogQuery.read(request.query_params).with_fixed_times(now)
    wanted = query.filter(now)
    async with database.reading() as session:
        context = {
            "count": await count_undelivered(session, wanted),
            "unreachable": await count_unreachable(session, wanted),
        }
    return Template(
        "shop/deliveries/retry.html",
        context={**context, "query": query, "words": await _in_words(database, query)},
    )


@post("/deliveries/retry", include_in_schema=False)
@once_per_form
async def retry(request: AnyRequest, actions: TheActions) -> AnyResponse:
    """Make all matching undelivered deliveries due, and redirect to the log."""
    form = await read_form(request)
    query = LogQuery.read(
        {name: form.text(name) for name in LogQuery.filters() if form.texts(name)}
    )
    count = await actions.resend_undelivered(query.filter(utc_now()))
    return Redirect(with_resent_count(query.address(), count), status_code=303)


async def _in_words(database: Database, query: LogQuery) -> list[tuple[str, str]]:
    """Return the filter as labels and values for people."""
    async with database.reading() as session:
        endpoint = await registry.find(session, searchable(query.endpoint_id))
    words = [
        ("State", query.state),
        ("Endpoint", endpoint.webhook_url if endpoint else query.endpoint_id),
        ("Event type", query.event_type),
        ("Created from", _in_utc(query.since)),
        ("Created to", _in_utc(query.until)),
        ("ID or part of the URL", query.q),
    ]
    return [(name, value) for name, value in words if value]


def _in_utc(typed: str) -> str:
    moment = read_moment(typed)
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment else ""
