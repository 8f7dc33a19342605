"""The reference of a JSON API as a page for people, from its OpenAPI document."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import Any

from litestar import Litestar, Request, get
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.response import Template

from hookshop.webkit.openapi import ApiInfo, openapi_document
from hookshop.webkit.sandbox_paths import url_here
from hookshop.webkit.settings import ServerSettings

REFERENCE_PATH = "/docs/api"

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter, or a field of a request body. ``place``: path, query, header or body."""

    name: str
    place: str
    type: str
    is_required: bool
    description: str


@dataclass(frozen=True, slots=True)
class Response:
    """A possible response. ``status``: with its phrase, such as ``404 Not Found``."""

    status: str
    description: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One call. The examples are formatted JSON; empty without a body."""

    id: str
    method: str
    path: str
    summary: str
    description: str
    fields: Sequence[Field]
    request_example: str
    response_example: str
    responses: Sequence[Response]


@dataclass(frozen=True, slots=True)
class Group:
    """The calls with one tag."""

    name: str
    description: str
    operations: Sequence[Operation]


def reference_handler(info: ApiInfo) -> HTTPRouteHandler:
    """Return the handler of the page."""

    @cache
    def groups(app: Litestar) -> Sequence[Group]:
        return read_groups(openapi_document(app, info))

    @get(REFERENCE_PATH, include_in_schema=False)
    async def show_reference(
        request: Request[Any, Any, Any], settings: NamedDependency[ServerSettings]
    ) -> Template:
        return Template(
            "shared/api_reference.html",
            context={
                "title": info.title,
                "about": info.description,
                "base_url": url_here(settings.base_url),
                "groups": groups(request.app),
            },
        )

    return show_reference


def read_groups(document: Document) -> Sequence[Group]:
    """Return all calls of an OpenAPI document, by tag."""
    operations = [
        (operation.get("tags", [""])[0], _operation(document, method, path, operation))
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    return [
        Group(
            tag["name"],
            tag["description"],
            [operation for name, operation in operations if name == tag["name"]],
        )
        for tag in document["tags"]
    ]


def _operation(document: Document, method: str, path: str, operation: Document) -> Operation:
    body = _json_content(operation.get("requestBody", {}))
    responses = operation["responses"]
    success: Document = next(
        (each for status, each in responses.items() if status.startswith("2")), {}
    )
    summary = operation["summary"]
    return Operation(
        id=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=summary,
        description=operation.get("description", "").removeprefix(summary).strip(". \n"),
        fields=[*_parameters(document, operation), *_body_fields(document, body)],
        request_example=_formatted(body),
        response_example=_formatted(_json_content(success)),
        responses=[_response(status, each) for status, each in responses.items()],
    )


def _parameters(document: Document, operation: Document) -> Iterator[Field]:
    for each in operation.get("parameters", []):
        type_ = _type_of(document, each["schema"])
        is_required, description = each.get("required", False), each.get("description", "")
        yield Field(each["name"], each["in"], type_, is_required, description)


def _body_fields(document: Document, body: Document) -> Iterator[Field]:
    schema = _resolve(document, body.get("schema", {}))
    for name, each in schema.get("properties", {}).items():
        is_required = name in schema.get("required", [])
        description = each.get("description", "")
        yield Field(name, "body", _type_of(document, each), is_required, description)


def _type_of(document: Document, schema: Document) -> str:
    """Return for example ``integer``, ``array of string`` or ``active | paused``."""
    schema = _resolve(document, schema)
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if choices := schema.get("anyOf") or schema.get("oneOf"):
        return " | ".join(_type_of(document, each) for each in choices)
    if schema.get("type") == "array":
        return f"array of {_type_of(document, schema.get('items', {}))}"
    return str(schema.get("format") or schema.get("type") or "any")


def _resolve(document: Document, schema: Document) -> Document:
    if "$ref" not in schema:
        return schema
    name = schema["$ref"].rpartition("/")[2]
    resolved: Document = document["components"]["schemas"][name]
    return resolved


def _json_content(part: Document) -> Document:
    content: Document = part.get("content", {}).get("application/json", {})
    return content


def _formatted(content: Document) -> str:
    if "example" not in content:
        return ""
    return json.dumps(content["example"], indent=2, ensure_ascii=False)


def _response(status: str, response: Document) -> Response:
    try:
        phrase = HTTPStatus(int(status)).phrase
    except ValueError:  # "default"
        return Response(status, response["description"])
    description = response["description"]
    return Response(f"{status} {phrase}", "" if description == phrase else description)
