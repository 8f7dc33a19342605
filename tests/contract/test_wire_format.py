"""Properties of the wire format: the subscriber accepts what the shop creates."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shop.ids import new_uuid
from shop.vocabulary import EventType
from shop.webhooks.endpoints.secrets import MAX_LIVE_SECRETS
from shop.webhooks.rules.events import Event, serialize
from shop.webhooks.rules.signing import LiveSecret, SignedContent, generate_secret, signing_headers
from subscriber_app.checklist import Checklist, VerificationError
from subscriber_app.receiving.events import MONEY_EVENTS, parse_event
from subscriber_app.receiving.verification import Expectation, IncomingRequest, verify
from subscriber_app.vocabulary import Result

pytestmark = pytest.mark.one_database("is about the bytes that are sent")

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TIMESTAMP = int(NOW.timestamp())
URL = "http://127.0.0.1:8001/v1/new-purchase"
SECRET = generate_secret()

cents = st.integers(min_value=-(10**13), max_value=10**13)


def request(body: bytes, *secrets: str, message_id: str = "msg_1") -> IncomingRequest:
    """Return the request as the shop signs and sends it."""
    content = SignedContent(message_id, TIMESTAMP, body)
    live = [LiveSecret(f"sec_{number}", secret) for number, secret in enumerate(secrets)]
    signed = signing_headers(content, live, issuer="http://shop.example", audience=URL)
    headers = [("content-type", "application/json"), *signed.items()]
    return IncomingRequest([(name.lower(), value) for name, value in headers], body)


def expect(*secrets: str, now: float = TIMESTAMP) -> Expectation:
    return Expectation(secrets, URL, now)


@given(value=cents, event_type=st.sampled_from(EventType))
def test_every_amount_arrives_to_the_cent(value: int, event_type: EventType) -> None:
    event = Event(new_uuid(NOW), event_type, NOW, value, "ord_1")

    read = parse_event(serialize(event))

    assert read.type_name == event.type
    assert read.id == str(event.id)
    assert read.order_id == "ord_1"
    assert read.occurred_at == NOW
    assert read.value_cents == (value if read.type in MONEY_EVENTS else 0)


@given(body=st.binary(max_size=300), age=st.integers(-299, 299))
def test_the_subscriber_verifies_everything_that_the_shop_signs(body: bytes, age: int) -> None:
    checklist = Checklist()

    verify(request(body, SECRET), expect(SECRET, now=TIMESTAMP + age), checklist)

    taken = [step.result for step in checklist.steps if step.result is not Result.NOT_REACHED]
    assert taken == [Result.PASSED] * 6


def test_a_subscriber_without_the_new_secret_accepts_what_both_sign() -> None:
    old, new = generate_secret(), generate_secret()

    verify(request(b"{}", new, old), expect(old), Checklist())
    verify(request(b"{}", new, old), expect(new, old), Checklist())


def test_signatures_of_the_maximum_of_live_secrets_fit_into_one_request() -> None:
    secrets = [generate_secret() for _ in range(MAX_LIVE_SECRETS)]

    verify(request(b"{}", *secrets), expect(*secrets), Checklist())
    assert sum(len(value) for _name, value in request(b"{}", *secrets).headers) < 2048


def test_every_event_that_the_shop_sends_is_known_to_the_subscriber() -> None:
    for event_type in EventType:
        event = Event(new_uuid(NOW), event_type, NOW, 100, None)
        assert parse_event(serialize(event)).type == event_type.value


def test_a_secret_of_another_endpoint_is_rejected() -> None:
    with pytest.raises(VerificationError):
        verify(request(b"{}", generate_secret()), expect(SECRET), Checklist())
