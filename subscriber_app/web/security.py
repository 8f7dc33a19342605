"""What tells browsers to distrust what is not ours, and the key behind CSRF tokens.

Wired in ``app``. Requests of strangers are shown on our pages, so a page must be unable to
run what it shows: no inline script or style, nothing from another host, no framing.
"""

import hashlib
import secrets
from typing import Any

from litestar import Response
from litestar.config.csrf import CSRFConfig
from litestar.datastructures import ResponseHeader

from hookshop.webkit.key_files import read_or_make
from subscriber_app.config import Settings

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
    """For static files, to which Litestar does not add the application's headers."""
    for header in SECURITY_HEADERS:
        response.headers[header.name] = str(header.value)
    return response


def csrf_protection(settings: Settings) -> CSRFConfig:
    """Every form needs a token; ``/v1`` insists on JSON instead, which no form can send.

    The cookie is named after the key: all ports of a host share their cookies, and one that was
    made with another key (a second subscriber's, or this one's before ``make reset``) is never
    replaced.
    """
    key = session_key(settings)
    return CSRFConfig(
        secret=key,
        cookie_name=f"subscriber_csrf_{hashlib.sha256(key.encode()).hexdigest()[:8]}",
        cookie_samesite="strict",
        exclude=["^/v1/"],
    )


def own_path(wanted: str, *, otherwise: str) -> str:
    """A path of this subscriber: anything else could lead a visitor to a look-alike elsewhere."""
    is_path = wanted.startswith("/") and not wanted.startswith(("//", "/\\"))
    return wanted if is_path and wanted.isprintable() else otherwise


def session_key(settings: Settings) -> str:
    """The key behind sessions and forms, as set or from a file: both outlive a restart."""
    if settings.session_key:
        return settings.session_key.get_secret_value()
    file = settings.var / "subscriber.key"
    return read_or_make(file, lambda: secrets.token_hex().encode()).decode()
