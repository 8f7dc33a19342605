"""Refuses invalid ``Host`` headers and impossible file paths before other code reads them.

``HostCheck`` wraps Litestar, which builds the request's URL from the header ``Host`` and fails if
the header is invalid.
"""

import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from litestar.connection import ASGIConnection
from litestar.enums import ScopeType
from litestar.exceptions import NotFoundException
from litestar.handlers import BaseRouteHandler
from litestar.types import ASGIApp, Receive, Scope, Send

from hookshop.webkit.hosts import MAX_PORT
from hookshop.webkit.logs import request_id

MAX_SEGMENT_BYTES = 255  # between two slashes: file systems have no longer names
MAX_PATH_BYTES = 2000

_INVALID_HOST = "the header Host is not a host name or address with a port from 0 to 65535"
# RFC 9110, section 7.2: a host and an optional port.
_HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._~-]{1,255})(?::([0-9]{0,5}))?")


class HostCheck:
    """ASGI middleware around the whole application: answers 400 if ``Host`` is invalid.

    ``headers``: the headers that every response of the application has.
    """

    def __init__(self, app: ASGIApp, headers: Mapping[str, str]) -> None:
        self._app = app
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass it to the application."""
        if scope["type"] == ScopeType.HTTP and not all(map(_is_host, _hosts(scope))):
            await send_problem(send, 400, _INVALID_HOST, self._headers)
        else:
            await self._app(scope, receive, send)


def _hosts(scope: Scope) -> list[bytes]:
    return [value for name, value in scope["headers"] if name == b"host"]


def _is_host(value: bytes) -> bool:
    found = _HOST.fullmatch(value)
    return found is not None and int(found[1] or 0) <= MAX_PORT


async def send_problem(send: Send, status: int, detail: str, headers: Mapping[str, str]) -> None:
    """Send a problem document from a middleware. ``headers``: those of every response."""
    document = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "request_id": request_id.get(),
    }
    sent = {"Content-Type": "application/problem+json", **headers}
    raw = [(name.lower().encode(), value.encode()) for name, value in sent.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    body = json.dumps(document).encode()
    await send({"type": "http.response.body", "body": body, "more_body": False})


def require_valid_file_path(
    connection: "ASGIConnection[Any, Any, Any, Any]", _handler: BaseRouteHandler
) -> None:
    """Raise ``NotFoundException`` for a path that no file can have.

    A Litestar guard. Without it, NUL and very long names cause errors of the file system.
    """
    path = connection.scope["path"].encode("utf-8", errors="surrogatepass")
    is_long = any(len(segment) > MAX_SEGMENT_BYTES for segment in path.split(b"/"))
    if b"\x00" in path or is_long or len(path) > MAX_PATH_BYTES:
        raise NotFoundException
