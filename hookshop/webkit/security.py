"""Headers that have browsers distrust foreign content, and the key behind sessions and forms.

Pages show text that strangers sent, so a page must be unable to run what it shows: no inline script
or style, nothing from another host, no framing.
"""

import hashlib
import secrets
from typing import Any

from litestar import Response
from litestar.config.csrf import CSRFConfig
from litestar.datastructures import ResponseHeader

from hookshop.webkit.key_files import read_or_make
from hookshop.webkit.settings import ServerSettings

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; base-uri 'none'; object-src 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)

SECURITY_HEADERS = [
    ResponseHeader(name="Content-Security-Policy", value=CONTENT_SECURITY_POLICY),
    ResponseHeader(name="X-Content-Type-Options", value="nosniff"),
    ResponseHeader(name="Referrer-Policy", value="same-origin"),
]


async def add_security_headers(response: Response[Any]) -> Response[Any]:
    """Add the headers to static files: Litestar adds them to answers of handlers only."""
    for header in SECURITY_HEADERS:
        response.headers[header.name] = str(header.value)
    return response


def csrf_protection(settings: ServerSettings) -> CSRFConfig:
    """Require a token in every form; ``/v1`` requires JSON instead, which no form can send.

    The cookie is named after the key: all ports of a host share their cookies, and a cookie that
    was made with another key (a second instance's, or this one's before ``make reset``) is never
    replaced.
    """
    key = session_key(settings)
    return CSRFConfig(
        secret=key,
        cookie_name=cookie_name(settings, "csrf", key),
        cookie_samesite="strict",
        exclude=["^/v1/"],
    )


def cookie_name(settings: ServerSettings, purpose: str, key: str) -> str:
    """Return a name such as ``shop_csrf_0193c0ff`` that no instance with another key uses."""
    return f"{settings.APP}_{purpose}_{hashlib.sha256(key.encode()).hexdigest()[:8]}"


def session_key(settings: ServerSettings) -> str:
    """Return the key behind sessions and forms, as set or from a file: both outlive a restart."""
    if settings.session_key:
        return settings.session_key.get_secret_value()
    file = settings.var / f"{settings.APP}.key"
    return read_or_make(file, lambda: secrets.token_hex().encode()).decode()


def own_path(wanted: str, *, otherwise: str) -> str:
    """Return ``wanted`` if it is a path of this application, else ``otherwise``.

    Anything else could lead a visitor to a look-alike elsewhere.
    """
    is_path = wanted.startswith("/") and not wanted.startswith(("//", "/\\"))
    return wanted if is_path and wanted.isprintable() else otherwise
