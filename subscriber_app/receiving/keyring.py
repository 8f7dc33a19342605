"""The secrets that we have held, and when each was live. Pure.

The receiver accepts only secrets that are live now. The page of a receipt uses those that were
live when the request arrived, and names one that had expired.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from subscriber_app.receiving.verification import secret_key

FINGERPRINT_LENGTH = 16
MAX_TRIED_SECRETS = 20  # for one request: each costs a digest of its body


@dataclass(frozen=True, slots=True)
class KnownSecret:
    """A secret and its period. ``secret``: ``whsec_…``, never shown. ``until``: None if newest."""

    secret: str
    since: datetime
    until: datetime | None = None

    @property
    def key(self) -> bytes:
        """Return the bytes to sign with."""
        return secret_key(self.secret)

    @property
    def fingerprint(self) -> str:
        """Return what may be shown instead of the secret."""
        return fingerprint(self.secret)

    def is_live_at(self, moment: datetime) -> bool:
        """Return whether a request received at ``moment`` may be signed with it."""
        return self.since <= moment and (self.until is None or moment < self.until)

    def __repr__(self) -> str:
        # Keep the secret out of tracebacks and log lines.
        return f"KnownSecret({self.fingerprint}, {self.since}, {self.until})"


Keyring = Sequence[KnownSecret]  # newest first


def live_at(keyring: Keyring, moment: datetime) -> list[KnownSecret]:
    """Return the secrets that were live at ``moment``, newest first."""
    return [known for known in keyring if known.is_live_at(moment)]


def candidates_at(keyring: Keyring, moment: datetime) -> list[KnownSecret]:
    """Return at most ``MAX_TRIED_SECRETS`` secrets to try, newest first.

    Secrets that were live at ``moment`` take precedence over the others.
    """
    indexes = sorted(range(len(keyring)), key=lambda index: not keyring[index].is_live_at(moment))
    return [keyring[index] for index in sorted(indexes[:MAX_TRIED_SECRETS])]


def fingerprint(secret: str) -> str:
    """Return the first hex digits of the key's SHA-256, which identify it without revealing it."""
    return hashlib.sha256(secret_key(secret)).hexdigest()[:FINGERPRINT_LENGTH]
