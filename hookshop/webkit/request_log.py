"""Gives every HTTP request an id, and a line in the log.

The id comes with the request, from a load balancer or from a caller who wants to find it again, or
is made here. The answer, every line of the log during the request, and error pages show it.
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
MAX_PATH_LENGTH = 200  # characters, in a line of the log
# Machines ask for these every few seconds, and pages every time: at DEBUG unless they fail.
QUIET = ("/static/", "/healthz", "/metrics")

# Safe in a log, a header and a page as it is.
_SANE = re.compile(rb"[A-Za-z0-9._-]{1,128}")

logger = logging.getLogger(__name__)


class RequestLog:
    """ASGI around the whole application, so that every answer has an id and a line."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request; pass anything else on."""
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
    """Return the id that came with the request if it is harmless, or else a new one."""
    given = [value for name, value in scope["headers"] if name == HEADER]
    if len(given) == 1 and _SANE.fullmatch(given[0]):
        return given[0].decode()
    return f"req_{secrets.token_hex(8)}"


def _log(scope: HTTPScope, status: int | None, duration_ms: int) -> None:
    """``status``: None if the client had gone before it was answered."""
    # Without the query: people send passwords in it.
    path = quote(scope["path"], safe="/:@!$&'()*+,;=~")[:MAX_PATH_LENGTH]
    is_quiet = scope["path"].startswith(QUIET) and status is not None and status < 400  # noqa: PLR2004
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
