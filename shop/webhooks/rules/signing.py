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
from typing import Any

SECRET_PREFIX = "whsec_"  # noqa: S105 – the public prefix of every secret, not a secret
SECRET_BYTES = 32
# The length of a key, as Standard Webhooks recommends it.
MIN_SECRET_BYTES = 24
MAX_SECRET_BYTES = 64
TOKEN_LIFETIME_SECONDS = 300
TOKEN_TYPE = "webhook+jwt"  # noqa: S105 – a name


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


def check_secret(secret: str) -> None:
    """Raise ``ValueError`` unless this is ``whsec_`` and 24 to 64 bytes in base64."""
    rule = f"a secret is whsec_ and {MIN_SECRET_BYTES} to {MAX_SECRET_BYTES} bytes in base64"
    try:
        length = len(decode_secret(secret))
    except ValueError:  # also for characters that are not ASCII
        raise ValueError(rule) from None
    if not secret.startswith(SECRET_PREFIX) or not MIN_SECRET_BYTES <= length <= MAX_SECRET_BYTES:
        raise ValueError(rule)


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
    return sign(f"{content.message_id}.{content.timestamp}.".encode() + content.body, secret)


def sign(signed: bytes, secret: str) -> str:
    """Return ``v1,<base64>`` for these bytes. Raise ``ValueError`` if the secret is not base64."""
    return "v1," + base64.b64encode(_hmac(secret, signed)).decode()


def bearer_token(
    content: SignedContent, secret: str, *, issuer: str, audience: str, key_id: str | None = None
) -> str:
    """Return a JSON Web Token (RFC 7519, compact, HS256) that is valid only for this request.

    ``payload_hash`` binds it to the body, ``jti`` to the message, ``aud`` to the endpoint, ``iat``
    to the attempt, so a stolen token is useless for another request. ``key_id``: the secret's
    public id, sent as ``kid``, a hint for the receiver.
    """
    header = {"alg": "HS256", "typ": TOKEN_TYPE, **({"kid": key_id} if key_id else {})}
    return encode_token(header, token_claims(content, issuer=issuer, audience=audience), secret)


def token_claims(content: SignedContent, *, issuer: str, audience: str) -> dict[str, Any]:
    """Return the claims of the token for this request."""
    return {
        "iss": issuer,
        "aud": audience,
        "jti": content.message_id,
        "iat": content.timestamp,
        "exp": content.timestamp + TOKEN_LIFETIME_SECONDS,
        "payload_hash": hashlib.sha256(content.body).hexdigest(),
    }


def encode_token(
    header: Mapping[str, object],
    claims: Mapping[str, object],
    secret: str,
    *,
    digest: str = "sha256",
) -> str:
    """Return a JSON Web Token with this header and these claims, signed with HMAC.

    ``digest``: the hash function that the header's ``alg`` names.
    """
    signed = f"{_base64url_json(header)}.{_base64url_json(claims)}"
    return f"{signed}.{_base64url(_hmac(secret, signed.encode(), digest))}"


def _hmac(secret: str, content: bytes, digest: str = "sha256") -> bytes:
    return hmac.digest(decode_secret(secret), content, digest)


def decode_secret(secret: str) -> bytes:
    """Return the key in a secret. Raise ``ValueError`` if it is not base64."""
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
