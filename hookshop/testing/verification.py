"""Whether a webhook is genuine: each check, what it compares, and its result. Pure, no clock.

It reads like the documentation of the contract, docs/contract.md, and is independent of both
applications: three implementations that agree are a better check than one that is shared.
"""

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

TOLERANCE_SECONDS = 300
MAX_SIGNATURES = 20
MAX_TOKEN_LENGTH = 4096  # characters
MAX_TOKEN_LIFETIME_SECONDS = 300
SECRET_PREFIX = "whsec_"  # noqa: S105 – the public prefix of every secret, not a secret
TOKEN_HEADER = {"alg": "HS256", "typ": "webhook+jwt"}
MAX_SHOWN_LENGTH = 60  # characters

Headers = Sequence[tuple[str, str]]

_CREDENTIALS = ("webhook-signature", "authorization")
_UNIQUE = ("webhook-id", "webhook-timestamp", *_CREDENTIALS, "content-type", "content-encoding")
_MESSAGE_ID = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)
_UNIX_SECONDS = re.compile(r"[0-9]{1,15}", re.ASCII)
# Three parts in base64url without padding (RFC 7515, section 7.1).
_TOKEN = re.compile(r"[A-Za-z0-9_-]*(\.[A-Za-z0-9_-]*){2}", re.ASCII)


class Result(StrEnum):
    """The result of one step."""

    PASSED = "passed"
    FAILED = "failed"
    IGNORED = "ignored"  # it failed, but nobody asked for it
    SKIPPED = "skipped"  # there is nothing to check
    NOT_REACHED = "not reached"  # an earlier step failed


@dataclass(frozen=True, slots=True)
class Step:
    """One check. ``detail``: a sentence: what was compared with what. ``reason``: of a failure.

    The reasons are those of the subscriber, which docs/receipts.md explains.
    """

    name: str
    result: Result
    detail: str = ""
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Verification:
    """The result of all steps, in their order."""

    steps: tuple[Step, ...]

    @property
    def failure(self) -> Step | None:
        """Return the step that failed; None if the webhook is genuine."""
        return next((step for step in self.steps if step.result is Result.FAILED), None)

    @property
    def ignored(self) -> tuple[Step, ...]:
        """Return the steps that failed and were ignored."""
        return tuple(step for step in self.steps if step.result is Result.IGNORED)

    @property
    def is_genuine(self) -> bool:
        """Return whether no step failed."""
        return self.failure is None


@dataclass(frozen=True, slots=True)
class Expected:
    """What a genuine webhook must match.

    ``secrets``: every valid secret, each ``whsec_`` and base64. ``url``: as registered. ``issuer``:
    from the response to the registration; None accepts any. ``now``: unix seconds.
    """

    secrets: Sequence[str]
    url: str
    issuer: str | None
    now: float

    @property
    def keys(self) -> list[bytes]:
        """Return the bytes to sign with."""
        return [base64.b64decode(secret.removeprefix(SECRET_PREFIX)) for secret in self.secrets]


def verify(
    headers: Headers, body: bytes, expected: Expected, *, ignored: Collection[str] = ()
) -> Verification:
    """Return each step and its result. It never raises, whatever was received.

    ``headers``: names in lower case, including repeated ones. ``body``: the raw bytes, never parsed
    and serialized again. Signature or token is enough, and each that is present must be valid.
    ``ignored``: names of steps that may fail, for a receiver without some of its defenses.
    """
    request = _Request(headers, body)
    steps: list[Step] = []
    has_failed = False
    for name, check in _CHECKS.items():
        if has_failed:
            steps.append(Step(name, Result.NOT_REACHED))
            continue
        try:
            steps.append(Step(name, Result.PASSED, check(request, expected)))
        except _NothingToCheck as nothing:
            steps.append(Step(name, Result.SKIPPED, str(nothing)))
        except _Mismatch as mismatch:
            result = Result.IGNORED if name in ignored else Result.FAILED
            steps.append(Step(name, result, str(mismatch), mismatch.reason))
            has_failed = result is Result.FAILED
    return Verification(tuple(steps))


def parse_event(body: bytes) -> dict[str, Any] | None:
    """Return the member ``event`` of the body, or None if the body is not an event."""
    document = _json_object(body)
    event = (document or {}).get("event")
    return event if isinstance(event, dict) and isinstance(event.get("type"), str) else None


