"""Closes a connection without an answer, as a process does that dies in the middle of a request.

ASGI has no word for it, and a server turns an application that does not answer into a 500. So the
server's protocol hands each request the means, as an extension in its scope. ``__main__`` serves
with ``HangUpProtocol``; ``web.misbehaving`` uses the extension.
"""

import asyncio
import socket
import struct
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

EXTENSION = "hookshop.hang_up"  # a function without arguments
# Linger for no time at all: the kernel sends a reset (RST) in place of an orderly end (FIN).
_RESET = struct.pack("ii", 1, 0)


class HangUpProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, with a way for the application to reset the connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Give every request on this connection its extension; called by the event loop."""
        super().connection_made(transport)
        application = self.app

        async def with_extension(scope: Any, receive: Any, send: Any) -> None:
            scope.setdefault("extensions", {})[EXTENSION] = lambda: _reset(transport)
            await application(scope, receive, send)

        self.app = with_extension


def _reset(transport: asyncio.Transport) -> None:
    if transport.is_closing():
        return  # the sender was quicker
    connection = transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    transport.abort()
