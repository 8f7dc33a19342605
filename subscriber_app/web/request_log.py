"""Gives every HTTP request an id, and a line in the log. ``app`` wraps it around everything.

The id comes with the request, from a load balancer or from a caller who wants to find it again, or
is made here. It is returned in the answer and stands in every line that is written meanwhile. Error
pages show it: who asks for help names it.
"""

import logging
import re
import secrets
import time
from urllib.parse import quote

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from subscriber_app.logs import request_id

HEADER = b"x-request-id"
LONGEST_PATH = 200  # in a line of the log
# Asked for by machines every few seconds, or along with every page: at DEBUG unless they fail.
QUIET = ("/static/", "/healthz", "/metrics")

# What may stand in a log, a header and a page as it is.
_SANE = re.compile(rb"[A-Za-z0-9._-]{1,128}")

logger = logging.getLogger(__name__)


class RequestLog:
    """ASGI around ASGI: outside of all, so that no answer goes out without an id and a line."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; what is not HTTP is handed on."""
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
    """The id that came with the request if it is harmless, or else a new one."""
    given = [value for name, value in scope["headers"] if name == HEADER]
    if len(given) == 1 and _SANE.fullmatch(given[0]):
        return given[0].decode()
    return f"req_{secrets.token_hex(8)}"


def _log(scope: HTTPScope, status: int | None, duration_ms: int) -> None:
    """``status``: None if nobody was there any more to be answered."""
    # Without the query, in which people have been known to send passwords.
    path = quote(scope["path"], safe="/:@!$&'()*+,;=~")[:LONGEST_PATH]
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
