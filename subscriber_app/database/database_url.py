"""Validates ``SUBSCRIBER_DATABASE_URL``, which must name an SQLite file."""

from hookshop.webkit.database_url import SQLITE, SQLITE_EXAMPLE, check_sqlite, parse

_HOW = f"must name an SQLite file, as in {SQLITE_EXAMPLE}"


def normalize(text: str) -> str:
    """Return the URL for SQLAlchemy. Raise ``ValueError`` unless it names an SQLite file."""
    url = parse(text, advice=_HOW)
    if url.drivername not in {"sqlite", SQLITE}:
        raise ValueError(f"{_HOW}: the subscriber keeps its receipts in one")
    check_sqlite(url)
    return url.set(drivername=SQLITE).render_as_string(hide_password=False)
