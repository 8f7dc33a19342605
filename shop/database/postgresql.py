"""PostgreSQL: engines, migration, and errors that mean that the server is unavailable.

Unlike SQLite, it allows concurrent writers (see ``locks``), and its server may be restarted or
unreachable.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from hookshop.webkit.json_columns import to_json
from shop.database.migrations import MIGRATIONS

WAIT_TIMEOUT_SECONDS = 5  # to wait for a connection, or for a row that is locked
POOL_SIZE = 5  # connections that each pool keeps; under load it opens twice as many
STATEMENT_TIMEOUT_SECONDS = 60  # so that a server that hangs does not block us without end

# Classes of SQLSTATE that mean "unavailable now" (the PostgreSQL manual, "Error Codes"): connection
# lost, transaction rolled back because of another one, out of resources, lock not available, server
# shutting down, system error. 25006: the server is read-only.
_UNAVAILABLE_STATES = ("08", "40", "53", "55", "57", "58", "25006")


def open_engines(url: str) -> tuple[AsyncEngine, AsyncEngine]:
    """Return an engine for reading and one for writing, each with its own pool.

    With a shared pool, writers that wait for locks could use all connections and block all pages.
    A reader sees one consistent state, even if others commit meanwhile.
    """
    reader, writer = _open_engine(url), _open_engine(url)
    consistent = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    return reader.execution_options(**consistent), writer


def _open_engine(url: str) -> AsyncEngine:
    engine = create_async_engine(
        url,
        hide_parameters=True,  # errors are logged, and parameters may be secrets
        json_serializer=to_json,
        pool_size=POOL_SIZE,
        max_overflow=POOL_SIZE,
        pool_timeout=WAIT_TIMEOUT_SECONDS,
        # Check a connection before use: a restart of the server closes all of them.
        pool_pre_ping=True,
        connect_args={
            "timeout": WAIT_TIMEOUT_SECONDS,
            "command_timeout": STATEMENT_TIMEOUT_SECONDS,
            "server_settings": {
                "application_name": "hookshop",
                "lock_timeout": f"{WAIT_TIMEOUT_SECONDS}s",
                "jit": "off",  # compiling a query takes longer than any of ours
            },
        },
    )
    event.listen(engine.sync_engine, "before_cursor_execute", _without_nul, retval=True)
    return engine


async def migrate(url: str) -> None:
    """Create or upgrade the tables, one process at a time, without a timeout."""
    engine = create_async_engine(
        url, hide_parameters=True, connect_args={"timeout": WAIT_TIMEOUT_SECONDS}
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
    """Replace NUL in parameters by ``�``: a request may contain NUL, but PostgreSQL refuses it."""
    # SQLAlchemy may send many rows as one statement, whose parameters are not nested.
    is_nested = many and all(isinstance(each, tuple) for each in parameters)
    return statement, [_clean(each) for each in parameters] if is_nested else _clean(parameters)


def _clean(parameters: Any) -> Any:
    if not any(isinstance(each, str) and "\x00" in each for each in parameters):
        return parameters
    return tuple(
        each.replace("\x00", "\ufffd") if isinstance(each, str) else each for each in parameters
    )


@contextmanager
def map_unavailable() -> Iterator[None]:
    """Turn all errors that mean that the database is unavailable into ``OperationalError``.

    The driver and SQLAlchemy raise a dozen different ones; for SQLite it is always this one.
    """
    try:
        yield
    except OperationalError:
        raise
    except (DBAPIError, PoolTimeoutError, OSError) as error:
        if isinstance(error, DBAPIError) and not _is_unavailable(error):
            raise
        # OSError: the server does not listen, or (TimeoutError) does not answer.
        reason = error.orig if isinstance(error, DBAPIError) else error
        raise OperationalError("", None, reason or error) from error


def _is_unavailable(error: DBAPIError) -> bool:
    state = str(getattr(error.orig, "sqlstate", None) or "")
    is_lost = error.connection_invalidated or isinstance(error, InterfaceError)
    return is_lost or state.startswith(_UNAVAILABLE_STATES)
