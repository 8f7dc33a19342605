"""Lets a client ask for an order twice and get one: the ``Idempotency-Key`` header.

Called by ``POST /v1/orders`` inside the order's own transaction, so that key and order are one
commit: a client that never saw the answer may safely ask again, as often as it takes.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel.ext.asyncio.session import AsyncSession

from shop.database.locks import advisory_lock
from shop.database.models import UsedIdempotencyKey


class KeyReused(Exception):  # noqa: N818 – the name says what happened
    """The key belongs to an order of other things."""


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """``key``: the client's. ``fingerprint``: of what is ordered under it."""

    key: str
    fingerprint: str


async def find_earlier(session: AsyncSession, wanted: IdempotencyKey) -> str | None:
    """The id of the order that was placed under this key, if any. Raises ``KeyReused``.

    Whoever asks for the same at the same moment waits until this transaction ends.
    """
    await advisory_lock(session, f"key {wanted.key}")
    used = await session.get(UsedIdempotencyKey, wanted.key)
    if used and used.fingerprint != wanted.fingerprint:
        raise KeyReused("this Idempotency-Key was used for another order")
    return used.order_id if used else None


def remember(session: AsyncSession, key: IdempotencyKey, order_id: str, *, now: datetime) -> None:
    """Bind the key to the order, in the transaction that places it."""
    session.add(
        UsedIdempotencyKey(
            key=key.key, fingerprint=key.fingerprint, order_id=order_id, created_at=now
        )
    )
