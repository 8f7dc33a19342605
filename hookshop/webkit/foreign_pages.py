"""Refuses what a web page of somebody else makes a reader's browser do here.

Two ways lead from such a page to an application that trusts its own machine. By DNS rebinding, a
name of the attacker comes to mean 127.0.0.1, so the page counts as ours: only its ``Host`` gives it
away. And any page can submit forms to us and send simple requests. Programs are not affected: they
use addresses or listed names, and send neither ``Sec-Fetch-Site`` nor ``Origin``.
"""

from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import urlsplit

from litestar import Request
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send
from litestar.utils.path import normalize_path

from hookshop.webkit.access import PROGRAM_PATHS
from hookshop.webkit.address_checks import send_problem
from hookshop.webkit.errors import Problem, error_page
from hookshop.webkit.hosts import is_address, is_loopback_name
from hookshop.webkit.settings import ServerSettings

HEALTH_CHECK = "/healthz"
API = "/v1/"
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
ERROR_PAGE = "shared/error.html"
# Without the layout: the owner of an unknown name may be able to read the page.
BARE_PAGE = "shared/unknown_host.html"
# Browsers send Sec-Fetch-Site to https and to this machine. "none": the reader typed the address.
OWN_SITES = (b"same-origin", b"none")
DEFAULT_PORTS = {"http": 80, "https": 443}

_FOREIGN = "this request comes from a page of another site, which may not do this here"


class ForeignPageCheck:
    """ASGI middleware behind ``HostCheck``: answers 400 and 403 to requests of foreign pages.

    ``open_paths``: paths for requests from anywhere, which prove themselves. ``headers``: the
    headers that every response of the application has.
    """

    def __init__(
        self,
        app: ASGIApp,
        settings: ServerSettings,
        headers: Mapping[str, str],
        *,
        open_paths: Collection[str] = (),
    ) -> None:
        self._app = app
        self._settings = settings
        self._headers = headers
        self._open_paths = {HEALTH_CHECK, *open_paths}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass it to the application."""
        if scope["type"] == ScopeType.HTTP and _path(scope) not in self._open_paths:
            unlisted = next((it for it in _host_names(scope) if not self._is_known(it)), None)
            if unlisted is not None:
                detail = f"the host name {unlisted} is not known here; to use it, add it to "
                detail += self._settings.variable("allowed_hosts")
                return await self._refuse(Problem(400, detail), BARE_PAGE, scope, receive, send)
            if _needs_own_page(scope) and not self._is_from_own_page(scope):
                return await self._refuse(Problem(403, _FOREIGN), ERROR_PAGE, scope, receive, send)
        return await self._app(scope, receive, send)

    async def _refuse(
        self, problem: Problem, page: str, scope: HTTPScope, receive: Receive, send: Send
    ) -> None:
        """Send the page, a template, to a person, and a problem document to a program."""
        if not _is_for_a_person(scope):
            await send_problem(send, problem.status_code, problem.detail, self._headers)
            return
        request: Request[Any, Any, Any] = Request(scope, receive, send)
        response = error_page(problem, page).to_asgi_response(None, request)
        await response(scope, receive, send)

    def _is_known(self, name: str) -> bool:
        # Rebinding needs a name, so addresses pass.
        return is_address(name) or is_loopback_name(name) or name in self._settings.own_hosts

    def _is_from_own_page(self, scope: HTTPScope) -> bool:
        sites = _values(scope, b"sec-fetch-site")
        if sites:
            return all(site in OWN_SITES for site in sites)
        # A proxy may end TLS and replace Host: then only the public URL matches.
        own = {_authority(f"//{host.decode()}") for host in _values(scope, b"host")}
        own.add(_authority(self._settings.base_url))
        origins = [_authority(origin.decode("latin-1")) for origin in _values(scope, b"origin")]
        return all(origin in own for origin in origins)


def _is_for_a_person(scope: HTTPScope) -> bool:
    accepts_pages = any(b"text/html" in value for value in _values(scope, b"accept"))
    return accepts_pages and not f"{_path(scope)}/".startswith(PROGRAM_PATHS)


def _needs_own_page(scope: HTTPScope) -> bool:
    return scope["method"] not in SAFE_METHODS or f"{_path(scope)}/".startswith(API)


def _path(scope: HTTPScope) -> str:
    """Return the path as the router reads it, for example without a slash at its end."""
    return normalize_path(scope["path"])


def _values(scope: HTTPScope, wanted: bytes) -> list[bytes]:
    return [value for name, value in scope["headers"] if name == wanted]


def _host_names(scope: HTTPScope) -> list[str]:
    return [_authority(f"//{value.decode()}")[0] for value in _values(scope, b"host")]


def _authority(url: str) -> tuple[str, int | None]:
    """Return host and port of a URL; None for a default port. ``null`` has an empty host."""
    try:
        parts = urlsplit(url)
        port = None if parts.port in {None, *DEFAULT_PORTS.values()} else parts.port
        return (parts.hostname or "").rstrip("."), port
    except ValueError:
        return "", None
