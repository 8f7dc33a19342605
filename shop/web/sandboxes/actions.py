"""What API and pages do with sandboxes: one transaction each, and what follows its commit."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

from hookshop.webkit.sandbox_rules import (
    DEFAULT_LIFETIME_SECONDS,
    ID_RULE,
    MAIN,
    is_sandbox_id,
    new_sandbox_id,
    new_token,
    token_hash,
)
from hookshop.webkit.sandboxes import no_such_sandbox
from hookshop.webkit.times import utc_now
from shop.config import Settings
from shop.database.bound_sandbox import ALL, bound_to, require_number
from shop.database.models import Sandbox
from shop.database.transactions import Database
from shop.redis.change_feed import Change, ChangeFeed
from shop.sandboxes import emptying, registry
from shop.sandboxes.registry import SandboxIdTaken
from shop.sandboxes.settings import SandboxSettings


class BadSandboxId(Exception):  # noqa: N818 – the name says what is wrong
    """No sandbox can have this id. The message is for the client."""


@dataclass(frozen=True, slots=True)
class MadeSandbox:
    """A new sandbox. ``token``: opens it, and is known only now; None if everything is open."""

    sandbox: Sandbox
    token: str | None


@dataclass(frozen=True, slots=True)
class SandboxActions:
    """Makes, lists, changes, drops and empties sandboxes."""

    database: Database
    feed: ChangeFeed
    settings: Settings

    async def make(
        self,
        sandbox_id: str | None,
        own: SandboxSettings,
        *,
        lifetime_seconds: int = DEFAULT_LIFETIME_SECONDS,
    ) -> MadeSandbox:
        """Make a sandbox. ``sandbox_id``: None for one that nobody can guess.

        Raise ``BadSandboxId``, ``SandboxIdTaken``, ``TooManySandboxes`` or ``InvalidSetting``.
        """
        token = new_token() if self.settings.admin_token else None
        now = utc_now()
        async with self.database.writing() as session:
            sandbox = await registry.create(
                session,
                sandbox_id=_checked_id(sandbox_id),
                token_hash=token_hash(token) if token else None,
                expires_at=now + timedelta(seconds=lifetime_seconds),
                settings=own,
                limit=self.settings.max_sandboxes,
                now=now,
            )
        return MadeSandbox(sandbox, token)

    async def page(self, *, limit: int, before: int | None) -> Sequence[Sandbox]:
        """Return up to ``limit`` sandboxes, newest first.

        ``before``: the number of the last sandbox of the page before.
        """
        async with self.database.reading() as session:
            return await registry.find_page(session, before=before, limit=limit, now=utc_now())

    async def paired(self, sandboxes: Sequence[Sandbox]) -> Collection[int]:
        """Return the numbers of those that have a sandbox of the subscriber."""
        with bound_to(ALL):
            async with self.database.reading() as session:
                return await registry.find_paired(session, sandboxes)

    async def existing(self, sandbox_id: str) -> Sandbox:
        """Return the sandbox. Raise the 404 if there is none; ``main`` is none of these."""
        async with self.database.reading() as session:
            sandbox = await registry.find(session, sandbox_id, now=utc_now())
        if sandbox is None or sandbox_id == MAIN:
            raise no_such_sandbox(sandbox_id)
        return sandbox

    async def change(
        self, sandbox_id: str, own: SandboxSettings, *, lifetime_seconds: int | None = None
    ) -> Sandbox:
        """Change a sandbox and return it. Raise the 404, or ``InvalidSetting``."""
        now = utc_now()
        expires_at = now + timedelta(seconds=lifetime_seconds) if lifetime_seconds else None
        async with self.database.writing() as session:
            sandbox = await registry.change_settings(
                session, sandbox_id, own, expires_at=expires_at, now=now
            )
        if sandbox is None:
            raise no_such_sandbox(sandbox_id)
        return sandbox

    async def drop(self, sandbox_id: str) -> None:
        """End a sandbox and its event streams. Raise the 404. A worker deletes its rows."""
        async with self.database.writing() as session:
            number = await registry.drop(session, sandbox_id, now=utc_now())
        if number is None:
            raise no_such_sandbox(sandbox_id)
        self.feed.end_streams_of(number)
        # For the streams of other processes.
        await self.feed.announce(Change("everything", sandbox=number))

    async def reset(self, *, keep_endpoints: bool) -> None:
        """Empty the bound sandbox, or ``main``. When this returns, it is empty.

        Raise ``StillFilling`` if orders come faster than they can be deleted.
        """
        number = require_number()
        try:
            await emptying.reset(
                self.database, number, keep_endpoints=keep_endpoints, clock=utc_now
            )
        finally:  # also after a failure: some steps may have committed
            await self.feed.announce(Change("everything"))


def _checked_id(sandbox_id: str | None) -> str:
    if sandbox_id is None:
        return new_sandbox_id()
    if sandbox_id == MAIN:
        raise SandboxIdTaken("there is a sandbox 'main' already; choose another id")
    if not is_sandbox_id(sandbox_id):
        raise BadSandboxId(f"{sandbox_id!r} is not a sandbox id: {ID_RULE}")
    return sandbox_id
