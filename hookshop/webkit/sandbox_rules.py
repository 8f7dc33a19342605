"""Ids, tokens and limits of sandboxes. Pure, except for new ids and tokens, which are random."""

import hashlib
import hmac
import re
import secrets
import string
from dataclasses import dataclass
from datetime import datetime, timedelta

MAIN = "main"
PREFIX = "/s/"
MAX_LIFETIME_SECONDS = 30 * 24 * 3600
DEFAULT_LIFETIME_SECONDS = 24 * 3600
# What the form for a new sandbox offers, in seconds.
LIFETIMES = {"3600": "an hour", "86400": "a day", "604800": "a week", "2592000": "30 days"}
MAX_ADVANCE = timedelta(days=30)  # how much time can be skipped at once
TOKEN_BYTES = 32
RANDOM_ID_LENGTH = 10
ID_PATTERN = r"^[a-z0-9-]{3,40}$"
ID_RULE = "use 3 to 40 lower-case letters, digits and hyphens"


@dataclass(frozen=True, slots=True)
class SandboxRecord:
    """A sandbox that exists. ``number``: the key of its rows in a database that all share.

    ``token_hash``: of the token that opens it; None if the application has no admin token.
    """

    id: str
    token_hash: str | None
    expires_at: datetime
    number: int = 0

    def is_opened_by(self, token: str) -> bool:
        """Return whether this is the sandbox's own token. Compare in constant time."""
        return self.token_hash is not None and hmac.compare_digest(
            self.token_hash, token_hash(token)
        )


def number_in(cursor: str) -> int | None:
    """Return the number of a sandbox in the cursor of a list; None if it is none of ours."""
    # Nine digits fit into the column of every database.
    return int(cursor) if re.fullmatch("[0-9]{1,9}", cursor, re.ASCII) else None


def new_sandbox_id() -> str:
    """Return an id that nobody can guess, such as ``t-7f3k29qxw4``."""
    characters = string.ascii_lowercase + string.digits
    return "t-" + "".join(secrets.choice(characters) for _ in range(RANDOM_ID_LENGTH))


def is_sandbox_id(text: str) -> bool:
    """Return whether a sandbox may have this id. ``main`` always exists."""
    return re.fullmatch(ID_PATTERN[1:-1], text, re.ASCII) is not None and text != MAIN


def sandbox_prefix(sandbox: str) -> str:
    """Return ``/s/{sandbox}``, or nothing for ``main``. Also to be added to a public URL."""
    return "" if sandbox == MAIN else f"{PREFIX}{sandbox}"


def new_token() -> str:
    """Return a token for a new sandbox."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def token_hash(token: str) -> str:
    """Return what is stored instead of a token: hex SHA-256. Tokens are random, so no salt."""
    return hashlib.sha256(token.encode()).hexdigest()
