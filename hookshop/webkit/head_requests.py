"""Answers HEAD wherever GET works: Litestar's routes know only the methods that they declare."""

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

ALLOW = b"allow"


class HeadAsGet:
    """ASGI middleware around the whole application: HEAD gets what GET gets, without the body.

    A header ``Allow`` lists HEAD where it lists GET.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return

        async def send_any(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [_with_head(*header) for header in message["headers"]]
            await send(message)

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send_any(message)
                # End the response here, so that a stream learns that its client is gone.
                await send({"type": "http.response.body", "body": b"", "more_body": False})

        if scope["method"] != "HEAD":
            await self._app(scope, receive, send_any)
        else:
            # Copy the scope: the server reads the method in its own one.
            await self._app({**scope, "method": "GET"}, receive, send_head)


def _with_head(name: bytes, value: bytes) -> tuple[bytes, bytes]:
    if name.lower() != ALLOW:
        return name, value
    methods = {method.strip() for method in value.split(b",")}
    if b"GET" in methods:
        methods.add(b"HEAD")
    return name, b", ".join(sorted(methods))
