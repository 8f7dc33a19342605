"""Serves the shop: ``python -m shop``."""

import socket
import sys

import uvicorn
from litestar import Litestar

from shop.app import create_app
from shop.config import ConfigurationError, load_settings
from shop.logs import configure_logging

# A bound for answers that take long; event streams end by themselves, see below.
SHUTDOWN_SECONDS = 2


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    configure_logging()
    try:
        settings = load_settings()
    except ConfigurationError as error:
        sys.exit(f"shop: {error}")
    serve(create_app(settings), settings.host, settings.port)


def serve(app: Litestar, host: str, port: int) -> None:
    """Serve an application that has ``end_streams`` in its state."""
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,  # configure_logging decides
        access_log=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    _Server(config, app).run()


class _Server(uvicorn.Server):
    """Ends the open event streams when it stops: it would wait for them, and they never end."""

    def __init__(self, config: uvicorn.Config, app: Litestar) -> None:
        super().__init__(config)
        self._app = app

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.state.end_streams()
        await super().shutdown(sockets)


if __name__ == "__main__":
    main()
