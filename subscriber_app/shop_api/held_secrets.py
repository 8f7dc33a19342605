"""Stores the secrets that the shop has given us, each until the shop stops signing with it.

The subscription has the newest. Former secrets are kept as well, because during a rotation the
oldest live secret signs the token. A few expired ones are also kept, to tell their signatures from
forgeries. Nothing signed with an expired secret is accepted.

The database has them only encrypted. A secret that the key does not decrypt is left out: its row is
damaged, because with a wrong key the process does not start.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Executable, bindparam
from sqlalchemy import select as core_select
from sqlmodel import and_, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hookshop.webkit.encryption import Encryption
from subscriber_app.database.models import FormerSecret, Subscription
from subscriber_app.receiving.keyring import KnownSecret
from subscriber_app.shop_api.endpoint import RotatedSecret, ShopEndpoint

# How long a replaced secret stays live if the shop has not reported when it expires.
DEFAULT_GRACE = timedelta(days=1)
MAX_FORMER_SECRETS = 5  # live ones are kept beyond this number


@dataclass(frozen=True, slots=True)
class Trust:
    """What a genuine request must match. ``secrets``: the live ones, newest first.

    ``audience``: our registered URL. ``issuer``: the shop's name for itself in tokens; None if
    unknown.
    """

    secrets: tuple[str, ...]
    audience: str
    issuer: str | None


def read_trust(connection: Connection, now: datetime, encryption: Encryption) -> Trust | None:
    """Return what a request must match now, or None without a subscription."""
    rows = connection.execute(_LIVE_SECRETS, {"now": now}).all()
    if not rows:
        return None
    newest = rows[0]
    encrypted = [row.former_secret for row in rows if row.former_secret is not None]
    if newest.secret_until is None or newest.secret_until > now:
        encrypted.insert(0, newest.newest_secret)
    secrets = [encryption.decrypt(each) for each in encrypted if encryption.can_decrypt(each)]
    return Trust(tuple(secrets), newest.webhook_url, newest.issuer)


async def is_wrong_key(session: AsyncSession, encryption: Encryption) -> bool:
    """Return whether the key does not decrypt the newest secret."""
    newest = (await session.exec(select(Subscription.encrypted_secret))).first()
    return newest is not None and not encryption.can_decrypt(newest)


async def read_live_former(session: AsyncSession, now: datetime) -> Sequence[FormerSecret]:
    """Return the former secrets that are still live, newest first."""
    query = (
        select(FormerSecret)
        .join(Subscription, col(Subscription.endpoint_id) == col(FormerSecret.endpoint_id))
        .where(col(FormerSecret.until) > now)
    )
    return (await session.exec(query.order_by(col(FormerSecret.id).desc()))).all()


async def read_keyring(session: AsyncSession, encryption: Encryption) -> list[KnownSecret]:
    """Return every known secret, newest first, including expired ones."""
    subscription = (await session.exec(select(Subscription))).first()
    former = await _former_secrets(session)
    periods = [(each.encrypted_secret, each.since, each.until) for each in former]
    known = [_known(*period, encryption) for period in periods if encryption.can_decrypt(period[0])]
    if subscription and encryption.can_decrypt(subscription.encrypted_secret):
        since, until = _since(subscription, former), subscription.secret_until
        known.insert(0, _known(subscription.encrypted_secret, since, until, encryption))
    return known


def _known(
    encrypted: str, since: datetime, until: datetime | None, encryption: Encryption
) -> KnownSecret:
    return KnownSecret(encryption.decrypt(encrypted), since, until)


async def replace_secret(
    session: AsyncSession, new: RotatedSecret, now: datetime, encryption: Encryption
) -> None:
    """Make this secret the newest; the previous one stays live until the shop ends it."""
    subscription = (await session.exec(select(Subscription))).first()
    if subscription is None or _is(new.secret, subscription.encrypted_secret, encryption):
        return
    until = new.previous_expires_at or subscription.secret_until or now + DEFAULT_GRACE
    await _retire_newest(session, subscription, until=until, now=now)
    subscription.encrypted_secret = encryption.encrypt(new.secret)
    subscription.secret_id, subscription.secret_until = new.secret_id, None


def _is(secret: str, encrypted: str, encryption: Encryption) -> bool:
    return encryption.can_decrypt(encrypted) and encryption.decrypt(encrypted) == secret


async def expire_all(session: AsyncSession, subscription: Subscription, now: datetime) -> None:
    """Expire all secrets of a subscription."""
    await _retire_newest(session, subscription, until=now, now=now)
    for former in await _former_secrets(session):
        former.until = min(former.until, now)


async def sync_with_shop(session: AsyncSession, endpoint: ShopEndpoint, now: datetime) -> bool:
    """Update issuer and expiry of each secret from the shop. Return whether anything changed."""
    subscription = (await session.exec(select(Subscription))).first()
    if subscription is None:
        return False
    former = await _former_secrets(session)
    ours = [each for each in former if each.endpoint_id == subscription.endpoint_id]
    before = _snapshot(subscription, ours)
    if endpoint.issuer:
        subscription.issuer = endpoint.issuer
    if endpoint.secret_ends:
        if subscription.secret_id:
            subscription.secret_until = endpoint.secret_ends.get(subscription.secret_id, now)
        _update_former(ours, subscription, endpoint.secret_ends, now)
    return _snapshot(subscription, ours) != before


def _snapshot(subscription: Subscription, former: Sequence[FormerSecret]) -> tuple[object, ...]:
    return subscription.issuer, subscription.secret_until, *(each.until for each in former)


def _update_former(
    former: Sequence[FormerSecret],
    subscription: Subscription,
    ends: dict[str, datetime | None],
    now: datetime,
) -> None:
    named = {subscription.secret_id, *(each.secret_id for each in former)}
    # A secret without a known name may be any of these, so it stays live as long as the last one.
    unmatched = [end for name, end in ends.items() if name not in named]
    for each in former:
        if each.secret_id is not None:
            end = ends.get(each.secret_id, min(each.until, now))
            # None: this is the shop's newest secret, but a person has entered another one since.
            each.until = end or max(each.until, now + DEFAULT_GRACE)
        elif any(unmatched):
            each.until = max(end for end in unmatched if end)
        elif not unmatched:
            each.until = min(each.until, now)


async def _former_secrets(session: AsyncSession) -> Sequence[FormerSecret]:
    return (await session.exec(select(FormerSecret).order_by(col(FormerSecret.id).desc()))).all()


def _since(subscription: Subscription, former: Sequence[FormerSecret]) -> datetime:
    """Return since when we have the newest secret."""
    return max([subscription.created_at, *(each.replaced_at for each in former)])


async def _retire_newest(
    session: AsyncSession, subscription: Subscription, *, until: datetime, now: datetime
) -> None:
    """Add the newest secret to the former ones, and delete the oldest expired ones."""
    former = await _former_secrets(session)
    session.add(
        FormerSecret(
            encrypted_secret=subscription.encrypted_secret,
            secret_id=subscription.secret_id,
            endpoint_id=subscription.endpoint_id,
            since=_since(subscription, former),
            replaced_at=now,
            until=until,
        )
    )
    for each in former[MAX_FORMER_SECRETS - 1 :]:
        if each.until <= now:
            await session.delete(each)


# Built once: building it takes several times as long as executing it. One row for each former
# secret that is live, newest first; one row without, if there is none.
_LIVE_SECRETS: Executable = (
    core_select(
        col(Subscription.webhook_url),
        col(Subscription.issuer),
        col(Subscription.secret_until),
        col(Subscription.encrypted_secret).label("newest_secret"),
        col(FormerSecret.encrypted_secret).label("former_secret"),
    )
    .select_from(Subscription)
    .join(
        FormerSecret,
        and_(
            col(FormerSecret.endpoint_id) == col(Subscription.endpoint_id),
            col(FormerSecret.until) > bindparam("now"),
        ),
        isouter=True,
    )
    .order_by(col(FormerSecret.id).desc())
)
