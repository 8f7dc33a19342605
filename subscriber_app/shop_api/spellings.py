"""Compares URLs that are different spellings of one address. Pure."""

import posixpath
from urllib.parse import unquote, urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}
_THIS_MACHINE = {"localhost", "127.0.0.1", "::1"}


def is_other_spelling(url: str, ours: str) -> bool:
    """Return whether ``url`` differs from ``ours`` but leads to the same receiver.

    Names of this machine count as equal, and so do a character and its percent-encoding.
    """
    if url == ours:
        return False
    normalized = _normalize(url)
    return normalized is not None and normalized == _normalize(ours)


def _normalize(url: str) -> tuple[str, str, int | None, str, str] | None:
    """Return normalized scheme, host, port, path and query; None for an invalid URL."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    host = (parts.hostname or "").removesuffix(".")
    path = posixpath.normpath(f"/{unquote(parts.path).strip('/')}")
    return (
        parts.scheme,
        "localhost" if host in _THIS_MACHINE else host,
        port or _DEFAULT_PORTS.get(parts.scheme),
        path,
        unquote(parts.query),
    )
