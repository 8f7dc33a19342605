"""Makes, finds, changes and drops the sandboxes of the shop.

A sandbox is a row of the table ``sandbox``. Its number is in each of its rows: see
``database.bound_session``. ``emptying`` deletes the rows of a dropped one.
"""

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, select, update
from sqlmodel import col, func, or_
from sqlmodel import select as select_rows
from sqlmodel.ext.asyncio.session import AsyncSession

from hookshop.webkit.sandbox_rules import SandboxRecord
from hookshop.webkit.times import utc_now
from shop.database.bound_sandbox import MAIN_NUMBER, bound_to
from shop.database.locks import FOR_NO_KEY_UPDATE, Lock, advisory_lock
from shop.database.models import Endpoint, Sandbox, SandboxClock, SteadyOrders
from shop.database.transactions import Database
from shop.sandboxes.settings import SandboxSettings, check

# Requests that found a sandbox just before it was dropped may still write rows of it.
DELETION_DELAY = timedelta(seconds=5)


class SandboxIdTaken(Exception):  # noqa: N818 – the name says what happened
    """Another sandbox has this id. The message is for the client."""


class TooManySandboxes(Exception):  # noqa: N818 – the name says what happened
    """There are as many as the settings allow. The message is for the client."""


async def create(  # noqa: PLR0913 – columns by name
    session: AsyncSession,
    *,
    sandbox_id: str,
    token_hash: str | None,
    expires_at: datetime,
    settings: SandboxSettings,
    limit: int,
    now: datetime,
) -> Sandbox:
    """Add a sandbox and return it. An id is free again once its sandbox has expired.

    ``limit``: how many there may be, this one included.
    Raise ``SandboxIdTaken``, ``TooManySandboxes`` or ``InvalidSetting``.
    """
    check(settings)
    await advisory_lock(session, "sandboxes")
    for number, expired_at in await _undropped(session, sandbox_id):
        if expired_at is None or expired_at > now:
            raise SandboxIdTaken(f"there is a sandbox {sandbox_id!r} already; choose another id")
        await _drop(session, number, now=now)
    if await _count_live(session, now) >= limit:
        raise TooManySandboxes(
            f"there are {limit} sandboxes already, which is the limit SHOP_MAX_SANDBOXES; "
            "drop some, or wait until they expire"
        )
    sandbox = Sandbox(
        id=sandbox_id, token_hash=token_hash, created_at=now, expires_at=expires_at, **settings
    )
    session.add(sandbox)
    await session.flush()  # to get its number
    return sandbox


async def find(
    session: AsyncSession, sandbox_id: str, *, now: datetime, locked: Lock = False
) -> Sandbox | None:
    """Return the sandbox with this id; None if it has expired or was dropped."""
    query = select_rows(Sandbox).where(Sandbox.id == sandbox_id, _is_live(now))
    if locked:
        query = query.with_for_update(key_share=True)
    return (await session.exec(query)).first()


async def find_paired(session: AsyncSession, sandboxes: Sequence[Sandbox]) -> Collection[int]:
    """Return the numbers of those to which a sandbox of the subscriber belongs.

    It has the same id and has registered, so an endpoint has an address in it. The session must be
    bound to ``ALL``.
    """
    ids = {each.number: each.id for each in sandboxes}
    query = select_rows(Endpoint.sandbox, Endpoint.webhook_url).where(
        col(Endpoint.sandbox).in_(ids), col(Endpoint.deleted_at).is_(None)
    )
    return {number for number, url in await session.exec(query) if f"/s/{ids[number]}/" in url}


async def find_page(
    session: AsyncSession, *, before: int | None = None, limit: int, now: datetime
) -> Sequence[Sandbox]:
    """Return up to ``limit`` sandboxes other than ``main``, newest first.

    ``before``: the number of the last sandbox of the page before.
    """
    query = select_rows(Sandbox).where(col(Sandbox.number) > MAIN_NUMBER, _is_live(now))
    if before is not None:
        query = query.where(col(Sandbox.number) < before)
    return (await session.exec(query.order_by(col(Sandbox.number).desc()).limit(limit))).all()


async def change_settings(
    session: AsyncSession,
    sandbox_id: str,
    settings: SandboxSettings,
    *,
    expires_at: datetime | None = None,
    now: datetime,
) -> Sandbox | None:
    """Change a sandbox and return it; None if there is no such sandbox. ``main`` has no settings.

    ``expires_at``: None leaves it as it is. Raise ``InvalidSetting``.
    """
    check(settings)
    sandbox = await find(session, sandbox_id, now=now, locked=FOR_NO_KEY_UPDATE)
    if sandbox is None or sandbox.number == MAIN_NUMBER:
        return None
    for name, value in settings.items():
        setattr(sandbox, name, value)
    sandbox.expires_at = expires_at or sandbox.expires_at
    session.add(sandbox)
    return sandbox


