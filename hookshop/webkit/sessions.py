"""Login sessions in the database, so that a logout ends them for every copy of the cookie.

The table ``login_session`` holds hashes only: who reads the database cannot log in with it.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from sqlalchemy import Connection, String, column, delete, insert, select, table
from sqlmodel.sql.sqltypes import UTCDateTime

from hookshop.webkit.database import Transactions
from hookshop.webkit.times import utc_now

SESSION_LIFETIME = timedelta(hours=12)
TOKEN_BYTES = 32

# Each application has this table: see ``webkit.tables``.
_SESSIONS = table(
    "login_session",
    column("token_hash", String()),
    column("created_at", UTCDateTime()),
    column("expires_at", UTCDateTime()),
)


class Sessions:
    """The login sessions of one application. A session is known by a random token.

    ``key``: part of each hash, so that another key ends all sessions.
    """

    def __init__(
        self, database: Transactions, key: str, *, now: Callable[[], datetime] = utc_now
    ) -> None:
        self._database = database
        self._key = key.encode()
        self._now = now
        # What to call when a session ends in this process, by the hash of its token.
        self._watchers: dict[str, set[Callable[[], None]]] = {}

    async def begin(self, scope: str = "") -> str:
        """Store a new session, delete expired ones, and return the token.

        ``scope``: the other methods know the session by this text and the token after it.
        """
        token, now = secrets.token_urlsafe(TOKEN_BYTES), self._now()
        row = {
            "token_hash": self._hash(scope + token),
            "created_at": now,
            "expires_at": now + SESSION_LIFETIME,
        }

        def write(connection: Connection) -> None:
            connection.execute(delete(_SESSIONS).where(_SESSIONS.c.expires_at <= now))
            connection.execute(insert(_SESSIONS).values(row))

        await self._database.write(write)
        return token

    async def is_valid(self, token: str) -> bool:
        """Return whether the session exists and has not expired."""
        query = select(_SESSIONS.c.token_hash).where(
            _SESSIONS.c.token_hash == self._hash(token), _SESSIONS.c.expires_at > self._now()
        )

        def read(connection: Connection) -> bool:
            return connection.execute(query).first() is not None

        return await self._database.read(read)

    async def end(self, token: str) -> None:
        """Delete the session, and end its streams in this process at once.

        Other processes notice it at the next keep-alive of a stream.
        """
        hash_ = self._hash(token)

        def write(connection: Connection) -> None:
            connection.execute(delete(_SESSIONS).where(_SESSIONS.c.token_hash == hash_))

        await self._database.write(write)
        for end in tuple(self._watchers.get(hash_, ())):
            end()

    @contextmanager
    def watched(self, token: str, end: Callable[[], None]) -> Iterator[None]:
        """Call ``end`` if the session ends in this process during the block."""
        hash_ = self._hash(token)
        watchers = self._watchers.setdefault(hash_, set())
        watchers.add(end)
        try:
            yield
        finally:
            watchers.discard(end)
            if not watchers:
                self._watchers.pop(hash_, None)

    def _hash(self, token: str) -> str:
        return hmac.new(self._key, token.encode(), hashlib.sha256).hexdigest()
