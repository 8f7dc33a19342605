"""The attacks: hostile variants of a request, and the predicted verdict on each. Pure.

An attack is built as facts (which credentials, made for which bytes, with which flaw). From these
facts follow both the request that is sent and the prediction, which applies the rules of the
contract with the defences that are on. A replayed request was built by someone else, so its
prediction runs the verification itself.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from subscriber_app.checklist import VerificationError
from subscriber_app.lab.forged_credentials import (
    ATTACKERS_SECRET,
    NO_OVERRIDES,
    Signable,
    TokenOverrides,
    signature_of,
    token_of,
)
from subscriber_app.receiving.decision import ProcessedMessage, body_sha256, evaluate, finalize
from subscriber_app.receiving.defences import CREDENTIAL_CHECKS, Defence, verified_body
from subscriber_app.receiving.events import parse_event
from subscriber_app.receiving.verification import (
    MAX_BODY_BYTES,
    TOLERANCE_SECONDS,
    Expectation,
    IncomingRequest,
)
from subscriber_app.vocabulary import Reason, Verdict

USER_AGENT = "Hookshop-Attack-Desk"  # of forged requests
LATE_REPLAY_AGE_SECONDS = 600
YEAR_SECONDS = 365 * 24 * 3600
# Headers that belong to the connection: a replay does not copy them.
CONNECTION_HEADERS = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)

_MESSAGE_ID = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)
_AMOUNT = re.compile(rb'("value"\s*:\s*)-?[0-9][0-9.eE+-]*')
_ENLARGED, _ENLARGED_OTHERWISE = b"9999.99", b"8888.88"


class Attack(StrEnum):
    """The attacks, named as in URLs and in the table of results."""

    REPLAY = "replay"
    LATE_REPLAY = "late-replay"
    AMOUNT = "amount"
    RESERIALISED = "reserialised"
    WRONG_SECRET = "wrong-secret"  # noqa: S105 – a name
    NO_SIGNATURE = "no-signature"
    NO_CREDENTIAL = "no-credential"
    TOKEN_ALG_NONE = "token-alg-none"  # noqa: S105 – a name
    TOKEN_OF_ANOTHER_BODY = "token-of-another-body"  # noqa: S105 – a name
    TOKEN_LIFETIME = "token-lifetime"  # noqa: S105 – a name
    CONFLICT = "conflict"


class ImpossibleAttack(Exception):  # noqa: N818 – the name says what happened
    """The attack does not apply to the request; the message says why."""


@dataclass(frozen=True, slots=True)
class Target:
    """The request to attack, and what is needed to sign its variants.

    ``secrets``: our live secrets, newest first; empty without a subscription. ``now``: unix
    seconds. ``new_id``: an unused webhook-id.
    """

    request: IncomingRequest
    secrets: tuple[str, ...]
    audience: str
    issuer: str
    now: float
    new_id: str


@dataclass(frozen=True, slots=True)
class Credential:
    """A header's value. ``made_for``: the signed body. ``flaw``: why it is invalid for any body."""

    value: str
    made_for: bytes
    flaw: Reason | None = None


@dataclass(frozen=True, slots=True)
class Forgery:
    """A forged request. A credential that is None is not sent."""

    message_id: str
    timestamp: int
    body: bytes
    signature: Credential | None = None
    token: Credential | None = None

    @property
    def request(self) -> IncomingRequest:
        """Return the request to send."""
        headers = [
            ("user-agent", USER_AGENT),
            ("content-type", "application/json"),
            ("webhook-id", self.message_id),
            ("webhook-timestamp", str(self.timestamp)),
        ]
        if self.signature:
            headers.append(("webhook-signature", self.signature.value))
        if self.token:
            headers.append(("authorization", f"Bearer {self.token.value}"))
        return IncomingRequest(headers, self.body)


@dataclass(frozen=True, slots=True)
class Situation:
    """What a prediction depends on besides the request.

    ``processed``: the processed message with its webhook-id. ``fault``: the reason of a rejection
    by an injected fault.
    """

    expected: Expectation
    processed: ProcessedMessage | None
    fault: Reason | None = None


@dataclass(frozen=True, slots=True)
class Prediction:
    """The predicted outcome of a request."""

    verdict: Verdict
    reason: Reason | None = None


