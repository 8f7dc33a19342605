"""Money on its way is no alarm; money that is held up is one."""

from dataclasses import replace
from datetime import UTC, datetime

from subscriber_app.shop_api.client import ShopTotals
from subscriber_app.shop_api.counting import Counted
from subscriber_app.shop_api.money import (
    NORMAL_DELIVERY_SECONDS,
    MoneyState,
    OverdueWatch,
    ShopAnswer,
    compare,
)
from subscriber_app.vocabulary import EventType

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def asked(sold_cents: int, booked_cents: int, undelivered: int = 1) -> ShopAnswer:
    """Return the answer of a shop that sold this, while this was booked here."""
    counted = Counted(NOON, booked_cents, (EventType.PURCHASE_CREATED,), "ep_ours")
    return ShopAnswer(ShopTotals(sold_cents, 0, undelivered), counted=counted)


def states(*answers: tuple[float, ShopAnswer]) -> list[MoneyState]:
    """Return the state after each answer. With each answer: its time in seconds."""
    watch = OverdueWatch()
    found: list[MoneyState] = []
    for seconds, answer in answers:
        judged = replace(answer, is_overdue=watch.is_overdue(answer, seconds))
        comparison = compare(judged, judged.counted)
        assert comparison
        found.append(comparison.state)
    return found


def test_with_steady_orders_the_newest_is_on_its_way() -> None:
    answers = [(float(second), asked(second + 1, second)) for second in range(20)]

    assert set(states(*answers)) == {"on-its-way"}


def test_money_is_held_up_when_nothing_was_booked_for_longer_than_a_delivery_takes() -> None:
    waiting = asked(2, 1)

    assert states((0, waiting), (4.9, waiting), (NORMAL_DELIVERY_SECONDS, waiting)) == [
        "on-its-way",
        "on-its-way",
        "waits",
    ]


def test_an_order_after_a_quiet_hour_is_on_its_way() -> None:
    assert states((0, asked(1, 1, 0)), (3600, asked(2, 1)))[1] == "on-its-way"


def test_after_a_booking_the_rest_is_on_its_way_again() -> None:
    assert states((0, asked(3, 1)), (6, asked(3, 1)), (7, asked(3, 2))) == [
        "on-its-way",
        "waits",
        "on-its-way",
    ]


def test_a_difference_with_nothing_undelivered_is_an_error_at_once() -> None:
    assert states((0, asked(2, 1, 0)), (9, asked(1, 2, 0))) == ["differs", "differs"]
