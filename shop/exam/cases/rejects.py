"""Rejects what is not genuine: forged, changed and old requests, and tokens with one flaw each."""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from shop.exam.bench import Bench
from shop.exam.case import SIGNED, VERIFYING, WITH_TOKEN, Case, Group, Mission, Scheme
from shop.exam.cases.playing import without_effect
from shop.exam.crafting import ATTACKERS_SECRET, Message, Signer, compact
from shop.exam.judging import rejected
from shop.exam.wire import WebhookRequest

EXPECTS = "a 4xx, and no effect"
ANYONE = "Anyone who knows the URL can send events, and so get goods or money."
CHANGED = "Someone between sender and receiver can change an order, and the receiver books it."
LOOSE = "A comparison that accepts almost the right signature can be guessed or sidestepped."
REPLAY = "A recorded request works forever. An attacker who reads one in a log sends it again."
ANY_TOKEN = "The token then proves nothing: an attacker reuses or makes one."  # noqa: S105 – prose
OFFSET_SECONDS = 600
YEAR_SECONDS = 365 * 24 * 3600
CREDENTIALS = ("webhook-signature", "authorization")
TOKEN_DOCS = "docs/receivers.md#if-you-check-the-token"  # noqa: S105 – a link

Make = Callable[[Bench], WebhookRequest]


def _no_credential(bench: Bench) -> WebhookRequest:
    return bench.request().without(*CREDENTIALS)


def _another_secret(bench: Bench) -> WebhookRequest:
    return bench.signer.with_secret(ATTACKERS_SECRET).genuine(bench.message())


def _one_bit_changed(bench: Bench) -> WebhookRequest:
    request = bench.request()
    # A bit of the last digit of the amount: the body stays valid JSON, unlike with the first one.
    position = request.body.index(b",", request.body.index(b'"value":')) - 1
    body = bytearray(request.body)
    body[position] ^= 1
    return replace(request, body=bytes(body))


def _id_changed(bench: Bench) -> WebhookRequest:
    request, other = bench.request(), bench.message().message_id
    return replace(request.with_header("webhook-id", other), message_id=other)


def _timestamp_changed(bench: Bench) -> WebhookRequest:
    request = bench.request()
    later = int(request.header("webhook-timestamp")) + 1
    return request.with_header("webhook-timestamp", str(later))


def _line_feed(bench: Bench) -> WebhookRequest:
    request = bench.request()
    return replace(request, body=request.body + b"\n")


def _reserialized(bench: Bench) -> WebhookRequest:
    request = bench.request()
    return replace(request, body=json.dumps(json.loads(request.body)).encode())


def _signature(change: Callable[[bytes], str]) -> Make:
    """Return a function that makes a request whose signature is written in another way.

    ``change``: gets the raw bytes of the right signature.
    """

    def make(bench: Bench) -> WebhookRequest:
        request = bench.request()
        _version, _, encoded = request.header("webhook-signature").partition(",")
        return request.with_header("webhook-signature", change(base64.b64decode(encoded)))

    return make


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _moved(seconds: int) -> Make:
    """Return a function that makes a request that is genuine, but as of another time."""

    def make(bench: Bench) -> WebhookRequest:
        message = bench.message()
        return bench.signer.genuine(message.at(message.timestamp + seconds))

    return make


def _timestamp_text(text: Callable[[int], str]) -> Make:
    """Return a function that makes a request with a signed text as its timestamp."""

    def make(bench: Bench) -> WebhookRequest:
        message = bench.message()
        return bench.signer.sign_with_timestamp(message, text(message.timestamp))

    return make


def _token(make_token: Callable[[Signer, Message], str]) -> Make:
    """Return a function that makes a request whose token has a flaw."""

    def make(bench: Bench) -> WebhookRequest:
        signer, message = bench.signer, bench.message()
        token = make_token(signer, message)
        return signer.genuine(message).with_header("Authorization", f"Bearer {token}")

    return make


def _claims(change: Callable[[Message], dict[str, Any]]) -> Make:
    return _token(lambda signer, message: signer.token(message, claims=change(message)))


def _token_of_other_body(bench: Bench) -> WebhookRequest:
    message = bench.message()
    other = message.with_body(compact(bench.document()))
    token = bench.signer.token(other)
    return bench.signer.genuine(message).with_header("Authorization", f"Bearer {token}")


def _token_of_other_message(bench: Bench) -> WebhookRequest:
    message = bench.message()
    other = bench.message(message.body)
    token = bench.signer.token(other.at(message.timestamp))
    return bench.signer.genuine(message).with_header("Authorization", f"Bearer {token}")


def _case(  # noqa: PLR0913 – the columns of the table below
    name: str,
    make: Make,
    sends: str,
    why: str,
    *,
    mission: Mission = Mission.TRUST_NOBODY,
    schemes: frozenset[Scheme] = frozenset(Scheme),
    docs: str = VERIFYING,
) -> Case:
    return Case(
        name=name,
        group=Group.REJECTS,
        mission=mission,
        sends=sends,
        expects=EXPECTS,
        why=why,
        docs=docs,
        schemes=schemes,
        play=without_effect(make),
        judge=rejected,
    )


