"""Headers that tell browsers to distrust what is not ours, and the key behind CSRF tokens.

Wired in ``app``. Requests of strangers are shown on our pages, so a page must be unable to
run what it shows: no inline script or style, nothing from another host, no framing.
"""

import hashlib
import os
import secrets
from pathlib import Path

from litestar.config.csrf import CSRFConfig
from litestar.datastructures import ResponseHeader

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; base-uri 'none'; object-src 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)

SECURITY_HEADERS = [
    ResponseHeader(name="Content-Security-Policy", value=CONTENT_SECURITY_POLICY),
    ResponseHeader(name="X-Content-Type-Options", value="nosniff"),
    ResponseHeader(name="Referrer-Policy", value="same-origin"),
]


def csrf_protection(var: Path) -> CSRFConfig:
    """Every form needs a token; ``/v1`` insists on JSON instead, which no form can send.

    The cookie is named after the key: all ports of a host share their cookies, and one that was
    made with another key (a second subscriber's, or this one's before ``make reset``) is never
    replaced.
    """
    key = _persistent_key(var / "subscriber.key")
    return CSRFConfig(
        secret=key,
        cookie_name=f"subscriber_csrf_{hashlib.sha256(key.encode()).hexdigest()[:8]}",
        cookie_samesite="strict",
        exclude=["^/v1/"],
    )


def _persistent_key(path: Path) -> str:
    """Read the key, or make it at the first start: a form opened before a restart stays valid."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        # O_EXCL: of two processes starting at once, one makes the file and the other reads it.
        file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return path.read_text()
    with os.fdopen(file, "w") as key_file:
        key_file.write(secrets.token_hex())
    return path.read_text()
