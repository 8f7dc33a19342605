"""Which sandbox of our shop a URL names. Pure.

The subscriber calls no other address than its shop's, whatever a request for a sandbox says: only
the id of the shop's sandbox is taken from it.
"""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}
_SANDBOX = re.compile(r"(?:/s/([a-z0-9-]{3,40}))?/?", re.ASCII)
_UNWANTED = re.compile(r"[\x00-\x20\\?#@\x7f]")


class OtherShop(ValueError):  # noqa: N818 – the name says what happened
    """The URL is not one of our shop."""


@dataclass(frozen=True, slots=True)
class _Parts:
    """What identifies a server. ``path``: without a slash at the end."""

    scheme: str
    host: str
    port: int | None
    path: str


def sandbox_of_shop_url(url: str, *known: str) -> str | None:
    """Return the id of the shop's sandbox that ``url`` names, or None for the shop's ``main``.

    ``known``: the URLs of our shop. One of them must have the same scheme, host, port and path; a
    sandbox's address may follow. Raise ``OtherShop``.
    """
    wanted = _parse(url)
    for each in known:
        try:
            ours = _parse(each)
        except OtherShop:  # an issuer may be any text
            continue
        if (wanted.scheme, wanted.host, wanted.port) != (ours.scheme, ours.host, ours.port):
            continue
        found = _SANDBOX.fullmatch(wanted.path.removeprefix(ours.path))
        if wanted.path.startswith(ours.path) and found:
            return found[1] if found[1] != "main" else None
    raise OtherShop(f"{url!r} is not a URL of our shop")


def _parse(url: str) -> _Parts:
    try:
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORTS[parts.scheme]
    except (ValueError, KeyError):
        raise OtherShop(f"{url!r} is not an http or https URL") from None
    if _UNWANTED.search(url) or not parts.hostname:
        raise OtherShop(f"{url!r} is not the address of a shop")
    host = parts.hostname.removesuffix(".")
    return _Parts(parts.scheme, host, port, parts.path.removesuffix("/"))
