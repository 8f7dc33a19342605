"""A receiver without defenses, and what each one changes."""

import time

import pytest

from hookshop.testing.naive import (
    BadDefenses,
    Defense,
    NaiveReceiver,
    parse_change,
    parse_defenses,
    serialized_again,
)
from hookshop.testing.verification import Expected, Headers, Verification
from shop.webhooks.rules.signing import LiveSecret, SignedContent, generate_secret, signing_headers

SECRET, ANOTHER = generate_secret(), generate_secret()
URL, ISSUER = "http://127.0.0.1:9000/hook", "http://shop"
BODY = b'{"event":{"type":"purchase.created","value":50.75,"order_id":"ord_1"}}'
NOW = int(time.time())


def signed(body: bytes = BODY, *, at: int = NOW, secret: str = SECRET) -> Headers:
    live = [LiveSecret("sec_1", secret)]
    made = signing_headers(SignedContent("msg_1", at, body), live, issuer=ISSUER, audience=URL)
    headers = [(name.lower(), value) for name, value in made.items()]
    return [*headers, ("content-type", "application/json")]


def without(headers: Headers, *names: str) -> Headers:
    return [(name, value) for name, value in headers if name not in names]


def verified(headers: Headers, body: bytes, *on: Defense) -> Verification:
    expected = Expected((SECRET,), URL, ISSUER, NOW)
    return NaiveReceiver(on).verify(headers, body, expected)


SPOILED = {
    Defense.SIGNATURE: (without(signed(secret=ANOTHER), "authorization"), BODY),
    Defense.TIMESTAMP: (without(signed(at=NOW - 600), "authorization"), BODY),
    Defense.TOKEN: (without(signed(secret=ANOTHER), "webhook-signature"), BODY),
}


@pytest.mark.parametrize("defense", SPOILED)
def test_a_defense_rejects_what_is_believed_without_it(defense: Defense) -> None:
    headers, body = SPOILED[defense]

    believed = verified(headers, body, *(set(Defense) - {defense}))
    rejected = verified(headers, body, *Defense)

    assert believed.is_genuine
    assert [step.name for step in believed.ignored] == [defense.value]
    assert rejected.failure
    assert rejected.failure.name == defense.value


def test_without_any_defense_no_credential_is_needed() -> None:
    naked = [("content-type", "application/json")]

    assert verified(naked, BODY).is_genuine
    assert "headers" in {step.name for step in verified(naked, BODY).ignored}
    assert not verified(naked, BODY, Defense.SIGNATURE).is_genuine


@pytest.mark.parametrize("timestamp", ["soon", "", "1" * 40])
def test_a_timestamp_that_is_ignored_breaks_no_other_check(timestamp: str) -> None:
    headers = [*without(signed(), "webhook-timestamp"), ("webhook-timestamp", timestamp)]

    verification = verified(headers, BODY, Defense.TOKEN)

    assert verification.failure
    assert verification.failure.reason == "token_timestamp"


def test_without_the_raw_body_other_blanks_pass_and_are_lost() -> None:
    with_blanks = BODY.replace(b",", b", ")
    on = set(Defense) - {Defense.RAW_BODY}

    assert verified(signed(), with_blanks, *on).is_genuine
    assert not verified(signed(with_blanks), with_blanks, *on).is_genuine
    assert not verified(signed(), with_blanks, *Defense).is_genuine
    assert verified(signed(with_blanks), with_blanks, *Defense).is_genuine


@pytest.mark.parametrize("body", [b"\xff", b"[", b"", b'"\\ud800"'])
def test_a_body_that_cannot_be_written_again_breaks_nothing(body: bytes) -> None:
    assert isinstance(serialized_again(body), bytes)


def test_deduplication_books_a_message_once() -> None:
    receiver = NaiveReceiver()

    assert [receiver.book("msg_1", BODY), receiver.book("msg_1", BODY)] == [1, 2]
    receiver.change({Defense.DEDUPLICATION: True})
    assert receiver.book("msg_1", BODY) == 2
    assert [receiver.book("msg_2", BODY), receiver.book("msg_2", BODY)] == [1, 1]

    assert receiver.effects("msg_1") == {"times": 2, "value": 101.5}
    assert receiver.effects("msg_2") == {"times": 1, "value": 50.75}
    assert receiver.effects("msg_3") == {"times": 0, "value": 0}


def test_the_state_of_an_order_only_moves_forward() -> None:
    receiver = NaiveReceiver()

    receiver.book("msg_2", BODY.replace(b"created", b"refunded"))
    receiver.book("msg_1", BODY)

    assert receiver.state_of("ord_1") == {"state": "refunded"}
    assert receiver.state_of("ord_2") == {"state": None}


@pytest.mark.parametrize("body", [b"", b'{"event":{"type":"webhook.ping"}}', b"\xff"])
def test_what_is_no_purchase_is_not_booked(body: bytes) -> None:
    assert NaiveReceiver().book("msg_1", body) == 0


@pytest.mark.parametrize("value", [b'"much"', b"null", b"true"])
def test_an_amount_that_is_none_counts_nothing(value: bytes) -> None:
    receiver = NaiveReceiver()

    receiver.book("msg_1", BODY.replace(b"50.75", value))

    assert receiver.effects("msg_1") == {"times": 1, "value": 0}


def test_defenses_are_read_from_words_and_documents() -> None:
    assert parse_defenses("signature, raw_body") == (Defense.SIGNATURE, Defense.RAW_BODY)
    assert parse_defenses("") == ()
    assert parse_change({"token": False}) == {Defense.TOKEN: False}


@pytest.mark.parametrize("document", [[], {"signature": 1}, {"banana": True}, None])
def test_another_document_is_refused(document: object) -> None:
    with pytest.raises(BadDefenses):
        parse_change(document)
