"""Finds the link in an endpoint's response to its own page about the request.

The link is untrusted and people follow it, so it is shown only if it has the same origin as the
request.
"""

import re
from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

from shop.database.models import Attempt

RELATION = "describedby"
MAX_HEADER_LENGTH = 4000
DEFAULT_PORTS = {"http": 80, "https": 443}

# RFC 8288, section 3: <target>; name=value; name="quoted value", <another target> …
_TARGET = re.compile(r"[\s,]*<([^<>]*)>")
_PARAMETER = re.compile(
    r"""\s*;\s*([\w!#$%&'*+.^`|~-]+)(?:\s*=\s*("(?:[^"\\]|\\.)*"|[^\s;,"]*))?""", re.ASCII
)
# The characters of RFC 3986: no others, such as a backslash, which browsers read differently.
_URI_REFERENCE = re.compile(r"[\w\-.~:/?#\[\]@!$&'()*+,;=%]*", re.ASCII)


def link_of_attempt(attempt: Attempt) -> str | None:
    """Return the ``describedby`` link of the response to an attempt, or None."""
    headers = attempt.response_headers or {}
    return describedby_link(headers.get("link", ""), attempt.request_url)


def describedby_link(link_header: str, request_url: str) -> str | None:
    """Return the first ``describedby`` link with the same origin as the request, or None.

    ``link_header``: the value of the header ``Link``; several values are joined by commas.
    """
    for target, parameters in _links(link_header[:MAX_HEADER_LENGTH]):
        relations = parameters.get("rel", "").lower().split()
        # A link with an anchor is not about this response (RFC 8288, section 3.2).
        if RELATION in relations and "anchor" not in parameters:
            address = _same_origin(target, request_url)
            if address:
                return address
    return None


def _links(header: str) -> Iterator[tuple[str, dict[str, str]]]:
    position = 0
    while target := _TARGET.match(header, position):
        position = target.end()
        parameters: dict[str, str] = {}
        while parameter := _PARAMETER.match(header, position):
            position = parameter.end()
            name, value = parameter[1].lower(), parameter[2] or ""
            parameters.setdefault(name, value.strip('"'))  # of equal names, use the first
        yield target[1], parameters


def _same_origin(target: str, request_url: str) -> str | None:
    if not _URI_REFERENCE.fullmatch(target):
        return None
    try:
        address = urljoin(request_url, target)
        if _origin(address) == _origin(request_url) and "@" not in urlsplit(address).netloc:
            return address
    except ValueError:  # for example an invalid port
        pass
    return None


def _origin(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port. Raise ``ValueError`` if it is not an http(s) URL."""
    parts = urlsplit(url)
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        raise ValueError(url)
    return parts.scheme, parts.hostname, parts.port or DEFAULT_PORTS[parts.scheme]
