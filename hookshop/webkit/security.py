"""Security headers and CSRF protection.

Pages show untrusted text, so the headers keep a page from running it: no inline scripts or styles,
nothing from other hosts, no framing.
"""

from typing import Any

from litestar import Response
from litestar.config.csrf import CSRFConfig
from litestar.datastructures import ResponseHeader

from hookshop.webkit.cookies import IS_HTTP_ONLY, SAME_SITE, Cookies

# For every response with a secret: keep it out of all caches.
NO_STORE = {"Cache-Control": "no-store"}
CSRF_PURPOSE = "csrf"  # in the name of the cookie

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


def csrf_protection(cookies: Cookies) -> CSRFConfig:
    """Require a token in every form. ``/v1`` requires JSON instead, which no form can send."""
    return CSRFConfig(
        # Litestar never replaces a cookie that was made with another key. The name depends on the
        # key, so there is none.
        secret=cookies.app_key,
        cookie_name=cookies.main_name(CSRF_PURPOSE),
        cookie_path=cookies.path,
        cookie_samesite=SAME_SITE,
        cookie_httponly=IS_HTTP_ONLY,
        cookie_secure=cookies.is_secure,
        exclude=["^/v1/"],
    )


def safe_redirect_path(wanted: str, *, default: str) -> str:
    """Return ``wanted`` if it is a path of this application, else ``default``.

    Anything else could send a visitor to a look-alike on another host.
    """
    is_path = wanted.startswith("/") and not wanted.startswith(("//", "/\\"))
    return wanted if is_path and wanted.isprintable() else default
