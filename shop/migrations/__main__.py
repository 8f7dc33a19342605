"""``make migrate``: bring the shop's database to the state that this version works with."""

import asyncio
import sys

from sqlalchemy.exc import OperationalError

from shop.config import ConfigurationError, load_settings
from shop.database import Database
from shop.migrations import NEWEST, WrongSchema
from shop.starting import naming_the_setting, unreachable


def main() -> None:
    """Exit with 0 when the database is up to date, otherwise with one line that says why not."""
    try:
        settings = load_settings()
        with naming_the_setting(settings):
            asyncio.run(_migrate(settings.resolved_database_url))
    except (ConfigurationError, WrongSchema) as error:
        sys.stderr.write(f"shop.migrations: {error}\n")
        sys.exit(2)
    except OperationalError as error:
        sys.exit(f"shop.migrations: {unreachable(error)}")
    sys.stdout.write(f"The shop's database is up to date ({NEWEST}).\n")


async def _migrate(url: str) -> None:
    database = Database(url)
    try:
        await database.migrate()
    finally:
        await database.close()


if __name__ == "__main__":
    main()
