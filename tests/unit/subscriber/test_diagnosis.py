"""The usual mistakes of senders, and their diagnosis."""

import base64
import hmac
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from subscriber_app.checklist import Checklist, VerificationError
from subscriber_app.explaining.diagnosis import Diagnosis, diagnose
from subscriber_app.lab.rewriting import guesses
from subscriber_app.receiving.keyring import KnownSecret, live_at
from subscriber_app.receiving.verification import Expectation, IncomingRequest, verify
from subscriber_app.vocabulary import Reason
from tests.integration.subscriber.signer import (
    NOW,
    OTHER_SECRET,
    OUR_URL,
    SECRET,
    SHOP_URL,
    Delivery,
    incoming,
    key_of,
    purchase,
    signed_token,
)
from tests.steps import steps_of

RECEIVED_AT = datetime.fromtimestamp(NOW, UTC)
A_DAY = timedelta(days=1)
OURS = KnownSecret(SECRET, RECEIVED_AT - A_DAY)
EXPIRED = KnownSecret(OTHER_SECRET, RECEIVED_AT - 3 * A_DAY, RECEIVED_AT - A_DAY)
LATER = KnownSecret(OTHER_SECRET, RECEIVED_AT + A_DAY)


def rejection(request: IncomingRequest, keyring: Sequence[KnownSecret]) -> Reason:
    secrets = [known.secret for known in live_at(keyring, RECEIVED_AT)]
    with pytest.raises(VerificationError) as refused:
        verify(request, Expectation(secrets, OUR_URL, NOW, issuer=SHOP_URL), Checklist())
    return refused.value.reason


def diagnosed(
    request: IncomingRequest, keyring: Sequence[KnownSecret] = (OURS,)
) -> Diagnosis | None:
    """Return the diagnosis of a request that the verification rejects."""
    return diagnose(
        request,
        rejection(request, keyring),
        received_at=RECEIVED_AT,
        audience=OUR_URL,
        keyring=keyring,
    )


def finding(request: IncomingRequest, keyring: Sequence[KnownSecret] = (OURS,)) -> str:
    found = diagnosed(request, keyring)
    assert found
    assert found.advice.endswith((".", ";"))
    return found.finding


def signed_by(key: bytes, content: bytes) -> str:
    return "v1," + base64.b64encode(hmac.digest(key, content, "sha256")).decode()


COMPACT = purchase()
DOCUMENT = json.loads(COMPACT)
UNICODE = purchase(note="Zoë 🪝")


@pytest.mark.parametrize(
    ("signed", "came", "said"),
    [
        (
            COMPACT,
            json.dumps(DOCUMENT).encode(),
            (
                "the signed body was compact; "
                "the received body is with a space after every comma and colon"
            ),
        ),
        (json.dumps(DOCUMENT).encode(), COMPACT, "with a space after every comma and colon"),
        (COMPACT, json.dumps(DOCUMENT, indent=2).encode(), "the signed body was compact"),
        (json.dumps(DOCUMENT, indent=4).encode(), COMPACT, "indented by four spaces"),
        (COMPACT, json.dumps(DOCUMENT, sort_keys=True).encode(), "its keys were in another order"),
        (UNICODE, json.dumps(json.loads(UNICODE)).encode(), "the signed body was compact"),
        (json.dumps(json.loads(UNICODE)).encode(), UNICODE, "with a space after every comma"),
        (purchase(50.0), purchase(50), "its whole numbers had .0"),
        (purchase(50), purchase(50.0), "its whole numbers had no .0"),
    ],
)
@pytest.mark.parametrize("left_out", ["webhook_signature", "authorization"])
def test_a_reserialized_body_is_compared_with_the_signed_one(
    signed: bytes, came: bytes, said: str, left_out: str
) -> None:
    request = replace(incoming(Delivery(body=signed), **{left_out: None}), body=came)

    found = diagnosed(request)

    assert found
    assert "the body was re-serialized" in found.finding
    assert said in found.finding
    assert found.sides
    assert [b"".join(piece.content for piece in side) for side in found.sides] == [signed, came]
    assert any(piece.differs for side in found.sides for piece in side)


