"""Serves the subscriber: ``python -m subscriber_app``."""

import asyncio

from hookshop.webkit.database import prepare
from hookshop.webkit.logs import configure_logging
from hookshop.webkit.serving import serve
from hookshop.webkit.starting import check_listening, exit_on_setup_error, map_setup_errors
from subscriber_app.app import create_app
from subscriber_app.config import load_settings
from subscriber_app.database.transactions import Database
from subscriber_app.lab.connection_reset import ConnectionResetProtocol
from subscriber_app.vocabulary import LOG_FIELDS


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    with exit_on_setup_error(
        "subscriber_app", advice="start the subscriber again when it is available"
    ):
        settings = load_settings()
        configure_logging(settings.log_format, LOG_FIELDS)
        with map_setup_errors(settings):
            check_listening(settings)
            asyncio.run(prepare(Database(settings.resolved_database_url)))
            app = create_app(settings)
    serve(app, settings, http=ConnectionResetProtocol)


if __name__ == "__main__":
    main()
