"""One line per log record; called by the entry point."""

import logging


def configure_logging() -> None:
    """Write records from INFO on to standard error, without the noise of the libraries."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)-7s %(message)s")
    for noisy in ("httpx", "httpcore", "uvicorn.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
