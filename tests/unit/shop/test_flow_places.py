from datetime import timedelta
from typing import Any

import pytest

from shop.vocabulary import DeliveryState, EndpointStatus
from shop.web.flow.facts import DeliveryFacts
from shop.web.flow.places import Hold, Place, Where, where_is
from tests.unit.shop.flow_facts import JUST_NOW, NOW, SOON, delivery, endpoint, facts

RETRY = delivery(attempt_count=1, next_attempt_at=SOON)
SENDING = delivery(DeliveryState.SENDING, lease_expires_at=SOON)


@pytest.mark.parametrize(
    ("state", "place"),
    [(DeliveryState.SUCCEEDED, Place.LANDED), (DeliveryState.FAILED, Place.FAILED)],
)
def test_what_has_come_to_an_end_stays_there(state: DeliveryState, place: Place) -> None:
    assert where_is(delivery(state), endpoint(), facts()) == Where(place)


def test_what_was_cancelled_is_nowhere() -> None:
    assert where_is(delivery(DeliveryState.CANCELLED), endpoint(), facts()) is None


@pytest.mark.parametrize(
    ("engine", "place"),
    [
        ({"queue_length": 3}, Place.REDIS),
        ({"queue_length": 3, "workers": 0}, Place.REDIS),
        ({"queue_length": 0}, Place.DATABASE),
        ({"queue_length": 0, "workers": 0}, Place.DATABASE),
        ({"queue_length": None, "workers": None}, Place.DATABASE),
    ],
)
def test_what_is_due_stands_where_its_wake_up_is_or_in_the_database(
    engine: dict[str, Any], place: Place
) -> None:
    assert where_is(delivery(), endpoint(), facts(**engine)) == Where(place)


def test_what_is_being_sent_is_at_its_endpoint() -> None:
    assert where_is(SENDING, endpoint(), facts()) == Where(Place.ENDPOINT)


@pytest.mark.parametrize("workers", [0, 1, None])
def test_a_claim_that_ran_out_is_left_at_the_worker(workers: int | None) -> None:
    lapsed = delivery(DeliveryState.SENDING, lease_expires_at=JUST_NOW)

    assert where_is(lapsed, endpoint(), facts(workers=workers)) == Where(
        Place.WORKER, until=JUST_NOW
    )


def test_what_the_last_worker_had_claimed_waits_for_the_claim_to_run_out() -> None:
    assert where_is(SENDING, endpoint(), facts(workers=0)) == Where(Place.WORKER, until=SOON)


def test_a_refused_delivery_waits_for_its_next_try() -> None:
    expected = Where(Place.WAITING, Hold.RETRY, until=SOON)

    assert where_is(RETRY, endpoint(), facts()) == expected
    assert where_is(RETRY, endpoint(), facts(queue_length=None, workers=None)) == expected


@pytest.mark.parametrize(
    ("status", "hold"),
    [(EndpointStatus.PAUSED, Hold.PAUSED), (EndpointStatus.DISABLED, Hold.DISABLED)],
)
@pytest.mark.parametrize("waiting", [delivery(), RETRY, delivery(passes_breaker=True)])
def test_nothing_goes_to_an_endpoint_that_is_paused_or_disabled(
    status: EndpointStatus, hold: Hold, waiting: DeliveryFacts
) -> None:
    assert where_is(waiting, endpoint(status=status), facts()) == Where(Place.WAITING, hold)


def test_what_is_due_waits_for_the_probe_of_an_open_breaker() -> None:
    broken = endpoint(probe_at=SOON, share=1)

    assert where_is(delivery(), broken, facts()) == Where(Place.WAITING, Hold.BREAKER, until=SOON)


def test_what_a_person_sends_again_singly_does_not_wait_for_the_breaker() -> None:
    broken = endpoint(probe_at=SOON, share=1)

    assert where_is(delivery(passes_breaker=True), broken, facts()) == Where(Place.DATABASE)


def test_a_next_try_after_the_probe_counts_down_to_the_try() -> None:
    broken = endpoint(probe_at=SOON, share=1)
    later = SOON + timedelta(seconds=10)

    assert where_is(delivery(next_attempt_at=later), broken, facts()) == Where(
        Place.WAITING, Hold.RETRY, until=later
    )


@pytest.mark.parametrize("busy", [endpoint(sending=20), endpoint(sending=1, share=1, probe_at=NOW)])
def test_who_is_due_waits_for_a_turn_while_the_endpoint_has_its_share(busy: Any) -> None:
    assert where_is(delivery(), busy, facts()) == Where(Place.WAITING, Hold.TURN)
