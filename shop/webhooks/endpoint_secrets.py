"""Adds, rotates and reads the secrets of endpoints; the database only ever holds them locked.

Called by ``endpoints`` and the JSON API to make them, and by ``claims`` for those that sign.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, or_
from sqlmodel import col, delete, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from shop.ids import new_id
from shop.models import EndpointSecret
from shop.turns import lock_endpoints
from shop.webhooks.signing import LiveSecret, generate_secret
from shop.webhooks.vault import Vault


def add_secret(session: AsyncSession, endpoint_id: str, *, vault: Vault, now: datetime) -> str:
    """Make a secret; the answer is its one and only showing."""
    secret = generate_secret()
    session.add(
        EndpointSecret(
            id=new_id("sec", now),
            endpoint_id=endpoint_id,
            locked_secret=vault.lock(secret),
            created_at=now,
        )
    )
    return secret


async def rotate(
    session: AsyncSession, endpoint_id: str, *, grace: timedelta, vault: Vault, now: datetime
) -> str:
    """Make a new secret; those before it go on signing beside it until ``grace`` is over.

    One that was rotated out earlier keeps its earlier end.
    """
    await lock_endpoints(session, ids=[endpoint_id])
    until = now + grace
    await session.exec(
        update(EndpointSecret)
        .where(
            col(EndpointSecret.endpoint_id) == endpoint_id,
            or_(col(EndpointSecret.expires_at).is_(None), col(EndpointSecret.expires_at) > until),
        )
        .values(expires_at=until)
    )
    return add_secret(session, endpoint_id, vault=vault, now=now)


@dataclass(frozen=True, slots=True)
class LockedSecret:
    """A secret as the database holds it. ``id``: its public name."""

    id: str
    locked: str

    def unlock(self, vault: Vault) -> LiveSecret:
        """For signing. Raises ``KeyLost``."""
        return LiveSecret(self.id, vault.unlock(self.locked))


async def locked_secrets(
    session: AsyncSession, endpoint_ids: Collection[str], *, now: datetime
) -> dict[str, list[LockedSecret]]:
    """The secrets that sign for each of these endpoints, newest first."""
    found: dict[str, list[LockedSecret]] = {endpoint_id: [] for endpoint_id in endpoint_ids}
    if found:
        query = (
            select(EndpointSecret.endpoint_id, EndpointSecret.id, EndpointSecret.locked_secret)
            .where(col(EndpointSecret.endpoint_id).in_(found), _is_live(now))
            .order_by(col(EndpointSecret.id).desc())
        )
        for endpoint_id, id_, locked in await session.exec(query):
            found[endpoint_id].append(LockedSecret(id_, locked))
    return found


async def is_another_key(session: AsyncSession, vault: Vault) -> bool:
    """Whether there are secrets, but the vault's key unlocks none of the newest.

    One alone that it does not unlock is damaged; the others' deliveries need not suffer from that.
    """
    newest = select(EndpointSecret.locked_secret).order_by(col(EndpointSecret.id).desc()).limit(10)
    locked = (await session.exec(newest)).all()
    return bool(locked) and not any(vault.fits(each) for each in locked)


async def list_live(
    session: AsyncSession, endpoint_id: str, *, now: datetime
) -> list[tuple[str, datetime, datetime | None]]:
    """Public name, beginning and end of each live secret, newest first; for people."""
    query = (
        select(EndpointSecret.id, EndpointSecret.created_at, EndpointSecret.expires_at)
        .where(EndpointSecret.endpoint_id == endpoint_id, _is_live(now))
        .order_by(col(EndpointSecret.id).desc())
    )
    return list((await session.exec(query)).all())


async def forget_expired(session: AsyncSession, *, now: datetime) -> None:
    """Delete the secrets whose grace is over."""
    await session.exec(delete(EndpointSecret).where(col(EndpointSecret.expires_at) <= now))


def _is_live(now: datetime) -> ColumnElement[bool]:
    return or_(col(EndpointSecret.expires_at).is_(None), col(EndpointSecret.expires_at) > now)
