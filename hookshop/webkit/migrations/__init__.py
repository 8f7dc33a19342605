"""Upgrades the tables of a database to the version that the application needs.

The migrations are modules in a folder of the application. Alembic runs them and stores the name of
the last one in the table ``alembic_version``.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from hookshop.locations import MIGRATE

if TYPE_CHECKING:
    from alembic.config import Config

_FOLDER = Path(__file__).parent

logging.getLogger("alembic").setLevel(logging.WARNING)  # at INFO it logs its plugins


class WrongSchema(Exception):  # noqa: N818 – the name says what happened
    """The database does not fit this version. The message is one line for the user."""


@dataclass(frozen=True, slots=True)
class Migrations:
    """The migrations of one application.

    ``versions``: the folder of their modules. ``newest``: the last one, such as ``r0007``.
    ``early_table``: a table of databases from before the first migration, which cannot be upgraded.
    ``start_over``: how to replace such a database, for example ``make reset``.
    """

    versions: Path
    newest: str
    early_table: str
    start_over: str

    def check(self, connection: Connection) -> None:
        """Raise ``WrongSchema`` unless the tables are of this version."""
        version = self.read_version(connection)
        if version == self.newest:
            return
        if version is None:
            raise WrongSchema(f"the database has no tables yet: run {MIGRATE}")
        self._require_known(version)
        raise WrongSchema(f"the database is of an older version: run {MIGRATE}")

    def upgrade(
        self,
        connection: Connection,
        *,
        to: str | None = None,
        encrypt: Callable[[str], str] | None = None,
    ) -> None:
        """Run the missing migrations inside the caller's transaction.

        ``encrypt``: encrypts a text, for migrations that encrypt what was stored as plain text.
        Raise ``WrongSchema`` for a database of a newer version or from before the first migration.
        """
        version = self.read_version(connection)
        if version == self.newest:
            return
        # Import it only here: that is slow, and most starts have nothing to upgrade.
        from alembic import command  # noqa: PLC0415

        if version is not None:
            self._require_known(version)
        configuration = self._configuration(connection)
        configuration.attributes["encrypt"] = encrypt
        command.upgrade(configuration, to or self.newest)

    def read_version(self, connection: Connection) -> str | None:
        """Return the name of the last migration that ran, or None for an empty database.

        Raise ``WrongSchema`` for a database from before the first migration.
        """
        tables = inspect(connection)
        if tables.has_table("alembic_version"):
            return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        if tables.has_table(self.early_table):
            raise WrongSchema(
                "the database is from before the first release and cannot be upgraded: "
                f"start over with {self.start_over}"
            )
        return None

    def revisions(self) -> list[str]:
        """Return the names of all migrations, newest first."""
        from alembic.script import ScriptDirectory  # noqa: PLC0415 – as above

        scripts = ScriptDirectory.from_config(self._configuration()).walk_revisions()
        return [script.revision for script in scripts]

    def _require_known(self, version: str) -> None:
        if version not in self.revisions():
            raise WrongSchema(
                f"the database is of a newer version ({version}) than this program "
                f"({self.newest}): start the newer program"
            )

    def _configuration(self, connection: Connection | None = None) -> "Config":
        from alembic.config import Config  # noqa: PLC0415 – as above

        config = Config()
        config.set_main_option("script_location", str(_FOLDER))  # where env.py is
        config.set_main_option("version_locations", str(self.versions))
        config.set_main_option("path_separator", "newline")
        config.attributes["connection"] = connection
        return config
