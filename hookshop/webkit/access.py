"""Authentication: if an admin token is set, every request needs it or a session.

Programs send the token with every call to ``/v1``; people log in once and get a session, which is
stored in the database.
There is one account. A sandbox has a token of its own, which opens that sandbox and nothing else.
Every handler requires a token unless it has ``opt=OPEN_TO_ALL``, so that a new
page cannot be left open by accident.
"""

import hmac
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from litestar import Request, Response, get, post
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.enums import ScopeType
from litestar.exceptions import NotAuthorizedException, TooManyRequestsException
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.response import Redirect, Template
from litestar.types import ASGIApp, Guard, Message, Middleware, Receive, Scope, Send

from hookshop.webkit.cookies import Cookies, cookies_of
from hookshop.webkit.database import Transactions
from hookshop.webkit.forms import read_form
from hookshop.webkit.login_brake import client_address
from hookshop.webkit.sandbox_rules import SandboxRecord
from hookshop.webkit.sandboxes import SandboxLookup, current_sandbox
from hookshop.webkit.security import safe_redirect_path
from hookshop.webkit.sessions import SESSION_LIFETIME, Sessions
from hookshop.webkit.settings import ServerSettings

OPEN_TO_ALL = {"open_to_all": True}
# In sandboxes, too, where the token is needed for everything else.
OPEN_EVERYWHERE = {**OPEN_TO_ALL, "open_in_sandboxes": True}
# Open too, but only the admin gets the whole response: see ``may_manage``.
SHOWS_MORE_TO_ADMIN = {**OPEN_TO_ALL, "shows_more_to_admin": True}
SESSION = "session"  # in the name of the cookie and in the state of a request
CACHE_CONTROL = b"cache-control"

# Paths for programs, which send the token and get problem documents.
METRICS = "/metrics"
PROGRAM_PATHS = ("/v1/", METRICS)
_SANDBOX = re.compile(r"^/s/[^/]*")
LIVE_SUFFIX = "/live"  # of the event stream of a page
STATIC_PATHS = ("/static/",)

AnyRequest = Request[Any, Any, Any]
AnyResponse = Response[Any]
Connection = ASGIConnection[Any, Any, Any, Any]


def guards(settings: ServerSettings) -> list[Guard]:
    """Return the guards for ``Litestar(guards=…)``: none if no token is set."""
    if settings.admin_token is None:
        return []
    wanted = settings.variable("admin_token")

    def require_token(connection: Connection, handler: BaseRouteHandler) -> None:
        if is_open_to(connection, handler):
            return
        if connection.url.path.startswith(PROGRAM_PATHS):
            if _sends_token(connection, settings):
                return
            own = "the sandbox's token or " if current_sandbox(connection) else ""
            raise NotAuthorizedException(f"send {own}{wanted} as Authorization: Bearer …")
        if not is_logged_in(connection):
            raise NotAuthorizedException("log in first")

    return [require_token]


def is_open_to(connection: Connection, handler: BaseRouteHandler) -> bool:
    """Return whether everybody may use the handler where the request is: in main or a sandbox."""
    if current_sandbox(connection):
        return "open_in_sandboxes" in handler.opt
    return is_open_to_all(handler)


def is_program_path(path: str) -> bool:
    """Return whether a path is for programs, also with the prefix of a sandbox."""
    return _SANDBOX.sub("", path).startswith(PROGRAM_PATHS)


def is_open_to_all(handler: BaseRouteHandler) -> bool:
    """Return whether the handler needs neither token nor session in ``main``."""
    return "open_to_all" in handler.opt


def shows_more_to_admin(handler: BaseRouteHandler) -> bool:
    """Return whether the response of an open handler depends on the token."""
    return "shows_more_to_admin" in handler.opt


def is_admin_token(given: str, settings: ServerSettings) -> bool:
    """Return whether this is the admin token. Compare in constant time."""
    if settings.admin_token is None:
        return False
    return hmac.compare_digest(given.encode(), settings.admin_token.get_secret_value().encode())


def is_logged_in(connection: Connection) -> bool:
    """Return whether the visitor is logged in. Error pages of unknown paths have no session."""
    return _session_token(connection) is not None


def _session_token(connection: Connection) -> str | None:
    """Return the token of the valid session that the middleware has found."""
    token = connection.scope["state"].get(SESSION)
    return token if isinstance(token, str) else None


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
    if opens(token, connection, settings):
        return True
    brake.record_failure(address, token, is_person=False)
    return False


def opens(token: str, connection: Connection, settings: ServerSettings) -> bool:
    """Return whether the token opens what is requested: the admin's, or the sandbox's own."""
    sandbox = current_sandbox(connection)
    is_own = sandbox is not None and sandbox.is_opened_by(token)
    return is_own or is_admin_token(token, settings)


