"""The rules for every call of a JSON API: known query parameters, and JSON bodies."""

from typing import Any

from litestar import Request
from litestar.handlers import BaseRouteHandler
from litestar.params import QueryParameter

from hookshop.webkit.bodies import has_body, require_json
from hookshop.webkit.errors import Problem

AnyRequest = Request[Any, Any, Any]


async def check_api_call(request: AnyRequest) -> None:
    """Use as ``before_request``. Raise ``Problem``: 400 (query string, no body) or 415."""
    _require_known_query(request)
    if has_body(request):
        require_json(request)
    elif _needs_body(request.route_handler):
        raise Problem(400, "this call needs a body: send JSON as Content-Type: application/json")


def _require_known_query(request: AnyRequest) -> None:
    """Refuse other parameters: a misspelled filter that is ignored would return everything."""
    known = _query_names(request.route_handler)
    for name in request.query_params:
        if name not in known:
            expected = f"use {', '.join(known)}" if known else "this call has none"
            raise Problem(400, f"there is no query parameter {name!r}: {expected}")


def _query_names(handler: BaseRouteHandler) -> list[str]:
    """Return the names of the query parameters in the handler's signature."""
    return [
        definition.name or name
        for name, parameter in handler.parsed_fn_signature.parameters.items()
        if isinstance(definition := parameter.kwarg_definition, QueryParameter)
    ]


def _needs_body(handler: BaseRouteHandler) -> bool:
    data = handler.parsed_fn_signature.parameters.get("data")
    return data is not None and not data.has_default
