"""Gives every HTTP request an id and a line in the log.

A request may bring its id, from a load balancer or a client; otherwise it gets a new one. The
response, every log line of the request, and error pages show the id.
"""

import logging
import re
import secrets
import time
from urllib.parse import quote

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from hookshop.webkit.logs import request_id

HEADER = b"x-request-id"
MAX_PATH_LENGTH = 200  # characters, in a log line
# Requested every few seconds or with every page, so logged at DEBUG unless they fail.
QUIET_PATHS = ("/static/", "/healthz", "/metrics")

# Safe in a log, a header and a page without escaping.
_SAFE_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")

logger = logging.getLogger(__name__)


class RequestLog:
    """ASGI middleware around the whole application, so that every response has an id and a line."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Log one HTTP request; pass other kinds of scope to the application."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        id_ = _id_of(scope)
        status: int | None = None

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (HEADER, id_.encode())]
            await send(message)

        started, token = time.perf_counter(), request_id.set(id_)
        try:
            await self._app(scope, receive, send_with_id)
        finally:
            _log(scope, status, round((time.perf_counter() - started) * 1000))
            request_id.reset(token)


def _id_of(scope: Scope) -> str:
    """Return the id in the request if it is safe to repeat, or else a new one."""
    given = [value for name, value in scope["headers"] if name == HEADER]
    if len(given) == 1 and _SAFE_ID.fullmatch(given[0]):
        return given[0].decode()
    return f"req_{secrets.token_hex(8)}"


def _log(scope: HTTPScope, status: int | None, duration_ms: int) -> None:
    """Write the request's line. ``status``: None if the client left before the response."""
    # Leave out the query: it may contain a password.
    path = quote(scope["path"], safe="/:@!$&'()*+,;=~")[:MAX_PATH_LENGTH]
    has_succeeded = status is not None and status < 400  # noqa: PLR2004
    is_quiet = has_succeeded and scope["path"].startswith(QUIET_PATHS)
    logger.log(
        logging.DEBUG if is_quiet else logging.INFO,
        "%s %s → %s in %d ms",
        scope["method"],
        path,
        status or "no answer",
        duration_ms,
        extra={
            "method": scope["method"],
            "path": path,
            "status": status,
            "duration_ms": duration_ms,
        },
    )
