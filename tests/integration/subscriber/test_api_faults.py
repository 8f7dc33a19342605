from typing import Any

import pytest

from subscriber_app.app import create_app
from subscriber_app.config import Settings
from tests.integration.subscriber.conftest import Client, Clock, running
from tests.integration.subscriber.requests import deliver, receipts, stats, totals

NONE = {"mode": "none"}
JSON = {"Content-Type": "application/json"}


def status_fault(status: int) -> dict[str, object]:
    return {"mode": "status", "status": status}


async def current_fault(subscriber: Client) -> Any:
    return (await subscriber.get("/v1/faults")).json()


async def test_at_first_nothing_goes_wrong(subscriber: Client) -> None:
    assert await current_fault(subscriber) == NONE


@pytest.mark.parametrize("status", [400, 410, 429, 499, 503, 599])
async def test_every_webhook_is_answered_with_the_status_that_was_set(
    status: int, subscribed: Client
) -> None:
    set_ = await subscribed.put("/v1/faults", json=status_fault(status))

    answer = await deliver(subscribed)

    assert set_.status_code == 200
    assert set_.json() == await current_fault(subscribed) == status_fault(status)
    assert answer.status_code == status
    assert answer.json()["reason"] == "simulated_fault"


async def test_a_fault_leaves_a_receipt_and_books_nothing(subscribed: Client) -> None:
    await subscribed.put("/v1/faults", json=status_fault(500))

    await deliver(subscribed)

    [receipt] = await receipts(subscribed)
    assert (receipt["verdict"], receipt["reason"]) == ("rejected", "simulated_fault")
    assert receipt["status"] == 500
    assert {step["result"] for step in receipt["steps"]} == {"not_reached"}
    assert await stats(subscribed) == totals(rejected=1)


async def test_the_same_message_is_accepted_once_all_is_well_again(subscribed: Client) -> None:
    await subscribed.put("/v1/faults", json=status_fault(500))
    await deliver(subscribed)

    await subscribed.put("/v1/faults", json=NONE)
    answer = await deliver(subscribed)

    assert answer.json()["verdict"] == "accepted"
    booked = {"purchases": 1, "revenue_cents": 5075}
    assert await stats(subscribed) == totals(accepted=1, rejected=1, **booked)


@pytest.mark.parametrize("fault", [status_fault(503), NONE])
async def test_a_fault_outlives_a_restart(
    fault: dict[str, object], subscriber: Client, settings: Settings, clock: Clock
) -> None:
    await subscriber.put("/v1/faults", json=status_fault(500))
    await subscriber.put("/v1/faults", json=fault)

    async with running(create_app(settings, now=clock)) as restarted:
        assert await current_fault(restarted) == fault
