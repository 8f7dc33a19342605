"""The buttons that skip time: to an attempt, a probe, or the end of a delivery."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from litestar import Request, Response, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect

from hookshop.webkit.double_submit import once_per_form
from hookshop.webkit.errors import Problem
from hookshop.webkit.forms import Form, read_form
from hookshop.webkit.security import safe_redirect_path
from shop.web.deliveries.log_query import LogQuery
from shop.web.dependencies import TheActions, TheSettings
from shop.web.lookups import no_such_delivery, no_such_endpoint
from shop.webhooks.clock import AlreadyAdvancing, NothingToSkip, TooManyPending

TARGETS = ("attempt", "end")

AnyRequest = Request[Any, Any, Any]


@post("/skip", include_in_schema=False)
@once_per_form
async def skip_to_next_attempt(request: AnyRequest, actions: TheActions) -> Response[Any]:
    """Skip time up to the next attempt of any delivery."""
    back = _return_address(await read_form(request), default="/flow")
    with _explained(back):
        await actions.advance_clock(None)
    return _done(request, back)


@post("/deliveries/{delivery_id:str}/skip", include_in_schema=False)
@once_per_form
async def skip_for_delivery(
    request: AnyRequest, settings: TheSettings, actions: TheActions, delivery_id: FromPath[str]
) -> Response[Any]:
    """Skip time up to the next attempt of a delivery, or with ``to=end`` until it has ended."""
    form = await read_form(request)
    target = form.text("to") or "attempt"
    if target not in TARGETS:
        raise Problem(400, f"time can be skipped to the next attempt or the end, not to {target!r}")
    back = _return_address(form, default=f"/deliveries/{delivery_id}", row_id=delivery_id)
    with _explained(back):
        skip = actions.skip_to_end_of if target == "end" else actions.skip_to_attempt_of
        if not await skip(delivery_id):
            raise no_such_delivery(delivery_id, settings)
    return _done(request, back)


@post("/endpoints/{endpoint_id:str}/skip", include_in_schema=False)
@once_per_form
async def skip_for_endpoint(
    request: AnyRequest, actions: TheActions, endpoint_id: FromPath[str]
) -> Response[Any]:
    """Skip time up to the next probe of an endpoint, or the end of its Retry-After."""
    back = _return_address(await read_form(request), default=f"/endpoints/{endpoint_id}")
    with _explained(back):
        if not await actions.skip_to_probe_of(endpoint_id):
            raise no_such_endpoint(endpoint_id)
    return _done(request, back)


def _return_address(form: Form, *, default: str, row_id: str = "") -> str:
    """Return the page with the form. Its field is ``back``, or in the log ``log``, its query."""
    if from_log := form.texts("log"):
        return LogQuery.parse(from_log[0]).row_address(row_id)
    return safe_redirect_path(form.text("back"), default=default)


def _done(request: AnyRequest, back: str) -> Response[Any]:
    # 204: htmx leaves the page unchanged, so that animations continue. A browser loads it again.
    if "HX-Request" in request.headers:
        return Response(None, status_code=204)
    return Redirect(back, status_code=303)


@contextmanager
def _explained(back: str) -> Iterator[None]:
    """Say in the words of a page why no time can be skipped, with a way back."""
    to_page = (back, "Back")
    try:
        yield
    except AlreadyAdvancing:
        raise Problem(
            409,
            "time is being skipped already; wait until that has ended, then try again",
            link=to_page,
        ) from None
    except NothingToSkip as error:
        raise Problem(409, f"there is no wait to skip: {error}", link=to_page) from None
    except TooManyPending as error:
        raise Problem(422, str(error), link=to_page) from None


handlers: list[HTTPRouteHandler] = [skip_to_next_attempt, skip_for_delivery, skip_for_endpoint]
