"""Who may come in: with ``SUBSCRIBER_ADMIN_TOKEN`` set, only who knows it.

Programs send the token with every call to ``/v1``; people log in once and get a session cookie.
Everything is closed unless its handler says ``opt=OPEN_TO_ALL``, so that a new page cannot be left
open by accident. Wired in ``app``; the login page is in ``login``.
"""

import hashlib
import hmac
from typing import Any

from litestar.connection import ASGIConnection
from litestar.exceptions import NotAuthorizedException
from litestar.handlers import BaseRouteHandler
from litestar.middleware.session.client_side import CookieBackendConfig
from litestar.types import Guard

from subscriber_app.config import Settings
from subscriber_app.web.security import session_key

OPEN_TO_ALL = {"open_to_all": True}
SESSION_HOURS = 12
LOGGED_IN = "logged_in"

# Where programs ask: with the token, and they are answered with problem documents.
METRICS = "/metrics"
FOR_PROGRAMS = ("/v1/", METRICS)

Connection = ASGIConnection[Any, Any, Any, Any]


def is_the_token(given: str, settings: Settings) -> bool:
    """Whether this is the admin token; takes a time that does not tell how far it is right."""
    if settings.admin_token is None:
        return False
    return hmac.compare_digest(given.encode(), settings.admin_token.get_secret_value().encode())


def guards(settings: Settings) -> list[Guard]:
    """What ``Litestar(guards=…)`` wants: nothing is asked for when no token is set."""
    if settings.admin_token is None:
        return []

    def insist_on_admin(connection: Connection, handler: BaseRouteHandler) -> None:
        if handler.opt.get("open_to_all"):
            return
        if connection.url.path.startswith(FOR_PROGRAMS):
            scheme, _space, token = connection.headers.get("authorization", "").partition(" ")
            if scheme.lower() == "bearer" and is_the_token(token, settings):
                return
            raise NotAuthorizedException("send SUBSCRIBER_ADMIN_TOKEN as Authorization: Bearer …")
        if not is_logged_in(connection):
            raise NotAuthorizedException("log in first")

    return [insist_on_admin]


def is_logged_in(connection: Connection) -> bool:
    """For the header of every page; error pages of unknown addresses have no session at all."""
    session = connection.scope.get("session")
    return isinstance(session, dict) and bool(session.get(LOGGED_IN))


def sessions(settings: Settings) -> CookieBackendConfig:
    """Sessions live in an encrypted, authenticated cookie; the server keeps none.

    Their key depends on the token: whoever changes it logs everybody out.
    """
    token = settings.admin_token.get_secret_value() if settings.admin_token else ""
    key = session_key(settings) + token
    return CookieBackendConfig(
        secret=hashlib.sha256(key.encode()).digest(),
        key=f"subscriber_session_{hashlib.sha256(key.encode()).hexdigest()[:8]}",
        max_age=SESSION_HOURS * 3600,
        httponly=True,
        samesite="lax",
        secure=settings.base_url.startswith("https:"),
    )
