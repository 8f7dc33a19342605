"""Wires a web application: what both applications give to Litestar in the same way."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from jinja2 import Environment
from litestar import Litestar, get
from litestar.datastructures import State
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.plugins.htmx import HTMXPlugin
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.static_files import create_static_files_router
from litestar.template import TemplateConfig
from litestar.types import ControllerRouterHandler, ExceptionHandlersMap

from hookshop.webkit.access import OPEN_TO_ALL, guards, sessions
from hookshop.webkit.address_checks import HostCheck, insist_on_possible_file
from hookshop.webkit.request_log import RequestLog
from hookshop.webkit.security import SECURITY_HEADERS, add_security_headers, csrf_protection
from hookshop.webkit.settings import ServerSettings

STATIC = Path(__file__).parents[2] / "static"


def wire(  # noqa: PLR0913 – one for each thing in which applications differ
    settings: ServerSettings,
    *,
    version: str,
    route_handlers: Sequence[ControllerRouterHandler],
    parts: Mapping[str, object],
    state: Mapping[str, object],
    lifespan: Callable[[Litestar], AbstractAsyncContextManager[None]],
    exception_handlers: ExceptionHandlersMap,
    environment: Environment,
) -> Litestar:
    """Return an application with login, CSRF, static files, health check and request log.

    ``parts``: the values of handler parameters with these names; ``settings`` is one, too.
    ``state``: what any request can reach; ``feed``, the change feed, must be in it.
    """
    app = Litestar(
        route_handlers=[healthz, *route_handlers, _static_files()],
        dependencies={name: _provide(part) for name, part in parts.items()}
        | {"settings": _provide(settings)},
        lifespan=[lifespan],
        guards=guards(settings),
        middleware=[sessions(settings).middleware],
        state=State(dict(state)),
        plugins=[HTMXPlugin()],
        exception_handlers=exception_handlers,
        response_headers=SECURITY_HEADERS,
        csrf_config=csrf_protection(settings),
        template_config=TemplateConfig(instance=JinjaTemplateEngine.from_environment(environment)),
        # The JSON only: Litestar's pages for it load scripts from another host.
        openapi_config=OpenAPIConfig(
            title=f"Hookshop: the {settings.APP}",
            version=version,
            render_plugins=[JsonRenderPlugin()],
        ),
        logging_config=None,  # the entry point has configured logging
    )
    # Outside of Litestar: for an unknown address it runs no middleware.
    app.asgi_handler = RequestLog(HostCheck(app.asgi_handler, SECURITY_HEADERS))
    return app


def _static_files() -> Any:
    return create_static_files_router(
        path="/static",
        directories=[STATIC],
        opt=OPEN_TO_ALL,
        guards=[insist_on_possible_file],
        after_request=add_security_headers,
    )


def _provide(part: object) -> Provide:
    return Provide(lambda: part, sync_to_thread=False)


@get("/healthz", include_in_schema=False, opt=OPEN_TO_ALL)
async def healthz() -> dict[str, str]:
    """Say that the application can serve."""
    return {"status": "ok"}