async def drop(session: AsyncSession, sandbox_id: str, *, now: datetime) -> int | None:
    """End a sandbox and return its number; None if there is no such sandbox, or for ``main``.

    From the commit on, its id is free, nothing is claimed for it, and attempts in flight are not
    recorded. A worker deletes its rows.
    """
    for number, _expires_at in await _undropped(session, sandbox_id):
        if number != MAIN_NUMBER and await _drop(session, number, now=now):
            return number
    return None


async def drop_expired(session: AsyncSession, *, now: datetime) -> Sequence[int]:
    """Drop all sandboxes that have expired. Return their numbers."""
    numbers = await find_expired(session, now=now)
    return [number for number in numbers if await _drop(session, number, now=now)]


async def find_expired(session: AsyncSession, *, now: datetime) -> Sequence[int]:
    """Return the numbers of the sandboxes that have expired, but are not dropped yet."""
    expired = (
        _numbers()
        .where(
            col(Sandbox.number) != MAIN_NUMBER,
            col(Sandbox.dropped_at).is_(None),
            col(Sandbox.expires_at) <= now,
        )
        .order_by(col(Sandbox.number))
    )
    connection = await session.connection()
    return (await connection.scalars(expired)).all()


async def find_dropped(session: AsyncSession, *, now: datetime) -> Sequence[int]:
    """Return the numbers of the dropped sandboxes whose rows can be deleted, oldest first."""
    query = _numbers().where(col(Sandbox.dropped_at) <= now - DELETION_DELAY)
    connection = await session.connection()
    return (await connection.scalars(query.order_by(col(Sandbox.number)))).all()


async def _undropped(
    session: AsyncSession, sandbox_id: str
) -> Sequence[tuple[int, datetime | None]]:
    """Return number and expiry of the sandbox with this id, expired or not: at most one."""
    query = (
        _numbers()
        .add_columns(col(Sandbox.expires_at))
        .where(col(Sandbox.id) == sandbox_id, col(Sandbox.dropped_at).is_(None))
    )
    connection = await session.connection()
    return [(number, expires_at) for number, expires_at in await connection.execute(query)]


def _numbers() -> Select[int]:
    number: Any = col(Sandbox.number)  # never None in the database
    return select(number)


async def _count_live(session: AsyncSession, now: datetime) -> int:
    query = select_rows(func.count()).select_from(Sandbox)
    return (await session.exec(query.where(col(Sandbox.number) > MAIN_NUMBER, _is_live(now)))).one()


async def _drop(session: AsyncSession, number: int, *, now: datetime) -> bool:
    """Return whether this transaction has dropped it, and not another one."""
    # Statements of the connection see all sandboxes; those of the session only the bound one.
    connection = await session.connection()
    # In the order of a worker: it locks the clock before it moves the plan of all endpoints, and
    # endpoints before it records or claims for them.
    await connection.execute(delete(SandboxClock).where(col(SandboxClock.sandbox) == number))
    theirs = col(Endpoint.sandbox) == number
    await connection.execute(
        select(col(Endpoint.id)).where(theirs).order_by(col(Endpoint.id)).with_for_update()
    )
    dropped = await connection.execute(
        update(Sandbox)
        .where(col(Sandbox.number) == number, col(Sandbox.dropped_at).is_(None))
        .values(dropped_at=now)
    )
    live = (theirs, col(Endpoint.deleted_at).is_(None))
    await connection.execute(update(Endpoint).where(*live).values(deleted_at=now))
    await connection.execute(delete(SteadyOrders).where(col(SteadyOrders.sandbox) == number))
    return bool(dropped.rowcount)


def _is_live(now: datetime) -> ColumnElement[bool]:
    unexpired = or_(col(Sandbox.expires_at).is_(None), col(Sandbox.expires_at) > now)
    return col(Sandbox.dropped_at).is_(None) & unexpired


@dataclass(frozen=True, slots=True)
class ShopSandboxRecord(SandboxRecord):
    """A sandbox of the shop. ``retry_schedule``: its own, or None for that of the process."""

    retry_schedule: str | None = None


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
        return ShopSandboxRecord(
            found.id,
            found.token_hash,
            found.expires_at,
            found.number or 0,
            retry_schedule=found.retry_schedule,
        )

    def serving(self, record: SandboxRecord) -> AbstractContextManager[None]:
        """Bind the sessions of one request to its sandbox."""
        return bound_to(record.number)
