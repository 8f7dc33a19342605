"""Checks the URL of a database.

The errors never quote the URL: it may contain a password, or the value of another setting by
mistake.
"""

from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

SQLITE = "sqlite+aiosqlite"
SQLITE_EXAMPLE = "sqlite:////path/to/file.db"


def parse(text: str, *, advice: str) -> URL:
    """Return the parsed URL. Raise ``ValueError`` with ``advice`` if the text is not a URL."""
    if "%00" in text:
        raise ValueError("must not contain %00")
    try:
        return make_url(text)
    except (ArgumentError, ValueError):
        raise ValueError(advice) from None


def check_sqlite(url: URL) -> None:
    """Raise ``ValueError`` with the reason unless the URL names an SQLite file.

    A database in memory is refused: several processes share the database.
    """
    if url.host or url.port or url.username:
        raise ValueError("needs three slashes before the path of the file, four if it is absolute")
    if url.query:
        raise ValueError("must not have options (?…) for SQLite")
    if not url.database or url.database.startswith((":memory:", "file:")):
        raise ValueError(f"must name an SQLite file, as in {SQLITE_EXAMPLE}")
    if Path(url.database).is_dir():
        raise ValueError("must name a file, but names a folder")
