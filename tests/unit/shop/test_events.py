from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest

from shop.ids import new_id, new_uuid
from shop.vocabulary import EventType
from shop.webhooks.rules.events import Event, serialize

NOON = datetime(2024, 6, 30, 12, 34, 56, 789_000, tzinfo=UTC)
EVENT_ID = UUID("54520505-be85-40c8-a575-0ec33908f1a8")


def event(value_cents: int, order_id: str | None = "ord_1") -> Event:
    return Event(EVENT_ID, EventType.PURCHASE_CREATED, NOON, value_cents, order_id)


def test_a_body_is_compact_json_in_the_documented_order() -> None:
    assert serialize(event(5075)) == (
        b'{"event":{"id":"54520505-be85-40c8-a575-0ec33908f1a8","type":"purchase.created",'
        b'"value":50.75,"order_id":"ord_1"},"date":"2024-06-30T12:34:56Z"}'
    )


@pytest.mark.parametrize(
    ("cents", "number"), [(0, b"0.0"), (1, b"0.01"), (-1999, b"-19.99"), (99_999_999, b"999999.99")]
)
def test_money_reads_as_a_plain_json_number(cents: int, number: bytes) -> None:
    assert b'"value":' + number + b"," in serialize(event(cents))


def test_an_event_without_an_order_names_none() -> None:
    assert b"order_id" not in serialize(event(100, order_id=None))


def test_a_date_from_another_time_zone_is_written_in_utc() -> None:
    berlin = NOON.astimezone(timezone(timedelta(hours=2)))

    body = serialize(Event(EVENT_ID, EventType.PURCHASE_CREATED, berlin, 1, None))

    assert body.endswith(b'"date":"2024-06-30T12:34:56Z"}')


def test_the_message_id_is_the_events_id_and_holds_no_dot() -> None:
    assert event(1).message_id == "msg_54520505be8540c8a5750ec33908f1a8"


def test_ids_are_version_7_uuids_that_sort_by_time() -> None:
    earlier = new_id("ord", NOON)
    later = new_id("ord", NOON + timedelta(milliseconds=1))

    assert earlier < later
    assert new_uuid(NOON).version == 7
