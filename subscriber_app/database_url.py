"""Reads ``SUBSCRIBER_DATABASE_URL``: a file of SQLite, in either spelling; the rest is refused.

``config`` calls ``normalize`` for a URL that was set. The errors never quote the URL: a person who
mixes it up with another setting may have put a password there.
"""

from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

SQLITE = "sqlite+aiosqlite"
_HOW = "must name a file of SQLite, as in sqlite:////path/to/file.db"


def normalize(text: str) -> str:
    """Return the URL that SQLAlchemy opens the database with.

    Raises ``ValueError`` for what names no file of SQLite.
    """
    url = _parse(text)
    if url.drivername not in {"sqlite", SQLITE}:
        raise ValueError(f"{_HOW}: the subscriber keeps its receipts in one")
    if url.host or url.port or url.username:
        raise ValueError("needs three slashes before the path of the file, four if it is absolute")
    if url.query:
        raise ValueError("must not have options (?…)")
    if not url.database or url.database.startswith((":memory:", "file:")):
        raise ValueError(_HOW)
    if Path(url.database).is_dir():
        raise ValueError("must name a file, and names a folder")
    return url.set(drivername=SQLITE).render_as_string(hide_password=False)


def _parse(text: str) -> URL:
    if "%00" in text:
        raise ValueError("must not contain %00")
    try:
        return make_url(text)
    except (ArgumentError, ValueError):
        raise ValueError(_HOW) from None
