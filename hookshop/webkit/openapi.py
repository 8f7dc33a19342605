"""Writes the OpenAPI document of a JSON API from its handlers, for client generators.

Handlers use Litestar's own arguments: ``operation_id``, ``tags``, ``responses`` and ``opt``. Only
the document is ours: Litestar's lacks the problems, drops the bounds of fields that may be null,
and names request bodies after handlers.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from inspect import cleandoc
from types import NoneType
from typing import Any

import msgspec
from litestar import Litestar, Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter, ParameterKwarg, PathParameter, QueryParameter
from litestar.routes import HTTPRoute
from litestar.types import Empty
from litestar.typing import FieldDefinition

from hookshop.webkit.access import is_open_to_all, shows_more_to_admin
from hookshop.webkit.json_api import COMMON_PROBLEMS, ProblemDocument, common_statuses, problems
from hookshop.webkit.json_schemas import Json, Schemas, as_markdown, without_none
from hookshop.webkit.sandbox_paths import current_base

SCHEMA_PATHS = ["/schema", "/schema/openapi.json"]
MEDIA_TYPE = "application/vnd.oai.openapi+json"
OPENAPI_VERSION = "3.1.0"
API_PREFIX = "/v1/"
RAW_BODY = "raw_body"  # key of ``opt``: see ``RawBody``
_BEARER = "bearer"  # the name of the scheme
_PLACES = ((PathParameter, "path"), (QueryParameter, "query"), (HeaderParameter, "header"))
_HEADERS = {
    401: ("WWW-Authenticate", "`Bearer`."),
    429: ("Retry-After", "Seconds to wait."),
    503: ("Retry-After", "Seconds to wait."),
}
_SENTENCE = re.compile(r"\.(?:\s|$)")  # its end
_BOUNDS = {
    "ge": "minimum",
    "le": "maximum",
    "min_length": "minLength",
    "max_length": "maxLength",
    "pattern": "pattern",
}


@dataclass(frozen=True, slots=True)
class RawBody:
    """Describes a handler that reads body and headers itself. Use as ``opt={RAW_BODY: …}``.

    Its ``responses`` are complete, and ``otherwise`` is the body of any other status. ``headers``:
    each header's description and example.
    """

    body: type
    headers: Mapping[str, tuple[str, str]]
    otherwise: type


@dataclass(frozen=True, slots=True)
class ApiInfo:
    """What the handlers do not say. ``tags``: each tag with a sentence, in order."""

    title: str
    version: str
    description: str
    tags: Mapping[str, str]
    token_variable: str


def openapi_handler(info: ApiInfo) -> HTTPRouteHandler:
    """Return the handler that serves the document."""

    @cache
    def document(app: Litestar) -> Json:
        return openapi_document(app, info)

    @get(SCHEMA_PATHS, include_in_schema=False, media_type=MEDIA_TYPE)
    async def show_openapi(request: Request[Any, Any, Any]) -> Response[bytes]:
        servers = [{"url": current_base().prefix or "/"}]
        body = msgspec.json.encode({**document(request.app), "servers": servers})
        return Response(body, media_type=MEDIA_TYPE)

    return show_openapi


def openapi_document(app: Litestar, info: ApiInfo) -> Json:
    """Return the document of all handlers of ``app`` under ``/v1``, without ``servers``."""
    schemas = Schemas()
    paths: dict[str, Json] = {}
    for path, method, handler in sorted(_operations(app), key=lambda each: each[:2]):
        paths.setdefault(path, {})[method] = _operation(handler, path, schemas)
    return {
        "openapi": OPENAPI_VERSION,
        "info": {
            "title": info.title,
            "version": info.version,
            "description": info.description,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "tags": [{"name": tag, "description": text} for tag, text in info.tags.items()],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.named.items())),
            "securitySchemes": {
                _BEARER: {
                    "type": "http",
                    "scheme": "bearer",
                    "description": f"The admin token. Needed if {info.token_variable} is set.",
                }
            },
        },
    }


def _operations(app: Litestar) -> Iterator[tuple[str, str, HTTPRouteHandler]]:
    """Yield path, method and handler of each documented call. HEAD is not a call of its own."""
    for route in app.routes:
        if isinstance(route, HTTPRoute) and route.path.startswith(API_PREFIX):
            for method, (handler, _) in route.route_handler_map.items():
                if method in handler.http_methods and handler.resolve_include_in_schema():
                    yield route.path_format, method.lower(), handler


def _operation(handler: HTTPRouteHandler, path: str, schemas: Schemas) -> Json:
    text = as_markdown(cleandoc(handler.fn.__doc__ or ""))
    raw = handler.opt.get(RAW_BODY)
    operation: Json = {
        "operationId": handler.operation_id or _camel_case(handler.fn.__name__),
        "summary": _SENTENCE.split(text, maxsplit=1)[0],
        "description": text,
        "tags": handler.resolve_tags(),
        "security": _security(handler),
    }
    if parameters := [*_parameters(handler, schemas), *_raw_headers(raw)]:
        operation["parameters"] = parameters
    if body := _request_body(handler, raw, schemas):
        operation["requestBody"] = body
    operation["responses"] = dict(_responses(handler, path, schemas))
    if raw:
        otherwise = schemas.content(raw.otherwise, "application/problem+json")
        operation["responses"]["default"] = {
            "description": "Any status that an injected fault sets.",
            "content": otherwise,
        }
    return operation


def _security(handler: HTTPRouteHandler) -> list[Json]:
    if not is_open_to_all(handler):
        return [{_BEARER: []}]
    return [{}, {_BEARER: []}] if shows_more_to_admin(handler) else []


def _parameters(handler: HTTPRouteHandler, schemas: Schemas) -> Iterator[Json]:
    for name, parameter in handler.parsed_fn_signature.parameters.items():
        for kind, place in _PLACES:
            definition = parameter.kwarg_definition
            if isinstance(definition, kind):
                yield _parameter(definition.name or name, place, parameter, schemas)


def _parameter(name: str, place: str, parameter: FieldDefinition, schemas: Schemas) -> Json:
    definition = parameter.kwarg_definition
    assert isinstance(definition, ParameterKwarg)  # noqa: S101 – for the type checker
    schema = schemas.of(without_none(parameter.raw))
    schema |= {
        theirs: bound
        for ours, theirs in _BOUNDS.items()
        if (bound := getattr(definition, ours)) is not None
    }
    if parameter.default not in {Empty, None}:
        schema["default"] = parameter.default
    documented: Json = {"name": name, "in": place, "required": place == "path"}
    if description := schema.pop("description", definition.description):
        documented["description"] = as_markdown(description)
    if examples := schema.pop("examples", None):
        documented["example"] = examples[0]
    return {**documented, "schema": schema}


def _raw_headers(raw: RawBody | None) -> Iterator[Json]:
    for name, (description, example) in raw.headers.items() if raw else ():
        schema = {"type": "string"}
        yield {
            "name": name,
            "in": "header",
            "required": False,
            "description": description,
            "example": example,
            "schema": schema,
        }


def _request_body(handler: HTTPRouteHandler, raw: RawBody | None, schemas: Schemas) -> Json | None:
    data = handler.parsed_fn_signature.parameters.get("data")
    if raw:
        return {"required": True, "content": schemas.content(raw.body)}
    if data is None:
        return None
    return {"required": not data.has_default, "content": schemas.content(data.annotation)}


def _responses(
    handler: HTTPRouteHandler, path: str, schemas: Schemas
) -> Iterator[tuple[str, Json]]:
    own = dict(handler.responses or {})
    if handler.status_code not in own:
        yield str(handler.status_code), _success(handler, schemas)
    if RAW_BODY not in handler.opt:
        statuses = common_statuses(handler, has_path_parameter="{" in path)
        own = problems({each: COMMON_PROBLEMS[each] for each in statuses}) | own
    for status, spec in sorted(own.items()):
        yield str(status), _response(status, spec, schemas)


def _success(handler: HTTPRouteHandler, schemas: Schemas) -> Json:
    description = handler.response_description or HTTPStatus(handler.status_code).phrase
    result = handler.parsed_fn_signature.return_type.annotation
    if result is NoneType:
        return {"description": description}
    return {"description": description, "content": schemas.content(result)}


def _response(status: int, spec: ResponseSpec, schemas: Schemas) -> Json:
    example = spec.examples[0].value if spec.examples else None
    response: Json = {
        "description": spec.description,
        "content": schemas.content(spec.data_container, str(spec.media_type), example),
    }
    if status in _HEADERS and spec.data_container is ProblemDocument:
        name, description = _HEADERS[status]
        schema = {"type": "string" if status == HTTPStatus.UNAUTHORIZED else "integer"}
        response["headers"] = {name: {"description": description, "schema": schema}}
    return response


def _camel_case(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(each.capitalize() for each in others)
