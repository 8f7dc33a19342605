"""What is special about PostgreSQL. Called by ``database``.

Many transactions write at once here, which ``turns`` is about, and the server is a program of its
own on another machine: it may be restarted, or be out of reach.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from shop.database.migrations import MIGRATIONS

PATIENCE_SECONDS = 5  # for a connection, and for a row that another transaction holds
POOL_SIZE = 5  # connections that are kept, of each pool; when there is much to do, twice as many
MAX_STATEMENT_SECONDS = 60  # a server that does not answer must not hold us for ever

# Classes of SQLSTATE that say "not now" (the PostgreSQL manual, "Error Codes"): the connection is
# gone; rolled back for another's sake; out of resources; a lock was not to be had; the server is
# stopped; its disk fails. And a server that only serves readers.
_NOT_NOW = ("08", "40", "53", "55", "57", "58", "25006")


def open_engines(url: str) -> tuple[AsyncEngine, AsyncEngine]:
    """One for reading and one for writing, each with a pool of its own.

    Were it one pool, writers that wait for each other could hold all of it, and no page be shown.
    A reader sees one consistent state, whatever is committed meanwhile.
    """
    reader, writer = _open_engine(url), _open_engine(url)
    consistent = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    return reader.execution_options(**consistent), writer


def _open_engine(url: str) -> AsyncEngine:
    engine = create_async_engine(
        url,
        hide_parameters=True,  # an error's text goes into the log, where no secret may
        pool_size=POOL_SIZE,
        max_overflow=POOL_SIZE,
        pool_timeout=PATIENCE_SECONDS,
        # Ask first whether a connection is still alive: after a restart of the server none is.
        pool_pre_ping=True,
        connect_args={
            "timeout": PATIENCE_SECONDS,
            "command_timeout": MAX_STATEMENT_SECONDS,
            "server_settings": {
                "application_name": "hookshop",
                "lock_timeout": f"{PATIENCE_SECONDS}s",
                "jit": "off",  # compiling takes longer than any of our queries
            },
        },
    )
    event.listen(engine.sync_engine, "before_cursor_execute", _without_nul, retval=True)
    return engine


async def migrate(url: str) -> None:
    """Create or upgrade the tables, one process at a time, however long it takes."""
    engine = create_async_engine(
        url, hide_parameters=True, connect_args={"timeout": PATIENCE_SECONDS}
    )
    lock = text("SELECT pg_advisory_xact_lock(hashtextextended('hookshop migrate', 0))")
    try:
        with map_unavailable():
            async with engine.begin() as connection:
                await connection.execute(lock)
                await connection.run_sync(MIGRATIONS.upgrade)
    finally:
        await engine.dispose()


def _without_nul(
    _connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool
) -> tuple[str, Any]:
    """PostgreSQL's texts hold no NUL, and a request may well: ``�`` stands for it."""
    return statement, [_clean(each) for each in parameters] if many else _clean(parameters)


def _clean(parameters: Any) -> Any:
    if not any(isinstance(each, str) and "\x00" in each for each in parameters):
        return parameters
    return tuple(
        each.replace("\x00", "\ufffd") if isinstance(each, str) else each for each in parameters
    )


@contextmanager
def map_unavailable() -> Iterator[None]:
    """Whatever says that the database cannot serve now becomes an ``OperationalError``.

    The driver and SQLAlchemy have a dozen for it; SQLite has this one.
    """
    try:
        yield
    except OperationalError:
        raise
    except (DBAPIError, NoConnectionFree, OSError) as error:
        if isinstance(error, DBAPIError) and not _says_not_now(error):
            raise
        # OSError: nobody listens there, or (TimeoutError is one) nobody answers.
        reason = error.orig if isinstance(error, DBAPIError) else error
        raise OperationalError("", None, reason or error) from error


def _says_not_now(error: DBAPIError) -> bool:
    state = str(getattr(error.orig, "sqlstate", None) or "")
    is_lost = error.connection_invalidated or isinstance(error, InterfaceError)
    return is_lost or state.startswith(_NOT_NOW)
