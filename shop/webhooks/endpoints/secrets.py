"""Adds, rotates and reads the secrets of endpoints. The database has them only encrypted."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import BindParameter, ColumnElement, Connection, bindparam, or_
from sqlalchemy import select as core_select
from sqlmodel import col, delete, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from hookshop.webkit.encryption import Encryption
from shop.database.locks import lock_endpoints
from shop.database.models import EndpointSecret
from shop.ids import new_id
from shop.webhooks.rules.signing import LiveSecret, generate_secret

# Each one adds a signature to every request, and receivers limit how many they try.
MAX_LIVE_SECRETS = 5


class TooManySecrets(Exception):  # noqa: N818 – the name says what happened
    """An endpoint has ``MAX_LIVE_SECRETS`` live secrets. ``oldest``: the oldest one's public id."""

    def __init__(self, oldest: str) -> None:
        super().__init__(
            f"this endpoint has {MAX_LIVE_SECRETS} live secrets, the maximum: wait "
            'until one expires, or send "replace_oldest": true to end the oldest, '
            f"{oldest}, now"
        )
        self.oldest = oldest


def add_secret(
    session: AsyncSession,
    endpoint_id: str,
    *,
    encryption: Encryption,
    now: datetime,
    secret: str | None = None,
) -> LiveSecret:
    """Add a secret to an endpoint and return it, to be shown once. None: a new one."""
    new = LiveSecret(new_id("sec", now), secret or generate_secret())
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
    """Add a new secret and return it. Older secrets also sign until they expire after ``grace``.

    Secrets that expire earlier keep their time. If there would be more than ``MAX_LIVE_SECRETS``,
    raise ``TooManySecrets``, or with ``replace_oldest`` let the oldest expire now.
    """
    await lock_endpoints(session, ids=[endpoint_id])
    until = now + grace
    if until > now:
        await _limit_live_secrets(session, endpoint_id, now, replace_oldest=replace_oldest)
    await session.exec(
        update(EndpointSecret)
        .where(
            col(EndpointSecret.endpoint_id) == endpoint_id,
            or_(col(EndpointSecret.expires_at).is_(None), col(EndpointSecret.expires_at) > until),
        )
        .values(expires_at=until)
    )
    return add_secret(session, endpoint_id, encryption=encryption, now=now)


async def _limit_live_secrets(
    session: AsyncSession, endpoint_id: str, now: datetime, *, replace_oldest: bool
) -> None:
    """Raise ``TooManySecrets``, or let old secrets expire, if one more would be too many."""
    ids = [id_ for id_, _since, _until in await list_live(session, endpoint_id, now=now)]
    if len(ids) < MAX_LIVE_SECRETS:
        return
    if not replace_oldest:
        raise TooManySecrets(ids[-1])
    await session.exec(
        update(EndpointSecret)
        .where(
            col(EndpointSecret.endpoint_id) == endpoint_id,
            _is_unexpired(now),
            col(EndpointSecret.id).not_in(ids[: MAX_LIVE_SECRETS - 1]),
        )
        .values(expires_at=now)
    )


@dataclass(frozen=True, slots=True)
class EncryptedSecret:
    """A secret as it is in the database. ``id``: its public id."""

    id: str
    encrypted: str

    def decrypt(self, encryption: Encryption) -> LiveSecret:
        """Return the secret for signing. Raise ``DecryptionFailed`` if the key is the wrong one."""
        return LiveSecret(self.id, encryption.decrypt(self.encrypted))


def encrypted_secrets(
    connection: Connection, endpoint_ids: Collection[str], *, now: datetime
) -> dict[str, list[EncryptedSecret]]:
    """Return the live secrets of each of these endpoints, newest first."""
    found: dict[str, list[EncryptedSecret]] = {endpoint_id: [] for endpoint_id in endpoint_ids}
    rows = connection.execute(_LIVE_SECRETS, {"endpoint_ids": list(endpoint_ids), "now": now})
    for endpoint_id, id_, encrypted in rows:
        if len(found[endpoint_id]) < MAX_LIVE_SECRETS:
            found[endpoint_id].append(EncryptedSecret(id_, encrypted))
    return found


async def is_wrong_key(session: AsyncSession, encryption: Encryption) -> bool:
    """Return whether there are secrets, but the key decrypts none of the newest ten.

    If it decrypts some of them, the others are damaged, and only their endpoints are affected.
    """
    newest = select(EndpointSecret.locked_secret).order_by(col(EndpointSecret.id).desc()).limit(10)
    encrypted = (await session.exec(newest)).all()
    return bool(encrypted) and not any(encryption.can_decrypt(each) for each in encrypted)


async def list_live(
    session: AsyncSession, endpoint_id: str, *, now: datetime
) -> list[tuple[str, datetime, datetime | None]]:
    """Return public id, creation and expiry of each live secret, newest first."""
    query = (
        select(EndpointSecret.id, EndpointSecret.created_at, EndpointSecret.expires_at)
        .where(EndpointSecret.endpoint_id == endpoint_id, _is_unexpired(now))
        .order_by(*_NEWEST_FIRST)
        .limit(MAX_LIVE_SECRETS)
    )
    return list((await session.exec(query)).all())


async def delete_expired(session: AsyncSession, *, now: datetime) -> None:
    """Delete expired secrets."""
    await session.exec(delete(EndpointSecret).where(col(EndpointSecret.expires_at) <= now))


# The current secret does not expire, and older ones expire earlier. Do not sort by id alone: ids
# follow the clock, which may be set back. A database from before ``MAX_LIVE_SECRETS`` may have more
# secrets that have not expired; then only the newest are live.
_NEWEST_FIRST = (
    col(EndpointSecret.expires_at).is_not(None),
    col(EndpointSecret.expires_at).desc(),
    col(EndpointSecret.id).desc(),
)


def _is_unexpired(now: datetime | BindParameter[datetime]) -> ColumnElement[bool]:
    return or_(col(EndpointSecret.expires_at).is_(None), col(EndpointSecret.expires_at) > now)


# Built once: each look of the worker executes it.
_LIVE_SECRETS = (
    core_select(EndpointSecret.endpoint_id, EndpointSecret.id, EndpointSecret.locked_secret)  # type: ignore[call-overload]
    .where(
        col(EndpointSecret.endpoint_id).in_(bindparam("endpoint_ids", expanding=True)),
        _is_unexpired(bindparam("now")),
    )
    .order_by(*_NEWEST_FIRST)
)
