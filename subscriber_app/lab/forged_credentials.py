"""Creates signatures and tokens, valid and invalid, for the attack desk. Pure.

It shares no code with ``verification``: attacks should not be built from the code that they test.
"""

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass, field
from typing import Any

from subscriber_app.receiving.verification import secret_key

LIFETIME_SECONDS = 300
# The attacker has a secret, but not ours.
ATTACKERS_SECRET = "whsec_" + base64.b64encode(b"known to the attacker, not to us").decode()


@dataclass(frozen=True, slots=True)
class Signable:
    """What a sender signs. ``timestamp``: unix seconds. ``audience``: the receiver's URL.

    ``issuer``: the shop's name for itself in tokens.
    """

    message_id: str
    timestamp: int
    body: bytes
    audience: str
    issuer: str


@dataclass(frozen=True, slots=True)
class TokenOverrides:
    """How a token differs from a valid one. With the ``algorithm`` none it has no signature."""

    algorithm: str = "HS256"
    claims: dict[str, Any] = field(default_factory=dict)


NO_OVERRIDES = TokenOverrides()


def signature_of(content: Signable, secret: str) -> str:
    """Return ``v1,<base64>``, as Standard Webhooks defines it."""
    signed = f"{content.message_id}.{content.timestamp}.".encode() + content.body
    return "v1," + base64.b64encode(hmac.digest(secret_key(secret), signed, "sha256")).decode()


def token_of(content: Signable, secret: str, overrides: TokenOverrides = NO_OVERRIDES) -> str:
    """Return the bearer token, without the word Bearer."""
    claims = {
        "iss": content.issuer,
        "aud": content.audience,
        "jti": content.message_id,
        "iat": content.timestamp,
        "exp": content.timestamp + LIFETIME_SECONDS,
        "payload_hash": hashlib.sha256(content.body).hexdigest(),
        **overrides.claims,
    }
    header = {"alg": overrides.algorithm, "typ": "webhook+jwt"}
    signed = f"{_part(header)}.{_part(claims)}"
    if overrides.algorithm == "none":
        return f"{signed}."
    return f"{signed}.{_base64url(hmac.digest(secret_key(secret), signed.encode(), 'sha256'))}"


def _part(document: dict[str, Any]) -> str:
    return _base64url(json.dumps(document, separators=(",", ":")).encode())


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
