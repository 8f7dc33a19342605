"""Which secrets we have had, and when each was good. Pure.

The receiver asks only for those that are good now. The page of a receipt judges a request by those
that were good when it came, and names one that had expired. Filled by ``held_secrets``, used by
``explanation`` and ``diagnosis``.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from subscriber_app.receiving.verification import secret_key

FINGERPRINT_LENGTH = 16
MAX_TRIED = 20  # secrets, for one request: each costs a digest of its body


@dataclass(frozen=True, slots=True)
class KnownSecret:
    """``secret``: ``whsec_…``, never to be shown. ``until``: None while it is the newest."""

    secret: str
    since: datetime
    until: datetime | None = None

    @property
    def key(self) -> bytes:
        """The bytes to sign with."""
        return secret_key(self.secret)

    @property
    def fingerprint(self) -> str:
        """What may be shown in its place."""
        return fingerprint(self.secret)

    def is_good_at(self, moment: datetime) -> bool:
        """Whether a request that came at this moment may have been signed with it."""
        return self.since <= moment and (self.until is None or moment < self.until)

    def __repr__(self) -> str:
        # A traceback or a log line must not give the secret away.
        return f"KnownSecret({self.fingerprint}, {self.since}, {self.until})"


Keyring = Sequence[KnownSecret]  # newest first


def good_at(keyring: Keyring, moment: datetime) -> list[KnownSecret]:
    """The secrets that counted at this moment, newest first."""
    return [known for known in keyring if known.is_good_at(moment)]


def worth_trying(keyring: Keyring, moment: datetime) -> list[KnownSecret]:
    """Return at most ``MAX_TRIED`` secrets, newest first.

    They are those that counted at this moment, and the newest of the others.
    """
    places = sorted(range(len(keyring)), key=lambda place: not keyring[place].is_good_at(moment))
    return [keyring[place] for place in sorted(places[:MAX_TRIED])]


def fingerprint(secret: str) -> str:
    """Tells secrets apart without giving them away: the beginning of the key's SHA-256, in hex."""
    return hashlib.sha256(secret_key(secret)).hexdigest()[:FINGERPRINT_LENGTH]
