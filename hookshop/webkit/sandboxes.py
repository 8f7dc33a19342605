"""Sandboxes: what both applications know about them. The addresses are in ``sandbox_paths``.

A sandbox is one demo of many in the same processes. Each application keeps a list of its own,
``app.state.sandboxes``. This module finds the sandbox of each request in it, and has the rules for
ids and tokens.
"""

import hashlib
import hmac
import re
import secrets
import string
import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Protocol

from litestar.connection import ASGIConnection
from litestar.enums import ScopeType
from litestar.exceptions import NotFoundException, TooManyRequestsException
from litestar.types import ASGIApp, Receive, Scope, Send
from pydantic import StringConstraints

from hookshop.webkit.sandbox_paths import MAIN, PREFIX, current_base

SANDBOX = "sandbox"  # in the state of a request; absent in ``main``
MAX_LIFETIME_SECONDS = 30 * 24 * 3600
DEFAULT_LIFETIME_SECONDS = 24 * 3600
TOKEN_BYTES = 32
RANDOM_ID_LENGTH = 10
CREATIONS_PER_MINUTE = 300  # from one address; eight test workers make fewer

MAX_ADDRESSES = 1000  # that the limit remembers

ID_PATTERN = r"^[a-z0-9-]{3,40}$"
ID_RULE = "use 3 to 40 lower-case letters, digits and hyphens"
SandboxId = Annotated[str, StringConstraints(pattern=ID_PATTERN)]

Connection = ASGIConnection[Any, Any, Any, Any]


@dataclass(frozen=True, slots=True)
class SandboxRecord:
    """A sandbox that exists. ``number``: the key of its rows in a database that all share.

    ``token_hash``: of the token that opens it; None if the application has no admin token.
    """

    id: str
    token_hash: str | None
    expires_at: datetime
    number: int = 0

    def is_opened_by(self, token: str) -> bool:
        """Return whether this is the sandbox's own token. Compare in constant time."""
        return self.token_hash is not None and hmac.compare_digest(
            self.token_hash, token_hash(token)
        )


class SandboxList(Protocol):
    """The sandboxes of an application: ``app.state.sandboxes``."""

    async def find(self, sandbox_id: str) -> SandboxRecord | None:
        """Return the sandbox; None if there is none, or it has expired or was dropped."""


def new_sandbox_id() -> str:
    """Return an id that nobody can guess, such as ``t-7f3k29qxw4``."""
    characters = string.ascii_lowercase + string.digits
    return "t-" + "".join(secrets.choice(characters) for _ in range(RANDOM_ID_LENGTH))


def is_sandbox_id(text: str) -> bool:
    """Return whether a sandbox may have this id. ``main`` always exists."""
    return re.fullmatch(ID_PATTERN[1:-1], text, re.ASCII) is not None and text != MAIN


def new_token() -> str:
    """Return a token for a new sandbox."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def token_hash(token: str) -> str:
    """Return what is stored instead of a token: hex SHA-256. Tokens are random, so no salt."""
    return hashlib.sha256(token.encode()).hexdigest()


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
            sandboxes: SandboxList | None = scope["litestar_app"].state.get("sandboxes")
            record = await sandboxes.find(sandbox_id) if sandboxes else None
            if record is None:
                raise no_such_sandbox(sandbox_id)
            scope["state"][SANDBOX] = record
        await self._app(scope, receive, send)


def why_no_sandbox_serves(path: str) -> str | None:
    """Return why no sandbox serves a path under ``/s/``, or None for any other path."""
    if not path.startswith(PREFIX):
        return None
    sandbox_id, _slash, rest = path.removeprefix(PREFIX).partition("/")
    if sandbox_id == MAIN:
        return f"the sandbox main is at /{rest}, without /s/main"
    if not is_sandbox_id(sandbox_id):
        return f"{sandbox_id!r} is no id of a sandbox: {ID_RULE}"
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
