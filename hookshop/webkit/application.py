"""Builds the Litestar application, with everything that both applications have in common."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from urllib.parse import urlsplit

from jinja2 import Environment
from litestar import Litestar, get
from litestar.datastructures import State
from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler
from litestar.plugins.htmx import HTMXPlugin
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.template import TemplateConfig
from litestar.types import ASGIApp, ControllerRouterHandler, ExceptionHandlersMap, Middleware

from hookshop import __version__
from hookshop.webkit.access import OPEN_TO_ALL, guards, middleware, open_sessions
from hookshop.webkit.address_checks import HostCheck
from hookshop.webkit.api_reference import reference_handler
from hookshop.webkit.cookies import Cookies, open_cookies
from hookshop.webkit.database import Transactions
from hookshop.webkit.double_submit import FormAnswers
from hookshop.webkit.foreign_pages import HEALTH_CHECK, ForeignPageCheck
from hookshop.webkit.head_requests import HeadAsGet
from hookshop.webkit.login_brake import LoginBrake
from hookshop.webkit.openapi import ApiInfo, openapi_handler
from hookshop.webkit.request_log import RequestLog
from hookshop.webkit.request_queue import RequestQueue
from hookshop.webkit.sandbox_paths import SandboxPrefix
from hookshop.webkit.security import SECURITY_HEADERS, csrf_protection
from hookshop.webkit.settings import ServerSettings
from hookshop.webkit.static_files import static_files
from hookshop.webkit.waiting import WaitingRoom


def build_litestar(  # noqa: PLR0913 – one argument for each difference between the applications
    settings: ServerSettings,
    *,
    database: Transactions,
    route_handlers: Sequence[ControllerRouterHandler],
    dependencies: Mapping[str, object],
    state: Mapping[str, object],
    lifespan: Callable[[Litestar], AbstractAsyncContextManager[None]],
    exception_handlers: ExceptionHandlersMap,
    environment: Environment,
    api: ApiInfo,
    open_paths: Collection[str] = (),
    more_middleware: Sequence[Middleware] = (),
) -> Litestar:
    """Return an application with login, CSRF, static files, health check and request log.

    ``database``: where login sessions and responses to forms are stored; the application opens and
    closes it.
    ``api``: what the OpenAPI document says about the whole JSON API.
    ``dependencies``: handler parameters with these names get these values, or what a ``Provide``
    returns for the request. Unless they are given, ``settings`` and ``database`` are added.
    ``more_middleware``: inside of Litestar, after those that find the sandbox and the session.
    ``state``: the values of ``app.state``; ``feed``, the change feed, is required.
    ``open_paths``: paths that accept requests from pages of other sites: see ``foreign_pages``.
    """
    cookies = open_cookies(settings)
    app = Litestar(
        route_handlers=[*_common_handlers(api), *route_handlers],
        dependencies=_provided({"database": database, "settings": settings, **dependencies}),
        lifespan=[lifespan],
        guards=guards(settings),
        middleware=[*middleware(settings), *more_middleware],
        state=State({**state, **_common_state(settings, cookies, database)}),
        plugins=[HTMXPlugin()],
        exception_handlers=exception_handlers,
        response_headers=SECURITY_HEADERS,
        csrf_config=csrf_protection(cookies),
        template_config=TemplateConfig(instance=JinjaTemplateEngine.from_environment(environment)),
        openapi_config=None,  # the document is ours: see ``openapi``
        logging_config=None,  # the entry point has configured logging
    )
    app.asgi_handler = _with_checks(app.asgi_handler, settings, open_paths)
    return app


def _common_handlers(api: ApiInfo) -> Sequence[ControllerRouterHandler]:
    return _health_check(api.title), openapi_handler(api), reference_handler(api), static_files()


def _common_state(
    settings: ServerSettings, cookies: Cookies, database: Transactions
) -> Mapping[str, object]:
    return {
        "cookies": cookies,
        "sessions": open_sessions(settings, cookies, database),
        "form_answers": FormAnswers(database, cookies.app_key),
        "login_brake": LoginBrake(),
        "token_brake": LoginBrake(),
        "waiting_room": WaitingRoom(),
    }


def _with_checks(
    litestar: ASGIApp, settings: ServerSettings, open_paths: Collection[str]
) -> ASGIApp:
    """Wrap Litestar from outside: it runs no middleware for an unknown path.

    A request passes the wrappers from the last line to the first.
    """
    headers = {header.name: str(header.value) for header in SECURITY_HEADERS}
    queued = RequestQueue(litestar)
    checked = ForeignPageCheck(queued, settings, headers, open_paths=open_paths)
    any_method = HeadAsGet(HostCheck(checked, headers))
    in_sandbox = SandboxPrefix(any_method, urlsplit(settings.base_url).path)
    return RequestLog(in_sandbox)


def _provided(values: Mapping[str, object]) -> dict[str, Provide]:
    return {name: _provide(value) for name, value in values.items()}


def _provide(value: object) -> Provide:
    return value if isinstance(value, Provide) else Provide(lambda: value, sync_to_thread=False)


def _health_check(application: str) -> HTTPRouteHandler:
    document = {"status": "ok", "application": application, "version": __version__}

    @get(HEALTH_CHECK, include_in_schema=False, opt=OPEN_TO_ALL)
    async def healthz() -> dict[str, str]:
        """Answer 200: the application can serve."""
        return document

    return healthz
