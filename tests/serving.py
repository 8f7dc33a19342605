"""Serves an application on a real port, inside the test's own event loop."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from litestar import Litestar
from uvicorn.protocols.http.h11_impl import H11Protocol


@contextmanager
def free_port() -> Iterator[socket.socket]:
    """Return a listening socket on a free port of 127.0.0.1."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        # As asyncio does for its own sockets. Otherwise each response waits 40 ms for an ACK.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield listening


def port_of(listening: socket.socket) -> int:
    port: int = listening.getsockname()[1]
    return port


@asynccontextmanager
async def serving(
    app: Litestar, listening: socket.socket, protocol: type[asyncio.Protocol] = H11Protocol
) -> AsyncIterator[str]:
    """Serve the application until the block ends, and yield its URL."""
    config = uvicorn.Config(app, http=protocol, log_config=None, timeout_graceful_shutdown=2)
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        while not server.started:
            if running.done():
                running.result()  # raises the error that prevented the start
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{port_of(listening)}"
    finally:
        server.should_exit = True
        await running
