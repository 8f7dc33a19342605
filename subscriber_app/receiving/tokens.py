"""Checks the bearer token: a JSON Web Token that is bound to one request. Pure, no clock.

It uses no JWT library, because libraries accept what a receiver should reject (padding, duplicate
claims, any ``typ``, a lifetime of years), and because each rule should be visible to a learner.
"""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from subscriber_app.checklist import Finding, VerificationError
from subscriber_app.vocabulary import Reason

MAX_TOKEN_LENGTH = 4096  # characters; a genuine token has about 450
MAX_LIFETIME_SECONDS = 300
PARTS = 3  # header, claims, signature

_BASE64URL = re.compile(r"[A-Za-z0-9_-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class TokenExpectation:
    """What the token must match.

    ``is_signed``: return whether a text has this base64url signature by one of our secrets.
    ``timestamp``: of the header, in unix seconds. ``now``: in unix seconds. ``issuer``: the shop's
    name for itself; None if unknown, which accepts any issuer.
    """

    is_signed: Callable[[str, str], bool]
    audience: str
    message_id: str
    timestamp: int
    body: bytes
    now: float
    issuer: str | None = None


def check_token(token: str, expected: TokenExpectation) -> Finding:
    """Return if the token is genuine and made for this request. Raise ``VerificationError``.

    Sources: RFC 7515 (JWS), RFC 7519 (JWT), RFC 8725 (best practices: pin the algorithm, check the
    type).
    """
    header_part, claims_part, signature = _split(token)
    _check_header(_json_object(header_part, "header"))
    if not expected.is_signed(f"{header_part}.{claims_part}", signature):
        raise VerificationError(Reason.TOKEN_SIGNATURE, "The signature of the token does not match")
    claims = _json_object(claims_part, "claims")
    _check_lifetime(claims, expected)
    _check_binding(claims, expected)
    return Finding("HS256 with our secret, for this body, message and endpoint")


def is_signed_by(signed: str, signature: str, keys: Iterable[bytes]) -> bool:
    """Return whether ``signature`` (base64url) is the HMAC-SHA256 of ``signed`` with any key."""
    expected = [
        base64.urlsafe_b64encode(hmac.digest(key, signed.encode(), "sha256")).rstrip(b"=")
        for key in keys
    ]
    return any(hmac.compare_digest(signature.encode(), one) for one in expected)


def _split(token: str) -> list[str]:
    if len(token) > MAX_TOKEN_LENGTH:
        raise VerificationError(
            Reason.MALFORMED_TOKEN, f"{len(token)} characters; the maximum is {MAX_TOKEN_LENGTH}"
        )
    parts = token.split(".")
    if len(parts) != PARTS:
        raise VerificationError(
            Reason.MALFORMED_TOKEN, f"Expected header.claims.signature, got {len(parts)} parts"
        )
    if not all(_BASE64URL.fullmatch(part) for part in parts):
        raise VerificationError(
            Reason.MALFORMED_TOKEN, "A part is not base64url without padding (RFC 7515, section 2)"
        )
    return parts


def _check_header(header: dict[str, Any]) -> None:
    # Pinned and checked first: a token must not choose how it is verified.
    if header.get("alg") != "HS256":
        raise VerificationError(
            Reason.TOKEN_ALGORITHM, f"Expected alg HS256, got {_shown(header.get('alg'))}"
        )
    # Without this, another kind of token signed with the same secret would pass.
    if header.get("typ") != "webhook+jwt":
        raise VerificationError(
            Reason.TOKEN_TYPE, f"Expected typ webhook+jwt, got {_shown(header.get('typ'))}"
        )
    # "crit" lists members that a verifier must support; we support none (RFC 7515, section 4.1.11).
    # "b64" changes what is signed (RFC 7797), so it must not be ignored, with or without "crit".
    # All others (jku, jwk, kid …) are ignored: a token must not choose the key that verifies it.
    for member in ("crit", "b64"):
        if member in header:
            raise VerificationError(Reason.MALFORMED_TOKEN, f"The header has the member {member}")


def _check_lifetime(claims: dict[str, Any], expected: TokenExpectation) -> None:
    issued, expires = claims.get("iat"), claims.get("exp")
    # type() instead of isinstance(): True is also an int.
    if type(issued) is not int or type(expires) is not int:
        raise VerificationError(
            Reason.TOKEN_LIFETIME,
            f"Expected whole seconds, got iat {_shown(issued)} and exp {_shown(expires)}",
        )
    # First, because it bounds the numbers in the calculations below.
    _require_equal("iat", issued, expected.timestamp, Reason.TOKEN_TIMESTAMP)
    if not 0 < expires - issued <= MAX_LIFETIME_SECONDS:
        raise VerificationError(
            Reason.TOKEN_LIFETIME,
            f"Expected a lifetime of 1 to {MAX_LIFETIME_SECONDS} s, got {_shown(expires - issued)}",
        )
    if expires <= expected.now:
        raise VerificationError(Reason.TOKEN_EXPIRED, f"Expired {expected.now - expires:.0f} s ago")
    if "nbf" in claims:
        _check_not_before(claims["nbf"], expected.now)


def _check_not_before(not_before: object, now: float) -> None:
    """Check ``nbf`` without leeway, like ``exp``: only the timestamp has a tolerance.

    RFC 7519, section 4.1.5.
    """
    if type(not_before) is not int:
        raise VerificationError(
            Reason.TOKEN_LIFETIME, f"Expected whole seconds, got nbf {_shown(not_before)}"
        )
    if not_before > now:
        raise VerificationError(
            Reason.TOKEN_NOT_YET_VALID,
            f"Not valid before {_shown(not_before)}; now it is {now:.0f}",
        )


def _check_binding(claims: dict[str, Any], expected: TokenExpectation) -> None:
    body_hash = hashlib.sha256(expected.body).hexdigest()
    if expected.issuer is not None:
        _require_equal("iss", claims.get("iss"), expected.issuer, Reason.TOKEN_ISSUER)
    _require_equal("aud", claims.get("aud"), expected.audience, Reason.TOKEN_AUDIENCE)
    _require_equal("jti", claims.get("jti"), expected.message_id, Reason.TOKEN_MESSAGE_ID)
    _require_equal("payload_hash", claims.get("payload_hash"), body_hash, Reason.TOKEN_PAYLOAD_HASH)


def _require_equal(name: str, given: object, expected: object, reason: Reason) -> None:
    if given != expected:
        raise VerificationError(reason, f"Expected {name} {_shown(expected)}, got {_shown(given)}")


def _json_object(part: str, what: str) -> dict[str, Any]:
    try:
        raw = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
        # Decode first: from bytes, the parser would accept UTF-16 and a byte order mark.
        document = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_reject_duplicates,
            parse_constant=_reject_constant,
        )
    except (ValueError, RecursionError):  # invalid base64, UTF-8 or JSON, or a duplicate member
        document = None
    if not isinstance(document, dict):
        raise VerificationError(
            Reason.MALFORMED_TOKEN,
            f"The {what} of the token must be a JSON object in UTF-8, encoded in base64url",
        )
    return document


def _reject_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _reject_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("an object has the same key twice")
    return members


def _shown(value: object) -> str:
    if isinstance(value, list | dict):
        return f"a JSON {'array' if isinstance(value, list) else 'object'}"
    text = ascii(value)
    return text if len(text) <= 80 else f"{text[:80]}…"  # noqa: PLR2004 – fits on a line
