"""Adds, rotates and reads the secrets of endpoints; the database only ever holds them locked.

Called by ``endpoints`` and the JSON API to make them, and by ``claims`` for those that sign.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, or_
from sqlmodel import col, delete, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from shop.database.locks import lock_endpoints
from shop.database.models import EndpointSecret
from shop.ids import new_id
from shop.webhooks.endpoints.encryption import Encryption
from shop.webhooks.rules.signing import LiveSecret, generate_secret

# Each one adds a signature to every request, and receivers try only so many.
MAX_LIVE_SECRETS = 5


class TooManySecrets(Exception):  # noqa: N818 – the name says what happened
    """An endpoint has ``MAX_LIVE_SECRETS`` live secrets. ``oldest``: the public name of one."""

    def __init__(self, oldest: str) -> None:
        super().__init__(
            f"{MAX_LIVE_SECRETS} secrets of this endpoint are live, and there may be no more: wait "
            'until one expires, or send "replace_oldest": true to end the oldest, '
            f"{oldest}, at once"
        )
        self.oldest = oldest


def add_secret(
    session: AsyncSession, endpoint_id: str, *, encryption: Encryption, now: datetime
) -> LiveSecret:
    """Add a new secret to an endpoint and return it, for its one and only showing."""
    new = LiveSecret(new_id("sec", now), generate_secret())
    session.add(
        EndpointSecret(
            id=new.id,
            endpoint_id=endpoint_id,
            locked_secret=encryption.encrypt(new.secret),
            created_at=now,
        )
    )
    return new


async def rotate(  # noqa: PLR0913 – a rotation depends on all of these
    session: AsyncSession,
    endpoint_id: str,
    *,
    grace: timedelta,
    encryption: Encryption,
    now: datetime,
    replace_oldest: bool = False,
) -> LiveSecret:
    """Add a new secret and return it; those before it sign beside it until ``grace`` is over.

    One that was rotated out earlier keeps its earlier end. If the endpoint would then have more
    than ``MAX_LIVE_SECRETS``, raise ``TooManySecrets``, or end the oldest at once if
    ``replace_oldest`` says so.
    """
    await lock_endpoints(session, ids=[endpoint_id])
    until = now + grace
    if until > now:
        await _make_room(session, endpoint_id, now, replace_oldest=replace_oldest)
    await session.exec(
        update(EndpointSecret)
        .where(
            col(EndpointSecret.endpoint_id) == endpoint_id,
            or_(col(EndpointSecret.expires_at).is_(None), col(EndpointSecret.expires_at) > until),
        )
        .values(expires_at=until)
    )
    return add_secret(session, endpoint_id, encryption=encryption, now=now)


async def _make_room(
    session: AsyncSession, endpoint_id: str, now: datetime, *, replace_oldest: bool
) -> None:
    """See to it that one more secret may be live."""
    names = [name for name, _since, _until in await list_live(session, endpoint_id, now=now)]
    if len(names) < MAX_LIVE_SECRETS:
        return
    if not replace_oldest:
        raise TooManySecrets(names[-1])
    await session.exec(
        update(EndpointSecret)
        .where(
            col(EndpointSecret.endpoint_id) == endpoint_id,
            _is_unexpired(now),
            col(EndpointSecret.id).not_in(names[: MAX_LIVE_SECRETS - 1]),
        )
        .values(expires_at=now)
    )


@dataclass(frozen=True, slots=True)
class EncryptedSecret:
    """A secret as the database holds it. ``id``: its public name."""

    id: str
    locked: str

    def decrypt(self, encryption: Encryption) -> LiveSecret:
        """For signing. Raises ``DecryptionFailed``."""
        return LiveSecret(self.id, encryption.decrypt(self.locked))


async def encrypted_secrets(
    session: AsyncSession, endpoint_ids: Collection[str], *, now: datetime
) -> dict[str, list[EncryptedSecret]]:
    """The secrets that sign for each of these endpoints, newest first."""
    found: dict[str, list[EncryptedSecret]] = {endpoint_id: [] for endpoint_id in endpoint_ids}
    if found:
        query = (
            select(EndpointSecret.endpoint_id, EndpointSecret.id, EndpointSecret.locked_secret)
            .where(col(EndpointSecret.endpoint_id).in_(found), _is_unexpired(now))
            .order_by(*_NEWEST_FIRST)
        )
        for endpoint_id, id_, locked in await session.exec(query):
            if len(found[endpoint_id]) < MAX_LIVE_SECRETS:
                found[endpoint_id].append(EncryptedSecret(id_, locked))
    return found


async def is_wrong_key(session: AsyncSession, encryption: Encryption) -> bool:
    """Whether there are secrets, but the encryption's key unlocks none of the newest.

    One alone that it does not unlock is damaged; the others' deliveries need not suffer from that.
    """
    newest = select(EndpointSecret.locked_secret).order_by(col(EndpointSecret.id).desc()).limit(10)
    locked = (await session.exec(newest)).all()
    return bool(locked) and not any(encryption.can_decrypt(each) for each in locked)


async def list_live(
    session: AsyncSession, endpoint_id: str, *, now: datetime
) -> list[tuple[str, datetime, datetime | None]]:
    """Public name, beginning and end of each live secret, newest first; for people."""
    query = (
        select(EndpointSecret.id, EndpointSecret.created_at, EndpointSecret.expires_at)
        .where(EndpointSecret.endpoint_id == endpoint_id, _is_unexpired(now))
        .order_by(*_NEWEST_FIRST)
        .limit(MAX_LIVE_SECRETS)
    )
    return list((await session.exec(query)).all())


async def forget_expired(session: AsyncSession, *, now: datetime) -> None:
    """Delete the secrets whose grace is over."""
    await session.exec(delete(EndpointSecret).where(col(EndpointSecret.expires_at) <= now))


# The current secret has no end, and older ones end earlier. Ids alone would not do: they follow the
# clock, which may be set back. Of more than ``MAX_LIVE_SECRETS`` that have not expired, which only
# databases from before that limit hold, the newest are live.
_NEWEST_FIRST = (
    col(EndpointSecret.expires_at).is_not(None),
    col(EndpointSecret.expires_at).desc(),
    col(EndpointSecret.id).desc(),
)


def _is_unexpired(now: datetime) -> ColumnElement[bool]:
    return or_(col(EndpointSecret.expires_at).is_(None), col(EndpointSecret.expires_at) > now)
