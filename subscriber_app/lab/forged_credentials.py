"""Makes signatures and tokens, right ones and wrong ones, for the attack desk and its editor. Pure.

A receiver has no use for this: it only compares. Kept apart from ``verification``, so that what
attacks is not built from what defends.
"""

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass, field
from typing import Any

from subscriber_app.receiving.verification import secret_key

LIFETIME_SECONDS = 300
# Whoever attacks has a secret as well, only not ours.
ATTACKERS_SECRET = "whsec_" + base64.b64encode(b"known to the attacker, not to us").decode()


@dataclass(frozen=True, slots=True)
class Signable:
    """What a sender signs. ``timestamp``: unix seconds. ``audience``: the URL it is sent to.

    ``issuer``: what the shop calls itself in tokens.
    """

    message_id: str
    timestamp: int
    body: bytes
    audience: str
    issuer: str


@dataclass(frozen=True, slots=True)
class TokenOverrides:
    """How a token differs from a right one. With the ``algorithm`` none it has no signature."""

    algorithm: str = "HS256"
    claims: dict[str, Any] = field(default_factory=dict)


RIGHT = TokenOverrides()


def signature_of(content: Signable, secret: str) -> str:
    """``v1,<base64>``, as Standard Webhooks defines it."""
    signed = f"{content.message_id}.{content.timestamp}.".encode() + content.body
    return "v1," + base64.b64encode(hmac.digest(secret_key(secret), signed, "sha256")).decode()


def token_of(content: Signable, secret: str, twist: TokenOverrides = RIGHT) -> str:
    """The bearer token, without the word Bearer."""
    claims = {
        "iss": content.issuer,
        "aud": content.audience,
        "jti": content.message_id,
        "iat": content.timestamp,
        "exp": content.timestamp + LIFETIME_SECONDS,
        "payload_hash": hashlib.sha256(content.body).hexdigest(),
        **twist.claims,
    }
    header = {"alg": twist.algorithm, "typ": "webhook+jwt"}
    signed = f"{_part(header)}.{_part(claims)}"
    if twist.algorithm == "none":
        return f"{signed}."
    return f"{signed}.{_base64url(hmac.digest(secret_key(secret), signed.encode(), 'sha256'))}"


def _part(document: dict[str, Any]) -> str:
    return _base64url(json.dumps(document, separators=(",", ":")).encode())


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
