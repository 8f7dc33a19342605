from datetime import UTC, datetime
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from subscriber_app.receiving.receipt_ids import ReceiptIds

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
moments = st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 – bounds are naive


def test_ids_of_one_millisecond_sort_by_arrival() -> None:
    ids = ReceiptIds()

    made = [ids.next(NOW) for _ in range(1000)]

    assert made == sorted(set(made))


@given(st.lists(moments, min_size=2, max_size=20))
def test_ids_only_grow_even_if_the_clock_goes_back(times: list[datetime]) -> None:
    ids = ReceiptIds()

    made = [ids.next(moment) for moment in times]

    assert made == sorted(set(made))


@given(moments)
def test_each_id_is_a_uuid_of_version_7_with_its_time(moment: datetime) -> None:
    made = UUID(ReceiptIds().next(moment).removeprefix("rcp_"))

    assert made.version == 7
    assert made.variant == "specified in RFC 4122"
    assert made.int >> 80 == int(moment.timestamp() * 1000)


def test_two_processes_create_different_ids() -> None:
    assert ReceiptIds().next(NOW) != ReceiptIds().next(NOW)
