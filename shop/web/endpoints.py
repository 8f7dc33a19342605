"""The pages of endpoints: list, registration, one endpoint, deletion."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from litestar import Request, Response, get, post
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.response import Redirect, ServerSentEvent, Template

from shop.announcements import Change
from shop.database import Database
from shop.models import Endpoint
from shop.vocabulary import DeliveryState, EventType
from shop.web.dependencies import TheDatabase, TheFeed, TheSettings, TheVault
from shop.web.forms import LONGEST_DESCRIPTION, Form, read_form, text_problem
from shop.web.live import Region, live_stream
from shop.webhooks import endpoints
from shop.webhooks.endpoints import SUBSCRIBABLE_EVENT_TYPES, AlreadyRegistered, NewEndpoint
from shop.webhooks.log import LARGEST_PAGE, DeliveryFilter, list_deliveries
from shop.webhooks.url_policy import UrlRefused

NEWEST_DELIVERIES = 10

AnyRequest = Request[Any, Any, Any]
AnyResponse = Response[Any]


@dataclass(slots=True)
class Registration:
    """The registration form: what was typed, and what is wrong with it by field."""

    webhook_url: str = ""
    description: str = ""
    event_types: list[str] = field(default_factory=lambda: [EventType.PURCHASE_CREATED.value])
    errors: dict[str, str] = field(default_factory=dict)
    standing_endpoint_id: str = ""

    @classmethod
    def read(cls, form: Form) -> "Registration":
        """Read and check what needs no database."""
        typed = cls(form.text("webhook_url"), form.text("description"), form.texts("event_types"))
        problems = {
            "webhook_url": "" if typed.webhook_url else "Type the address of your receiver.",
            "description": text_problem(typed.description, longest=LONGEST_DESCRIPTION),
            "event_types": _event_types_problem(typed.event_types),
        }
        typed.errors = {name: problem for name, problem in problems.items() if problem}
        return typed

    @property
    def status(self) -> int:
        """HTTP status of a page that shows the form."""
        if self.standing_endpoint_id:
            return 409
        return 422 if self.errors else 200

    @property
    def new_endpoint(self) -> NewEndpoint:
        """What the form asks for, once it has no errors."""
        types = [EventType(value) for value in self.event_types]
        return NewEndpoint(self.webhook_url, types, self.description)


@get("/endpoints", include_in_schema=False)
async def show_endpoints(database: TheDatabase) -> Template:
    """All endpoints, and the form that registers one."""
    return await _list_page(database, Registration())


@get("/endpoints/live", include_in_schema=False)
async def stream_endpoints(
    request: AnyRequest, database: TheDatabase, feed: TheFeed
) -> ServerSentEvent:
    """The list, kept up to date."""
    return await live_stream(request, feed, _list_region(database))


@post("/endpoints", include_in_schema=False)
async def register(
    request: AnyRequest,
    settings: TheSettings,
    database: TheDatabase,
    vault: TheVault,
    feed: TheFeed,
) -> AnyResponse:
    """Register an endpoint; this answer is the only page that ever shows its secret."""
    form = Registration.read(await read_form(request))
    if form.errors:
        return await _list_page(database, form)
    try:
        async with database.writing() as session:
            registered = await endpoints.register(
                session,
                form.new_endpoint,
                policy=settings.url_policy,
                vault=vault,
                now=datetime.now(UTC),
            )
    except UrlRefused as refusal:
        form.errors["webhook_url"] = f"Not accepted: {refusal}."
        return await _list_page(database, form)
    except AlreadyRegistered as conflict:
        form.errors["webhook_url"] = "This address is registered already."
        form.standing_endpoint_id = conflict.endpoint_id
        return await _list_page(database, form)
    await feed.announce(Change("endpoint", registered.endpoint.id))
    return Template(
        "shop/endpoints/registered.html",
        context={"endpoint": registered.endpoint, "secret": registered.secret},
        status_code=201,
        headers={"Cache-Control": "no-store"},  # no copy of the secret stays in the browser
    )


@get("/endpoints/{endpoint_id:str}", include_in_schema=False)
async def show_endpoint(database: TheDatabase, endpoint_id: FromPath[str]) -> Template:
    """One endpoint and its newest deliveries."""
    context = await _endpoint_region(database, endpoint_id).read()
    _existing(context["endpoint"], endpoint_id)
    return Template("shop/endpoints/endpoint.html", context=context)


@get("/endpoints/{endpoint_id:str}/live", include_in_schema=False)
async def stream_endpoint(
    request: AnyRequest, database: TheDatabase, feed: TheFeed, endpoint_id: FromPath[str]
) -> ServerSentEvent:
    """The endpoint, kept up to date; who still looks at a deleted one is told so."""
    async with database.reading() as session:
        _existing(await session.get(Endpoint, endpoint_id), endpoint_id)
    return await live_stream(request, feed, _endpoint_region(database, endpoint_id))


@get("/endpoints/{endpoint_id:str}/delete", include_in_schema=False)
async def confirm_deletion(database: TheDatabase, endpoint_id: FromPath[str]) -> Template:
    """Say what deleting will do, and ask."""
    waiting = DeliveryFilter(endpoint_id=endpoint_id, state=DeliveryState.PENDING)
    async with database.reading() as session:
        endpoint = await endpoints.find(session, endpoint_id)
        page = await list_deliveries(session, waiting, limit=LARGEST_PAGE)
    return Template(
        "shop/endpoints/delete.html",
        context={
            "endpoint": _existing(endpoint, endpoint_id),
            "waiting": len(page.rows),
            "waiting_is_more": page.next_cursor is not None,
        },
    )


@post("/endpoints/{endpoint_id:str}/delete", include_in_schema=False)
async def delete(database: TheDatabase, feed: TheFeed, endpoint_id: FromPath[str]) -> Redirect:
    """Delete the endpoint."""
    async with database.writing() as session:
        cancelled = await endpoints.delete(session, endpoint_id, now=datetime.now(UTC))
    if cancelled is None:
        raise _no_such_endpoint(endpoint_id)
    await feed.announce(
        Change("endpoint", endpoint_id), *(Change("delivery", id_) for id_ in cancelled)
    )
    return Redirect("/endpoints", status_code=303)


async def _list_page(database: Database, form: Registration) -> Template:
    context = await _list_region(database).read()
    return Template(
        "shop/endpoints/endpoints.html",
        context={
            **context,
            "form": form,
            "event_type_choices": [(one.value, one.value) for one in SUBSCRIBABLE_EVENT_TYPES],
        },
        status_code=form.status,
    )


def _list_region(database: Database) -> Region:
    async def read() -> dict[str, Any]:
        async with database.reading() as session:
            return {"endpoints": await endpoints.list_all(session)}

    # Any: a delivery's answer may have disabled its endpoint. An equal list is not sent.
    return Region("endpoints", "shop/endpoints/_endpoints.html", read, lambda _change: True)


def _endpoint_region(database: Database, endpoint_id: str) -> Region:
    async def read() -> dict[str, Any]:
        async with database.reading() as session:
            endpoint = await endpoints.find(session, endpoint_id)
            page = await list_deliveries(
                session, DeliveryFilter(endpoint_id=endpoint_id), limit=NEWEST_DELIVERIES
            )
        # None once it is deleted, which someone looking at the page is told, too.
        return {"endpoint": endpoint, "rows": page.rows}

    # Announcements of orders and deliveries do not name endpoints; an equal page is not sent.
    return Region("endpoint", "shop/endpoints/_endpoint.html", read, lambda _change: True)


def _event_types_problem(values: list[str]) -> str:
    if not values:
        return "Tick at least one."
    if not set(values) <= set(SUBSCRIBABLE_EVENT_TYPES):
        return "Choose from the list."
    return ""


def _existing(endpoint: Endpoint | None, endpoint_id: str) -> Endpoint:
    if endpoint is None:
        raise _no_such_endpoint(endpoint_id)
    return endpoint


def _no_such_endpoint(endpoint_id: str) -> NotFoundException:
    return NotFoundException(f"there is no endpoint {endpoint_id!r}")
