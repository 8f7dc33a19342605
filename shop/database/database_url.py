"""Reads ``SHOP_DATABASE_URL``: accepts the usual spellings and refuses all others."""

from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError

from hookshop.webkit.database_url import SQLITE, SQLITE_EXAMPLE, check_sqlite, parse
from hookshop.webkit.hosts import MAX_PORT, check_host_name

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
    f"must be {SQLITE_EXAMPLE} or postgresql://user:password@host/database "
    "(percent-encode reserved characters in the password, for example @ as %40)"
)


def normalize(text: str) -> str:
    """Return the URL in the form that SQLAlchemy needs.

    Raise ``ValueError`` with the reason if the shop cannot use the database.
    """
    url = parse(text, advice=_HOW)
    driver = _DRIVERS.get(url.drivername)
    if driver is None:
        raise ValueError(_HOW)
    url = url.set(drivername=driver)
    if driver == POSTGRESQL:
        url = _postgresql(url)
    else:
        check_sqlite(url)
    return url.render_as_string(hide_password=False)


def _postgresql(url: URL) -> URL:
    url = _with_ssl_mode(url)
    for option, value in url.query.items():
        _check_option(option, value)
    if url.port is not None and not 1 <= url.port <= MAX_PORT:
        raise ValueError(f"must have a port from 1 to {MAX_PORT}")
    check_host_name(url.host or "")
    try:
        url.get_dialect()().create_connect_args(url)
    except (ArgumentError, AssertionError, ValueError):
        raise ValueError(f"has options that contradict each other; it {_HOW}") from None
    return url


def _with_ssl_mode(url: URL) -> URL:
    """Rename the option ``sslmode``, PostgreSQL's own name, to ``ssl``, which asyncpg expects."""
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
        # Do not quote the option: a password that contains "?" would be part of it.
        known = ", ".join(sorted({"sslmode", *_POSTGRESQL_OPTIONS}))
        raise ValueError(f"has an unknown option; use only {known}")
    if option not in {"host", "port"} and not isinstance(value, str):
        raise ValueError(f"must not have {option} twice")
    if option == "ssl" and value not in _SSL_MODES:
        raise ValueError(f"must have one of {', '.join(_SSL_MODES)} as sslmode")
