"""Finds out which mistake of a sender caused a rejection, where that is certain. Pure, no clock.

A check only knows that a signature does not match. The diagnosis repeats it with the usual mistakes
applied: if it matches then, that was the mistake. It never changes the verdict.

Anyone can send a request, so the work for one is bounded for any input. ``Diagnosis.untried`` names
what was skipped.
"""

import base64
import binascii
import codecs
import hashlib
import hmac
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from subscriber_app.explaining.comparison import Sides, compare
from subscriber_app.explaining.explanation import (
    bearer_parts,
    cut,
    decoded_json,
    decoded_part,
    other_spelling,
    signature_of,
    signed_content,
    token_is_signed_by,
)
from subscriber_app.lab.rewriting import Guess, guesses, not_guessed
from subscriber_app.receiving.keyring import Keyring, KnownSecret, candidates_at, live_at
from subscriber_app.receiving.verification import MAX_SIGNATURES, TOLERANCE_SECONDS, IncomingRequest
from subscriber_app.shop_api.spellings import is_other_spelling
from subscriber_app.vocabulary import Reason

_RAW_BYTES = "Sign and send the same bytes, and verify the raw body before anything parses it."
# Of all guessed bodies together; takes about a tenth of a second.
MAX_DIGESTED_BYTES = 32 * 1024 * 1024
_UNITS = ((10**3, "milliseconds"), (10**6, "microseconds"), (10**9, "nanoseconds"))


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """``finding``: what happened, one sentence. ``advice``: what to do about it.

    ``sides``: the signed and the received bytes, if both are known. ``untried``: what was skipped
    because of the limits.
    """

    finding: str
    advice: str
    sides: Sides | None = None
    untried: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """A rejected request and what was known when it arrived.

    ``keyring``: the secrets to try. ``given``: the signatures in the header. ``claims``: those of
    the token if it is signed with one of our secrets, otherwise empty.
    """

    request: IncomingRequest
    received_at: datetime
    audience: str
    keyring: Keyring
    given: Sequence[str]
    claims: dict[str, Any]
    untried: list[str] = field(default_factory=list)

    @classmethod
    def of(
        cls, request: IncomingRequest, received_at: datetime, audience: str, known: Keyring
    ) -> "Case":
        """Return the case of this request. ``known``: every known secret."""
        keyring = candidates_at(known, received_at)
        header = request.header("webhook-signature")
        given = header.split(" ")[:MAX_SIGNATURES] if header else []
        case = cls(request, received_at, audience, keyring, given, _own_claims(request, keyring))
        if len(keyring) < len(known):
            case.untried.append(f"{len(known) - len(keyring)} other secrets")
        return case

    @property
    def live_secrets(self) -> Sequence[KnownSecret]:
        """Return the secrets that were live when the request arrived."""
        return live_at(self.keyring, self.received_at)

    def has_signature(self, content: bytes, keyring: Keyring | None = None) -> bool:
        """Return whether a signature in the header is valid for this content."""
        tried = self.keyring if keyring is None else keyring
        return any(signature_of(content, known) in self.given for known in tried)

    def is_for(self, body: bytes) -> bool:
        """Return whether the signature or the token was made for this body."""
        claimed = self.claims.get("payload_hash")
        return self.has_signature(signed_content(self.request, body)) or (
            claimed == hashlib.sha256(body).hexdigest()
        )


def _own_claims(request: IncomingRequest, keyring: Keyring) -> dict[str, Any]:
    parts = bearer_parts(request)
    if parts and any(token_is_signed_by(parts, known) for known in keyring):
        return decoded_json(parts[1]) or {}
    return {}


def diagnose(
    request: IncomingRequest,
    reason: Reason,
    *,
    received_at: datetime,
    audience: str,
    keyring: Keyring,
) -> Diagnosis | None:
    """Return the sender's mistake, or None if it is unknown. Never raises.

    ``keyring``: every known secret, including expired ones.
    """
    diagnostics = _DIAGNOSTICS.get(reason)
    if diagnostics is None:
        return None
    case = Case.of(request, received_at, audience, keyring)
    found = next(filter(None, (diagnostic(case) for diagnostic in diagnostics)), None)
    if found is None and case.untried:
        found = _NOTHING_FOUND
    return found and replace(found, untried=tuple(case.untried))


