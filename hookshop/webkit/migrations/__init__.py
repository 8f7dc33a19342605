"""Brings the tables of a database to the state that a version of the application works with.

The steps are modules of an application's folder, run by Alembic; the name of the last one stands in
the database, in the table ``alembic_version``.
"""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

if TYPE_CHECKING:
    from alembic.config import Config

_FOLDER = Path(__file__).parent

logging.getLogger("alembic").setLevel(logging.WARNING)  # it reports its plugins, for one


class WrongSchema(Exception):  # noqa: N818 – the name says what happened
    """The database is not one for this version; the message is one clear line for a person."""


@dataclass(frozen=True, slots=True)
class Migrations:
    """The steps of one application.

    ``versions``: the folder of their modules. ``newest``: the last one, such as ``r0007``.
    ``early_table``: a table that databases had before there were steps; such a database cannot be
    upgraded, and ``start_anew`` says what to do instead.
    """

    versions: Path
    newest: str
    early_table: str
    start_anew: str

    def check(self, connection: Connection) -> None:
        """Raise ``WrongSchema`` unless the tables are those of this version."""
        version = self.read_version(connection)
        if version == self.newest:
            return
        if version is None:
            raise WrongSchema("the database has no tables yet: run make migrate")
        self._require_known(version)
        raise WrongSchema("the database is of an older version: run make migrate")

    def upgrade(self, connection: Connection, *, to: str | None = None) -> None:
        """Take the steps that are missing, inside the caller's transaction.

        Raise ``WrongSchema`` for a database of a newer version, or from before there were steps.
        """
        version = self.read_version(connection)
        if version == self.newest:
            return
        # Imported only here: it takes time, and most starts have nothing to do.
        from alembic import command  # noqa: PLC0415

        if version is not None:
            self._require_known(version)
        command.upgrade(self._configuration(connection), to or self.newest)

    def read_version(self, connection: Connection) -> str | None:
        """Return the step that was taken last, or None for an empty database.

        Raise ``WrongSchema`` for a database from before there were steps.
        """
        tables = inspect(connection)
        if tables.has_table("alembic_version"):
            return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        if tables.has_table(self.early_table):
            raise WrongSchema(
                "the database was made before the first release and cannot be upgraded: "
                f"start anew with {self.start_anew}"
            )
        return None

    def revisions(self) -> list[str]:
        """Return the names of all steps, the newest first."""
        from alembic.script import ScriptDirectory  # noqa: PLC0415 – as above

        steps = ScriptDirectory.from_config(self._configuration()).walk_revisions()
        return [step.revision for step in steps]

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