class SessionLookup:
    """ASGI middleware: looks up the session of each request, and keeps closed pages private.

    ``Cache-Control: no-store`` also keeps a browser from showing them by "Back" after a logout.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Look up the session, if there may be one, and pass the request on."""
        if scope["type"] != ScopeType.HTTP or scope["path"].startswith(STATIC_PATHS):
            return await self._app(scope, receive, send)
        connection: Connection = ASGIConnection(scope, receive, send)
        sessions: Sessions = connection.app.state.sessions
        for session in _possible_sessions(connection):
            if await sessions.is_valid(session):
                scope["state"][SESSION] = session
                break
        is_closed = not is_open_to(connection, scope["route_handler"])
        is_private = is_closed or is_logged_in(connection)
        return await self._app(scope, receive, _without_storing(send) if is_private else send)


def _possible_sessions(connection: Connection) -> Iterator[str]:
    """Yield the sessions that the cookies name: in a sandbox its own one, then the admin's."""
    cookies, sandbox = cookies_of(connection), current_sandbox(connection)
    if token := connection.cookies.get(cookies.name(SESSION)):
        yield _session_scope(sandbox) + token
    if sandbox and (token := connection.cookies.get(cookies.main_name(SESSION))):
        yield token


def _session_scope(sandbox: SandboxRecord | None) -> str:
    """Return what stands before a session's token, so that it is valid in this sandbox only.

    With the hash of the sandbox's token, it is not valid in a later one with the same id either.
    """
    return f"{sandbox.id}/{sandbox.token_hash}/" if sandbox else ""


def _without_storing(send: Send) -> Send:
    async def send_private(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [(name, value) for name, value in message["headers"] if name != CACHE_CONTROL]
            message["headers"] = [*kept, (CACHE_CONTROL, b"no-store")]
        await send(message)

    return send_private


def middleware(settings: ServerSettings) -> list[Middleware]:
    """Return the middleware for ``Litestar(middleware=…)``. Without a token, nobody logs in."""
    return [SandboxLookup] if settings.admin_token is None else [SandboxLookup, SessionLookup]


def open_sessions(settings: ServerSettings, cookies: Cookies, database: Transactions) -> Sessions:
    """Return the sessions of the application. A new admin token ends all of them."""
    token = settings.admin_token.get_secret_value() if settings.admin_token else ""
    return Sessions(database, cookies.app_key + token)


async def has_session_ended(connection: Connection) -> bool:
    """Return whether the session of this request, if it had one, has ended since."""
    token = _session_token(connection)
    return token is not None and not await connection.app.state.sessions.is_valid(token)


@contextmanager
def watched_session(connection: Connection, end: Callable[[], None]) -> Iterator[None]:
    """Call ``end`` if the visitor of this request logs out during the block."""
    token = _session_token(connection)
    if token is None:
        yield
        return
    with connection.app.state.sessions.watched(token, end):
        yield


def login_pages(home: str) -> list[HTTPRouteHandler]:
    """Return the handlers for logging in and out.

    ``home``: the page after a login that no other page required.
    """

    @get(["/login", "/enter"], include_in_schema=False, opt=OPEN_EVERYWHERE)
    async def show_login(
        request: AnyRequest, settings: NamedDependency[ServerSettings]
    ) -> AnyResponse:
        if settings.admin_token is None:  # there is nothing to log in to
            return Redirect("/", status_code=303)
        return _login_page(settings, request.query_params.get("next", ""))

    @post("/login", include_in_schema=False, opt=OPEN_EVERYWHERE)
    async def log_in(request: AnyRequest, settings: NamedDependency[ServerSettings]) -> AnyResponse:
        form = await read_form(request)
        wanted, token = form.text("next"), form.text("admin_token")
        brake, address = request.app.state.login_brake, client_address(request)
        if wait := brake.wait_seconds(address):
            return _too_early_page(settings, wanted, wait)
        if not opens(token, request, settings):
            brake.record_failure(address, token, is_person=True)
            own = "the sandbox's token, or " if current_sandbox(request) else ""
            problem = f"Wrong token. Enter {own}the value of {settings.variable('admin_token')}."
            return _login_page(settings, wanted, problem, status=422)
        brake.record_success(address)
        await _end_session(request)
        scope = _session_scope(current_sandbox(request))
        cookie = _session_cookie(request, await request.app.state.sessions.begin(scope))
        to = safe_redirect_path(wanted, default=home)
        return Redirect(to, status_code=303, cookies=[cookie])

    @post("/logout", include_in_schema=False)
    async def log_out(request: AnyRequest) -> Redirect:
        await _end_session(request)
        return Redirect("/", status_code=303, cookies=[_session_cookie(request, "")])

    return [show_login, log_in, log_out]


async def _end_session(request: AnyRequest) -> None:
    if token := _session_token(request):
        await request.app.state.sessions.end(token)


def _session_cookie(request: AnyRequest, token: str) -> Cookie:
    """Return the cookie with the token. Without a token, it deletes the cookie."""
    cookies = cookies_of(request)
    max_age = int(SESSION_LIFETIME.total_seconds()) if token else 0
    return cookies.make(cookies.name(SESSION), token, max_age=max_age)


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
