"""Serves the shop: ``python -m shop``."""

import socket
import sys
from collections.abc import Callable

import uvicorn

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
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,  # configure_logging decides
        access_log=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    _Server(config, end_streams=app.state.end_streams).run()


class _Server(uvicorn.Server):
    """Ends the open event streams when it stops: it would wait for them, and they never end."""

    def __init__(self, config: uvicorn.Config, *, end_streams: Callable[[], None]) -> None:
        super().__init__(config)
        self._end_streams = end_streams

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._end_streams()
        await super().shutdown(sockets)


if __name__ == "__main__":
    main()
