"""Authentication: if an admin token is set, every request needs it or a session.

Programs send the token with every call to ``/v1``; people log in once and get a session cookie.
There is one account. Every handler requires it unless it has ``opt=OPEN_TO_ALL``, so that a new
page cannot be left open by accident.
"""

import hashlib
import hmac
from typing import Any

from litestar import Request, Response, get, post
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.exceptions import NotAuthorizedException, TooManyRequestsException
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.middleware.session.client_side import CookieBackendConfig
from litestar.response import Redirect, Template
from litestar.types import Guard

from hookshop.webkit.cookies import IS_HTTP_ONLY, SAME_SITE, Cookies
from hookshop.webkit.forms import read_form
from hookshop.webkit.login_brake import client_address
from hookshop.webkit.security import safe_redirect_path
from hookshop.webkit.settings import ServerSettings

OPEN_TO_ALL = {"open_to_all": True}
SESSION_HOURS = 12
LOGGED_IN = "logged_in"

# Paths for programs, which send the token and get problem documents.
METRICS = "/metrics"
PROGRAM_PATHS = ("/v1/", METRICS)

AnyRequest = Request[Any, Any, Any]
AnyResponse = Response[Any]
Connection = ASGIConnection[Any, Any, Any, Any]


def guards(settings: ServerSettings) -> list[Guard]:
    """Return the guards for ``Litestar(guards=…)``: none if no token is set."""
    if settings.admin_token is None:
        return []
    wanted = f"send {settings.variable('admin_token')} as Authorization: Bearer …"

    def require_admin(connection: Connection, handler: BaseRouteHandler) -> None:
        if handler.opt.get("open_to_all"):
            return
        if connection.url.path.startswith(PROGRAM_PATHS):
            if _sends_token(connection, settings):
                return
            raise NotAuthorizedException(wanted)
        if not is_logged_in(connection):
            raise NotAuthorizedException("log in first")

    return [require_admin]


def is_admin_token(given: str, settings: ServerSettings) -> bool:
    """Return whether this is the admin token. Compare in constant time."""
    if settings.admin_token is None:
        return False
    return hmac.compare_digest(given.encode(), settings.admin_token.get_secret_value().encode())


def is_logged_in(connection: Connection) -> bool:
    """Return whether the visitor is logged in. Error pages of unknown paths have no session."""
    session = connection.scope.get("session")
    return isinstance(session, dict) and bool(session.get(LOGGED_IN))


def may_manage(connection: Connection, settings: ServerSettings) -> bool:
    """Return whether the admin sent this request: with the token, or from a login.

    What is open to all shows everybody else only what concerns them. Without a token in the
    settings, everybody is the admin.
    """
    if settings.admin_token is None:
        return True
    if connection.url.path.startswith(PROGRAM_PATHS):
        return _sends_token(connection, settings)
    return is_logged_in(connection)


def _sends_token(connection: Connection, settings: ServerSettings) -> bool:
    """Return whether a program sent the admin token.

    Raise ``TooManyRequestsException`` if its address must wait after wrong tokens.
    """
    scheme, _space, token = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        return False
    brake, address = connection.app.state.token_brake, client_address(connection)
    # Before the comparison: otherwise guessing would go on at full speed.
    if wait := brake.wait_seconds(address):
        raise TooManyRequestsException(
            f"too many wrong tokens from this address; try again in {wait} s",
            headers={"Retry-After": str(wait)},
        )
    if is_admin_token(token, settings):
        return True
    brake.record_failure(address, token, is_person=False)
    return False


def sessions(settings: ServerSettings, cookies: Cookies) -> CookieBackendConfig:
    """Return the configuration of sessions, which are kept in an encrypted, authenticated cookie.

    The key depends on the admin token: a new token ends all sessions.
    """
    token = settings.admin_token.get_secret_value() if settings.admin_token else ""
    key = cookies.app_key + token
    return CookieBackendConfig(
        secret=hashlib.sha256(key.encode()).digest(),
        key=cookies.name("session"),
        max_age=SESSION_HOURS * 3600,
        httponly=IS_HTTP_ONLY,
        samesite=SAME_SITE,
        secure=cookies.is_secure,
    )


def login_pages(home: str) -> list[HTTPRouteHandler]:
    """Return the handlers for logging in and out.

    ``home``: the page after a login that no other page required.
    """

    @get("/login", include_in_schema=False, opt=OPEN_TO_ALL)
    async def show_login(
        request: AnyRequest, settings: NamedDependency[ServerSettings]
    ) -> AnyResponse:
        if settings.admin_token is None:  # there is nothing to log in to
            return Redirect("/", status_code=303)
        return _login_page(settings, request.query_params.get("next", ""))

    @post("/login", include_in_schema=False, opt=OPEN_TO_ALL)
    async def log_in(request: AnyRequest, settings: NamedDependency[ServerSettings]) -> AnyResponse:
        form = await read_form(request)
        wanted, token = form.text("next"), form.text("admin_token")
        brake, address = request.app.state.login_brake, client_address(request)
        if wait := brake.wait_seconds(address):
            return _too_early_page(settings, wanted, wait)
        if not is_admin_token(token, settings):
            brake.record_failure(address, token, is_person=True)
            problem = f"This is not the token that the {settings.APP} was started with."
            return _login_page(settings, wanted, problem, status=422)
        brake.record_success(address)
        request.set_session({LOGGED_IN: True})
        return Redirect(safe_redirect_path(wanted, default=home), status_code=303)

    @post("/logout", include_in_schema=False)
    async def log_out(request: AnyRequest) -> Redirect:
        request.clear_session()
        return Redirect("/", status_code=303)

    return [show_login, log_in, log_out]


def _too_early_page(settings: ServerSettings, wanted: str, wait: int) -> AnyResponse:
    problem = f"Too many wrong tokens from this address. Try again in {wait} s."
    page = _login_page(settings, wanted, problem, status=429)
    page.headers["Retry-After"] = str(wait)
    return page


def _login_page(
    settings: ServerSettings, wanted: str, problem: str = "", *, status: int = 200
) -> AnyResponse:
    return Template(
        f"{settings.APP}/login.html",
        context={
            "next": wanted,
            "problem": problem,
            "token_variable": settings.variable("admin_token"),
        },
        status_code=status,
    )
