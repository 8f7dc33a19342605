"""Serves the subscriber: ``python -m subscriber_app``."""

import sys

import uvicorn

from subscriber_app.app import create_app
from subscriber_app.config import ConfigurationError, load_settings
from subscriber_app.logs import configure_logging

# Open event streams would otherwise keep a stopping server waiting for ever.
SHUTDOWN_SECONDS = 2


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    configure_logging()
    try:
        settings = load_settings()
    except ConfigurationError as error:
        sys.exit(f"subscriber_app: {error}")
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        log_config=None,  # configure_logging decides
        access_log=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )


if __name__ == "__main__":
    main()
