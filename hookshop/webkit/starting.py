"""Says in one line why a process cannot start, and names the setting.

Exit code 2 means that no restart will help: a person has to change something. Only such failures
become a ``ConfigurationError``.
"""

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError, OperationalError

from hookshop.webkit.hosts import bind_once
from hookshop.webkit.migrations import WrongSchema
from hookshop.webkit.settings import ConfigurationError, ServerSettings

# Of a folder or file that a setting names. A full disk is not among them: it empties again.
_WRONG_PLACE = {
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
def exit_in_one_line(program: str, *, advice: str = "") -> Iterator[None]:
    """End the process with one line if its setup is wrong (2) or its database is away (1).

    ``program``: the name at the beginning of the line. ``advice``: what to do when the database is
    away.
    """
    try:
        yield
    except (ConfigurationError, WrongSchema) as error:
        sys.stderr.write(f"{program}: {error}\n")
        sys.exit(2)  # no restart will help
    except OperationalError as error:
        reason = f"the database cannot be reached ({_one_line(error)})"
        sys.exit("; ".join(filter(None, (f"{program}: {reason}", advice))))


@contextmanager
def naming_the_setting(settings: ServerSettings) -> Iterator[None]:
    """Raise ``ConfigurationError`` for a database or a folder that cannot be used as it is set.

    ``OperationalError`` passes: a database that cannot serve now may serve later.
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
        if error.errno not in _WRONG_PLACE or not error.filename:
            raise
        raise ConfigurationError(_wrong_place(error, settings)) from error


def check_listening(settings: ServerSettings) -> None:
    """Raise ``ConfigurationError`` if no server can listen on the host and port.

    A taken port passes: the program that has it may end.
    """
    try:
        bind_once(settings.host, settings.port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return
        raise ConfigurationError(
            f"{settings.variable('host')}={settings.host}, "
            f"{settings.variable('port')}={settings.port}: cannot listen there: {error.strerror}"
        ) from error


def _one_line(error: DBAPIError) -> str:
    return " ".join(str(error.orig).split())


def _wrong_place(error: OSError, settings: ServerSettings) -> str:
    place = Path(str(error.filename))
    # HOOKSHOP_VAR itself, a folder above that cannot hold it, or a file in it.
    is_var = settings.database_url is None or place.absolute().is_relative_to(
        settings.var.absolute()
    )
    variable = f"HOOKSHOP_VAR={settings.var}" if is_var else settings.variable("database_url")
    return f"{variable}: cannot use {place}: {error.strerror}"
