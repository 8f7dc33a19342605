"""Brings the tables of a database to the state that this version of the subscriber works with.

Each module in ``versions`` is one step from the one before it; its name stands in the database, in
the table ``alembic_version``. Called by ``database`` when the subscriber starts.

A new step: change ``models``, write the next module in ``versions``, and set ``NEWEST``. Steps that
were released are never changed: databases exist that went through them.
"""

import logging
from pathlib import Path

from sqlalchemy import Connection, inspect, text

NEWEST = "r0003"

_FOLDER = Path(__file__).parent

logging.getLogger("alembic").setLevel(logging.WARNING)  # it tells of its plugins, for one


class WrongSchema(Exception):  # noqa: N818 – the name says what happened
    """The database is not one for this version; the message is one clear line for a person."""


def upgrade(connection: Connection, *, to: str = NEWEST) -> None:
    """Take the steps that are missing, inside the caller's transaction.

    Raises ``WrongSchema`` for a database of a newer version, or of none.
    """
    version = read_version(connection)
    if version == NEWEST:
        return
    # Imported only here: it takes its time, and most starts have nothing to do.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    known = {step.revision for step in ScriptDirectory(str(_FOLDER)).walk_revisions()}
    if version is not None and version not in known:
        raise WrongSchema(
            f"the database is of a newer version ({version}) than this program ({NEWEST}): "
            "start the newer program"
        )
    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, to)


def read_version(connection: Connection) -> str | None:
    """The step that was taken last; None for an empty database.

    Raises ``WrongSchema`` for one from before there were steps.
    """
    tables = inspect(connection)
    if tables.has_table("alembic_version"):
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if tables.has_table("receipt"):
        raise WrongSchema(
            "the database was made before the first release and cannot be upgraded: "
            "start anew with make reset"
        )
    return None
