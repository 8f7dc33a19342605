"""The verification of raw bytes: known results, limits, and error details."""

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from subscriber_app.checklist import Checklist, VerificationError
from subscriber_app.receiving.verification import Expectation, IncomingRequest, secret_key, verify
from subscriber_app.vocabulary import Reason, Result, StepName
from tests.integration.subscriber.signer import (
    NOW,
    OTHER_SECRET,
    OUR_URL,
    SECRET,
    SHOP_URL,
    Delivery,
    incoming,
)

DATA = Path(__file__).parents[2] / "data"
SIGNATURES = json.loads((DATA / "standard_webhooks_v1.json").read_text())["vectors"]
TOKENS = json.loads((DATA / "bearer_token.json").read_text())["vectors"]
EXPECTED = Expectation(secrets=[SECRET], audience=OUR_URL, now=NOW)


def name_of(vector: dict[str, Any]) -> str:
    return str(vector["name"])


def rejection_of(request: IncomingRequest, expected: Expectation = EXPECTED) -> VerificationError:
    with pytest.raises(VerificationError) as caught:
        verify(request, expected, Checklist())
    return caught.value


@pytest.mark.parametrize("vector", SIGNATURES, ids=name_of)
def test_known_signatures_are_accepted(vector: dict[str, Any]) -> None:
    headers = [
        ("content-type", "application/json"),
        ("webhook-id", vector["id"]),
        ("webhook-timestamp", vector["timestamp"]),
        ("webhook-signature", vector["signature"]),
    ]
    request = IncomingRequest(headers, base64.b64decode(vector["body_base64"]))
    expected = Expectation([vector["secret"]], OUR_URL, now=int(vector["timestamp"]))

    verify(request, expected, Checklist())

    changed = rejection_of(replace(request, body=request.body + b" "), expected)
    assert changed.reason is Reason.SIGNATURE_MISMATCH


@pytest.mark.parametrize("vector", TOKENS, ids=name_of)
def test_known_tokens_are_accepted(vector: dict[str, Any]) -> None:
    claims = vector["claims"]
    headers = [
        ("content-type", "application/json"),
        ("webhook-id", claims["jti"]),
        ("webhook-timestamp", str(claims["iat"])),
        ("authorization", f"Bearer {vector['token']}"),
    ]
    request = IncomingRequest(headers, base64.b64decode(vector["body_base64"]))
    expected = Expectation(
        [vector["secret"]], claims["aud"], now=claims["iat"], issuer=claims["iss"]
    )

    verify(request, expected, Checklist())

    changed = rejection_of(replace(request, body=request.body + b" "), expected)
    assert changed.reason is Reason.TOKEN_PAYLOAD_HASH


@pytest.mark.parametrize("age", [-300, -299, 0, 299, 300])
def test_a_timestamp_within_five_minutes_is_fresh(age: int) -> None:
    request = incoming(Delivery(timestamp=NOW - age), authorization=None)

    verify(request, EXPECTED, Checklist())


@pytest.mark.parametrize(
    ("age", "reason"),
    [
        (301, Reason.TIMESTAMP_TOO_OLD),
        (300.001, Reason.TIMESTAMP_TOO_OLD),
        (-301, Reason.TIMESTAMP_TOO_NEW),
        (-300.001, Reason.TIMESTAMP_TOO_NEW),
    ],
)
def test_a_timestamp_beyond_five_minutes_is_rejected(age: float, reason: Reason) -> None:
    at_that_age = replace(EXPECTED, now=NOW + age)

    assert rejection_of(incoming(Delivery()), at_that_age).reason is reason


def test_a_timestamp_in_milliseconds_is_recognized() -> None:
    rejection = rejection_of(incoming(Delivery(timestamp=NOW * 1000)))

    assert rejection.reason is Reason.TIMESTAMP_TOO_NEW
    assert "milliseconds?" in rejection.detail


@pytest.mark.parametrize("secrets", [[OTHER_SECRET, SECRET], [SECRET, OTHER_SECRET]])
def test_any_of_our_secrets_may_have_signed(secrets: list[str]) -> None:
    verify(incoming(Delivery()), replace(EXPECTED, secrets=secrets), Checklist())


def test_without_a_subscription_nothing_is_genuine() -> None:
    unsubscribed = replace(EXPECTED, secrets=[])

    with_both = incoming(Delivery())
    without_token = incoming(Delivery(), authorization=None)
    without_signature = incoming(Delivery(), webhook_signature=None)

    for request in (with_both, without_token, without_signature):
        assert rejection_of(request, unsubscribed).reason is Reason.NOT_SUBSCRIBED


def test_one_credential_is_enough_and_the_missing_one_is_noted_as_skipped() -> None:
    checklist = Checklist()

    verify(incoming(Delivery(), webhook_signature=None), EXPECTED, checklist)

    results = {step.name: step.result for step in checklist.steps}
    assert results[StepName.SIGNATURE] is Result.SKIPPED
    assert results[StepName.TOKEN] is Result.PASSED


@pytest.mark.parametrize(
    "given", ["application/json", "Application/JSON", "application/json; charset=utf-8"]
)
def test_json_is_json_in_any_case_and_with_parameters(given: str) -> None:
    verify(incoming(Delivery(), content_type=given), EXPECTED, Checklist())


def test_a_repeated_content_encoding_is_rejected_even_with_identity() -> None:
    headers = [*Delivery().headers(), *[("content-encoding", "identity")] * 2]

    rejection = rejection_of(IncomingRequest(headers, Delivery().body))

    assert rejection.reason is Reason.DUPLICATE_HEADER


def test_an_issuer_is_checked_when_it_is_known() -> None:
    foreign = incoming(Delivery(claims={"iss": "http://other.example"}))

    verify(foreign, EXPECTED, Checklist())

    rejection = rejection_of(foreign, replace(EXPECTED, issuer=SHOP_URL))
    assert rejection.reason is Reason.TOKEN_ISSUER
    verify(incoming(Delivery()), replace(EXPECTED, issuer=SHOP_URL), Checklist())


@pytest.mark.parametrize("message_id", ["", "msg.1", "msg 1", "é", "x" * 129, "../../etc/passwd"])
def test_an_invalid_id_is_rejected_even_if_it_is_signed(message_id: str) -> None:
    rejection = rejection_of(incoming(Delivery(message_id=message_id)))

    assert rejection.reason is Reason.MALFORMED_ID


def test_quoted_values_are_short_and_visible() -> None:
    rejection = rejection_of(incoming(Delivery(), content_type="text/\u202e\x00" + "x" * 1000))

    assert "\\u202e\\x00" in rejection.detail
    assert rejection.detail.isprintable()
    assert len(rejection.detail) < 150


def test_a_broken_secret_is_reported_without_quoting_it() -> None:
    with pytest.raises(ValueError, match="not valid base64") as caught:
        secret_key("whsec_not*base64")

    assert "not*base64" not in str(caught.value)
