"""Actions on one endpoint: pause, enable, edit, send a test event, delete.

Rotating its secret: ``secret_rotation``. Resending: ``recovery``.
"""

from typing import Any

from litestar import Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect, Template

from hookshop.webkit.double_submit import once_per_form
from hookshop.webkit.errors import Problem
from hookshop.webkit.forms import read_form
from shop.database.models import Endpoint
from shop.vocabulary import DeliveryState, EndpointStatus
from shop.web.dependencies import TheActions, TheDatabase
from shop.web.endpoints.forms import EVENT_TYPE_CHOICES, Edit
from shop.web.lookups import existing_endpoint, no_such_endpoint
from shop.webhooks.endpoints.registry import CannotPauseDisabled, EndpointChange
from shop.webhooks.queries.deliveries import count_by_state

AnyRequest = Request[Any, Any, Any]
AnyResponse = Response[Any]


@post("/endpoints/{endpoint_id:str}/status", include_in_schema=False)
async def change_status(
    request: AnyRequest, database: TheDatabase, actions: TheActions, endpoint_id: FromPath[str]
) -> Redirect:
    """Pause the endpoint, or make it ``active``, which resumes or enables it."""
    await existing_endpoint(database, endpoint_id)
    wanted = (await read_form(request)).text("status")
    if wanted not in {EndpointStatus.ACTIVE, EndpointStatus.PAUSED}:
        raise Problem(400, f"the status can be set to active or paused, not {wanted!r}")
    try:
        change = EndpointChange(status=EndpointStatus(wanted))
        changed = await actions.change_endpoint(endpoint_id, change)
    except CannotPauseDisabled:
        raise Problem(
            409,
            "a disabled endpoint cannot be paused; enable it first",
            link=(f"/endpoints/{endpoint_id}", "Open the endpoint"),
        ) from None
    if changed is None:
        raise no_such_endpoint(endpoint_id)
    return _to_endpoint(endpoint_id)


@get("/endpoints/{endpoint_id:str}/edit", include_in_schema=False)
async def show_edit(database: TheDatabase, endpoint_id: FromPath[str]) -> Template:
    """Show the form for description and event types."""
    endpoint = await existing_endpoint(database, endpoint_id)
    return _edit_page(endpoint, Edit.of(endpoint))


@post("/endpoints/{endpoint_id:str}/edit", include_in_schema=False)
async def edit(
    request: AnyRequest, database: TheDatabase, actions: TheActions, endpoint_id: FromPath[str]
) -> AnyResponse:
    """Change description and event types."""
    endpoint = await existing_endpoint(database, endpoint_id)
    form = Edit.read(await read_form(request))
    if form.errors:
        return _edit_page(endpoint, form)
    if await actions.change_endpoint(endpoint_id, form.change) is None:  # deleted meanwhile
        raise no_such_endpoint(endpoint_id)
    return _to_endpoint(endpoint_id)


@post("/endpoints/{endpoint_id:str}/ping", include_in_schema=False)
@once_per_form
async def send_test_event(
    request: AnyRequest,  # noqa: ARG001 – for @once_per_form
    database: TheDatabase,
    actions: TheActions,
    endpoint_id: FromPath[str],
) -> AnyResponse:
    """Send ``webhook.ping``, and redirect to its delivery."""
    await existing_endpoint(database, endpoint_id)
    delivery_id = await actions.ping(endpoint_id)
    if delivery_id is None:
        raise Problem(
            409,
            "no test event was sent: the endpoint is disabled; enable it first",
            link=(f"/endpoints/{endpoint_id}", "Open the endpoint"),
        )
    return Redirect(f"/deliveries/{delivery_id}", status_code=303)


@get("/endpoints/{endpoint_id:str}/delete", include_in_schema=False)
async def confirm_deletion(database: TheDatabase, endpoint_id: FromPath[str]) -> Template:
    """Explain what deleting will do, and ask for confirmation."""
    endpoint = await existing_endpoint(database, endpoint_id)
    async with database.reading() as session:
        counts = await count_by_state(session, endpoint_id)
    return Template(
        "shop/endpoints/delete.html",
        context={
            "endpoint": endpoint,
            "waiting": counts[DeliveryState.PENDING],
            "sending": counts[DeliveryState.SENDING],
        },
    )


@post("/endpoints/{endpoint_id:str}/delete", include_in_schema=False)
async def delete(actions: TheActions, endpoint_id: FromPath[str]) -> Redirect:
    """Delete the endpoint."""
    if not await actions.delete_endpoint(endpoint_id):
        raise no_such_endpoint(endpoint_id)
    return Redirect("/endpoints", status_code=303)


def _edit_page(endpoint: Endpoint, form: Edit) -> Template:
    return Template(
        "shop/endpoints/edit.html",
        context={"endpoint": endpoint, "form": form, "event_type_choices": EVENT_TYPE_CHOICES},
        status_code=422 if form.errors else 200,
    )


def _to_endpoint(endpoint_id: str) -> Redirect:
    return Redirect(f"/endpoints/{endpoint_id}", status_code=303)
