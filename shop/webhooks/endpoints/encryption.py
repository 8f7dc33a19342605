"""Keeps signing secrets unreadable in the database: a copy of its file gives none of them away.

The key is ``SHOP_SECRETS_KEY``, or else lies beside the database in a file of its own, made at the
first start. Called by ``endpoint_secrets``, the only module that reads or writes secrets.
"""

from functools import lru_cache
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken
from pydantic import SecretStr

from hookshop.webkit.key_files import read_or_create

MAX_CACHED = 1000


class DecryptionFailed(Exception):  # noqa: N818 – the name says what happened
    """A stored secret was locked with another key than the one at hand."""


class Encryption:
    """Locks and unlocks texts with one key."""

    def __init__(self, key: bytes) -> None:
        self._fernet = Fernet(key)
        # A busy worker signs again and again with the same few secrets.
        self._cached_decrypt = lru_cache(maxsize=MAX_CACHED)(self._decrypt)

    @classmethod
    def open(cls, key_file: Path, key: SecretStr | None = None) -> "Encryption":
        """With this key, or else with the one in this file, which is made if it is not there."""
        if key:
            return cls(key.get_secret_value().encode())
        return cls(read_or_create(key_file, Fernet.generate_key))

    def encrypt(self, secret: str) -> str:
        """What to store instead of the secret."""
        return self._fernet.encrypt(secret.encode()).decode()

    def can_decrypt(self, stored: str) -> bool:
        """Whether the key at hand is the one that locked it."""
        try:
            self.decrypt(stored)
        except DecryptionFailed:
            return False
        return True

    def decrypt(self, stored: str) -> str:
        """The secret. Raises ``DecryptionFailed``."""
        return self._cached_decrypt(stored)

    def _decrypt(self, stored: str) -> str:
        try:
            return self._fernet.decrypt(stored.encode()).decode()
        except InvalidToken:
            raise DecryptionFailed(
                "the key that locked the secrets is not the one at hand"
            ) from None
