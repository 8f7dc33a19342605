"""Finds the sandboxes of the shop.

A sandbox is a row of the table ``sandbox``. Its number is in each of its rows: see
``database.bound_session``.
"""

from contextlib import AbstractContextManager
from datetime import datetime

from sqlmodel import col, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hookshop.webkit.sandbox_rules import SandboxRecord
from hookshop.webkit.times import utc_now
from shop.database.bound_sandbox import MAIN_NUMBER, bound_to
from shop.database.models import Sandbox
from shop.database.transactions import Database


async def find(session: AsyncSession, sandbox_id: str, *, now: datetime) -> Sandbox | None:
    """Return the sandbox with this id; None if it has expired or was dropped."""
    query = select(Sandbox).where(
        Sandbox.id == sandbox_id,
        col(Sandbox.dropped_at).is_(None),
        or_(col(Sandbox.expires_at).is_(None), col(Sandbox.expires_at) > now),
    )
    return (await session.exec(query)).first()


class Sandboxes:
    """The list with which the web application finds the sandbox of a request."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, sandbox_id: str) -> SandboxRecord | None:
        """Return the sandbox; None if there is none, or it has expired or was dropped."""
        async with self._database.reading() as session:
            found = await find(session, sandbox_id, now=utc_now())
        if found is None or found.number in {None, MAIN_NUMBER} or found.expires_at is None:
            return None
        return SandboxRecord(found.id, found.token_hash, found.expires_at, found.number or 0)

    def serving(self, record: SandboxRecord) -> AbstractContextManager[None]:
        """Bind the sessions of one request to its sandbox."""
        return bound_to(record.number)
