"""Checks the address of Redis and creates connection pools for it, both as redis-py reads it."""

import re
from typing import Any
from urllib.parse import unquote, urlparse

from redis.asyncio import ConnectionPool

from hookshop.webkit.hosts import check_host_name

MAX_SOCKET_PATH_BYTES = 107  # limit of the Linux kernel
SCHEMES = ("redis", "rediss", "unix")
_HOW = "must start with redis://, rediss:// or unix://, for example redis://127.0.0.1:6379/0"


def connection_pool(url: str, **options: Any) -> ConnectionPool:
    """Return a pool for this address. Options in the address override ``options``."""
    return ConnectionPool.from_url(url, **options)


def check(url: str) -> str:
    """Return the address unchanged.

    Raise ``ValueError`` if no connection can be made with it. The error never quotes the address,
    which may contain a password.
    """
    if not url.lower().startswith(tuple(f"{scheme}://" for scheme in SCHEMES)):
        raise ValueError(_HOW)
    try:
        parts = urlparse(url)
        port = parts.port
    except ValueError:
        raise ValueError("must have a host, or host:port with a port from 1 to 65535") from None
    if port == 0:
        raise ValueError("must have a port from 1 to 65535")
    if parts.scheme == "unix":
        _check_socket(parts.hostname, parts.path)
    else:
        check_host_name(parts.hostname or "")
        if not re.fullmatch(r"/?[0-9]*", parts.path):
            raise ValueError("must end with the number of a database, for example /0, or nothing")
    _check_options(url)
    return url


def _check_socket(host: str | None, path: str) -> None:
    if host or not path.strip("/"):
        raise ValueError("must have three slashes and a path: unix:///run/redis.sock")
    if len(unquote(path).encode()) > MAX_SOCKET_PATH_BYTES:
        raise ValueError(f"must have a path of at most {MAX_SOCKET_PATH_BYTES} bytes")


def _check_options(url: str) -> None:
    """Raise ``ValueError`` if creating a connection fails. The connection is never opened."""
    try:
        pool = connection_pool(url)
        pool.connection_class(**pool.connection_kwargs)
    except Exception:  # noqa: BLE001  TypeError, ValueError, RedisError, … for each kind of option
        raise ValueError("has an option (?…) that redis-py does not accept") from None
