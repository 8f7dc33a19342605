"""Security headers, CSRF protection, and the key for sessions and forms.

Pages show untrusted text, so the headers keep a page from running it: no inline scripts or styles,
nothing from other hosts, no framing.
"""

import hashlib
import secrets
from typing import Any

from litestar import Response
from litestar.config.csrf import CSRFConfig
from litestar.datastructures import ResponseHeader

from hookshop.webkit.key_files import read_or_create
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
    """Add the headers to static files. Litestar adds them only to the responses of handlers."""
    for header in SECURITY_HEADERS:
        response.headers[header.name] = str(header.value)
    return response


def csrf_protection(settings: ServerSettings) -> CSRFConfig:
    """Require a token in every form. ``/v1`` requires JSON instead, which no form can send.

    The name of the cookie depends on the key. All ports of a host share their cookies, and Litestar
    never replaces a cookie that was made with another key, such as the key of a second instance or
    the key before ``make reset``.
    """
    key = session_key(settings)
    return CSRFConfig(
        secret=key,
        cookie_name=cookie_name(settings, "csrf", key),
        cookie_samesite="strict",
        exclude=["^/v1/"],
    )


def cookie_name(settings: ServerSettings, purpose: str, key: str) -> str:
    """Return a name that is different for each key, such as ``shop_csrf_0193c0ff``."""
    return f"{settings.APP}_{purpose}_{hashlib.sha256(key.encode()).hexdigest()[:8]}"


def session_key(settings: ServerSettings) -> str:
    """Return the key for sessions and forms: the setting, or else the one in a file.

    Either way, sessions and forms survive a restart.
    """
    if settings.session_key:
        return settings.session_key.get_secret_value()
    file = settings.var / f"{settings.APP}.key"
    return read_or_create(file, lambda: secrets.token_hex().encode()).decode()


def safe_redirect_path(wanted: str, *, default: str) -> str:
    """Return ``wanted`` if it is a path of this application, else ``default``.

    Anything else could send a visitor to a look-alike on another host.
    """
    is_path = wanted.startswith("/") and not wanted.startswith(("//", "/\\"))
    return wanted if is_path and wanted.isprintable() else default
