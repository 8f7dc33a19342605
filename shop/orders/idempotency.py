"""The header ``Idempotency-Key``: a client may repeat an order and gets it only once.

The key is stored in the order's transaction, so a client that did not get the response can safely
retry.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from shop.database.locks import advisory_lock
from shop.database.models import UsedIdempotencyKey


class IdempotencyKeyReused(Exception):  # noqa: N818 – the name says what happened
    """The key was used before for a different order."""


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """``key``: the client's key. ``fingerprint``: hash of the order that it sends with the key."""

    key: str
    fingerprint: str


async def find_order_id(session: AsyncSession, wanted: IdempotencyKey) -> str | None:
    """Return the id of the order that was placed with this key, or None.

    Raise ``IdempotencyKeyReused`` if that order was a different one. A concurrent request with the
    same key waits until this transaction ends.
    """
    await advisory_lock(session, f"key {wanted.key}")
    query = select(UsedIdempotencyKey).where(UsedIdempotencyKey.key == wanted.key)
    used = (await session.exec(query)).first()
    if used and used.fingerprint != wanted.fingerprint:
        raise IdempotencyKeyReused("this Idempotency-Key was used for another order")
    return used.order_id if used else None


def store_key(session: AsyncSession, key: IdempotencyKey, order_id: str, *, now: datetime) -> None:
    """Store the key with the order, in the transaction that places it."""
    session.add(
        UsedIdempotencyKey(
            key=key.key, fingerprint=key.fingerprint, order_id=order_id, created_at=now
        )
    )