@pytest.mark.parametrize(
    ("came", "said"),
    [
        (COMPACT + b"\n", "a line feed was added at the end"),
        (COMPACT + b" \t", "white space was added at the end"),
        (b"\n" + COMPACT + b"\n", "white space was added around it"),
        (b"\xef\xbb\xbf" + COMPACT, "a byte order mark was added at the start"),
    ],
)
def test_what_was_added_around_a_body_is_named(came: bytes, said: str) -> None:
    assert said in finding(replace(incoming(Delivery()), body=came))


def test_a_line_feed_that_was_taken_away_is_named() -> None:
    request = replace(incoming(Delivery(body=COMPACT + b"\n")), body=COMPACT)

    assert "the line feed at the end was removed" in finding(request)


def test_a_changed_amount_is_found_by_the_genuine_token() -> None:
    request = replace(incoming(Delivery()), body=purchase(1))

    assert "The token is genuine, but for another body" in finding(request)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"webhook_id": "msg_2"}, "another webhook-id:"),
        ({"webhook_timestamp": str(NOW + 1)}, "another webhook-timestamp:"),
    ],
)
def test_a_changed_id_or_time_is_found_by_the_genuine_token(
    change: dict[str, str], told: str
) -> None:
    assert told in finding(incoming(Delivery(), **change))


@pytest.mark.parametrize("left_out", ["webhook_signature", "authorization"])
def test_a_secret_that_has_expired_is_named_by_its_fingerprint(left_out: str) -> None:
    request = incoming(Delivery(secret=OTHER_SECRET), **{left_out: None})

    said = finding(request, [OURS, EXPIRED])

    assert said == f"Signed with the secret {EXPIRED.fingerprint}, which had expired."


def test_a_secret_received_later_is_named() -> None:
    request = incoming(Delivery(secret=OTHER_SECRET))

    assert "we received later" in finding(request, [LATER, OURS])


def test_a_request_that_matches_no_secret_is_called_undecidable() -> None:
    request = incoming(Delivery(secret=OTHER_SECRET))

    assert "The receiver cannot tell which" in finding(request)


def test_without_a_subscription_there_is_no_diagnosis() -> None:
    assert diagnosed(incoming(Delivery()), []) is None


RIGHT = Delivery().signature.removeprefix("v1,")
# A digest with both characters in which the alphabets of base64 differ.
WITH_SIGNS = next(
    delivery
    for number in range(1000)
    if {"+", "/"} <= set((delivery := Delivery(message_id=f"msg_{number}")).signature)
)


@pytest.mark.parametrize(
    ("signature", "said"),
    [
        (Delivery().signature_in_hex, "in hex"),
        (Delivery().signature_in_hex.removeprefix("v1,").upper(), "in hex"),
        ("sha256=" + Delivery().signature_in_hex.removeprefix("v1,"), "in hex"),
        (RIGHT, "the version prefix v1, is missing"),
        (f"v0,{RIGHT}", "its version prefix is 'v0,'"),
        (f"v1={RIGHT}", "its version prefix is 'v1='"),
        (f"v1,{RIGHT.rstrip('=')}", "the padding of the base64 is missing"),
    ],
)
def test_a_valid_signature_in_a_wrong_form_is_named(signature: str, said: str) -> None:
    assert said in finding(incoming(Delivery(), webhook_signature=signature))


def test_url_safe_base64_is_named() -> None:
    signature = WITH_SIGNS.signature.replace("+", "-").replace("/", "_")

    assert "URL-safe alphabet" in finding(incoming(WITH_SIGNS, webhook_signature=signature))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (COMPACT, "the body alone"),
        (f"{NOW}.".encode() + COMPACT, "timestamp.body, without the id"),
        (b"msg_1." + COMPACT, "id.body, without the timestamp"),
        (f"msg_1{NOW}".encode() + COMPACT, "without dots"),
    ],
)
def test_a_signature_of_other_content_is_named(content: bytes, said: str) -> None:
    signature = signed_by(key_of(SECRET), content)

    assert said in finding(incoming(Delivery(), webhook_signature=signature))


@pytest.mark.parametrize("key", [SECRET, SECRET.removeprefix("whsec_")])
def test_a_secret_that_was_not_decoded_is_named(key: str) -> None:
    signature = signed_by(key.encode(), f"msg_1.{NOW}.".encode() + COMPACT)

    assert "the text of the secret" in finding(incoming(Delivery(), webhook_signature=signature))


