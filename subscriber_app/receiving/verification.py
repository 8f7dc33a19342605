"""Decides whether a request is from the shop, meant for us, and fresh. Pure, no clock.

It implements the same contract as ``shop.webhooks.rules.signing``, with no shared code, on purpose.
All checks use the raw bytes: JSON that was parsed and re-serialized has other bytes.
"""

import base64
import binascii
import hmac
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from subscriber_app.checklist import Checklist, Finding, VerificationError
from subscriber_app.receiving.defences import (
    CREDENTIAL_CHECKS,
    NONE_OFF,
    Defence,
    SwitchedOff,
    verified_body,
)
from subscriber_app.receiving.tokens import TokenExpectation, check_token, is_signed_by
from subscriber_app.vocabulary import Reason, StepName

MAX_BODY_BYTES = 256 * 1024
BODY_DEADLINE_SECONDS = 10  # for the whole body, which has a few hundred bytes
TOLERANCE_SECONDS = 300
# Each costs a comparison. During several rotations, the shop sends a handful.
MAX_SIGNATURES = 20
SECRET_PREFIX = "whsec_"  # noqa: S105 – the public prefix of every secret, not a secret

_MESSAGE_ID = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)
_UNIX_SECONDS = re.compile(r"[0-9]{1,15}", re.ASCII)
_MIN_MILLISECONDS = 10**11  # as seconds, this is the year 5138
_SINGLE_HEADERS = (
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
    "authorization",
    "content-type",
    "content-encoding",
)


