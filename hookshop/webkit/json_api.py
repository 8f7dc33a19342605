"""The rules for every call of a JSON API: known query parameters, JSON bodies, and problems."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any

from litestar import Request
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example
from litestar.params import QueryParameter
from litestar.typing import FieldDefinition
from msgspec import Struct

from hookshop.webkit.access import is_open_to_all, shows_more_to_admin
from hookshop.webkit.bodies import METHODS_WITH_BODY, has_body, require_json
from hookshop.webkit.errors import PROBLEM_JSON, Problem

AnyRequest = Request[Any, Any, Any]

# The problems that several calls have, and what each one means.
COMMON_PROBLEMS = {
    400: "The request is not as documented. `detail` names the parameter or field.",
    401: "The admin token is missing or wrong.",
    403: "The request comes from a web page of another site.",
    404: "There is nothing with this id.",
    413: "The body is too long.",
    415: "The body is not `application/json`, or it is compressed.",
    429: "This address has sent too many wrong tokens. `Retry-After` says how long to wait.",
    503: "The database is busy or away. `Retry-After` says when to try again.",
}


class ProblemDocument(Struct):
    """An error (RFC 9457). ``detail``: what is wrong. ``request_id``: also in the log."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str


def problems(
    meanings: Mapping[int, str], document: type[Struct] = ProblemDocument, **members: Any
) -> dict[int, ResponseSpec]:
    """Use as ``responses=problems({409: "…"})``. Say in a sentence what each status means."""
    return {
        status: ResponseSpec(
            document,
            description=meaning,
            media_type=PROBLEM_JSON,
            examples=[Example(value=_example(status, meaning) | members)],
        )
        for status, meaning in meanings.items()
    }


def _example(status: int, meaning: str) -> dict[str, Any]:
    return {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": meaning.partition(". ")[0].rstrip(".").replace("`", ""),
        "request_id": "01939f0c5e7e7a73",
    }


def common_statuses(handler: HTTPRouteHandler, *, has_path_parameter: bool) -> Iterator[int]:
    """Yield the keys of ``COMMON_PROBLEMS`` that can come from this handler."""
    yield from (400, 403, 503)
    if not is_open_to_all(handler):
        yield 401
    if not is_open_to_all(handler) or shows_more_to_admin(handler):
        yield 429
    if has_path_parameter:
        yield 404
    if "data" in handler.parsed_fn_signature.parameters:
        yield 413
    if handler.http_methods & METHODS_WITH_BODY:
        yield 415


async def check_api_call(request: AnyRequest) -> None:
    """Use as ``before_request``. Raise ``Problem``: 400 (query string, no body) or 415."""
    _require_known_query(request)
    if has_body(request):
        require_json(request)
    elif _needs_body(request.route_handler):
        raise Problem(400, "this call needs a body: send JSON as Content-Type: application/json")


def _require_known_query(request: AnyRequest) -> None:
    """Refuse what would be ignored: a misspelled filter, or the first of two that contradict."""
    known = _query_parameters(request.route_handler)
    for name, values in request.query_params.dict().items():
        if name not in known:
            expected = f"use {', '.join(known)}" if known else "this call has none"
            raise Problem(400, f"there is no query parameter {name!r}: {expected}")
        if len(values) > 1:
            raise Problem(
                400, f"the query parameter {name!r} is there {len(values)} times: send one"
            )
        # Litestar would take a number for seconds since 1970.
        if known[name].has_inner_subclass_of(datetime) and values[0].isdecimal():
            raise Problem(400, f"{name}: Expected a time such as 2026-11-23T12:00:00Z")


def _query_parameters(handler: BaseRouteHandler) -> dict[str, FieldDefinition]:
    """Return the query parameters in the handler's signature by their names."""
    return {
        definition.name or name: parameter
        for name, parameter in handler.parsed_fn_signature.parameters.items()
        if isinstance(definition := parameter.kwarg_definition, QueryParameter)
    }


def _needs_body(handler: BaseRouteHandler) -> bool:
    data = handler.parsed_fn_signature.parameters.get("data")
    return data is not None and not data.has_default
