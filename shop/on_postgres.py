"""What is special about PostgreSQL. Called by ``database``.

Many transactions write at once here, which ``turns`` is about, and the server is a program of its
own on another machine: it may be restarted, or be out of reach.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from sqlalchemy.ext.asyncio import AsyncEngine

PATIENCE_SECONDS = 5  # for a connection, and for a row that another transaction holds
LONGEST_STATEMENT_SECONDS = 60  # a server that does not answer must not hold us for ever

# Classes of SQLSTATE that say "not now" (the PostgreSQL manual, "Error Codes"): the connection is
# gone; rolled back for another's sake; out of resources; a lock was not to be had; the server is
# stopped; its disk fails. And a server that only serves readers.
_NOT_NOW = ("08", "40", "53", "55", "57", "58", "25006")


def engine_options() -> dict[str, Any]:
    """For ``create_engine``."""
    return {
        # Ask first whether a connection is still alive: after a restart of the server none is.
        "pool_pre_ping": True,
        "pool_timeout": PATIENCE_SECONDS,
        "connect_args": {
            "timeout": PATIENCE_SECONDS,
            "command_timeout": LONGEST_STATEMENT_SECONDS,
            "server_settings": {
                "application_name": "hookshop",
                "lock_timeout": f"{PATIENCE_SECONDS}s",
                "jit": "off",  # compiling takes longer than any of our queries
            },
        },
    }


def reading_options() -> dict[str, Any]:
    """For transactions that see one consistent state, whatever is committed meanwhile."""
    return {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}


def prepare(engine: AsyncEngine) -> None:
    """See to it that any text can be stored and looked for."""
    event.listen(engine.sync_engine, "before_cursor_execute", _without_nul, retval=True)


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
def one_error_for_not_now() -> Iterator[None]:
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
