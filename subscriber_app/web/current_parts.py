"""Gives each request the parts of its sandbox, and keeps them open until its response has ended."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any, cast

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.di import Provide
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from hookshop.webkit.sandbox_paths import current_base
from hookshop.webkit.sandbox_rules import MAIN, SandboxRecord
from hookshop.webkit.sandboxes import SANDBOX, no_such_sandbox
from subscriber_app.database.models import Sandbox
from subscriber_app.parts import SubscriberParts
from subscriber_app.sandboxes import Sandboxes, UnknownSandbox

PARTS = "parts"  # in the state of a request

Connection = ASGIConnection[Any, Any, Any, Any]
AnyRequest = Request[Any, Any, Any]


class SandboxFinder:
    """Finds sandboxes for ``webkit``: see ``SandboxList`` there. ``all``: all of them."""

    def __init__(self, sandboxes: Sandboxes) -> None:
        self.all = sandboxes

    async def find(self, sandbox_id: str) -> SandboxRecord | None:
        """Return the sandbox; None if there is none, or it has expired or was dropped."""
        try:
            return record_of(self.all.get(sandbox_id))
        except UnknownSandbox:
            return None

    def serving(self, record: SandboxRecord) -> AbstractContextManager[None]:  # noqa: ARG002 – of the protocol
        """Do nothing: ``PartsMiddleware`` keeps the parts open."""
        return nullcontext()


def record_of(sandbox: Sandbox) -> SandboxRecord:
    """Return the part of a sandbox that ``webkit`` needs."""
    return SandboxRecord(
        sandbox.id, sandbox.token_hash, sandbox.expires_at, number=sandbox.number or 0
    )


class PartsMiddleware:
    """ASGI middleware inside of Litestar, after ``SandboxLookup``."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with the parts of its sandbox."""
        if scope["type"] != ScopeType.HTTP:
            return await self._app(scope, receive, send)
        sandboxes: Sandboxes = scope["litestar_app"].state.sandboxes.all
        record = scope["state"].get(SANDBOX)
        if record is None:
            scope["state"][PARTS] = sandboxes.main
            return await self._app(scope, receive, send)
        try:
            async with sandboxes.using(record.id) as parts:
                scope["state"][PARTS] = parts
                return await self._app(scope, receive, send)
        except UnknownSandbox:  # dropped in this moment
            raise no_such_sandbox(record.id) from None


def parts_of(connection: Connection) -> SubscriberParts:
    """Return the parts of the sandbox that this request is in."""
    return cast("SubscriberParts", connection.scope["state"][PARTS])


def parts_if_known(connection: Connection) -> SubscriberParts | None:
    """Return the same, or None on an error page in a sandbox for a path that does not exist.

    No middleware runs for such a path.
    """
    if PARTS not in connection.scope["state"] and current_base().sandbox == MAIN:
        return cast("SubscriberParts", connection.app.state.sandboxes.all.main)
    return cast("SubscriberParts | None", connection.scope["state"].get(PARTS))


def provide_parts() -> Provide:
    """Return the dependency that is all parts of the request's sandbox."""

    def parts(request: AnyRequest) -> SubscriberParts:
        return parts_of(request)

    return Provide(parts, sync_to_thread=False)


def provide_part(name: str) -> Provide:
    """Return the dependency that is this part of the request's sandbox."""

    def part(request: AnyRequest) -> Any:
        return getattr(parts_of(request), name)

    return Provide(part, sync_to_thread=False)
