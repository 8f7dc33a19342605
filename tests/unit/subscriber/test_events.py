import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscriber_app.checklist import VerificationError
from subscriber_app.receiving.events import Event, parse_event
from subscriber_app.vocabulary import EventType, Reason
from tests.integration.subscriber.signer import purchase


def rejection_of(body: bytes) -> str:
    with pytest.raises(VerificationError) as caught:
        parse_event(body)
    assert caught.value.reason is Reason.MALFORMED_EVENT
    assert caught.value.status == 400
    return caught.value.detail


def test_a_purchase_is_read() -> None:
    assert parse_event(purchase(50.75, order_id="ord_7")) == Event(
        type=EventType.PURCHASE_CREATED,
        type_name="purchase.created",
        id="54520505-be85-40c8-a575-0ec33908f1a8",
        order_id="ord_7",
        value_cents=5075,
        occurred_at=datetime(2026, 11, 23, 12, tzinfo=UTC),
    )


@given(cents=st.integers(-(10**14) + 1, 10**14 - 1))
def test_money_is_read_to_the_cent_whatever_the_amount(cents: int) -> None:
    body = purchase().replace(b"50.75", str(Decimal(cents).scaleb(-2)).encode())

    assert parse_event(body).value_cents == cents


@pytest.mark.parametrize(
    ("written", "cents"),
    [("50", 5000), ("50.7", 5070), ("50.750", 5075), ("5.075e1", 5075), ("0", 0), ("-0.01", -1)],
)
def test_a_number_counts_however_it_is_written(written: str, cents: int) -> None:
    assert parse_event(purchase().replace(b"50.75", written.encode())).value_cents == cents


@pytest.mark.parametrize(
    "written",
    [
        "50.755",
        "1e-9",
        "1e-999999999",
        "1e400",
        "1e999999999",
        "1e99999999999999999999",
        "1000000000000",
        "-1000000000000.00",
        "99999999999999999999",
        "9" * 5000,
        "NaN",
        "Infinity",
        "-Infinity",
        "true",
        "null",
        '"50.75"',
        "[50.75]",
        "050.75",
        "+50.75",
        "",
    ],
    ids=lambda written: written[:24],
)
def test_an_invalid_amount_is_rejected(written: str) -> None:
    rejection_of(purchase().replace(b"50.75", written.encode()))


@pytest.mark.parametrize("type_", ["purchase.shipped", "webhook.ping"])
def test_an_event_without_money_needs_no_value(type_: str) -> None:
    event = parse_event(purchase(None, type_=type_))

    assert event.type == type_
    assert event.value_cents == 0


def test_a_ping_needs_no_order() -> None:
    document = json.loads(purchase(type_="webhook.ping"))
    del document["event"]["order_id"]

    assert parse_event(json.dumps(document).encode()).order_id is None


def test_of_an_unknown_type_only_the_type_is_read() -> None:
    assert parse_event(b'{"event":{"type":"purchase.gift"}}') == Event(None, "purchase.gift")


def test_members_that_a_shop_may_add_later_are_allowed() -> None:
    assert parse_event(purchase(currency="USD", lines=[{"quantity": 1}])).value_cents == 5075


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "not JSON"),
        (b"hello", "not JSON"),
        (b"\xff", "not UTF-8: byte 0"),
        (b'{"event":"\xe9"}', "not UTF-8: byte 10"),
        (b'\xef\xbb\xbf{"event":{}}', "not JSON"),
        ('{"event":{}}'.encode("utf-16"), "not UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"event":' * 100_000, "nested too deeply"),
        (b'{"a":NaN}', "NaN is not a JSON number"),
        (b'{"a":1,"a":1}', "the same key twice"),
        (b'{"event":{"type":"x","type":"y"}}', "the same key twice"),
        (b"[]", "not a JSON object"),
        (b"null", "not a JSON object"),
        (b"{}", "event is missing"),
        (b'{"event":[]}', "event is missing or not an object"),
        (b'{"event":{}}', "type is missing"),
        (b'{"event":{"type":7}}', "type is missing or not a text"),
        (b'{"event":{"type":""}}', "type is not a printable text"),
        (b'{"event":{"type":"a\\u0000b"}}', "type is not a printable text"),
        (b'{"event":{"type":"\\ud800"}}', "type is not a printable text"),
        (b'{"event":{"type":"' + b"x" * 201 + b'"}}', "type is not a printable text"),
        (b'{"event":{"type":"webhook.ping"}}', "id is missing"),
        (b'{"event":{"type":"webhook.ping","id":"1"}}', "date is missing"),
        (purchase(order_id=""), "order_id is not a printable text"),
        (purchase().replace(b"2026-11", b"2026-13"), "date is not a time"),
        (purchase().replace(b"00Z", b"00+00:00"), "date is not a time"),
        (purchase().replace(b"00Z", b"00.5Z"), "date is not a time"),
        (purchase().replace(b"2026", "２０２６".encode()), "date is not a time"),
    ],
    ids=lambda part: ascii(part)[:32],
)
def test_an_invalid_event_is_rejected_with_the_position(body: bytes, says: str) -> None:
    assert says in rejection_of(body)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.binary(max_size=200) | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_raise_only_a_verification_error(body: bytes) -> None:
    rejection_of(body)


@given(
    members=st.dictionaries(st.sampled_from(["id", "value", "order_id", "extra"]), json_values),
    type_=st.sampled_from(list(EventType)),
    date=json_values,
)
def test_any_event_of_a_known_type_raises_only_a_verification_error(
    members: dict[str, object], type_: EventType, date: object
) -> None:
    document = {"event": {**members, "type": type_}, "date": date}

    rejection_of(json.dumps(document).encode())