def _unit_of_timestamp(case: Case) -> Diagnosis | None:
    text = case.request.header("webhook-timestamp") or ""
    if not re.fullmatch(r"[0-9]{1,25}", text, re.ASCII):
        return None
    for factor, unit in _UNITS:
        if abs(case.received_at.timestamp() - int(text) / factor) <= TOLERANCE_SECONDS:
            return Diagnosis(
                f"The timestamp is in {unit}, not in seconds.",
                f"Send {int(text) // factor}, in whole seconds since 1970, and sign the same text.",
            )
    return None


def _date_as_timestamp(case: Case) -> Diagnosis | None:
    text = case.request.header("webhook-timestamp") or ""
    advice = "Send whole seconds since 1970, digits only."
    if re.fullmatch(r"[0-9]{1,15}\.[0-9]+", text, re.ASCII):
        return Diagnosis("The timestamp has a fraction.", advice)
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return None
    return Diagnosis("The timestamp is a date, not a number of seconds.", advice)


def _replay(case: Case) -> Diagnosis | None:
    if case.has_signature(signed_content(case.request)):
        return Diagnosis(
            "The signature is valid: this is a genuine request, replayed or delayed.",
            "If the shop sent it just now, correct its clock. Each retry needs a new timestamp.",
        )
    return None


def _clock_ahead(case: Case) -> Diagnosis | None:
    if case.has_signature(signed_content(case.request)):
        return Diagnosis(
            "The signature is valid, so the two clocks differ.",
            "Synchronize the clocks of both machines with NTP.",
        )
    return None


def _old_secret(case: Case) -> Diagnosis | None:
    content, parts = signed_content(case.request), bearer_parts(case.request)
    for known in case.keyring:
        if known.is_live_at(case.received_at):
            continue
        if case.has_signature(content, [known]) or (parts and token_is_signed_by(parts, known)):
            when = "we received later" if known.since > case.received_at else "had expired"
            return Diagnosis(
                f"Signed with the secret {known.fingerprint}, which {when}.",
                "Sign with a live secret, or rotate with a longer grace period.",
            )
    return None


def _other_form(case: Case) -> Diagnosis | None:
    content = signed_content(case.request)
    for known in case.live_secrets:
        digest = hmac.digest(known.key, content, "sha256")
        for given in case.given:
            for form, decoded in _readings(given):
                if hmac.compare_digest(decoded, digest):
                    return Diagnosis(
                        f"The signature is correct, but its format is wrong: {form}.",
                        "Send v1, followed by the digest in standard base64 with padding.",
                    )
    return None


def _readings(given: str) -> Iterator[tuple[str, bytes]]:
    """Yield lenient interpretations of a signature: what is wrong with its form, and the digest."""
    prefix, value = re.fullmatch(r"((?:[A-Za-z0-9]{1,9}[,=:])?)(.*)", given, re.DOTALL).groups()  # type: ignore[union-attr]
    value = value.strip("\"',")
    if re.fullmatch(r"[0-9A-Fa-f]{64}", value):
        yield "the digest is in hex", bytes.fromhex(value)
    # Accept both alphabets of base64. A correct form would not have been rejected.
    standard = value.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        decoded = base64.b64decode(standard + "=" * (-len(standard) % 4))
    except (ValueError, binascii.Error):
        return
    yield _what_is_wrong(prefix, value), decoded


def _what_is_wrong(prefix: str, value: str) -> str:
    if "-" in value or "_" in value:
        return "it uses the URL-safe alphabet of base64"
    if prefix != "v1,":
        return (
            f"its version prefix is {prefix!r}" if prefix else "the version prefix v1, is missing"
        )
    if not value.endswith("="):
        return "the padding of the base64 is missing"
    return "its base64 is not in canonical form"


def _other_content(case: Case) -> Diagnosis | None:
    request, body = case.request, case.request.body
    timestamp = (request.header("webhook-timestamp") or "").encode(errors="replace")
    message_id = (request.header("webhook-id") or "").encode(errors="replace")
    contents = {
        "the body alone": body,
        "timestamp.body, without the id": timestamp + b"." + body,
        "id.body, without the timestamp": message_id + b"." + body,
        "timestamp.id.body, in the wrong order": timestamp + b"." + message_id + b"." + body,
        "id, timestamp and body without dots": message_id + timestamp + body,
    }
    for what, content in contents.items():
        if _is_digest_of(case, content, [known.key for known in case.live_secrets]):
            return Diagnosis(
                f"The signed content is {what}.", "Sign id.timestamp.body, joined by dots."
            )
    return None


