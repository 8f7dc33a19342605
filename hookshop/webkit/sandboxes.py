"""Sandboxes: what both applications know about them. The addresses are in ``sandbox_paths``.

A sandbox is one demo of many in the same processes. Each application keeps a list of its own,
``app.state.sandboxes``. This module finds the sandbox of each request in it.
"""

import time
from collections import defaultdict, deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Annotated, Any, Protocol

from litestar.connection import ASGIConnection
from litestar.enums import ScopeType
from litestar.exceptions import NotFoundException, TooManyRequestsException
from litestar.types import ASGIApp, Receive, Scope, Send
from pydantic import StringConstraints

from hookshop.webkit.sandbox_paths import current_base, leave_sandbox
from hookshop.webkit.sandbox_rules import (
    ID_PATTERN,
    ID_RULE,
    MAIN,
    PREFIX,
    SandboxRecord,
    is_sandbox_id,
)

SANDBOX = "sandbox"  # in the state of a request; absent in ``main``
CREATIONS_PER_MINUTE = 300  # from one address; eight test workers make fewer

MAX_ADDRESSES = 1000  # that the limit remembers

SandboxId = Annotated[str, StringConstraints(pattern=ID_PATTERN)]

Connection = ASGIConnection[Any, Any, Any, Any]


class SandboxList(Protocol):
    """The sandboxes of an application: ``app.state.sandboxes``."""

    async def find(self, sandbox_id: str) -> SandboxRecord | None:
        """Return the sandbox; None if there is none, or it has expired or was dropped."""

    def serving(self, record: SandboxRecord) -> AbstractContextManager[object]:
        """Enter this while a request of the sandbox is answered, its stream included."""


def no_such_sandbox(sandbox_id: str) -> NotFoundException:
    """Return the 404 for a sandbox that does not exist."""
    return NotFoundException(
        f"there is no sandbox {sandbox_id!r}: it has expired or was dropped, or never existed; "
        "make one with POST /v1/sandboxes, or leave out /s/… to use main",
    )


def current_sandbox(connection: Connection) -> SandboxRecord | None:
    """Return the sandbox of the request, or None in ``main``."""
    record = connection.scope["state"].get(SANDBOX)
    return record if isinstance(record, SandboxRecord) else None


async def has_sandbox_ended(connection: Connection) -> bool:
    """Return whether the sandbox of this request has expired or was dropped since."""
    record = current_sandbox(connection)
    if record is None:
        return False
    sandboxes: SandboxList = connection.app.state.sandboxes
    return await sandboxes.find(record.id) != record


def require_main() -> None:
    """Raise the 404 for a page about all sandboxes if the request is in one of them."""
    if current_base().sandbox != MAIN:
        raise NotFoundException("a sandbox has no sandboxes; their list is in main")


class SandboxLookup:
    """ASGI middleware inside of Litestar: finds the sandbox that the request's path names.

    Raise the 404 if it does not exist.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Look up the sandbox, and pass the request on."""
        sandbox_id = current_base().sandbox
        if scope["type"] == ScopeType.HTTP and sandbox_id != MAIN:
            sandboxes: SandboxList = scope["litestar_app"].state.sandboxes
            record = await sandboxes.find(sandbox_id)
            if record is None:
                leave_sandbox()  # so that the links of the error page lead somewhere
                raise no_such_sandbox(sandbox_id)
            scope["state"][SANDBOX] = record
            with sandboxes.serving(record):
                await self._app(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def why_no_sandbox_serves(path: str) -> str | None:
    """Return why no sandbox serves a path under ``/s/``, or None for any other path."""
    if not path.startswith(PREFIX):
        return None
    sandbox_id, _slash, rest = path.removeprefix(PREFIX).partition("/")
    if sandbox_id == MAIN:
        return f"the sandbox main is at /{rest}, without /s/main"
    if not is_sandbox_id(sandbox_id):
        return f"{sandbox_id!r} is not a sandbox id: {ID_RULE}"
    if f"/{rest}/".startswith(PREFIX):
        return "a sandbox has no sandboxes in it"
    return f"/{rest} is the same for all sandboxes: leave out /s/{sandbox_id}"


class CreationBrake:
    """Limits how many sandboxes one address makes in a minute.

    ``clock``: seconds that only increase.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._made_at: defaultdict[str, deque[float]] = defaultdict(deque)

    def check(self, address: str) -> None:
        """Count one more. Raise ``TooManyRequestsException`` if the address made too many."""
        now, made_at = self._clock(), self._made_at[address]
        while made_at and made_at[0] <= now - 60:
            made_at.popleft()
        if len(made_at) >= CREATIONS_PER_MINUTE:
            wait = max(1, round(made_at[0] + 60 - now))
            raise TooManyRequestsException(
                f"this address made {CREATIONS_PER_MINUTE} sandboxes in a minute; "
                f"try again in {wait} s, or drop some and use the others again",
                headers={"Retry-After": str(wait)},
            )
        made_at.append(now)
        if len(self._made_at) > MAX_ADDRESSES:
            self._made_at = defaultdict(deque, {address: made_at})
