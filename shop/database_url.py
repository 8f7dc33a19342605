"""Reads ``SHOP_DATABASE_URL``: the usual spellings are understood, the rest is refused.

``config`` calls ``normalize`` for a URL that was set. The errors never quote the URL: it may hold a
password.
"""

from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from hookshop.webkit.hosts import MAX_PORT, check_name

SQLITE = "sqlite+aiosqlite"
POSTGRESQL = "postgresql+asyncpg"
_DRIVERS = {
    "sqlite": SQLITE,
    SQLITE: SQLITE,
    "postgres": POSTGRESQL,
    "postgresql": POSTGRESQL,
    POSTGRESQL: POSTGRESQL,
}
_POSTGRESQL_OPTIONS = {
    "host",
    "passfile",
    "port",
    "prepared_statement_cache_size",
    "ssl",
    "target_session_attrs",
}
_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_HOW = (
    "must be sqlite:////path/to/file.db or postgresql://user:password@host/database "
    "(reserved characters of a password as %40 and the like)"
)


def normalize(text: str) -> str:
    """Return the URL that SQLAlchemy opens the database with.

    Raises ``ValueError`` for what is no such URL or names a database that the shop cannot use.
    """
    url = _parse(text)
    driver = _DRIVERS.get(url.drivername)
    if driver is None:
        raise ValueError(_HOW)
    url = url.set(drivername=driver)
    url = _postgresql(url) if driver == POSTGRESQL else _sqlite(url)
    return url.render_as_string(hide_password=False)


def _parse(text: str) -> URL:
    if "%00" in text:
        raise ValueError("must not contain %00")
    try:
        return make_url(text)
    except (ArgumentError, ValueError):
        raise ValueError(_HOW) from None


def _sqlite(url: URL) -> URL:
    if url.host or url.port or url.username:
        raise ValueError("needs three slashes before the path of the file, four if it is absolute")
    if url.query:
        raise ValueError("must not have options (?…) for SQLite")
    if not url.database or url.database.startswith((":memory:", "file:")):
        # Web process and worker meet in the database; what is in memory belongs to one of them.
        raise ValueError("must name a file, as in sqlite:////path/to/file.db")
    if Path(url.database).is_dir():
        raise ValueError("must name a file, and names a folder")
    return url


def _postgresql(url: URL) -> URL:
    url = _with_ssl_mode(url)
    for option, value in url.query.items():
        _check_option(option, value)
    if url.port is not None and not 1 <= url.port <= MAX_PORT:
        raise ValueError(f"must have a port from 1 to {MAX_PORT}")
    check_name(url.host or "")
    try:
        url.get_dialect()().create_connect_args(url)
    except (ArgumentError, AssertionError, ValueError):
        raise ValueError(f"has options that do not fit together; it {_HOW}") from None
    return url


def _with_ssl_mode(url: URL) -> URL:
    """Give ``sslmode``, the field's name for it, the name by which asyncpg takes it."""
    mode = url.query.get("sslmode")
    if mode is None:
        return url
    if url.query.get("ssl", mode) != mode:
        raise ValueError("must not have both ssl and sslmode")
    return url.difference_update_query(["sslmode"]).update_query_dict({"ssl": mode})


def _check_option(option: str, value: str | tuple[str, ...]) -> None:
    if option in {"sslcert", "sslcrl", "sslkey", "sslrootcert"}:
        raise ValueError(f"must not have {option}: set PG{option.upper()} instead")
    if option not in _POSTGRESQL_OPTIONS:
        # The name comes from the URL: a password with a "?" in it must not be quoted.
        known = ", ".join(sorted({"sslmode", *_POSTGRESQL_OPTIONS}))
        raise ValueError(f"has an unknown option; known are {known}")
    if option not in {"host", "port"} and not isinstance(value, str):
        raise ValueError(f"must not have {option} twice")
    if option == "ssl" and value not in _SSL_MODES:
        raise ValueError(f"must have one of {', '.join(_SSL_MODES)} as sslmode")
