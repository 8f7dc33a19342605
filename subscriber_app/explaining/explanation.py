"""Explains each check of a request: what was signed, tried, decoded and compared. Pure, no clock.

``verification`` stops at the first failed check. The explanation covers all of them, from the
stored request, for the page of a receipt. It contains fingerprints instead of secrets, and cuts
long values.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from subscriber_app.receiving.json_limits import is_within
from subscriber_app.receiving.keyring import Keyring, KnownSecret, candidates_at
from subscriber_app.receiving.tokens import MAX_LIFETIME_SECONDS, MAX_TOKEN_LENGTH, PARTS
from subscriber_app.receiving.verification import MAX_SIGNATURES, TOLERANCE_SECONDS, IncomingRequest
from subscriber_app.shop_api.spellings import is_other_spelling

MAX_SHOWN_LENGTH = 300  # characters of a value: a few lines
# Of the JSON in a token. Deeper values would be indented beyond the page.
MAX_TOKEN_DEPTH = 12
MAX_TOKEN_VALUES = 300


@dataclass(frozen=True, slots=True)
class CheckedValue:
    """One compared value. ``is_valid``: None if it is shown but not checked."""

    name: str
    expected: str
    actual: str
    is_valid: bool | None


@dataclass(frozen=True, slots=True)
class SecretTried:
    """A tried secret. ``was_live``: when the request arrived. ``status``: the same, as text.

    ``signature``: the valid signature with this secret. ``matches``: one for each signature in the
    header.
    """

    fingerprint: str
    status: str
    was_live: bool
    signature: str
    matches: Sequence[bool]


@dataclass(frozen=True, slots=True)
class SignatureExplanation:
    """``signed``: the bytes ``id.timestamp.body``.

    ``given``: the signatures in the header, cut for display. ``untried``: the number of secrets
    that were skipped.
    """

    signed: bytes
    given: Sequence[str]
    tried: Sequence[SecretTried]
    untried: int = 0

    @property
    def is_valid(self) -> bool:
        """Return whether a secret that was live then has made one of the signatures."""
        return any(each.was_live and any(each.matches) for each in self.tried)


@dataclass(frozen=True, slots=True)
class TokenExplanation:
    """``parts``: name, encoded value, and decoded value or why it cannot be decoded."""

    parts: Sequence[tuple[str, str, str]]
    claims: Sequence[CheckedValue]


@dataclass(frozen=True, slots=True)
class Explanation:
    """The explanation of each check; None if the request has nothing to check.

    ``other_spelling``: the URL in the token, if it is another spelling of ours.
    """

    timestamp: Sequence[CheckedValue]
    signature: SignatureExplanation | None
    token: TokenExplanation | None
    other_spelling: str | None


def explain(
    request: IncomingRequest,
    *,
    received_at: datetime,
    audience: str,
    keyring: Keyring,
    issuer: str | None = None,
) -> Explanation:
    """Explain all checks of the request, as of its arrival. Never raises.

    ``audience``: our URL. ``keyring``: every known secret, newest first. ``issuer``: the shop's
    name for itself; None if unknown.
    """
    expected_claims = _ExpectedClaims(audience, issuer, received_at)
    return Explanation(
        timestamp=_explain_timestamp(request, received_at),
        signature=_explain_signature(request, received_at, keyring),
        token=_explain_token(request, expected_claims, keyring),
        other_spelling=other_spelling(request, audience),
    )


@dataclass(frozen=True, slots=True)
class _ExpectedClaims:
    audience: str
    issuer: str | None
    received_at: datetime


def signed_content(request: IncomingRequest, body: bytes | None = None) -> bytes:
    """Return ``id.timestamp.body`` of a request. ``body``: replaces the received body."""
    prefix = f"{request.header('webhook-id')}.{request.header('webhook-timestamp')}."
    # HTTP headers hold no surrogates, but a stored one must not break the page.
    return prefix.encode("utf-8", errors="surrogatepass") + (request.body if body is None else body)


def signature_of(content: bytes, known: KnownSecret) -> str:
    """Return ``v1,<base64>`` with this secret."""
    return f"v1,{base64.b64encode(hmac.digest(known.key, content, 'sha256')).decode()}"


def bearer_parts(request: IncomingRequest) -> list[str] | None:
    """Return header, claims and signature of the token, encoded; None if it has other parts."""
    scheme, _space, token = (request.header("authorization") or "").partition(" ")
    parts = token.split(".")
    if scheme.lower() != "bearer" or len(parts) != PARTS or len(token) > MAX_TOKEN_LENGTH:
        return None
    return parts


def other_spelling(request: IncomingRequest, audience: str) -> str | None:
    """Return the ``aud`` of the token if it is another spelling of our URL; ignore its signature.

    A shop with several spellings of our URL has an endpoint, and a secret, for each.
    """
    parts = bearer_parts(request)
    meant = (decoded_json(parts[1]) or {}).get("aud") if parts else None
    return meant if isinstance(meant, str) and is_other_spelling(meant, audience) else None


def decoded_json(part: str) -> dict[str, Any] | None:
    """Return the JSON object in a part of a token, parsed leniently for display.

    None if it is not an object, or too deep or too large to display.
    """
    try:
        document = json.loads(decoded_part(part))
    except (ValueError, RecursionError):
        return None
    is_readable = is_within(document, max_depth=MAX_TOKEN_DEPTH, max_values=MAX_TOKEN_VALUES)
    return document if isinstance(document, dict) and is_readable else None


def decoded_part(part: str) -> bytes:
    """Return the decoded bytes of a part of a token; empty if it is not base64url."""
    try:
        return base64.urlsafe_b64decode(part.encode("ascii") + b"==")
    except ValueError:
        return b""


def token_is_signed_by(parts: Sequence[str], known: KnownSecret) -> bool:
    """Return whether this secret signed the token; the algorithm in its header is ignored."""
    signed = ".".join(parts[:2]).encode("utf-8", errors="surrogatepass")
    right = base64.urlsafe_b64encode(hmac.digest(known.key, signed, "sha256")).rstrip(b"=")
    given = parts[2].encode("utf-8", errors="surrogatepass")
    return hmac.compare_digest(right, given)


def _explain_timestamp(request: IncomingRequest, received_at: datetime) -> list[CheckedValue]:
    text = request.header("webhook-timestamp")
    if text is None or not (text.isascii() and text.isdecimal()) or len(text) > 15:  # noqa: PLR2004 – as in verification
        return []
    age = received_at.timestamp() - int(text)
    direction = "ago" if age >= 0 else "in the future"
    return [
        CheckedValue(
            "Age",
            f"at most {TOLERANCE_SECONDS} s, past or future",
            f"{abs(age):,.1f} s {direction}",
            abs(age) <= TOLERANCE_SECONDS,
        ),
        CheckedValue("webhook-timestamp", "unix seconds", f"{text} = {_utc(int(text))}", None),
        CheckedValue(
            "Our clock",
            "",
            f"{received_at.timestamp():.3f} = {_utc(int(received_at.timestamp()))}",
            None,
        ),
    ]


def _utc(seconds: int) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):
        return "outside of the calendar"


def _explain_signature(
    request: IncomingRequest, received_at: datetime, keyring: Keyring
) -> SignatureExplanation | None:
    header = request.header("webhook-signature")
    if header is None:
        return None
    given = header.split(" ")[:MAX_SIGNATURES]
    content = signed_content(request)
    tried = []
    secrets = candidates_at(keyring, received_at)
    for known in secrets:
        signature = signature_of(content, known)
        matches = [_is_same(signature, each) for each in given]
        tried.append(
            SecretTried(
                fingerprint=known.fingerprint,
                status=_secret_status(known, received_at),
                was_live=known.is_live_at(received_at),
                signature=signature,
                matches=matches,
            )
        )
    shown = [cut(each) for each in given]
    return SignatureExplanation(content, shown, tried, untried=len(keyring) - len(secrets))


def _secret_status(known: KnownSecret, received_at: datetime) -> str:
    if known.since > received_at:
        return "received later"
    if known.is_live_at(received_at):
        return "valid then" if known.until else "valid"
    return "expired then"


def _is_same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode("utf-8", errors="surrogatepass"))


def _explain_token(
    request: IncomingRequest, expected_claims: _ExpectedClaims, keyring: Keyring
) -> TokenExplanation | None:
    parts = bearer_parts(request)
    if parts is None:
        return None
    header, claims = decoded_json(parts[0]), decoded_json(parts[1])
    return TokenExplanation(
        parts=[
            ("Header", parts[0], _pretty(header)),
            ("Claims", parts[1], _pretty(claims)),
            ("Signature", parts[2], "HMAC-SHA256 of the first two parts, in base64url"),
        ],
        claims=[
            *_check_header(header or {}),
            _check_token_signature(
                parts,
                expected_claims.received_at,
                candidates_at(keyring, expected_claims.received_at),
            ),
            *_check_claims(claims or {}, request, expected_claims),
        ],
    )


def _pretty(document: dict[str, Any] | None) -> str:
    if document is None:
        return "Not a JSON object in base64url, or too large to show"
    return json.dumps(document, indent=2)


def _check_header(header: dict[str, Any]) -> list[CheckedValue]:
    return [
        _compare("alg", "HS256", header.get("alg")),
        _compare("typ", "webhook+jwt", header.get("typ")),
        CheckedValue("kid", "any (a hint, not trusted)", _shown(header.get("kid")), None),
        *(
            CheckedValue(member, "absent", _shown(header[member]), False)
            for member in ("crit", "b64")
            if member in header
        ),
    ]


def _check_token_signature(
    parts: Sequence[str], received_at: datetime, keyring: Keyring
) -> CheckedValue:
    signer = next((known for known in keyring if token_is_signed_by(parts, known)), None)
    if signer is None:
        return CheckedValue("signature", "by one of our secrets", "by none of them", False)
    actual = f"by {signer.fingerprint} ({_secret_status(signer, received_at)})"
    return CheckedValue(
        "signature", "by one of our secrets", actual, signer.is_live_at(received_at)
    )


def _check_claims(
    claims: dict[str, Any], request: IncomingRequest, expected_claims: _ExpectedClaims
) -> list[CheckedValue]:
    issued, timestamp = claims.get("iat"), request.header("webhook-timestamp") or ""
    return [
        _check_issuer(claims.get("iss"), expected_claims.issuer),
        _compare("aud", expected_claims.audience, claims.get("aud")),
        _compare("jti", request.header("webhook-id"), claims.get("jti")),
        CheckedValue(
            "iat",
            f"{cut(timestamp)}, the webhook-timestamp",
            _shown(issued),
            type(issued) is int and str(issued) == timestamp.lstrip("0"),
        ),
        _check_expiry(issued, claims.get("exp"), expected_claims.received_at),
        *(
            [_check_not_before(claims["nbf"], expected_claims.received_at)]
            if "nbf" in claims
            else []
        ),
        _compare(
            "payload_hash", hashlib.sha256(request.body).hexdigest(), claims.get("payload_hash")
        ),
    ]


def _check_issuer(actual: Any, issuer: str | None) -> CheckedValue:
    if issuer is None:
        return CheckedValue(
            "iss", "not checked: the shop's issuer is unknown", _shown(actual), None
        )
    return _compare("iss", issuer, actual)


def _check_not_before(actual: Any, received_at: datetime) -> CheckedValue:
    is_valid = type(actual) is int and actual <= received_at.timestamp()
    return CheckedValue("nbf", "not in the future", _shown(actual), is_valid)


def _check_expiry(issued: Any, expires: Any, received_at: datetime) -> CheckedValue:
    is_valid = (
        type(issued) is int
        and type(expires) is int
        and 0 < expires - issued <= MAX_LIFETIME_SECONDS
        and expires > received_at.timestamp()
    )
    return CheckedValue(
        "exp",
        f"at most {MAX_LIFETIME_SECONDS} s after iat, not in the past",
        _shown(expires),
        is_valid,
    )


def _compare(name: str, expected: str | None, actual: Any) -> CheckedValue:
    return CheckedValue(name, cut(expected or ""), _shown(actual), actual == expected)


def _shown(value: Any) -> str:
    if value is None:
        return "missing"
    text = value if isinstance(value, str) else json.dumps(value)
    # JSON may hold halves of characters, which no page can.
    return cut(text.encode("utf-8", errors="backslashreplace").decode())


def cut(text: str) -> str:
    """Return untrusted text, cut to ``MAX_SHOWN_LENGTH``."""
    return text if len(text) <= MAX_SHOWN_LENGTH else f"{text[:MAX_SHOWN_LENGTH]}…"