@dataclass(frozen=True, slots=True)
class IncomingRequest:
    """A request as received.

    ``headers``: names in lower case, in order, including repeated ones. ``body``: the raw bytes.
    ``is_too_large``: the body has more than ``MAX_BODY_BYTES``; the rest is dropped.
    ``is_incomplete``: the sender disconnected before the end of the body. ``is_too_slow``: the body
    was incomplete after ``BODY_DEADLINE_SECONDS``.
    """

    headers: Sequence[tuple[str, str]]
    body: bytes
    is_too_large: bool = False
    is_incomplete: bool = False
    is_too_slow: bool = False

    def header(self, name: str) -> str | None:
        """Return the value of the first header with this name, or None."""
        return next((value for other, value in self.headers if other == name), None)


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a genuine request must match. ``now``: unix seconds. ``audience``: our registered URL.

    ``secrets``: all live secrets, each ``whsec_`` and base64; empty without a subscription.
    ``issuer``: the shop's name for itself in tokens; None if unknown. ``off``: the defences that
    are switched off.
    """

    secrets: Sequence[str]
    audience: str
    now: float
    off: SwitchedOff = NONE_OFF
    issuer: str | None = None


def verify(request: IncomingRequest, expected: Expectation, checklist: Checklist) -> None:
    """Return if the request is genuine, and record each step in ``checklist``.

    At least one of signature and token is required, and each that is present must be valid. Raise
    ``VerificationError`` for the first check that fails, and no other exception for any input.
    """
    for name, check in _CHECKS:
        with checklist.step(name) as step:
            step.finding = check(request, expected)


def secret_key(secret: str) -> bytes:
    """Return the bytes to sign with. Raise ``ValueError`` if the secret is not base64."""
    try:
        return base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error:
        # No cause: its message may quote parts of the secret.
        raise ValueError("the secret is not valid base64") from None


def _check_size(request: IncomingRequest, _expected: Expectation) -> Finding:
    if request.is_too_large:
        raise VerificationError(
            Reason.TOO_LARGE,
            f"The body is larger than {MAX_BODY_BYTES} bytes; the rest was not read",
        )
    if request.is_incomplete:
        raise VerificationError(
            Reason.INCOMPLETE, f"The connection closed after {len(request.body)} bytes of the body"
        )
    if request.is_too_slow:
        raise VerificationError(
            Reason.BODY_TIMEOUT,
            f"Only {len(request.body)} bytes of the body arrived within {BODY_DEADLINE_SECONDS} s",
        )
    return Finding(f"{len(request.body)} bytes (maximum {MAX_BODY_BYTES})")


def _check_content_type(request: IncomingRequest, _expected: Expectation) -> Finding:
    given = request.header("content-type") or ""
    if given.partition(";")[0].strip().lower() != "application/json":
        raise VerificationError(
            Reason.UNSUPPORTED_CONTENT_TYPE, f"Expected application/json, got {_shown(given)}"
        )
    for name, value in request.headers:
        if name == "content-encoding" and value.lower() not in {"", "identity"}:
            raise VerificationError(
                Reason.UNSUPPORTED_CONTENT_ENCODING,
                f"Expected an unencoded body, got content-encoding {_shown(value)}",
            )
    return Finding(given)


def _check_headers(request: IncomingRequest, expected: Expectation) -> Finding:
    names = [name for name, _value in request.headers]
    for name in _SINGLE_HEADERS:
        if names.count(name) > 1:
            raise VerificationError(
                Reason.DUPLICATE_HEADER,
                f"{name} appears {names.count(name)} times; it must be unique",
            )
    for name in ("webhook-id", "webhook-timestamp"):
        if name not in names:
            raise VerificationError(Reason.MISSING_HEADER, f"{name} is missing")
    credentials = [name for name in ("webhook-signature", "authorization") if name in names]
    if not credentials and not expected.off >= CREDENTIAL_CHECKS:
        raise VerificationError(
            Reason.NO_CREDENTIAL, "Both webhook-signature and authorization are missing"
        )
    message_id = request.header("webhook-id") or ""
    # With a dot in the id, the signed text "id.timestamp.body" would be ambiguous.
    if not _MESSAGE_ID.fullmatch(message_id):
        raise VerificationError(
            Reason.MALFORMED_ID,
            f"webhook-id is {_shown(message_id)}; expected 1 to 128 letters, digits, - and _",
        )
    return Finding(", ".join(["webhook-id", "webhook-timestamp", *credentials]))


def _check_timestamp(request: IncomingRequest, expected: Expectation) -> Finding:
    text = request.header("webhook-timestamp") or ""
    if not _UNIX_SECONDS.fullmatch(text):
        raise VerificationError(
            Reason.MALFORMED_TIMESTAMP, f"Expected unix seconds in digits, got {_shown(text)}"
        )
    age = expected.now - int(text)
    if Defence.TIMESTAMP in expected.off:
        return Finding(f"Switched off: {age:.0f} s old, and any age passes", skipped=True)
    if age > TOLERANCE_SECONDS:
        raise VerificationError(
            Reason.TIMESTAMP_TOO_OLD,
            f"{age:.0f} s old; the maximum is {TOLERANCE_SECONDS} s, to stop replays",
        )
    if -age > TOLERANCE_SECONDS:
        milliseconds = int(text) > _MIN_MILLISECONDS
        raise VerificationError(
            Reason.TIMESTAMP_TOO_NEW,
            f"{-age:.0f} s in the future; the maximum is {TOLERANCE_SECONDS} s"
            + ("; are these milliseconds?" if milliseconds else ""),
        )
    return Finding(f"{age:.1f} s old, within {TOLERANCE_SECONDS} s")


def _check_signature(request: IncomingRequest, expected: Expectation) -> Finding:
    header = request.header("webhook-signature")
    if Defence.SIGNATURE in expected.off:
        return Finding("Switched off: webhook-signature is not checked", skipped=True)
    if header is None:
        return Finding("No webhook-signature; the token alone is enough", skipped=True)
    _require_secret(expected)
    given = header.split(" ")
    if len(given) > MAX_SIGNATURES:
        raise VerificationError(
            Reason.SIGNATURE_MISMATCH,
            f"{len(given)} signatures; the maximum is {MAX_SIGNATURES}",
        )
    body = verified_body(request.body, expected.off)
    signatures = [_signature(request, body, secret) for secret in expected.secrets]
    if not any(_equal(one, other) for one in given for other in signatures):
        raise VerificationError(
            Reason.SIGNATURE_MISMATCH,
            f"Signature does not match{_reserialized_note(expected)} ({len(given)} checked)",
        )
    return Finding(
        f"HMAC-SHA256 of id.timestamp.body with our secret{_reserialized_note(expected)}"
    )


def _reserialized_note(expected: Expectation) -> str:
    return ", after re-serializing the JSON" if Defence.RAW_BODY in expected.off else ""


def _signature(request: IncomingRequest, body: bytes, secret: str) -> str:
    """Return ``v1,<base64>`` (Standard Webhooks, "Signature"), to be compared as text.

    Comparing text instead of decoded bytes accepts only the canonical form of base64.
    """
    prefix = f"{request.header('webhook-id')}.{request.header('webhook-timestamp')}."
    digest = hmac.digest(secret_key(secret), prefix.encode() + body, "sha256")
    return "v1," + base64.b64encode(digest).decode()


def _check_token(request: IncomingRequest, expected: Expectation) -> Finding:
    header = request.header("authorization")
    if Defence.TOKEN in expected.off:
        return Finding("Switched off: authorization is not checked", skipped=True)
    if header is None:
        return Finding("No authorization; the signature alone is enough", skipped=True)
    _require_secret(expected)
    scheme, _space, token = header.partition(" ")
    if scheme.lower() != "bearer":
        raise VerificationError(
            Reason.MALFORMED_TOKEN, f"Expected the scheme Bearer, got {_shown(scheme)}"
        )
    wanted = TokenExpectation(
        is_signed=lambda signed, signature: is_signed_by(
            signed, signature, [secret_key(secret) for secret in expected.secrets]
        ),
        audience=expected.audience,
        message_id=request.header("webhook-id") or "",
        timestamp=int(request.header("webhook-timestamp") or ""),
        body=verified_body(request.body, expected.off),
        now=expected.now,
        issuer=expected.issuer,
    )
    return check_token(token, wanted)


def _require_secret(expected: Expectation) -> None:
    if not expected.secrets:
        raise VerificationError(
            Reason.NOT_SUBSCRIBED,
            "There is no live secret to verify with. Subscribe on the page Subscription",
        )


def _equal(one: str, other: str) -> bool:
    """Compare two texts in constant time."""
    return hmac.compare_digest(_bytes(one), _bytes(other))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", errors="surrogatepass")


def _shown(text: str) -> str:
    """Return untrusted text for a message: quoted, short, and without invisible characters."""
    return ascii(text if len(text) <= 60 else f"{text[:60]}…")  # noqa: PLR2004 – fits on a line


_CHECKS: tuple[tuple[StepName, Callable[[IncomingRequest, Expectation], Finding]], ...] = (
    (StepName.SIZE, _check_size),
    (StepName.CONTENT_TYPE, _check_content_type),
    (StepName.HEADERS, _check_headers),
    (StepName.TIMESTAMP, _check_timestamp),
    (StepName.SIGNATURE, _check_signature),
    (StepName.TOKEN, _check_token),
)
