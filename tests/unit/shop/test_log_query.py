from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlsplit

import pytest

from shop.vocabulary import DeliveryState, EventType
from shop.web.deliveries.log_query import LogQuery
from shop.web.errors import Problem
from shop.webhooks.log import DeliveryFilter

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


@pytest.mark.parametrize("parameters", [{"state": "lost"}, {"event_type": "PURCHASE_CREATED"}])
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
