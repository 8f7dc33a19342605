"""Shows the work behind each check: what was signed, tried, decoded and compared. Pure, no clock.

``verification`` decides, and stops at the first thing that is wrong; this looks at everything, for
the page of a receipt, from the request as it was stored. No secret is in what it returns, only
fingerprints. A stranger's texts are cut to what a person reads.
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
from subscriber_app.receiving.keyring import Keyring, KnownSecret, worth_trying
from subscriber_app.receiving.tokens import MAX_LIFETIME_SECONDS, MAX_TOKEN_BYTES, PARTS
from subscriber_app.receiving.verification import MAX_SIGNATURES, TOLERANCE_SECONDS, IncomingRequest
from subscriber_app.shop_api.spellings import is_other_spelling

MAX_SHOWN_LENGTH = 300  # characters of a value: a few lines
# Of a token's parts. Indented, deeper ones would fill the page with blanks.
MAX_TOKEN_DEPTH = 12
MAX_TOKEN_VALUES = 300


@dataclass(frozen=True, slots=True)
class Judgement:
    """One thing that was expected and what came. ``is_right``: None where we do not judge."""

    name: str
    expected: str
    came: str
    is_right: bool | None


@dataclass(frozen=True, slots=True)
class SecretTried:
    """``counted``: when the request came; ``standing``: that in words, or why not.

    ``right``: the signature that it makes of this content.
    """

    fingerprint: str
    standing: str
    counted: bool
    right: str
    matches: Sequence[bool]  # one for each signature of the header


@dataclass(frozen=True, slots=True)
class SignatureWork:
    """``signed``: the bytes ``id.timestamp.body``.

    ``given``: the signatures of the header, cut to what is shown. ``untried``: how many other
    secrets were left out.
    """

    signed: bytes
    given: Sequence[str]
    tried: Sequence[SecretTried]
    untried: int = 0

    @property
    def fits(self) -> bool:
        """Whether a secret that counted then has made one of the signatures."""
        return any(each.counted and any(each.matches) for each in self.tried)


@dataclass(frozen=True, slots=True)
class TokenWork:
    """``parts``: name, what it is as sent, and what it is decoded (or why it cannot be)."""

    parts: Sequence[tuple[str, str, str]]
    claims: Sequence[Judgement]


@dataclass(frozen=True, slots=True)
class Explanation:
    """The work behind each step; None where the request has nothing to work on.

    ``other_spelling``: the URL that the token names, if it is our own in another spelling.
    """

    timestamp: Sequence[Judgement]
    signature: SignatureWork | None
    token: TokenWork | None
    other_spelling: str | None


def explain(
    request: IncomingRequest,
    *,
    received_at: datetime,
    audience: str,
    keyring: Keyring,
    issuer: str | None = None,
) -> Explanation:
    """Look at everything in the request as of the moment when it came. Never raises.

    ``audience``: our URL. ``keyring``: every secret that is known, newest first. ``issuer``: what
    the shop calls itself; None as long as it has not said so.
    """
    wanted = _WantedClaims(audience, issuer, received_at)
    return Explanation(
        timestamp=_judge_timestamp(request, received_at),
        signature=_try_signatures(request, received_at, keyring),
        token=_decode_token(request, wanted, keyring),
        other_spelling=other_spelling(request, audience),
    )


@dataclass(frozen=True, slots=True)
class _WantedClaims:
    audience: str
    issuer: str | None
    received_at: datetime


def signed_content(request: IncomingRequest, body: bytes | None = None) -> bytes:
    """``id.timestamp.body`` of a request; ``body``: another one than came."""
    prefix = f"{request.header('webhook-id')}.{request.header('webhook-timestamp')}."
    # Surrogates cannot come over HTTP, but must not break a page either.
    return prefix.encode("utf-8", errors="surrogatepass") + (request.body if body is None else body)


def signature_of(content: bytes, known: KnownSecret) -> str:
    """``v1,<base64>`` as this secret makes it."""
    return f"v1,{base64.b64encode(hmac.digest(known.key, content, 'sha256')).decode()}"


def bearer_parts(request: IncomingRequest) -> list[str] | None:
    """Header, claims and signature of the token, still encoded; None if there are not three."""
    scheme, _space, token = (request.header("authorization") or "").partition(" ")
    parts = token.split(".")
    if scheme.lower() != "bearer" or len(parts) != PARTS or len(token) > MAX_TOKEN_BYTES:
        return None
    return parts


def other_spelling(request: IncomingRequest, audience: str) -> str | None:
    """Return the ``aud`` of the token if it is another spelling of our URL, whoever signed it.

    A shop that knows several spellings has an endpoint, and a secret, for each of them.
    """
    parts = bearer_parts(request)
    meant = (decoded_json(parts[1]) or {}).get("aud") if parts else None
    return meant if isinstance(meant, str) and is_other_spelling(meant, audience) else None


def decoded_json(part: str) -> dict[str, Any] | None:
    """The object in a part of a token, read leniently, since it is only to be shown.

    None, too, for one that is nested too deeply or has too many values to be shown.
    """
    try:
        document = json.loads(decoded_part(part))
    except (ValueError, RecursionError):
        return None
    is_readable = is_within(document, max_depth=MAX_TOKEN_DEPTH, max_values=MAX_TOKEN_VALUES)
    return document if isinstance(document, dict) and is_readable else None


def decoded_part(part: str) -> bytes:
    """The bytes that a part of a token is the base64url of; none if it is not."""
    try:
        return base64.urlsafe_b64decode(part.encode("ascii") + b"==")
    except ValueError:
        return b""


def token_is_signed_by(parts: Sequence[str], known: KnownSecret) -> bool:
    """Whether this secret makes the third part of the first two, whatever the header says."""
    signed = ".".join(parts[:2]).encode("utf-8", errors="surrogatepass")
    right = base64.urlsafe_b64encode(hmac.digest(known.key, signed, "sha256")).rstrip(b"=")
    given = parts[2].encode("utf-8", errors="surrogatepass")
    return hmac.compare_digest(right, given)


def _judge_timestamp(request: IncomingRequest, received_at: datetime) -> list[Judgement]:
    text = request.header("webhook-timestamp")
    if text is None or not (text.isascii() and text.isdecimal()) or len(text) > 15:  # noqa: PLR2004 – as in verification
        return []
    age = received_at.timestamp() - int(text)
    direction = "ago" if age >= 0 else "in the future"
    return [
        Judgement(
            "Age",
            f"at most {TOLERANCE_SECONDS} s either way",
            f"{abs(age):,.1f} s {direction}",
            abs(age) <= TOLERANCE_SECONDS,
        ),
        Judgement("It says", "unix seconds", f"{text} = {_moment(int(text))}", None),
        Judgement(
            "Our clock",
            "",
            f"{received_at.timestamp():.3f} = {_moment(int(received_at.timestamp()))}",
            None,
        ),
    ]


def _moment(seconds: int) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):
        return "in no year that a calendar has"


def _try_signatures(
    request: IncomingRequest, received_at: datetime, keyring: Keyring
) -> SignatureWork | None:
    header = request.header("webhook-signature")
    if header is None:
        return None
    given = header.split(" ")[:MAX_SIGNATURES]
    content = signed_content(request)
    tried = []
    secrets = worth_trying(keyring, received_at)
    for known in secrets:
        right = signature_of(content, known)
        matches = [_is_same(right, each) for each in given]
        tried.append(
            SecretTried(
                fingerprint=known.fingerprint,
                standing=_standing(known, received_at),
                counted=known.is_good_at(received_at),
                right=right,
                matches=matches,
            )
        )
    shown = [cut(each) for each in given]
    return SignatureWork(content, shown, tried, untried=len(keyring) - len(secrets))


def _standing(known: KnownSecret, received_at: datetime) -> str:
    if known.since > received_at:
        return "came later"
    if known.is_good_at(received_at):
        return "good then" if known.until else "good"
    return "had expired"


def _is_same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode("utf-8", errors="surrogatepass"))


def _decode_token(
    request: IncomingRequest, wanted: _WantedClaims, keyring: Keyring
) -> TokenWork | None:
    parts = bearer_parts(request)
    if parts is None:
        return None
    header, claims = decoded_json(parts[0]), decoded_json(parts[1])
    return TokenWork(
        parts=[
            ("Header", parts[0], _pretty(header)),
            ("Claims", parts[1], _pretty(claims)),
            ("Signature", parts[2], "HMAC-SHA256 of the two parts before, in base64url"),
        ],
        claims=[
            *_judge_header(header or {}),
            _judge_token_signature(
                parts, wanted.received_at, worth_trying(keyring, wanted.received_at)
            ),
            *_judge_claims(claims or {}, request, wanted),
        ],
    )


def _pretty(document: dict[str, Any] | None) -> str:
    if document is None:
        return "Not a JSON object in base64url, or one too large or too deep to be shown"
    return json.dumps(document, indent=2)


def _judge_header(header: dict[str, Any]) -> list[Judgement]:
    return [
        _compared("alg", "HS256", header.get("alg")),
        _compared("typ", "webhook+jwt", header.get("typ")),
        Judgement("kid", "a hint, never trusted", _shown(header.get("kid")), None),
        *(
            Judgement(member, "not there", _shown(header[member]), False)
            for member in ("crit", "b64")
            if member in header
        ),
    ]


def _judge_token_signature(
    parts: Sequence[str], received_at: datetime, keyring: Keyring
) -> Judgement:
    signer = next((known for known in keyring if token_is_signed_by(parts, known)), None)
    if signer is None:
        return Judgement("signature", "made by one of our secrets", "made by none of them", False)
    came = f"made by {signer.fingerprint} ({_standing(signer, received_at)})"
    return Judgement(
        "signature", "made by one of our secrets", came, signer.is_good_at(received_at)
    )


def _judge_claims(
    claims: dict[str, Any], request: IncomingRequest, wanted: _WantedClaims
) -> list[Judgement]:
    issued, timestamp = claims.get("iat"), request.header("webhook-timestamp") or ""
    return [
        _judge_issuer(claims.get("iss"), wanted.issuer),
        _compared("aud", wanted.audience, claims.get("aud")),
        _compared("jti", request.header("webhook-id"), claims.get("jti")),
        Judgement(
            "iat",
            f"{cut(timestamp)}, as webhook-timestamp",
            _shown(issued),
            type(issued) is int and str(issued) == timestamp.lstrip("0"),
        ),
        _judge_expiry(issued, claims.get("exp"), wanted.received_at),
        *([_judge_not_before(claims["nbf"], wanted.received_at)] if "nbf" in claims else []),
        _compared(
            "payload_hash", hashlib.sha256(request.body).hexdigest(), claims.get("payload_hash")
        ),
    ]


def _judge_issuer(came: Any, issuer: str | None) -> Judgement:
    if issuer is None:
        return Judgement("iss", "not checked: the shop has not named it yet", _shown(came), None)
    return _compared("iss", issuer, came)


def _judge_not_before(came: Any, received_at: datetime) -> Judgement:
    is_right = type(came) is int and came <= received_at.timestamp()
    return Judgement("nbf", "not ahead", _shown(came), is_right)


def _judge_expiry(issued: Any, expires: Any, received_at: datetime) -> Judgement:
    is_right = (
        type(issued) is int
        and type(expires) is int
        and 0 < expires - issued <= MAX_LIFETIME_SECONDS
        and expires > received_at.timestamp()
    )
    return Judgement(
        "exp",
        f"at most {MAX_LIFETIME_SECONDS} s after iat, and not over",
        _shown(expires),
        is_right,
    )


def _compared(name: str, expected: str | None, came: Any) -> Judgement:
    return Judgement(name, cut(expected or ""), _shown(came), came == expected)


def _shown(value: Any) -> str:
    if value is None:
        return "not there"
    text = value if isinstance(value, str) else json.dumps(value)
    # JSON may hold halves of characters, which no page can.
    return cut(text.encode("utf-8", errors="backslashreplace").decode())


def cut(text: str) -> str:
    """Return the beginning of a stranger's text, as much as is shown of it."""
    return text if len(text) <= MAX_SHOWN_LENGTH else f"{text[:MAX_SHOWN_LENGTH]}…"