def _signature_case(name: str, make: Make, sends: str, why: str) -> Case:
    return _case(name, make, sends, why, schemes=SIGNED)


def _body_case(name: str, make: Make, sends: str, why: str) -> Case:
    return _case(name, make, sends, why, mission=Mission.RAW_BODY)


def _time_case(name: str, make: Make, sends: str, why: str) -> Case:
    return _case(name, make, sends, why, mission=Mission.REPLAY, schemes=SIGNED)


def _token_case(name: str, make: Make, sends: str, why: str) -> Case:
    return _case(name, make, sends, why, schemes=WITH_TOKEN, docs=TOKEN_DOCS)


CASES = (
    _case("no-credential", _no_credential, "There is no credential.", ANYONE),
    _case("another-secret", _another_secret, "Another secret has signed the request.", ANYONE),
    _case("body-bit", _one_bit_changed, "One bit of the amount is changed.", CHANGED),
    _case(
        "id-changed",
        _id_changed,
        "The webhook-id is another one.",
        "A recorded event gets a new id, so that the receiver books it again.",
    ),
    _signature_case(
        "timestamp-changed",
        _timestamp_changed,
        "The timestamp is one second later than the signed one.",
        "A recorded request is sent with the time of today, again and again.",
    ),
    _body_case("line-feed", _line_feed, "A line feed follows the body.", CHANGED),
    _body_case(
        "reserialized",
        _reserialized,
        "The body is the same JSON with other blanks.",
        "A receiver that accepts this compares parsed JSON, not the signed bytes. Two parsers that "
        "read the same bytes differently let an attacker through.",
    ),
    _signature_case(
        "signature-hex", _signature(lambda raw: f"v1,{raw.hex()}"), "The signature is hex.", LOOSE
    ),
    _signature_case(
        "signature-empty", _signature(lambda _raw: "v1,"), "The signature is empty.", LOOSE
    ),
    _signature_case(
        "signature-truncated",
        # In the middle of a group of four: the rest is not base64 either.
        _signature(lambda raw: f"v1,{_base64(raw)[:10]}"),
        "The signature is the beginning of the right one.",
        LOOSE,
    ),
    _signature_case(
        "signature-other-version",
        _signature(lambda raw: f"v2,{_base64(raw)}"),
        "The only signature is of another version, v2.",
        "Version v2 may mean another algorithm. A receiver that ignores the version can be made to "
        "use a weaker one.",
    ),
    _case(
        "timestamp-600s-old",
        _moved(-OFFSET_SECONDS),
        "The request is 600 s old.",
        REPLAY,
        mission=Mission.REPLAY,
    ),
    _time_case(
        "timestamp-600s-ahead",
        _moved(OFFSET_SECONDS),
        "The timestamp is 600 s ahead.",
        "A request from the future can be replayed until its time has come, and 300 s longer.",
    ),
    _time_case(
        "timestamp-milliseconds",
        _timestamp_text(lambda now: str(now * 1000)),
        "The signed timestamp is in milliseconds.",
        "Read as seconds, it is 50,000 years ahead. A receiver without an upper bound accepts it "
        "forever.",
    ),
    _time_case(
        "timestamp-not-a-number",
        _timestamp_text(lambda _now: "soon"),
        "The signed timestamp is the word soon.",
        "A receiver that cannot read the time and goes on has no protection against replay.",
    ),
    _token_case(
        "token-alg-none",
        _token(lambda signer, message: signer.token(message, alg="none")),
        "The token has no signature, and says so: alg none.",
        "Anyone can write such a token.",
    ),
    _token_case(
        "token-hs512",
        _token(lambda signer, message: signer.token(message, alg="HS512")),
        "The token is signed with HS512.",
        "A token must not choose how it is verified: the receiver pins HS256.",
    ),
    _token_case(
        "token-other-audience",
        _claims(lambda _message: {"aud": "https://other.example/hook"}),
        "The token is for another endpoint.",
        "Another receiver with the same secret can pass its webhooks on as if they were yours.",
    ),
    _token_case(
        "token-other-body", _token_of_other_body, "The token is for another body.", CHANGED
    ),
    _token_case(
        "token-expired",
        _claims(lambda message: {"iat": message.timestamp - 600, "exp": message.timestamp - 300}),
        "The token expired 300 s ago.",
        REPLAY,
    ),
    _token_case(
        "token-nbf-ahead",
        _claims(lambda message: {"nbf": message.timestamp + OFFSET_SECONDS}),
        "The token is not valid before 600 s from now.",
        ANY_TOKEN,
    ),
    _token_case(
        "token-year",
        _claims(lambda message: {"exp": message.timestamp + YEAR_SECONDS}),
        "The token is valid for a year.",
        "A stolen token works for a year. The shop's tokens live 300 s.",
    ),
    _token_case(
        "token-other-message",
        _token_of_other_message,
        "The token is for another message with the same body.",
        "A recorded token is sent with a new webhook-id, and the receiver books the event again.",
    ),
)
