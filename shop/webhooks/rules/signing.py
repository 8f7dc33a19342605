"""Signs a request in two ways: Standard Webhooks headers and a bearer token. Pure: no clock.

Every attempt is signed again, because the timestamp is the attempt's. Verification is written
independently, in ``subscriber_app.receiving.verification``; test vectors for both are in
``tests/data``.
"""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

SECRET_PREFIX = "whsec_"  # noqa: S105 – the public prefix of every secret, not a secret
SECRET_BYTES = 32
TOKEN_LIFETIME_SECONDS = 300


@dataclass(frozen=True, slots=True)
class SignedContent:
    """The content that a signature covers. ``body``: raw request bytes, never re-serialized."""

    message_id: str
    timestamp: int  # unix seconds of this attempt
    body: bytes


@dataclass(frozen=True, slots=True)
class LiveSecret:
    """A secret that signs. ``id``: its public id. ``secret``: ``whsec_…``."""

    id: str
    secret: str


def generate_secret() -> str:
    """Return a new secret: ``whsec_`` and 32 random bytes in base64."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def signing_headers(
    content: SignedContent, live_secrets: Sequence[LiveSecret], *, issuer: str, audience: str
) -> dict[str, str]:
    """Return the four headers with which the receiver verifies origin, age and integrity.

    ``live_secrets``: newest first, at least one; each adds a signature. ``issuer``: the shop's
    public URL. ``audience``: the endpoint's URL.
    """
    # A token has only one signature. The oldest secret signs it, so that a receiver that verifies
    # the token has the whole grace period to add the new secret.
    oldest = live_secrets[-1]
    token = bearer_token(content, oldest.secret, issuer=issuer, audience=audience, key_id=oldest.id)
    return {
        "webhook-id": content.message_id,
        "webhook-timestamp": str(content.timestamp),
        "webhook-signature": " ".join(signature(content, live.secret) for live in live_secrets),
        "Authorization": f"Bearer {token}",
    }


def signature(content: SignedContent, secret: str) -> str:
    """Return ``v1,<base64>``: HMAC-SHA256 of ``id.timestamp.body``, as in Standard Webhooks.

    Raise ``ValueError`` if the secret is not base64.
    """
    signed = f"{content.message_id}.{content.timestamp}.".encode() + content.body
    return "v1," + base64.b64encode(_hmac_sha256(secret, signed)).decode()


def bearer_token(
    content: SignedContent, secret: str, *, issuer: str, audience: str, key_id: str | None = None
) -> str:
    """Return a JSON Web Token (RFC 7519, compact, HS256) that is valid only for this request.

    ``payload_hash`` binds it to the body, ``jti`` to the message, ``aud`` to the endpoint, ``iat``
    to the attempt, so a stolen token is useless for another request. ``key_id``: the secret's
    public id, sent as ``kid``, a hint for the receiver.
    """
    header = {"alg": "HS256", "typ": "webhook+jwt", **({"kid": key_id} if key_id else {})}
    claims = {
        "iss": issuer,
        "aud": audience,
        "jti": content.message_id,
        "iat": content.timestamp,
        "exp": content.timestamp + TOKEN_LIFETIME_SECONDS,
        "payload_hash": hashlib.sha256(content.body).hexdigest(),
    }
    signed = f"{_base64url_json(header)}.{_base64url_json(claims)}"
    return f"{signed}.{_base64url(_hmac_sha256(secret, signed.encode()))}"


def _hmac_sha256(secret: str, content: bytes) -> bytes:
    return hmac.digest(_key(secret), content, "sha256")


def _key(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error:
        # Suppress the cause: its message could quote parts of the secret.
        raise ValueError("the secret is not valid base64") from None


def _base64url_json(document: Mapping[str, object]) -> str:
    return _base64url(_COMPACT.encode(document).encode())


_COMPACT = json.JSONEncoder(separators=(",", ":"))


def _base64url(raw: bytes) -> str:
    """Return base64url without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
