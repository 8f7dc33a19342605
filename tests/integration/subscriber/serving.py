"""Runs the subscriber on a real socket, for streams, broken connections and server behavior."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import uvicorn
from litestar import Litestar

from subscriber_app.lab.connection_reset import ConnectionResetProtocol
from tests.programs import async_client
from tests.serving import free_port
from tests.waiting import eventually


@asynccontextmanager
async def serving(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    """Serve on a free port of 127.0.0.1 until the block ends, and yield a client."""
    with free_port() as listening:
        config = uvicorn.Config(
            app,
            http=ConnectionResetProtocol,
            log_config=None,
            ws="none",
            timeout_graceful_shutdown=1,
        )
        server = uvicorn.Server(config)

        async def is_up() -> bool:
            assert not running.done(), running.exception()
            return server.started

        running = asyncio.create_task(server.serve(sockets=[listening]))
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        async with async_client(address) as client:
            await eventually(is_up, "the subscriber serves")
            yield client
        server.should_exit = True
        await running
