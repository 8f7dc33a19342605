"""Brings the tables of a database to the state that this version of the shop works with.

Each module in ``versions`` is one step from the one before it; its name stands in the database, in
the table ``alembic_version``. Called by ``database`` when a process starts and by ``make migrate``.

A new step: change ``models`` or ``tallies``, write the next module in ``versions``, and set
``NEWEST``. Steps that were released are never changed: databases exist that went through them.
"""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

if TYPE_CHECKING:
    from alembic.config import Config

NEWEST = "r0007"

_FOLDER = Path(__file__).parent

logging.getLogger("alembic").setLevel(logging.WARNING)  # it tells of its plugins, for one


class WrongSchema(Exception):  # noqa: N818 – the name says what happened
    """The database is not one for this version; the message is one clear line for a person."""


def check(connection: Connection) -> None:
    """Raise ``WrongSchema`` unless the tables are those of this version."""
    version = read_version(connection)
    if version == NEWEST:
        return
    if version is None:
        raise WrongSchema("the database has no tables yet: run make migrate")
    _insist_on_known(version)
    raise WrongSchema("the database is of an older version: run make migrate")


def upgrade(connection: Connection, *, to: str = NEWEST) -> None:
    """Take the steps that are missing, inside the caller's transaction.

    Raises ``WrongSchema`` for a database of a newer version.
    """
    version = read_version(connection)
    if version == NEWEST:
        return
    # Imported only here: it takes its time, and most starts have nothing to do.
    from alembic import command  # noqa: PLC0415

    if version is not None:
        _insist_on_known(version)
    command.upgrade(_configuration(connection), to)


def read_version(connection: Connection) -> str | None:
    """The step that was taken last; None for an empty database.

    Raises ``WrongSchema`` for one from before there were steps.
    """
    tables = inspect(connection)
    if tables.has_table("alembic_version"):
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if tables.has_table("shop_order"):
        raise WrongSchema(
            "the database was made before the first release and cannot be upgraded: "
            "start anew with make reset, or with an empty PostgreSQL database"
        )
    return None


def _insist_on_known(version: str) -> None:
    from alembic.script import ScriptDirectory  # noqa: PLC0415 – as above

    steps = ScriptDirectory(str(_FOLDER)).walk_revisions()
    if version not in {step.revision for step in steps}:
        raise WrongSchema(
            f"the database is of a newer version ({version}) than this program ({NEWEST}): "
            "start the newer program"
        )


def _configuration(connection: Connection) -> "Config":
    from alembic.config import Config  # noqa: PLC0415 – as above

    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
