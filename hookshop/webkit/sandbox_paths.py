"""Where the addresses of an application begin: the path of its public URL, and the sandbox.

Everything that an application serves at ``/…``, it also serves at ``/s/{sandbox}/…``. Without this
prefix, a request is in the sandbox ``main``. The middleware here takes the prefix off, so handlers
know only addresses such as ``/orders``. ``link`` puts it before every address that a page shows. A
public URL may have a path, too: then a proxy takes that one off.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from hookshop.webkit.sandbox_rules import MAIN, PREFIX, sandbox_prefix

STATIC = "/static/"
# One for all sandboxes, so these exist without the prefix only.
SHARED_PATHS = ("/healthz/", "/metrics/", "/v1/sandboxes/", STATIC, PREFIX)

_ADDRESS = re.compile(r"/s/(?P<sandbox>[a-z0-9-]{3,40})(?P<rest>(/.*)?)", re.ASCII | re.DOTALL)


@dataclass(frozen=True)
class Base:
    """Where the addresses of a request begin.

    ``path``: the path of the public URL, such as ``/hookshop``, or empty. ``sandbox``: its id.
    """

    path: str = ""
    sandbox: str = MAIN

    @cached_property  # a page has a hundred links
    def prefix(self) -> str:
        """What stands before each address: ``""``, ``/hookshop`` or ``/hookshop/s/lesson-7``."""
        return self.path + sandbox_prefix(self.sandbox)


_NO_PREFIX = Base()
_base: ContextVar[Base] = ContextVar("base", default=_NO_PREFIX)


@contextmanager
def based_at(base: Base) -> Iterator[None]:
    """Let the addresses of this task begin at ``base`` during the block."""
    token = _base.set(base)
    try:
        yield
    finally:
        _base.reset(token)


def current_base() -> Base:
    """Return where the addresses of the current request begin."""
    return _base.get()


def leave_sandbox() -> None:
    """Let the rest of this request be in ``main``, such as the page that says what is wrong."""
    _base.set(Base(_base.get().path))


def current_sandbox_id() -> str | None:
    """Return the id of the current request's sandbox, or None in ``main``."""
    sandbox = _base.get().sandbox
    return None if sandbox == MAIN else sandbox


def link(address: str) -> str:
    """Return an address of this application as pages and redirects must name it.

    ``address``: as handlers know it, such as ``/orders``. All others stay as they are: a fragment,
    a query, or the URL of another application.
    """
    if not address.startswith("/") or address.startswith("//"):
        return address
    base = _base.get()
    # The slash, so that "/static" itself is no address of a sandbox either.
    return (base.path if f"{address}/".startswith(STATIC) else base.prefix) + address


def url_here(base_url: str) -> str:
    """Return the URL of the current sandbox, without a slash at its end.

    ``base_url``: the URL of the application.
    """
    return base_url + sandbox_prefix(_base.get().sandbox)


class SandboxPrefix:
    """ASGI middleware: takes the prefix off the path, and puts it before redirects.

    ``path``: the path of the public URL. Whether the sandbox exists is not known here. A path that
    no sandbox has keeps its prefix, so that no handler is found for it.
    """

    def __init__(self, app: ASGIApp, path: str) -> None:
        self._app = app
        self._path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        sandbox, path = split_sandbox(scope["path"])
        base = Base(self._path, sandbox)
        if sandbox != MAIN:
            scope = {**scope, "path": path, "raw_path": quote(path).encode()}
        with based_at(base):
            await self._app(scope, receive, _with_prefix(send) if base.prefix else send)


def split_sandbox(path: str) -> tuple[str, str]:
    """Return the sandbox of a path and the path in it; ``main`` and the path if it names none."""
    found = _ADDRESS.fullmatch(path)
    rest = (found["rest"] or "/") if found else ""
    if found is None or found["sandbox"] == MAIN or f"{rest}/".startswith(SHARED_PATHS):
        return MAIN, path
    return found["sandbox"], rest


def _with_prefix(send: Send) -> Send:
    async def send_prefixed(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [
                (name, link(value.decode("latin-1")).encode("latin-1"))
                if name.lower() == b"location"
                else (name, value)
                for name, value in message["headers"]
            ]
        await send(message)

    return send_prefixed
