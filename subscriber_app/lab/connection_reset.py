"""Resets a connection instead of responding, like a process that dies during a request.

ASGI has no message for this, and a server turns an application that does not respond into a 500. So
this protocol of the server adds a function to the scope of each request, as an ASGI extension.
"""

import asyncio
import socket
import struct
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

EXTENSION = "hookshop.reset_connection"  # a function without arguments
# SO_LINGER with a timeout of 0: the kernel sends a reset (RST) instead of closing (FIN).
_RESET = struct.pack("ii", 1, 0)


class ConnectionResetProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, with an extension to reset the connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Add the extension to every request on this connection."""
        super().connection_made(transport)
        application = self.app

        async def with_extension(scope: Any, receive: Any, send: Any) -> None:
            scope.setdefault("extensions", {})[EXTENSION] = lambda: _reset(transport)
            await application(scope, receive, send)

        self.app = with_extension


def _reset(transport: asyncio.Transport) -> None:
    if transport.is_closing():
        return  # the sender has already closed it
    connection = transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    transport.abort()
