"""``make migrate``: upgrade the shop's database to this version."""

import asyncio
import sys

from hookshop.webkit.starting import exit_on_setup_error, map_setup_errors
from shop.config import load_settings
from shop.database.migrations import NEWEST
from shop.database.transactions import Database


def main() -> None:
    """Exit with 0 if the database is up to date, otherwise after one line with the reason."""
    with exit_on_setup_error("shop.database.migrations"):
        settings = load_settings()
        with map_setup_errors(settings):
            asyncio.run(_migrate(settings.resolved_database_url))
    sys.stdout.write(f"The shop's database is up to date ({NEWEST}).\n")


async def _migrate(url: str) -> None:
    database = Database(url)
    try:
        await database.migrate()
    finally:
        await database.close()


if __name__ == "__main__":
    main()