def test_an_invalid_signature_with_a_valid_token_is_the_only_mistake() -> None:
    request = incoming(Delivery(), webhook_signature="v1,forged")

    assert "so only the signature is wrong" in finding(request)


@pytest.mark.parametrize(
    ("factor", "unit"), [(10**3, "milliseconds"), (10**6, "microseconds"), (10**9, "nanoseconds")]
)
def test_a_timestamp_in_another_unit_is_named(factor: int, unit: str) -> None:
    found = diagnosed(incoming(Delivery(timestamp=NOW * factor)))

    assert found
    assert unit in found.finding
    assert str(NOW) in found.advice


@pytest.mark.parametrize(
    ("timestamp", "said"),
    [("2026-11-23T12:00:00Z", "is a date"), (f"{NOW}.5", "has a fraction")],
)
def test_a_timestamp_in_another_form_is_named(timestamp: str, said: str) -> None:
    assert said in finding(incoming(Delivery(timestamp=timestamp)))


@pytest.mark.parametrize(
    ("timestamp", "said"), [(NOW - 301, "replayed or delayed"), (NOW + 301, "two clocks differ")]
)
def test_a_genuine_request_outside_the_window_is_called_genuine(timestamp: int, said: str) -> None:
    assert said in finding(incoming(Delivery(timestamp=timestamp)))


def test_a_forged_request_outside_the_window_is_not_called_genuine() -> None:
    request = incoming(Delivery(timestamp=NOW - 301, secret=OTHER_SECRET))

    assert diagnosed(request) is None


@pytest.mark.parametrize(
    ("audience", "said"),
    [
        ("http://elsewhere.example/hook", "another endpoint"),
        (f"{OUR_URL}/", "not exactly as it was registered"),
    ],
)
def test_a_token_for_another_address_is_named(audience: str, said: str) -> None:
    assert said in finding(incoming(Delivery(audience=audience), webhook_signature=None))


@pytest.mark.parametrize(
    ("authorization", "said"),
    [
        (Delivery().token, "The word Bearer is missing"),
        ("Basic dTpw", "not a bearer token"),
        (f"Bearer {Delivery().token}==", "has padding"),
    ],
)
def test_a_token_in_another_form_is_named(authorization: str, said: str) -> None:
    assert said in finding(incoming(Delivery(), authorization=authorization))


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        ("utf-16-le", "in UTF-16 or UTF-32"),
        ("utf-16", "byte order mark"),
        ("utf-8-sig", "byte order mark"),
    ],
)
def test_a_token_in_another_encoding_is_named(encoding: str, said: str) -> None:
    token = signed_token('{"alg":"HS256","typ":"webhook+jwt"}', "{}", SECRET, encoding=encoding)

    assert said in finding(incoming(Delivery(), authorization=f"Bearer {token}"))


def test_a_token_of_another_issuer_is_named() -> None:
    foreign = Delivery(claims={"iss": "http://other.example"})

    assert "names another issuer" in finding(incoming(foreign))


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"nbf": NOW * 1000}, "milliseconds"),
        ({"nbf": f"{NOW}"}, "not whole numbers"),
    ],
)
def test_a_token_whose_validity_is_in_another_unit_is_named(
    claims: dict[str, object], said: str
) -> None:
    assert said in finding(incoming(Delivery(claims=claims)))


def test_a_token_from_a_clock_that_is_ahead_is_named() -> None:
    early = Delivery(timestamp=NOW + 60, claims={"nbf": NOW + 60})

    assert "clock is ahead" in finding(incoming(early))


def test_a_token_without_a_signature_is_named() -> None:
    request = incoming(Delivery(token_header={"alg": "none"}))

    assert "to need no signature" in finding(request)


def test_the_times_of_a_token_in_milliseconds_are_named() -> None:
    claims = {"iat": NOW * 1000, "exp": (NOW + 300) * 1000}

    assert "in milliseconds" in finding(incoming(Delivery(claims=claims)))


