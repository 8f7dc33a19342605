"""Serves an application with uvicorn until a signal arrives."""

import asyncio
import contextlib
import gc
import logging
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import uvicorn
from litestar import Litestar

from hookshop.webkit import idle_connections
from hookshop.webkit.settings import ServerSettings
from hookshop.webkit.sqlite import GONE, FileIdentity, sqlite_file

logger = logging.getLogger(__name__)
SHUTDOWN_SECONDS = 2  # then drop clients that are not reading

# Where it can, httpx also imports its command-line program, and with it rich and pygments: 4 MB
# and 0.1 s for each process. The applications are imported after this module.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # None: cannot be imported


class _Server(uvicorn.Server):
    """A server that stops when the file of its database is gone.

    It ends the streams of live pages first, because uvicorn waits for them.
    """

    def __init__(
        self, config: uvicorn.Config, end_streams: Callable[[], None], file: Path | None
    ) -> None:
        super().__init__(config)
        self._end_streams = end_streams
        self._file = file
        self._opened: FileIdentity | None = None
        self.has_lost_database = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)  # it starts the application, which creates the file
        if self._file:
            self._opened = FileIdentity(self._file)

    async def on_tick(self, counter: int) -> bool:
        if self._opened and self._opened.is_gone():
            logger.error(GONE, self._file)
            self.has_lost_database = True
            return True
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._end_streams()
        await super().shutdown(sockets)


def serve(
    app: Litestar, settings: ServerSettings, *, http: type[asyncio.Protocol] | None = None
) -> None:
    """Run until SIGTERM or SIGINT.

    Exit with 1 if the server could not start, or when the file of its database is gone.

    On a signal, end the streams of the change feed ``app.state.feed`` first. ``http``: a protocol
    class to use instead of uvicorn's own.
    """
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=http or "auto",
        log_config=None,  # configure_logging has done it
        access_log=False,  # RequestLog writes a line for each request
        timeout_keep_alive=idle_connections.SERVER_SECONDS,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    file = sqlite_file(settings.resolved_database_url)
    server = _Server(config, app.state.feed.end_streams, file)
    # Existing objects live as long as the process, so exclude them from garbage collection. With
    # them, a collection during a large JSON body blocks all requests for 0.2 s instead of 0.02 s.
    gc.freeze()
    with contextlib.suppress(KeyboardInterrupt):
        server.run()
    if not server.started or server.has_lost_database:
        sys.exit(1)