class _Mismatch(Exception):  # noqa: N818 – the name says what happened
    """A check failed."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class _NothingToCheck(Exception):  # noqa: N818 – the name says what happened
    """A check does not apply."""


@dataclass(frozen=True, slots=True)
class _Request:
    headers: Headers
    body: bytes

    def values(self, name: str) -> list[str]:
        return [value for other, value in self.headers if other == name]

    def value(self, name: str) -> str:
        return next(iter(self.values(name)), "")


def _check_content_type(request: _Request, _expected: Expected) -> str:
    given = request.value("content-type")
    if given.partition(";")[0].strip().lower() != "application/json":
        raise _Mismatch(
            "unsupported_content_type", f"Expected application/json, got {_shown(given)}"
        )
    for encoding in request.values("content-encoding"):
        if encoding.lower() not in {"", "identity"}:
            raise _Mismatch(
                "unsupported_content_encoding", f"The body is encoded: {_shown(encoding)}"
            )
    return f"content-type is {given}"


def _check_headers(request: _Request, _expected: Expected) -> str:
    for name in _UNIQUE:
        if (count := len(request.values(name))) > 1:
            raise _Mismatch("duplicate_header", f"{name} is there {count} times instead of once")
    for name in ("webhook-id", "webhook-timestamp"):
        if not request.values(name):
            raise _Mismatch("missing_header", f"{name} is missing")
    present = [name for name in _CREDENTIALS if request.values(name)]
    if not present:
        raise _Mismatch(
            "no_credential", f"Neither {_CREDENTIALS[0]} nor {_CREDENTIALS[1]} is there"
        )
    message_id = request.value("webhook-id")
    # A dot in the id would make the signed text "id.timestamp.body" ambiguous.
    if not _MESSAGE_ID.fullmatch(message_id):
        raise _Mismatch(
            "malformed_id",
            f"webhook-id is {_shown(message_id)} instead of 1 to 128 letters, digits, - and _",
        )
    return f"webhook-id, webhook-timestamp, {' and '.join(present)} are there, each once"


def _check_timestamp(request: _Request, expected: Expected) -> str:
    text = request.value("webhook-timestamp")
    if not _UNIX_SECONDS.fullmatch(text):
        raise _Mismatch(
            "malformed_timestamp", f"webhook-timestamp is {_shown(text)} instead of unix seconds"
        )
    age = expected.now - int(text)
    limit = f"the limit is {TOLERANCE_SECONDS} s, to stop replays"
    if age > TOLERANCE_SECONDS:
        raise _Mismatch("timestamp_too_old", f"webhook-timestamp is {age:.0f} s old; {limit}")
    if -age > TOLERANCE_SECONDS:
        raise _Mismatch(
            "timestamp_too_new", f"webhook-timestamp is {-age:.0f} s in the future; {limit}"
        )
    when = f"{age:.1f} s ago" if age >= 0 else f"{-age:.1f} s ahead of this machine's clock"
    return f"webhook-timestamp {text} is {when}; {limit}"


def _check_signature(request: _Request, expected: Expected) -> str:
    header = next(iter(request.values("webhook-signature")), None)
    if header is None:
        raise _NothingToCheck("There is no webhook-signature; the token is enough")
    given = header.split(" ")
    if len(given) > MAX_SIGNATURES:
        raise _Mismatch(
            "signature_mismatch",
            f"There are {len(given)} signatures; the limit is {MAX_SIGNATURES}",
        )
    signed = f"{request.value('webhook-id')}.{request.value('webhook-timestamp')}."
    what = f"HMAC-SHA256 of {_shown(signed)} and the {len(request.body)} bytes of the body"
    ours = [_signature(key, signed.encode() + request.body) for key in expected.keys]
    # Compare as text: decoding would accept other spellings of the same bytes.
    matching = [n for n, one in enumerate(given, 1) if any(_equal(one, own) for own in ours)]
    if not matching:
        raise _Mismatch(
            "signature_mismatch",
            f"No signature ({len(given)} checked) equals the {what} with our secret",
        )
    return f"Signature {matching[0]} of {len(given)} equals the {what} with our secret"


def _signature(key: bytes, signed: bytes) -> str:
    """Return the signature as in Standard Webhooks: ``v1,`` and base64."""
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()


def _check_token(request: _Request, expected: Expected) -> str:
    header = next(iter(request.values("authorization")), None)
    if header is None:
        raise _NothingToCheck("There is no authorization; the signature is enough")
    scheme, _space, token = header.partition(" ")
    if scheme.lower() != "bearer" or len(token) > MAX_TOKEN_LENGTH or not _TOKEN.fullmatch(token):
        raise _Mismatch("malformed_token", "authorization is not “Bearer header.claims.signature”")
    parts = token.split(".")
    _check_token_header(_token_object(parts[0]))
    _check_token_signature(parts, expected)
    claims = _token_object(parts[1])
    timestamp = request.value("webhook-timestamp")
    if not _UNIX_SECONDS.fullmatch(timestamp):  # its own step may have been ignored
        raise _Mismatch("token_timestamp", "There is no webhook-timestamp to compare iat with")
    _check_claim(claims, "iat", int(timestamp), "token_timestamp")
    _check_lifetime(claims, expected.now)
    if expected.issuer is not None:
        _check_claim(claims, "iss", expected.issuer, "token_issuer")
    _check_claim(claims, "aud", expected.url, "token_audience")
    _check_claim(claims, "jti", request.value("webhook-id"), "token_message_id")
    digest = hashlib.sha256(request.body).hexdigest()
    _check_claim(claims, "payload_hash", digest, "token_payload_hash")
    return (
        "HS256 with our secret; iss is the shop, aud our URL, jti the webhook-id, iat the "
        "webhook-timestamp, payload_hash the SHA-256 of the body"
    )


def _check_token_header(header: dict[str, Any]) -> None:
    # Fixed by us: a token must not choose how it is verified (RFC 8725, section 3.1).
    for (name, wanted), reason in zip(
        TOKEN_HEADER.items(), ("token_algorithm", "token_type"), strict=True
    ):
        if header.get(name) != wanted:
            raise _Mismatch(
                reason, f"{name} of the token is {_shown(header.get(name))} instead of {wanted}"
            )
    # Both change how the token must be read (RFC 7515, section 4.1.11; RFC 7797).
    for name in ("crit", "b64"):
        if name in header:
            raise _Mismatch("malformed_token", f"The header of the token has {name}")


def _check_token_signature(parts: Sequence[str], expected: Expected) -> None:
    header, claims, given = parts
    signed = f"{header}.{claims}".encode()
    digests = [hmac.digest(key, signed, "sha256") for key in expected.keys]
    ours = [base64.urlsafe_b64encode(digest).decode().rstrip("=") for digest in digests]
    if not any(_equal(given, own) for own in ours):
        raise _Mismatch("token_signature", "The signature of the token is not one with our secret")


def _check_lifetime(claims: dict[str, Any], now: float) -> None:
    issued, expires, not_before = claims["iat"], claims.get("exp"), claims.get("nbf", 0)
    # type() instead of isinstance(): True is also an int.
    if type(expires) is not int or type(not_before) is not int:
        raise _Mismatch("token_lifetime", "exp or nbf of the token is not in whole seconds")
    if not 0 < expires - issued <= MAX_TOKEN_LIFETIME_SECONDS:
        raise _Mismatch(
            "token_lifetime", f"The token is not valid for 1 to {MAX_TOKEN_LIFETIME_SECONDS} s"
        )
    if expires <= now:
        raise _Mismatch("token_expired", f"The token expired {now - expires:.0f} s ago")
    if not_before > now:
        raise _Mismatch("token_not_yet_valid", "nbf of the token is in the future")


def _check_claim(claims: dict[str, Any], name: str, wanted: object, reason: str) -> None:
    given = claims.get(name)
    if type(given) is not type(wanted) or given != wanted:  # True is equal to 1
        raise _Mismatch(reason, f"{name} of the token is {_shown(given)} instead of {wanted}")


def _check_event(request: _Request, _expected: Expected) -> str:
    event = parse_event(request.body)
    if event is None:
        raise _Mismatch("malformed_event", "The body is not a JSON object with an event")
    facts = (f"{name} {_shown(event[name])}" for name in ("order_id", "value") if name in event)
    return ", ".join([_shown(event["type"]), *facts])


def _token_object(part: str) -> dict[str, Any]:
    try:
        document = _json_object(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except binascii.Error:
        document = None
    if document is None:
        raise _Mismatch("malformed_token", "A part of the token is not a JSON object in base64url")
    return document


def _json_object(raw: bytes) -> dict[str, Any] | None:
    """Return the object, or None if the bytes are no JSON object in UTF-8 with unique keys."""
    try:
        document = json.loads(
            raw.decode(), object_pairs_hook=_unique_members, parse_constant=_refuse_constant
        )
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("an object has the same key twice")
    return members


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _equal(one: str, other: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(one.encode(errors="surrogatepass"), other.encode())


def _shown(value: object) -> str:
    """Return untrusted data for a sentence: short, and without invisible characters."""
    text = ascii(value)
    return text if len(text) <= MAX_SHOWN_LENGTH else f"{text[:MAX_SHOWN_LENGTH]}…"


_CHECKS: dict[str, Callable[[_Request, Expected], str]] = {
    "content type": _check_content_type,
    "headers": _check_headers,
    "timestamp": _check_timestamp,
    "signature": _check_signature,
    "token": _check_token,
    "event": _check_event,
}
