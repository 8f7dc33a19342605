"""Serves the folder ``static``: style sheets, scripts and pictures.

Browsers may store these files, but ask each time whether their copy is current (``no-cache``), so
that an upgrade shows at once. The answer is 304 without a body if it is.
"""

from litestar import Router
from litestar.datastructures import CacheControlHeader
from litestar.static_files import create_static_files_router
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from hookshop.locations import asset_folder
from hookshop.webkit.access import OPEN_TO_ALL
from hookshop.webkit.address_checks import require_valid_file_path
from hookshop.webkit.security import add_security_headers

STATIC = asset_folder("static")
OK, NOT_MODIFIED = 200, 304
# These describe the body, which 304 does not have (RFC 9110, section 15.4.5).
_BODY_HEADERS = {b"content-length", b"content-type", b"content-disposition", b"last-modified"}


def static_files() -> Router:
    """Return the handlers for ``/static``."""
    return create_static_files_router(
        path="/static",
        directories=[STATIC],
        opt=OPEN_TO_ALL,
        guards=[require_valid_file_path],
        after_request=add_security_headers,
        middleware=[NotModified],
        cache_control=CacheControlHeader(no_cache=True),
    )


class NotModified:
    """ASGI middleware: answers 304 if the client already has the body, by its ``ETag``."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        held = _held_tags(scope)
        is_known = False

        async def send_if_new(message: Message) -> None:
            nonlocal is_known
            if message["type"] == "http.response.start":
                headers = message["headers"] = list(message["headers"])
                is_known = message["status"] == OK and _is_among(dict(headers).get(b"etag"), held)
                if is_known:
                    message["status"] = NOT_MODIFIED
                    message["headers"] = [each for each in headers if each[0] not in _BODY_HEADERS]
            elif message["type"] == "http.response.body" and is_known:
                if message["more_body"]:
                    return
                message["body"] = b""
            await send(message)

        await self._app(scope, receive, send_if_new)


def _held_tags(scope: Scope) -> set[bytes]:
    """Return the tags of ``If-None-Match`` without the mark of weak ones, or ``*``."""
    values = [value for name, value in scope["headers"] if name == b"if-none-match"]
    return {tag.strip().removeprefix(b"W/") for value in values for tag in value.split(b",")}


def _is_among(tag: bytes | None, held: set[bytes]) -> bool:
    return tag is not None and bool(held & {tag.removeprefix(b"W/"), b"*"})
