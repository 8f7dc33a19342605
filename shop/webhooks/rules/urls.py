"""Splits a webhook URL into the parts of a request, without changing path and query. Pure.

The policy, the registry and the HTTP client all use this parser. If two parsers disagreed about
where the host ends, a URL could bypass the policy.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv6Address

from shop.vocabulary import RefusalReason

MAX_URL_LENGTH = 2048
MAX_PORT = 65535

_DEFAULT_PORTS = {"http": 80, "https": 443}
_URL = re.compile(r"(https?)://([^/?#]*)([^#]*)(?:#.*)?", re.ASCII | re.IGNORECASE)
_ADDRESS_WITH_DOT = re.compile(r"[0-9.]*\.", re.ASCII)
_AUTHORITY = re.compile(r"(?:\[([^\[\]]*)\]|([^:\[\]]*))(?::([0-9]+))?", re.ASCII)


class UrlRefused(Exception):  # noqa: N818 – the name says what happened
    """The shop does not send to this URL. The message is the reason, for people.

    ``reason``: the same for programs. ``setting``: the environment variable, with its value, that
    would allow the URL.
    """

    def __init__(
        self,
        message: str,
        reason: RefusalReason = RefusalReason.NOT_A_URL,
        *,
        setting: str | None = None,
    ) -> None:
        super().__init__(f"{message}; {setting} would allow it" if setting else message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class WebhookUrl:
    """The parts of a URL.

    ``scheme``: ``http`` or ``https``. ``host``: in lower case, with a trailing dot if it has one;
    an IPv6 address is in its short form and without brackets. ``port``: 1 to 65535. ``target``:
    path and query for the request line, byte for byte as registered.
    """

    scheme: str
    host: str
    port: int
    target: str

    @property
    def host_header(self) -> str:
        """Return the value of the header ``Host`` (RFC 9112, section 3.2)."""
        host = self.host.removesuffix(".")
        if ":" in host:
            host = f"[{host}]"
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def key(self) -> str:
        """Return the same text for all spellings of a URL that make the same request."""
        return f"{self.scheme}://{self.host_header}{self.target}"


def parse_url(url: str) -> WebhookUrl:
    """Return the parts of an absolute URL. Raise ``UrlRefused`` if it cannot be requested."""
    _check_characters(url)
    parts = _URL.fullmatch(url)
    if parts is None:
        raise UrlRefused("it must begin with http:// or https:// and name a host")
    scheme, authority, target = parts[1].lower(), parts[2], parts[3]
    host, port = _split_authority(authority)
    return WebhookUrl(
        scheme,
        host,
        _DEFAULT_PORTS[scheme] if port is None else port,
        target if target.startswith("/") else f"/{target}",  # RFC 9112, section 3.2.1
    )


def _check_characters(url: str) -> None:
    if len(url) > MAX_URL_LENGTH:
        raise UrlRefused(f"the URL is longer than {MAX_URL_LENGTH} characters")
    # URL parsers disagree about these characters: some ignore them, others do not.
    if any(character <= " " or character == "\x7f" for character in url):
        raise UrlRefused("the URL contains white space or control characters")
    if not url.isascii():
        raise UrlRefused("the URL contains non-ASCII characters: write names in punycode (xn--…)")
    if "\\" in url:
        raise UrlRefused("the URL contains a backslash")


def _split_authority(authority: str) -> tuple[str, int | None]:
    if "@" in authority:
        raise UrlRefused(
            "the URL contains user information (user:password@)", RefusalReason.USER_INFORMATION
        )
    parts = _AUTHORITY.fullmatch(authority)
    if parts is None:
        raise UrlRefused(f"{authority} is not a host, or a host and a port from 1 to {MAX_PORT}")
    bracketed, name, digits = parts.groups()
    port = None if digits is None else int(digits)
    if port is not None and not 1 <= port <= MAX_PORT:
        raise UrlRefused(f"the port must be from 1 to {MAX_PORT}")
    host = name.lower() if bracketed is None else _ipv6(bracketed)
    if not host:
        raise UrlRefused("the URL has no host")
    if _ADDRESS_WITH_DOT.fullmatch(host):  # would be resolved as a name, which always fails
        raise UrlRefused(
            f"{host} is an IP address with a dot at its end; write it without",
            RefusalReason.UNUSUAL_ADDRESS,
        )
    return host, port


def _ipv6(text: str) -> str:
    try:
        address = IPv6Address(text)
    except ValueError:
        raise UrlRefused(f"[{text}] is not an IPv6 address") from None
    if address.scope_id is not None:
        raise UrlRefused("the host contains a percent sign")
    return str(address)
