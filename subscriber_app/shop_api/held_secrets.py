"""Keeps the secrets that the shop has given us, each until the shop stops signing with it.

The newest stands in the subscription. Those before it stay beside it: during a rotation the oldest
live secret signs the token. A few that have expired are kept as well, so that what they signed can
be told from a forgery; nothing is accepted because of those.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import and_, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from subscriber_app.database.models import FormerSecret, Subscription
from subscriber_app.receiving.keyring import KnownSecret
from subscriber_app.shop_api.endpoint import RotatedSecret, ShopEndpoint

# How long a secret is held after it was replaced, if the shop has not said until when it signs.
USUAL_GRACE = timedelta(days=1)
MAX_FORMER_KEPT = 5  # those that may still sign are kept, however many they are


@dataclass(frozen=True, slots=True)
class Trust:
    """What a genuine request must fit. ``secrets``: that may have signed, newest first.

    ``audience``: our URL as it was registered. ``issuer``: what the shop calls itself in tokens;
    None as long as it has not said so.
    """

    secrets: tuple[str, ...]
    audience: str
    issuer: str | None


async def read_trust(session: AsyncSession, now: datetime) -> Trust | None:
    """Return what a request that comes in now must fit; None before subscribing."""
    live = and_(
        col(FormerSecret.endpoint_id) == col(Subscription.endpoint_id),
        col(FormerSecret.until) > now,
    )
    query = (
        select(Subscription, FormerSecret.secret)
        .join(FormerSecret, live, isouter=True)
        .order_by(col(FormerSecret.id).desc())
    )
    rows = (await session.exec(query)).all()
    if not rows:
        return None
    standing = rows[0][0]
    secrets = [secret for _standing, secret in rows if secret is not None]
    if standing.secret_until is None or standing.secret_until > now:
        secrets.insert(0, standing.secret)
    return Trust(tuple(secrets), standing.webhook_url, standing.issuer)


async def read_live_former(session: AsyncSession, now: datetime) -> Sequence[FormerSecret]:
    """Return the secrets before the newest that may still sign, newest first."""
    query = (
        select(FormerSecret)
        .join(Subscription, col(Subscription.endpoint_id) == col(FormerSecret.endpoint_id))
        .where(col(FormerSecret.until) > now)
    )
    return (await session.exec(query.order_by(col(FormerSecret.id).desc()))).all()


async def read_keyring(session: AsyncSession) -> list[KnownSecret]:
    """Return every secret that we know, newest first, those that have expired included."""
    standing = (await session.exec(select(Subscription))).first()
    former = await _former_secrets(session)
    known = [KnownSecret(each.secret, each.since, each.until) for each in former]
    if standing:
        since = _since(standing, former)
        known.insert(0, KnownSecret(standing.secret, since, standing.secret_until))
    return known


async def replace_secret(session: AsyncSession, new: RotatedSecret, now: datetime) -> None:
    """Make this secret the newest; the one before it is held as long as the shop says."""
    standing = (await session.exec(select(Subscription))).first()
    if standing is None or standing.secret == new.secret:
        return
    until = new.previous_expires_at or standing.secret_until or now + USUAL_GRACE
    await _keep(session, standing, until=until, now=now)
    standing.secret, standing.secret_id, standing.secret_until = new.secret, new.secret_id, None


async def end_all(session: AsyncSession, standing: Subscription, now: datetime) -> None:
    """Hold none of a subscription's secrets any longer."""
    await _keep(session, standing, until=now, now=now)
    for former in await _former_secrets(session):
        former.until = min(former.until, now)


async def follow_shop(session: AsyncSession, endpoint: ShopEndpoint, now: datetime) -> bool:
    """Hold each secret as long as the shop says, and learn its issuer; return if that is news."""
    standing = (await session.exec(select(Subscription))).first()
    if standing is None:
        return False
    former = await _former_secrets(session)
    ours = [each for each in former if each.endpoint_id == standing.endpoint_id]
    before = _held(standing, ours)
    if endpoint.issuer:
        standing.issuer = endpoint.issuer
    if endpoint.secret_ends:
        if standing.secret_id:
            standing.secret_until = endpoint.secret_ends.get(standing.secret_id, now)
        _hold_former(ours, standing, endpoint.secret_ends, now)
    return _held(standing, ours) != before


def _held(standing: Subscription, former: Sequence[FormerSecret]) -> tuple[object, ...]:
    return standing.issuer, standing.secret_until, *(each.until for each in former)


def _hold_former(
    former: Sequence[FormerSecret],
    standing: Subscription,
    ends: dict[str, datetime | None],
    now: datetime,
) -> None:
    named = {standing.secret_id, *(each.secret_id for each in former)}
    # Which of these a secret without a name is, we cannot tell, so it is held as long as any.
    unnamed = [end for name, end in ends.items() if name not in named]
    for each in former:
        if each.secret_id is not None:
            end = ends.get(each.secret_id, min(each.until, now))
            # None: the shop's newest is not ours, since somebody typed in another secret.
            each.until = end or max(each.until, now + USUAL_GRACE)
        elif any(unnamed):
            each.until = max(end for end in unnamed if end)
        elif not unnamed:
            each.until = min(each.until, now)


async def _former_secrets(session: AsyncSession) -> Sequence[FormerSecret]:
    return (await session.exec(select(FormerSecret).order_by(col(FormerSecret.id).desc()))).all()


def _since(standing: Subscription, former: Sequence[FormerSecret]) -> datetime:
    """When the newest secret came: with the subscription, or when it replaced another."""
    return max([standing.created_at, *(each.replaced_at for each in former)])


async def _keep(
    session: AsyncSession, standing: Subscription, *, until: datetime, now: datetime
) -> None:
    """Put the newest secret among the former ones, and delete those that are of no use."""
    former = await _former_secrets(session)
    session.add(
        FormerSecret(
            secret=standing.secret,
            secret_id=standing.secret_id,
            endpoint_id=standing.endpoint_id,
            since=_since(standing, former),
            replaced_at=now,
            until=until,
        )
    )
    for each in former[MAX_FORMER_KEPT - 1 :]:
        if each.until <= now:
            await session.delete(each)
