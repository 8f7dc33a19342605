"""The kit verifies webhooks as the subscriber does, and says what it compared."""

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hookshop.testing.verification import Expected, Result, Verification, parse_event, verify
from tests.integration.subscriber.corpus import ROWS
from tests.integration.subscriber.signer import (
    FORMER_SECRET,
    NOW,
    OUR_URL,
    SECRET,
    SHOP_URL,
    Delivery,
)
from tests.integration.subscriber.variants import Variant

DATA = Path(__file__).parents[2] / "data"
SIGNATURES = json.loads((DATA / "standard_webhooks_v1.json").read_text())["vectors"]
TOKENS = json.loads((DATA / "bearer_token.json").read_text())["vectors"]
EXPECTED = Expected([SECRET, FORMER_SECRET], OUR_URL, SHOP_URL, now=NOW)
# The receiver that reads the request limits its size.
VARIANTS = {
    f"{part}: {value[:40]} [{name[:24]}]": variant
    for (part, value), variants in ROWS.items()
    for name, variant in variants.items()
    if variant.reason != "too_large"
}


def name_of(vector: dict[str, Any]) -> str:
    return str(vector["name"])


def verified(delivery: Delivery, **headers: str | None) -> Verification:
    return verify(delivery.headers(**headers), delivery.body, EXPECTED)


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
def test_each_request_of_the_corpus_gets_the_reason_of_the_subscriber(variant: Variant) -> None:
    verification = verify(variant.headers, variant.body, EXPECTED)

    failure = verification.failure
    assert (failure.reason if failure else None) == variant.reason
    assert verification.is_genuine == (variant.reason is None)


@pytest.mark.parametrize("vector", SIGNATURES, ids=name_of)
def test_known_signatures_match(vector: dict[str, Any]) -> None:
    headers = [
        ("content-type", "application/json"),
        ("webhook-id", vector["id"]),
        ("webhook-timestamp", vector["timestamp"]),
        ("webhook-signature", vector["signature"]),
    ]
    expected = Expected([vector["secret"]], OUR_URL, None, now=int(vector["timestamp"]))

    steps = verify(headers, base64.b64decode(vector["body_base64"]), expected).steps

    assert {step.name: step.result for step in steps}["signature"] is Result.PASSED


@pytest.mark.parametrize("vector", TOKENS, ids=name_of)
def test_known_tokens_match(vector: dict[str, Any]) -> None:
    claims = vector["claims"]
    headers = [
        ("content-type", "application/json"),
        ("webhook-id", claims["jti"]),
        ("webhook-timestamp", str(claims["iat"])),
        ("authorization", f"Bearer {vector['token']}"),
    ]
    expected = Expected([vector["secret"]], claims["aud"], claims["iss"], now=claims["iat"])

    steps = verify(headers, base64.b64decode(vector["body_base64"]), expected).steps

    results = {step.name: step.result for step in steps}
    assert (results["signature"], results["token"]) == (Result.SKIPPED, Result.PASSED)


def test_each_step_says_what_was_compared() -> None:
    delivery = Delivery()

    details = {step.name: step.detail for step in verified(delivery).steps}

    assert f"{NOW} is 0.0 s ago; the limit is 300 s" in details["timestamp"]
    assert (
        f"HMAC-SHA256 of 'msg_1.{NOW}.' and the {len(delivery.body)} bytes"
        in (details["signature"])
    )
    assert "aud our URL" in details["token"]
    assert details["event"] == "'purchase.created', order_id 'ord_1', value 50.75"


def test_steps_after_a_failure_are_not_reached() -> None:
    verification = verified(Delivery(timestamp=NOW - 302))

    assert [step.result for step in verification.steps] == [
        *(Result.PASSED, Result.PASSED, Result.FAILED),
        *(Result.NOT_REACHED, Result.NOT_REACHED, Result.NOT_REACHED),
    ]
    failure = verification.failure
    assert failure
    assert failure.detail == ("webhook-timestamp is 302 s old; the limit is 300 s, to stop replays")


def test_without_an_issuer_any_shop_is_accepted_and_without_secrets_nothing_is() -> None:
    delivery = Delivery(claims={"iss": "http://other.example"})

    by_any = verify(delivery.headers(), delivery.body, replace(EXPECTED, issuer=None))
    by_none = verify(delivery.headers(), delivery.body, replace(EXPECTED, secrets=[]))

    assert by_any.is_genuine
    assert by_none.failure
    assert by_none.failure.reason == "signature_mismatch"


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"event": []}', b'{"event": {"type": 1}}'])
def test_a_body_without_an_event_has_none(body: bytes) -> None:
    assert parse_event(body) is None


def test_an_event_is_the_member_of_the_body() -> None:
    event = parse_event(Delivery().body)

    assert event
    assert (event["type"], event["value"]) == ("purchase.created", 50.75)