def build_attack(attack: Attack, target: Target) -> Forgery | IncomingRequest:
    """Return the request to send, recorded or forged. Raise ``ImpossibleAttack``."""
    if attack is Attack.REPLAY:
        return without_connection_headers(target.request)
    return _BUILDERS[attack](target)


def without_connection_headers(request: IncomingRequest) -> IncomingRequest:
    """Return the same request without the headers of its connection."""
    headers = [pair for pair in request.headers if pair[0] not in CONNECTION_HEADERS]
    return IncomingRequest(headers, request.body)


def predict(sent: Forgery | IncomingRequest, situation: Situation) -> Prediction:
    """Return the outcome by the rules of the contract, with the defences on. Never raises."""
    if situation.fault:
        return Prediction(Verdict.REJECTED, situation.fault)
    expected = situation.expected
    if isinstance(sent, IncomingRequest):
        decision = finalize(evaluate(sent, expected), sent, situation.processed, expected.off)
        return Prediction(decision.verdict, decision.reason)
    for reason in _rejections(sent, expected):
        return Prediction(Verdict.REJECTED, reason)
    return _predict_genuine(sent, situation)


def _rejections(sent: Forgery, expected: Expectation) -> Iterator[Reason]:
    """Yield each flaw that an active defense detects, in the order of the verification."""
    if len(sent.body) > MAX_BODY_BYTES:
        yield Reason.TOO_LARGE
    credentials = {Defence.SIGNATURE: sent.signature, Defence.TOKEN: sent.token}
    if not any(credentials.values()) and not expected.off >= CREDENTIAL_CHECKS:
        yield Reason.NO_CREDENTIAL
    too_old = expected.now - sent.timestamp > TOLERANCE_SECONDS
    if too_old and Defence.TIMESTAMP not in expected.off:
        yield Reason.TIMESTAMP_TOO_OLD
    for defence, credential in credentials.items():
        flaw = credential and _flaw(defence, credential, sent, expected)
        if flaw and defence not in expected.off:
            yield flaw


def _flaw(
    defence: Defence, credential: Credential, sent: Forgery, expected: Expectation
) -> Reason | None:
    if not expected.secrets:
        return Reason.NOT_SUBSCRIBED
    if credential.flaw:
        return credential.flaw
    if verified_body(sent.body, expected.off) == credential.made_for:
        return None
    return {
        Defence.SIGNATURE: Reason.SIGNATURE_MISMATCH,
        Defence.TOKEN: Reason.TOKEN_PAYLOAD_HASH,
    }[defence]


def _predict_genuine(sent: Forgery, situation: Situation) -> Prediction:
    """Return the prediction for a request that passes all checks of its origin."""
    off, processed = situation.expected.off, situation.processed
    try:
        event = parse_event(verified_body(sent.body, off))
    except VerificationError as error:
        return Prediction(Verdict.REJECTED, error.reason)
    if event.type is None:
        return Prediction(Verdict.IGNORED)
    if processed is None or Defence.DEDUPLICATION in off:
        return Prediction(Verdict.ACCEPTED)
    if processed.body_sha256 != body_sha256(sent.request, off):
        return Prediction(Verdict.REJECTED, Reason.CONFLICTING_BODY)
    return Prediction(Verdict.DUPLICATE)


def _late_replay(target: Target) -> Forgery:
    content = replace(_fresh(target), timestamp=int(target.now) - LATE_REPLAY_AGE_SECONDS)
    # Without the token, which would have expired: only the timestamp should stop it.
    return Forgery(
        content.message_id, content.timestamp, content.body, signature=_signed(content, target)
    )


def _change_amount(target: Target) -> Forgery:
    content = replace(_fresh(target), message_id=target.new_id)
    return Forgery(
        content.message_id,
        content.timestamp,
        _with_another_amount(content.body),
        signature=_signed(content, target),
    )


def _reserialize(target: Target) -> Forgery:
    content = replace(_fresh(target), message_id=target.new_id)
    return Forgery(
        content.message_id,
        content.timestamp,
        _with_spaces(content.body),
        signature=_signed(content, target),
        token=_with_token(content, target),
    )


