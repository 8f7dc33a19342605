from datetime import timedelta
from typing import Any

import pytest

from shop.vocabulary import DeliveryState, EndpointStatus
from shop.web.flow.facts import DeliveryFacts
from shop.web.flow.stages import Position, Stage, position_of
from shop.webhooks.rules.holds import Hold
from tests.unit.shop.flow_facts import JUST_NOW, NOW, SOON, delivery, endpoint, facts

RETRY = delivery(attempt_count=1, next_attempt_at=SOON)
SENDING = delivery(DeliveryState.SENDING, lease_expires_at=SOON)


@pytest.mark.parametrize(
    ("state", "stage"),
    [(DeliveryState.SUCCEEDED, Stage.DELIVERED), (DeliveryState.FAILED, Stage.FAILED)],
)
def test_a_finished_delivery_stays_at_its_last_stage(state: DeliveryState, stage: Stage) -> None:
    assert position_of(delivery(state), endpoint(), facts()) == Position(stage)


def test_a_cancelled_delivery_is_not_shown() -> None:
    assert position_of(delivery(DeliveryState.CANCELLED), endpoint(), facts()) is None


@pytest.mark.parametrize(
    ("engine", "stage"),
    [
        ({"queue_length": 3}, Stage.REDIS),
        ({"queue_length": 3, "workers": 0}, Stage.REDIS),
        ({"queue_length": 0}, Stage.DATABASE),
        ({"queue_length": 0, "workers": 0}, Stage.DATABASE),
        ({"queue_length": None, "workers": None}, Stage.DATABASE),
    ],
)
def test_a_due_delivery_is_in_redis_while_wake_ups_are_queued_and_else_in_the_database(
    engine: dict[str, Any], stage: Stage
) -> None:
    assert position_of(delivery(), endpoint(), facts(**engine)) == Position(stage)


def test_a_delivery_in_flight_is_at_its_endpoint() -> None:
    assert position_of(SENDING, endpoint(), facts()) == Position(Stage.ENDPOINT)


@pytest.mark.parametrize("workers", [0, 1, None])
def test_a_delivery_with_an_expired_lease_is_at_the_worker(workers: int | None) -> None:
    lapsed = delivery(DeliveryState.SENDING, lease_expires_at=JUST_NOW)

    assert position_of(lapsed, endpoint(), facts(workers=workers)) == Position(
        Stage.WORKER, until=JUST_NOW
    )


def test_what_the_last_worker_claimed_waits_for_its_lease_to_expire() -> None:
    assert position_of(SENDING, endpoint(), facts(workers=0)) == Position(Stage.WORKER, until=SOON)


def test_a_rejected_delivery_waits_for_its_next_attempt() -> None:
    expected = Position(Stage.WAITING, Hold.RETRY, until=SOON)

    assert position_of(RETRY, endpoint(), facts()) == expected
    assert position_of(RETRY, endpoint(), facts(queue_length=None, workers=None)) == expected


@pytest.mark.parametrize(
    ("status", "hold"),
    [(EndpointStatus.PAUSED, Hold.PAUSED), (EndpointStatus.DISABLED, Hold.DISABLED)],
)
@pytest.mark.parametrize("waiting", [delivery(), RETRY, delivery(passes_breaker=True)])
def test_nothing_goes_to_an_endpoint_that_is_paused_or_disabled(
    status: EndpointStatus, hold: Hold, waiting: DeliveryFacts
) -> None:
    assert position_of(waiting, endpoint(status=status), facts()) == Position(Stage.WAITING, hold)


def test_a_due_delivery_waits_for_the_probe_of_an_open_breaker() -> None:
    broken = endpoint(probe_at=SOON, concurrency=1)

    assert position_of(delivery(), broken, facts()) == Position(
        Stage.WAITING, Hold.BREAKER, until=SOON
    )


def test_a_single_manual_resend_does_not_wait_for_the_breaker() -> None:
    broken = endpoint(probe_at=SOON, concurrency=1)

    assert position_of(delivery(passes_breaker=True), broken, facts()) == Position(Stage.DATABASE)


def test_an_attempt_that_is_due_after_the_probe_counts_down_to_the_attempt() -> None:
    broken = endpoint(probe_at=SOON, concurrency=1)
    later = SOON + timedelta(seconds=10)

    assert position_of(delivery(next_attempt_at=later), broken, facts()) == Position(
        Stage.WAITING, Hold.RETRY, until=later
    )


@pytest.mark.parametrize(
    ("busy", "hold"),
    [
        (endpoint(sending=20), Hold.CONCURRENCY),
        # While a probe is in flight, the circuit breaker is still open.
        (endpoint(sending=1, concurrency=1, probe_at=NOW), Hold.BREAKER),
    ],
)
def test_a_due_delivery_waits_while_its_endpoint_has_no_free_slot(busy: Any, hold: Hold) -> None:
    assert position_of(delivery(), busy, facts()) == Position(Stage.WAITING, hold)