def _undecoded_key(case: Case) -> Diagnosis | None:
    texts = [known.secret for known in case.live_secrets]
    keys = [text.encode() for text in texts] + [text[6:].encode() for text in texts]
    if _is_digest_of(case, signed_content(case.request), keys):
        return Diagnosis(
            "The key is the text of the secret, not its decoded bytes.",
            "Remove whsec_ and decode the rest from base64. Those bytes are the key.",
        )
    return None


def _is_digest_of(case: Case, content: bytes, keys: Sequence[bytes]) -> bool:
    digests = [hmac.digest(key, content, "sha256") for key in keys]
    return any(decoded in digests for given in case.given for _form, decoded in _readings(given))


def _other_body(case: Case) -> Diagnosis | None:
    if not case.given and not case.claims:
        return None
    came = case.request.body
    digested = 0
    for guess in guesses(came):
        digested += len(guess.original) * (1 + len(case.keyring))
        if digested > MAX_DIGESTED_BYTES:
            case.untried.append("some re-serialized bodies (too large)")
            return None
        if guess.original != came and case.is_for(guess.original):
            return _changed(guess, came)
    if left_out := not_guessed(came):
        case.untried.append(left_out)
    return None


def _changed(guess: Guess, came: bytes) -> Diagnosis:
    what = f"was re-serialized: {guess.change}" if guess.is_rewritten else "was changed"
    change = "" if guess.is_rewritten else f": {guess.change}"
    return Diagnosis(
        f"After signing, the body {what}{change}.", _RAW_BYTES, compare(guess.original, came)
    )


def _token_for_other_request(case: Case) -> Diagnosis | None:
    """Compare the request with the claims of a genuine token."""
    claims, request = case.claims, case.request
    claimed_and_received = {
        "webhook-id": (claims.get("jti"), request.header("webhook-id")),
        "webhook-timestamp": (str(claims.get("iat")), request.header("webhook-timestamp")),
        "body": (claims.get("payload_hash"), hashlib.sha256(request.body).hexdigest()),
    }
    if not claims:
        return None
    changed = [name for name, (claimed, came) in claimed_and_received.items() if claimed != came]
    if not changed:
        return Diagnosis(
            "The token is valid for this id, time and body, so only the signature is wrong.",
            "Check how the sender computes webhook-signature: content, key, base64.",
        )
    return Diagnosis(
        f"The token is genuine, but for another {' and '.join(changed)}: "
        "the request was changed, or the token comes from another request.",
        "Do not trust this request. If a proxy of yours rewrites requests, turn that off.",
    )


def _only_token_is_wrong(case: Case) -> Diagnosis | None:
    """Report that the signature is valid, so only the token is wrong."""
    if case.given and case.has_signature(signed_content(case.request), case.live_secrets):
        return Diagnosis(
            "The signature is valid for this id, time and body, so only the token is wrong.",
            "Create a new token for every attempt, with the same secret.",
        )
    return None


def _other_spelling(case: Case) -> Diagnosis | None:
    meant = other_spelling(case.request, case.audience)
    if meant is None:
        return None
    return Diagnosis(
        "This request is for another endpoint of the shop, whose URL is another spelling of ours. "
        "Each endpoint has its own secret, so this request is not signed with ours.",
        f"In the shop, delete the endpoint {cut(meant)}.",
    )


def _unknown_secret(case: Case) -> Diagnosis | None:
    if not case.keyring:
        return None
    return Diagnosis(
        "No known secret matches: the request is signed with another secret, or it was changed "
        "after signing. The receiver cannot tell which.",
        "Compare the fingerprint of the secret on both sides, then the signed bytes.",
    )


def _other_endpoint(case: Case) -> Diagnosis | None:
    meant = case.claims.get("aud")
    if not isinstance(meant, str):
        return None
    near = is_other_spelling(meant, case.audience)
    return Diagnosis(
        "The token names our URL, but not exactly as it was registered."
        if near
        else "The token is for another endpoint.",
        f"Tokens must name {case.audience}. If the URL has changed, subscribe again.",
    )


def _other_issuer(case: Case) -> Diagnosis | None:
    named = case.claims.get("iss")
    if not isinstance(named, str):
        return None
    return Diagnosis(
        "The token is signed with one of our secrets, but names another issuer.",
        "If the shop's public URL has changed, open the page Subscription, which updates it.",
    )


