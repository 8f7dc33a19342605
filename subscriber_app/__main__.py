"""Serves the subscriber: ``python -m subscriber_app``."""

import asyncio

from hookshop.webkit.encryption import Encryption
from hookshop.webkit.folder_use import mark_in_use
from hookshop.webkit.logs import configure_logging
from hookshop.webkit.settings import ConfigurationError
from hookshop.webkit.starting import check_listening, exit_on_setup_error, map_setup_errors
from subscriber_app.config import Settings, load_settings
from subscriber_app.database.transactions import Database, DatabaseFolder
from subscriber_app.shop_api.held_secrets import is_wrong_key
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
            mark_in_use(settings.var)
            asyncio.run(_prepare(settings))
            # These imports take a second or more, for which a wrong setting need not wait.
            from hookshop.webkit.serving import serve  # noqa: PLC0415 – as above
            from subscriber_app.app import create_app  # noqa: PLC0415 – as above
            from subscriber_app.lab.connection_reset import (  # noqa: PLC0415 – as above
                ConnectionResetProtocol,
            )

            app = create_app(settings)
    serve(app, settings, http=ConnectionResetProtocol)


async def _prepare(settings: Settings) -> None:
    """Create or upgrade the tables. Raise ``ConfigurationError`` if the key is the wrong one.

    With it, every webhook would be rejected.
    """
    encryption = Encryption.open(settings.secrets_key_file, settings.secrets_key)
    database = Database(settings.resolved_database_url, encryption)
    try:
        await database.create_tables()
        await DatabaseFolder(settings.resolved_database_url).prepare()
        async with database.reading() as session:
            if not await is_wrong_key(session, encryption):
                return
    finally:
        await database.close()
    raise ConfigurationError(
        "the key does not decrypt the secret of the subscription: set SUBSCRIBER_SECRETS_KEY to "
        f"the key that encrypted it, or put {settings.SECRETS_KEY_FILE} back into HOOKSHOP_VAR"
    )


if __name__ == "__main__":
    main()