# Hundreds of guesses each, which are slow on a busy machine.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    body=st.binary(max_size=60)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
        max_leaves=8,
    ).map(lambda document: json.dumps(document).encode()),
    headers=st.lists(
        st.tuples(
            st.sampled_from(
                ["webhook-id", "webhook-timestamp", "webhook-signature", "authorization"]
            ),
            st.text(max_size=70)
            | st.sampled_from([value for _name, value in Delivery().headers()])
            | st.from_regex(r"(v1,|Bearer )?[\w=-]{0,9}(\.[\w=-]{0,9}){0,3}"),
        ),
        max_size=6,
    ),
    reason=st.sampled_from(Reason),
)
def test_a_diagnosis_never_raises_and_never_shows_a_secret(
    body: bytes, headers: list[tuple[str, str]], reason: Reason
) -> None:
    found = diagnose(
        IncomingRequest(headers, body),
        reason,
        received_at=RECEIVED_AT,
        audience=OUR_URL,
        keyring=[OURS, EXPIRED],
    )

    for known in (OURS, EXPIRED):
        assert known.secret.removeprefix("whsec_") not in repr(found)


NESTED = b"[" * 400 + b"1," * 7000 + b"1" + b"]" * 400
HOSTILE_BODIES = {
    "deep": b"[" * 900 + b"]" * 900,
    "deep and wide": NESTED,
    "wide": b"[" + b"1," * 8190 + b"1]",
    "of empty objects": b"[" + b"{}," * 5000 + b"{}]",
    "of large numbers": b"[" + b"1.5e300," * 2000 + b"1]",
    "too deep to be parsed": b"[" * 16_000,
    "of line feeds": b"\n" * 16_384,
    "as large as can be received": b" " * 256 * 1024,
    "just within the limits": b"[" * 12 + b"1.0," * 280 + b"1" + b"]" * 12,
}


@pytest.mark.parametrize("body", HOSTILE_BODIES.values(), ids=HOSTILE_BODIES)
@pytest.mark.parametrize("keyring", [[OURS], [OURS, *[EXPIRED] * 150]], ids=["one", "many"])
def test_a_forged_request_is_diagnosed_in_a_bounded_number_of_steps(
    body: bytes, keyring: Sequence[KnownSecret]
) -> None:
    request = incoming(
        Delivery(body=body, secret=OTHER_SECRET),
        webhook_signature=" ".join(["v1,forged"] * 20),
    )

    def diagnose_it() -> Diagnosis | None:
        return diagnose(
            request,
            Reason.SIGNATURE_MISMATCH,
            received_at=RECEIVED_AT,
            audience=OUR_URL,
            keyring=keyring,
        )

    assert steps_of(diagnose_it) < 500_000


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (NESTED, "re-serialized bodies: the JSON is nested deeper than 12 levels"),
        (b"[" * 10_000, "re-serialized bodies: the JSON is nested deeper than 12 levels"),
        (b"[" + b"1," * 300 + b"1]", "re-serialized bodies: the JSON has more than 300 values"),
        (b" " * 20_000, "changes to the body: it has more than 16384 bytes"),
    ],
)
def test_skipped_guesses_are_reported(body: bytes, said: str) -> None:
    found = diagnosed(incoming(Delivery(body=body, secret=OTHER_SECRET)))

    assert found
    assert found.untried == (said,)


def test_for_a_body_like_an_event_nothing_is_skipped() -> None:
    found = diagnosed(incoming(Delivery(secret=OTHER_SECRET)))

    assert found
    assert found.untried == ()


def test_live_secrets_are_tried_before_all_others() -> None:
    first = KnownSecret(SECRET, RECEIVED_AT - A_DAY, RECEIVED_AT + A_DAY)
    later = [
        KnownSecret(secret_number(number), RECEIVED_AT + number * A_DAY) for number in range(1, 31)
    ]
    request = replace(incoming(Delivery()), body=COMPACT + b"\n")

    found = diagnosed(request, [*later[::-1], first])

    assert found
    assert "a line feed was added at the end" in found.finding
    assert found.untried == ("11 other secrets",)


def secret_number(number: int) -> str:
    return "whsec_" + base64.b64encode(number.to_bytes(32)).decode()


def test_a_body_too_large_for_guesses_costs_nothing() -> None:
    assert list(guesses(b" " * 20_000)) == []


@pytest.mark.parametrize(
    "body", [b"[" * 10_000, b"1" * 10_000, b'{"a":1e400}', b'{"a":"\\ud800"}', b"\xff"]
)
def test_huge_numbers_and_deep_nesting_do_no_harm(body: bytes) -> None:
    assert list(guesses(body))
