"""What keeps a process from starting, said in one line that names the setting.

Used by the entry points around what they open first. Exit code 2 means that no restart will help,
so only what a person has to mend becomes a ``ConfigurationError``.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError, OperationalError

from hookshop.webkit.hosts import bind_once
from shop.config import ConfigurationError, Settings

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
def naming_the_setting(settings: Settings) -> Iterator[None]:
    """Raise ``ConfigurationError`` for a database or a folder that cannot be used as it is set.

    ``OperationalError`` passes: a database that cannot serve now may serve later.
    """
    try:
        yield
    except OperationalError:
        raise
    except DBAPIError as error:
        raise ConfigurationError(
            f"SHOP_DATABASE_URL: the database cannot be used: {_one_line(error)}"
        ) from error
    except OSError as error:
        if error.errno not in _WRONG_PLACE or not error.filename:
            raise
        raise ConfigurationError(_wrong_place(error, settings)) from error


def check_listening(settings: Settings) -> None:
    """Raise ``ConfigurationError`` when the host or port is none that a server can listen on.

    A taken port passes: whoever has it may end.
    """
    try:
        bind_once(settings.host, settings.port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return
        raise ConfigurationError(
            f"SHOP_HOST={settings.host}, SHOP_PORT={settings.port}: cannot listen there: "
            f"{error.strerror}"
        ) from error


def unreachable(error: OperationalError) -> str:
    """Return one line that says that the database cannot serve now, in the driver's words."""
    return f"the database cannot be reached ({_one_line(error)})"


def _one_line(error: DBAPIError) -> str:
    return " ".join(str(error.orig).split())


def _wrong_place(error: OSError, settings: Settings) -> str:
    place = Path(str(error.filename))
    # HOOKSHOP_VAR itself, a folder above that cannot hold it, or a file in it.
    is_var = settings.database_url is None or place.absolute().is_relative_to(
        settings.var.absolute()
    )
    variable = f"HOOKSHOP_VAR={settings.var}" if is_var else "SHOP_DATABASE_URL"
    return f"{variable}: cannot use {place}: {error.strerror}"
