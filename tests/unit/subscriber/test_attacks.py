"""The requests of the attacks, byte for byte."""

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from subscriber_app.lab.attacks import Attack, Forgery, ImpossibleAttack, Target, build_attack
from subscriber_app.lab.forged_credentials import ATTACKERS_SECRET
from subscriber_app.receiving.tokens import is_signed_by
from subscriber_app.receiving.verification import IncomingRequest
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
)

GENUINE = Delivery()
TARGET = Target(incoming(GENUINE), (SECRET, OTHER_SECRET), OUR_URL, SHOP_URL, NOW + 1.5, "msg_new")
LATER = replace(GENUINE, timestamp=NOW + 1)
FRESH = replace(LATER, message_id="msg_new")
LARGER = purchase(9999.99)


def forged(attack: Attack, target: Target = TARGET) -> Forgery:
    made = build_attack(attack, target)
    assert isinstance(made, Forgery)
    return made


def sent(attack: Attack) -> tuple[dict[str, str], bytes]:
    request = forged(attack).request
    headers = dict(request.headers)
    assert headers.pop("user-agent") == "Hookshop-Attack-Desk"
    assert headers.pop("content-type") == "application/json"
    return headers, request.body


def part(token: str, number: int) -> dict[str, Any]:
    text = token.removeprefix("Bearer ").split(".")[number]
    document: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=="))
    return document


def basics(delivery: Delivery) -> dict[str, str]:
    return {"webhook-id": delivery.message_id, "webhook-timestamp": str(delivery.timestamp)}


def test_a_replay_is_the_recorded_request_without_connection_headers() -> None:
    connection = [("host", "x"), ("content-length", "9"), ("transfer-encoding", "chunked")]
    headers = [*connection, *GENUINE.headers(), ("accept", "*/*"), ("accept", "*/*")]
    target = replace(TARGET, request=IncomingRequest(headers, GENUINE.body))

    made = build_attack(Attack.REPLAY, target)

    assert isinstance(made, IncomingRequest)
    assert made.headers == headers[len(connection) :]
    assert made.body == GENUINE.body


def test_a_late_replay_is_validly_signed_and_ten_minutes_old() -> None:
    old = replace(GENUINE, timestamp=NOW + 1 - 600)

    headers, body = sent(Attack.LATE_REPLAY)

    assert headers == basics(old) | {"webhook-signature": old.signature}
    assert body == old.body


def test_a_changed_amount_keeps_the_original_signature() -> None:
    headers, body = sent(Attack.AMOUNT)

    assert headers == basics(FRESH) | {"webhook-signature": FRESH.signature}
    assert body == LARGER


def test_reserialized_json_is_equal_in_other_bytes() -> None:
    headers, body = sent(Attack.RESERIALISED)

    assert headers["webhook-signature"] == FRESH.signature
    assert part(headers["authorization"], 1)["payload_hash"] == part(FRESH.token, 1)["payload_hash"]
    assert body != FRESH.body
    assert json.loads(body) == json.loads(FRESH.body)


def test_a_wrong_secret_signs_correctly() -> None:
    other = replace(FRESH, secret=ATTACKERS_SECRET)

    headers, body = sent(Attack.WRONG_SECRET)

    assert headers == basics(other) | {"webhook-signature": other.signature}
    assert body == other.body


def test_without_a_signature_the_token_is_right() -> None:
    headers, body = sent(Attack.NO_SIGNATURE)

    assert headers.keys() == {"webhook-id", "webhook-timestamp", "authorization"}
    assert part(headers["authorization"], 1) == part(LATER.token, 1)
    assert body == LATER.body


def test_without_any_credential_only_the_message_is_left() -> None:
    assert sent(Attack.NO_CREDENTIAL) == (basics(FRESH), FRESH.body)


def test_a_token_with_alg_none_has_an_empty_signature() -> None:
    headers, _body = sent(Attack.TOKEN_ALG_NONE)

    assert "webhook-signature" not in headers
    assert part(headers["authorization"], 0) == {"alg": "none", "typ": "webhook+jwt"}
    assert headers["authorization"].endswith(".")


def test_a_token_of_another_body_is_valid_for_that_body() -> None:
    headers, body = sent(Attack.TOKEN_OF_ANOTHER_BODY)

    assert "webhook-signature" not in headers
    assert part(headers["authorization"], 1)["payload_hash"] == part(FRESH.token, 1)["payload_hash"]
    assert body == LARGER


def test_a_long_token_lasts_a_year() -> None:
    headers, body = sent(Attack.TOKEN_LIFETIME)

    claims = part(headers["authorization"], 1)
    assert claims["exp"] - claims["iat"] == 365 * 24 * 3600
    assert body == FRESH.body


def test_a_conflict_is_validly_signed_with_a_processed_id() -> None:
    other = replace(LATER, body=LARGER)

    headers, body = sent(Attack.CONFLICT)

    assert headers["webhook-id"] == GENUINE.message_id
    assert headers["webhook-signature"] == other.signature
    assert body == LARGER


def test_the_newest_secret_makes_the_signature_and_the_oldest_the_token() -> None:
    rotated = replace(TARGET, secrets=(OTHER_SECRET, SECRET))

    made = forged(Attack.CONFLICT, rotated)

    assert made.signature
    assert made.token
    assert made.signature.value == replace(LATER, body=LARGER, secret=OTHER_SECRET).signature
    signed, _dot, signature = made.token.value.rpartition(".")
    assert is_signed_by(signed, signature, [key_of(SECRET)])


def test_an_amount_equal_to_the_replacement_is_changed_too() -> None:
    target = replace(TARGET, request=incoming(Delivery(body=LARGER)))

    assert forged(Attack.AMOUNT, target).body == purchase(8888.88)


def test_an_id_that_cannot_be_signed_is_replaced() -> None:
    target = replace(TARGET, request=incoming(GENUINE, webhook_id="a.b"))

    assert forged(Attack.CONFLICT, target).message_id == "msg_new"


@pytest.mark.parametrize("attack", [Attack.AMOUNT, Attack.TOKEN_OF_ANOTHER_BODY, Attack.CONFLICT])
@pytest.mark.parametrize("body", [b"", b"\xff\x00", b"[" * 9_999, b'{"value": "1"}'])
def test_a_body_without_an_amount_cannot_be_changed(attack: Attack, body: bytes) -> None:
    target = replace(TARGET, request=IncomingRequest([], body))

    with pytest.raises(ImpossibleAttack):
        build_attack(attack, target)


@pytest.mark.parametrize("body", [b"", b"\xff", b"{", b"[" * 100_000])
def test_a_body_that_is_not_json_cannot_be_reserialized(body: bytes) -> None:
    with pytest.raises(ImpossibleAttack):
        build_attack(Attack.RESERIALISED, replace(TARGET, request=IncomingRequest([], body)))


@pytest.mark.parametrize("body", [b"[]", b'{"a": 1}', b"1"])
def test_json_with_spaces_is_changed_too(body: bytes) -> None:
    made = forged(Attack.RESERIALISED, replace(TARGET, request=IncomingRequest([], body)))

    assert made.body != body
    assert json.loads(made.body) == json.loads(body)
