"""Serves the shop: ``python -m shop``."""

import asyncio

from hookshop.webkit.folder_use import mark_in_use
from hookshop.webkit.logs import configure_logging
from hookshop.webkit.starting import check_listening, exit_on_setup_error, map_setup_errors
from shop.config import load_settings
from shop.vocabulary import LOG_FIELDS


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    with exit_on_setup_error("shop", advice="start the shop again when it is available"):
        settings = load_settings()
        configure_logging(settings.log_format, LOG_FIELDS)
        with map_setup_errors(settings):
            check_listening(settings)
            mark_in_use(settings.var)
            # These imports take a second or more, for which a wrong setting need not wait.
            from hookshop.webkit.database import prepare  # noqa: PLC0415 – as above
            from hookshop.webkit.serving import serve  # noqa: PLC0415 – as above
            from shop.app import create_app  # noqa: PLC0415 – as above
            from shop.database.transactions import Database  # noqa: PLC0415 – as above

            asyncio.run(prepare(Database(settings.resolved_database_url)))
            app = create_app(settings)
    serve(app, settings)


if __name__ == "__main__":
    main()