def _wrong_secret(target: Target) -> Forgery:
    content = replace(_fresh(target), message_id=target.new_id)
    forged = Credential(
        signature_of(content, ATTACKERS_SECRET), content.body, Reason.SIGNATURE_MISMATCH
    )
    return Forgery(content.message_id, content.timestamp, content.body, signature=forged)


def _no_signature(target: Target) -> Forgery:
    content = _fresh(target)
    return Forgery(
        content.message_id, content.timestamp, content.body, token=_with_token(content, target)
    )


def _no_credential(target: Target) -> Forgery:
    content = replace(_fresh(target), message_id=target.new_id)
    return Forgery(content.message_id, content.timestamp, content.body)


def _alg_none(target: Target) -> Forgery:
    content = replace(_fresh(target), message_id=target.new_id)
    unsigned = token_of(content, ATTACKERS_SECRET, TokenOverrides(algorithm="none"))
    forged = Credential(unsigned, content.body, Reason.TOKEN_ALGORITHM)
    return Forgery(content.message_id, content.timestamp, content.body, token=forged)


def _token_of_another_body(target: Target) -> Forgery:
    content = replace(_fresh(target), message_id=target.new_id)
    return Forgery(
        content.message_id,
        content.timestamp,
        _with_another_amount(content.body),
        token=_with_token(content, target),
    )


def _long_token(target: Target) -> Forgery:
    content = replace(_fresh(target), message_id=target.new_id)
    overrides = TokenOverrides(claims={"exp": content.timestamp + YEAR_SECONDS})
    token = replace(_with_token(content, target, overrides), flaw=Reason.TOKEN_LIFETIME)
    return Forgery(content.message_id, content.timestamp, content.body, token=token)


def _conflict(target: Target) -> Forgery:
    fresh = _fresh(target)
    content = replace(fresh, body=_with_another_amount(fresh.body))
    return Forgery(
        content.message_id,
        content.timestamp,
        content.body,
        signature=_signed(content, target),
        token=_with_token(content, target),
    )


_BUILDERS: dict[Attack, Callable[[Target], Forgery]] = {
    Attack.LATE_REPLAY: _late_replay,
    Attack.AMOUNT: _change_amount,
    Attack.RESERIALISED: _reserialize,
    Attack.WRONG_SECRET: _wrong_secret,
    Attack.NO_SIGNATURE: _no_signature,
    Attack.NO_CREDENTIAL: _no_credential,
    Attack.TOKEN_ALG_NONE: _alg_none,
    Attack.TOKEN_OF_ANOTHER_BODY: _token_of_another_body,
    Attack.TOKEN_LIFETIME: _long_token,
    Attack.CONFLICT: _conflict,
}


def _fresh(target: Target) -> Signable:
    """Return the message of the request, with the current timestamp."""
    message_id = target.request.header("webhook-id") or ""
    if not _MESSAGE_ID.fullmatch(message_id):
        message_id = target.new_id
    body = target.request.body
    return Signable(message_id, int(target.now), body, target.audience, target.issuer)


def _signed(content: Signable, target: Target) -> Credential:
    newest = target.secrets[0] if target.secrets else ATTACKERS_SECRET
    return Credential(signature_of(content, newest), content.body)


def _with_token(
    content: Signable, target: Target, overrides: TokenOverrides = NO_OVERRIDES
) -> Credential:
    # As in the shop: a token has only one signature, made with the oldest live secret.
    oldest = target.secrets[-1] if target.secrets else ATTACKERS_SECRET
    return Credential(token_of(content, oldest, overrides), content.body)


def _with_another_amount(body: bytes) -> bytes:
    for amount in (_ENLARGED, _ENLARGED_OTHERWISE):
        changed, found = _AMOUNT.subn(rb"\g<1>" + amount, body, count=1)
        if not found:
            raise ImpossibleAttack("The body has no amount to change")
        if changed != body:
            return changed
    raise AssertionError("one of two amounts differs from what is there")


def _with_spaces(body: bytes) -> bytes:
    """Return the same JSON in other bytes, as a proxy that re-serializes it would."""
    try:
        document = json.loads(body.decode("utf-8"))
        written = json.dumps(document, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        raise ImpossibleAttack("The body is not JSON") from None
    return written if written != body else body + b"\n"
