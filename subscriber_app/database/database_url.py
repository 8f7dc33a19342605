"""Reads ``SUBSCRIBER_DATABASE_URL``: a file of SQLite, in either spelling; the rest is refused."""

from hookshop.webkit.database_url import SQLITE, SQLITE_EXAMPLE, check_sqlite, parse

_HOW = f"must name an SQLite file, as in {SQLITE_EXAMPLE}"


def normalize(text: str) -> str:
    """Return the URL with which SQLAlchemy opens the database.

    Raise ``ValueError`` for a URL that names no file of SQLite.
    """
    url = parse(text, advice=_HOW)
    if url.drivername not in {"sqlite", SQLITE}:
        raise ValueError(f"{_HOW}: the subscriber keeps its receipts in one")
    check_sqlite(url)
    return url.set(drivername=SQLITE).render_as_string(hide_password=False)