def _validity_of_token(case: Case) -> Diagnosis | None:
    if case.claims.get("nbf") != case.claims.get("iat"):
        return None
    return Diagnosis(
        "The token becomes valid in the future, so the sender's clock is ahead.",
        "Synchronize the clocks of both machines with NTP.",
    )


def _form_of_token(case: Case) -> Diagnosis | None:
    header = case.request.header("authorization") or ""
    scheme, _space, token = header.partition(" ")
    advice = "Send Authorization: Bearer, a space, and the token with its three parts."
    if scheme.count(".") == 2:  # noqa: PLR2004 – between three parts
        return Diagnosis("The word Bearer is missing before the token.", advice)
    if scheme.lower() != "bearer":
        return Diagnosis("The credential is not a bearer token.", advice)
    if "=" in token:
        return Diagnosis("The token has padding.", "Remove the = (RFC 7515, section 2).")
    if "+" in token or "/" in token:
        return Diagnosis("The token is in standard base64.", "Use - and _ (base64url) in tokens.")
    return _encoding_of_token(case)


def _encoding_of_token(case: Case) -> Diagnosis | None:
    for part in (bearer_parts(case.request) or [])[:2]:
        raw = decoded_part(part)
        if raw.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return Diagnosis(
                "The JSON in the token starts with a byte order mark.",
                "Encode header and claims in UTF-8, without a byte order mark.",
            )
        if b"\x00" in raw:
            return Diagnosis(
                "The JSON in the token is in UTF-16 or UTF-32.",
                "Encode header and claims in UTF-8.",
            )
    return None


def _unit_of_claims(case: Case) -> Diagnosis | None:
    times = [case.claims.get(name) for name in ("iat", "exp", "nbf")]
    advice = "Send iat, exp and nbf as whole seconds, with exp at most 300 s after iat."
    if any(isinstance(claim, int | float) and claim > 10**11 for claim in times):
        return Diagnosis("The token's times are in milliseconds, not in seconds.", advice)
    if any(isinstance(claim, str | float) for claim in times):
        return Diagnosis("The token's times are not whole numbers.", advice)
    return None


def _unsigned_token(case: Case) -> Diagnosis | None:
    parts = bearer_parts(case.request)
    header = (decoded_json(parts[0]) or {}) if parts else {}
    if str(header.get("alg")).lower() == "none":
        return Diagnosis(
            "The token claims to need no signature.",
            "This is a known attack: never let a token choose how it is verified.",
        )
    return None


_NOTHING_FOUND = Diagnosis(
    "None of the common mistakes was found.",
    "Compare the signed bytes with the received bytes.",
)

Diagnostic = Callable[[Case], Diagnosis | None]

_TOKEN_DIAGNOSTICS: tuple[Diagnostic, ...] = (_token_for_other_request, _only_token_is_wrong)
_DIAGNOSTICS: dict[Reason, tuple[Diagnostic, ...]] = {
    Reason.MALFORMED_TIMESTAMP: (_unit_of_timestamp, _date_as_timestamp),
    Reason.TIMESTAMP_TOO_NEW: (_unit_of_timestamp, _clock_ahead),
    Reason.TIMESTAMP_TOO_OLD: (_replay,),
    Reason.SIGNATURE_MISMATCH: (
        _old_secret,
        _other_form,
        _other_content,
        _undecoded_key,
        _other_body,
        _token_for_other_request,
        _other_spelling,
        _unknown_secret,
    ),
    Reason.MALFORMED_TOKEN: (_form_of_token, _only_token_is_wrong),
    Reason.TOKEN_ALGORITHM: (_unsigned_token,),
    Reason.TOKEN_SIGNATURE: (_old_secret, _only_token_is_wrong, _other_spelling, _unknown_secret),
    Reason.TOKEN_LIFETIME: (_unit_of_claims,),
    Reason.TOKEN_TIMESTAMP: (_unit_of_claims, *_TOKEN_DIAGNOSTICS),
    Reason.TOKEN_EXPIRED: (_only_token_is_wrong,),
    Reason.TOKEN_NOT_YET_VALID: (_unit_of_claims, _validity_of_token),
    Reason.TOKEN_ISSUER: (_other_issuer,),
    Reason.TOKEN_AUDIENCE: (_other_endpoint,),
    Reason.TOKEN_MESSAGE_ID: _TOKEN_DIAGNOSTICS,
    Reason.TOKEN_PAYLOAD_HASH: (_other_body, *_TOKEN_DIAGNOSTICS),
}
