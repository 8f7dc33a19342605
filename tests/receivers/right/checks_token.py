"""A right receiver that checks the token in place of the signature: pip install pyjwt."""

import hashlib
import hmac
import os
from email.message import Message
from typing import Any

import jwt
from jwt.types import Options

from tests.receivers.right import plain

URL = os.environ.get("WEBHOOK_URL", f"http://{plain.HOST}:{plain.PORT}/hook")  # as registered
MAX_LIFETIME_SECONDS = 300
OPTIONS: Options = {
    "require": ["exp", "iat", "aud", "jti", "payload_hash"],
    "verify_exp": True,
    "verify_nbf": True,
    "verify_aud": True,
}


def is_genuine(headers: Message, body: bytes) -> bool:
    """Return whether one of our secrets signed a token for us, now, for this id and these bytes."""
    scheme, _, token = plain.header(headers, "Authorization").partition(" ")
    read = [read_token(token, plain.key_of(secret)) for secret in plain.SECRETS]
    return scheme.lower() == "bearer" and any(
        is_short_lived(claims) and is_about_message(claims, headers) and is_about_body(claims, body)
        for claims in read
        if claims
    )


def read_token(token: str, key: bytes) -> dict[str, Any] | None:
    """Return the claims of a token that this key signed, that is for us, and that is valid now."""
    try:
        claims: dict[str, Any] = jwt.decode(token, key, ["HS256"], OPTIONS, audience=URL)
    except jwt.InvalidTokenError:
        return None
    return claims


def is_short_lived(claims: dict[str, Any]) -> bool:
    lifetime: int = claims["exp"] - claims["iat"]
    return lifetime <= MAX_LIFETIME_SECONDS


def is_about_message(claims: dict[str, Any], headers: Message) -> bool:
    message_id: str = claims["jti"]
    return message_id == plain.header(headers, "webhook-id")


def is_about_body(claims: dict[str, Any], body: bytes) -> bool:
    expected = hashlib.sha256(body).hexdigest()
    return hmac.compare_digest(expected.encode(), str(claims["payload_hash"]).encode())


plain.is_genuine = is_genuine

if __name__ == "__main__":
    plain.main()
