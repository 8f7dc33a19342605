"""Encrypts signing secrets, so that a copy of the database does not reveal them.

The key is a setting, ``…_SECRETS_KEY``, or else in a file that is created at the first start.
"""

from functools import lru_cache
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken
from pydantic import SecretStr

from hookshop.webkit.key_files import read_or_create

MAX_CACHED = 1000


class DecryptionFailed(Exception):  # noqa: N818 – the name says what happened
    """A stored secret was encrypted with another key."""


class Encryption:
    """Encrypts and decrypts texts with one key."""

    def __init__(self, key: bytes) -> None:
        self._fernet = Fernet(key)
        # A busy worker decrypts the same few secrets again and again.
        self._cached_decrypt = lru_cache(maxsize=MAX_CACHED)(self._decrypt)

    @classmethod
    def open(cls, key_file: Path, key: SecretStr | None = None) -> "Encryption":
        """Use this key, or else the one in this file, which is created if it does not exist."""
        if key:
            return cls(key.get_secret_value().encode())
        return cls(read_or_create(key_file, Fernet.generate_key))

    def encrypt(self, secret: str) -> str:
        """Return the encrypted secret, as text."""
        return self._fernet.encrypt(secret.encode()).decode()

    def can_decrypt(self, stored: str) -> bool:
        """Return whether this key decrypts it."""
        try:
            self.decrypt(stored)
        except DecryptionFailed:
            return False
        return True

    def decrypt(self, stored: str) -> str:
        """Return the secret. Raise ``DecryptionFailed`` if the key is the wrong one."""
        return self._cached_decrypt(stored)

    def _decrypt(self, stored: str) -> str:
        try:
            return self._fernet.decrypt(stored.encode()).decode()
        except InvalidToken:
            raise DecryptionFailed("the secret was encrypted with another key") from None
