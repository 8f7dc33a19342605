"""Answers HEAD wherever GET works: Litestar's routes know only the methods that they declare."""

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send


class HeadAsGet:
    """ASGI middleware around the whole application: HEAD gets what GET gets, without the body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != ScopeType.HTTP or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)
                # End the response here, so that a stream learns that its client is gone.
                await send({"type": "http.response.body", "body": b"", "more_body": False})

        # Copy the scope: the server reads the method in its own one.
        await self._app({**scope, "method": "GET"}, receive, send_head)
