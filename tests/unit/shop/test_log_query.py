from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest

from hookshop.webkit.errors import Problem
from shop.vocabulary import DeliveryState, EventType
from shop.web.deliveries.log_query import LogQuery
from shop.webhooks.queries.deliveries import DeliveryFilter

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
COUNTS = {
    DeliveryState.PENDING: 1,
    DeliveryState.SENDING: 0,
    DeliveryState.SUCCEEDED: 5,
    DeliveryState.FAILED: 2,
    DeliveryState.CANCELLED: 0,
}


def test_a_bare_address_asks_for_everything() -> None:
    query = LogQuery.read({})

    assert query.filter(NOW) == DeliveryFilter()
    assert query.address() == "/deliveries"
    assert not query.is_narrow


def test_an_address_is_read_and_written_again() -> None:
    parameters = {
        "state": "failed",
        "endpoint_id": "ep_1",
        "event_type": "purchase.refunded",
        "q": "a b&c=ü",
    }

    query = LogQuery.read({**parameters, "cursor": "dlv_1"})

    assert query.filter(NOW) == DeliveryFilter(
        DeliveryState.FAILED, "ep_1", EventType.PURCHASE_REFUNDED, None, "a b&c=ü"
    )
    assert dict(parse_qsl(urlsplit(query.address()).query)) == parameters
    assert query.address("/deliveries/live", cursor=query.cursor).endswith("&cursor=dlv_1")


def test_empty_and_unknown_parameters_are_ignored() -> None:
    query = LogQuery.read({"state": "", "q": "  ", "cursor": "", "color": "red"})

    assert query == LogQuery()


@pytest.mark.parametrize(
    "parameters",
    [
        {"state": "lost"},
        {"event_type": "PURCHASE_CREATED"},
        {"period": "year"},
        {"since": "yesterday"},
        {"until": "2026-02-30T12:00"},
        {"period": "between", "since": "2026-11-23"},
    ],
)
def test_a_word_that_does_not_exist_is_refused(parameters: dict[str, str]) -> None:
    with pytest.raises(Problem) as caught:
        LogQuery.read(parameters)

    assert caught.value.status_code == 400


def test_a_very_long_search_is_cut() -> None:
    assert len(LogQuery.read({"q": "a" * 10_000}).q) == 200


def test_each_tab_keeps_the_rest_of_the_query_and_begins_at_the_newest() -> None:
    tabs = LogQuery(state="failed", q="hook", cursor="dlv_1").tabs(COUNTS)

    assert [tab.address for tab in tabs][:2] == [
        "/deliveries?q=hook",
        "/deliveries?state=pending&q=hook",
    ]
    assert [tab.label for tab in tabs if tab.is_current] == ["failed"]


def test_tabs_count_all_states_unless_another_filter_would_make_that_wrong() -> None:
    unfiltered, filtered = LogQuery().tabs(COUNTS), LogQuery(q="hook").tabs(COUNTS)

    assert [tab.count for tab in unfiltered] == [8, 1, 0, 5, 2, 0]
    assert [tab.count for tab in filtered] == [None] * 6


def test_a_period_reaches_back_from_now_and_stands_still_when_told_to() -> None:
    query = LogQuery.read({"period": "hour", "since": "2020-01-01T00:00", "until": ""})

    assert query.filter(NOW).since == NOW - timedelta(hours=1)
    assert query.address() == "/deliveries?period=hour"
    assert query.with_fixed_times(NOW).address() == "/deliveries?since=2026-11-23T11%3A00%3A00"


def test_two_moments_are_a_range_in_utc() -> None:
    typed = {"period": "between", "since": "2026-11-23T09:00", "until": "2026-11-23T10:30:15"}

    query = LogQuery.read(typed)

    wanted = query.filter(NOW)
    assert wanted.since == datetime(2026, 11, 23, 9, tzinfo=UTC)
    assert wanted.until == datetime(2026, 11, 23, 10, 30, 15, tzinfo=UTC)
    assert query.chosen_period == "between"
    assert LogQuery.parse(query.query_string) == query


def test_a_moment_with_its_zone_is_shown_in_the_form_as_fields_hold_it() -> None:
    assert LogQuery.read({"since": "2026-11-23T09:00:00Z"}).since == "2026-11-23T09:00:00"


def test_moments_that_stand_in_the_form_do_not_count_when_any_time_is_chosen() -> None:
    query = LogQuery.read({"period": "", "since": "2026-11-23T09:00", "until": "rubbish"})

    assert query == LogQuery()


def test_each_filter_can_be_left_out_alone() -> None:
    query = LogQuery(state="failed", period="day", q="hook")

    assert query.wider_views() == [
        ("any state", "/deliveries?period=day&q=hook"),
        ("any time", "/deliveries?state=failed&q=hook"),
        ("without the search", "/deliveries?state=failed&period=day"),
    ]


def test_the_place_in_the_log_belongs_to_this_view_and_to_no_other() -> None:
    query = LogQuery(state="failed", newest="dlv_1")

    assert query.live_address() == "/deliveries/live?state=failed&newest=dlv_1"
    assert query.row_address("dlv_0") == "/deliveries?state=failed&newest=dlv_1#row-dlv_0"
    assert query.address() == "/deliveries?state=failed"
