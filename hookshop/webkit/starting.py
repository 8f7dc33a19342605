"""Reports in one line why a process cannot start, with the name of the setting.

Exit code 2 means that a restart will not help, because a setting must be changed. Only such errors
become a ``ConfigurationError``.
"""

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError, OperationalError

from hookshop.webkit.hosts import try_bind
from hookshop.webkit.migrations import WrongSchema
from hookshop.webkit.plain_text import escape_unprintable
from hookshop.webkit.settings import ConfigurationError, ServerSettings

# Errors that mean that a setting names a wrong file or folder. ENOSPC is not one of them: a restart
# may find space again.
_WRONG_PATH_ERRORS = {
    errno.EACCES,
    errno.EEXIST,
    errno.EISDIR,
    errno.ELOOP,
    errno.ENAMETOOLONG,
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EPERM,
    errno.EROFS,
}


@contextmanager
def exit_on_setup_error(program: str, *, advice: str = "") -> Iterator[None]:
    """End the process with one line: exit code 2 for a wrong setup, 1 for an unavailable database.

    ``program``: the name at the start of the line. ``advice``: what to do if the database is
    unavailable.
    """
    try:
        yield
    except (ConfigurationError, WrongSchema) as error:
        sys.stderr.write(f"{program}: {escape_unprintable(str(error))}\n")
        sys.exit(2)
    except OperationalError as error:
        reason = f"the database cannot be reached ({_one_line(error)})"
        sys.exit("; ".join(filter(None, (f"{program}: {reason}", advice))))


@contextmanager
def map_setup_errors(settings: ServerSettings) -> Iterator[None]:
    """Raise ``ConfigurationError`` if the configured database or folder cannot be used.

    ``OperationalError`` passes, because the database may become available later.
    """
    try:
        yield
    except OperationalError:
        raise
    except DBAPIError as error:
        variable = settings.variable("database_url")
        raise ConfigurationError(
            f"{variable}: the database cannot be used: {_one_line(error)}"
        ) from error
    except OSError as error:
        if error.errno not in _WRONG_PATH_ERRORS or not error.filename:
            raise
        raise ConfigurationError(_describe_wrong_path(error, settings)) from error


def check_listening(settings: ServerSettings) -> None:
    """Raise ``ConfigurationError`` if no server can listen on the host and port.

    A taken port passes, because the program that uses it may end.
    """
    try:
        try_bind(settings.host, settings.port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return
        raise ConfigurationError(
            f"{settings.variable('host')}={settings.host}, "
            f"{settings.variable('port')}={settings.port}: cannot listen there: {error.strerror}"
        ) from error


def _one_line(error: DBAPIError) -> str:
    return escape_unprintable(" ".join(str(error.orig).split()))


def _describe_wrong_path(error: OSError, settings: ServerSettings) -> str:
    path = Path(str(error.filename))
    # HOOKSHOP_VAR itself, one of its parents, or a file in it.
    is_var = settings.database_url is None or path.absolute().is_relative_to(
        settings.var.absolute()
    )
    variable = f"HOOKSHOP_VAR={settings.var}" if is_var else settings.variable("database_url")
    return f"{variable}: cannot use {path}: {error.strerror}"
