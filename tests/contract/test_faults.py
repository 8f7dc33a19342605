"""Faults of the subscriber, and how the shop handles them."""

from datetime import datetime
from typing import Any

import pytest

from tests.contract.conftest import World, read

pytestmark = pytest.mark.one_database("is about the subscriber's answers")


@pytest.fixture
def patience() -> int:
    """Return a short timeout, because one of the faults sends no response."""
    return 2


async def set_fault(world: World, mode: str, **parameters: Any) -> None:
    answer = await world.subscriber.put("/v1/faults", json={"mode": mode, **parameters})
    assert answer.status_code == 200, answer.text


async def attempt_at(world: World) -> tuple[dict[str, Any], dict[str, Any]]:
    """Make one attempt of a new order's delivery; return the order and the delivery after it."""
    order = await world.buy(hook=1)
    return order, await world.deliver(order)


async def faults_of(world: World) -> list[str | None]:
    return [receipt["fault"] for receipt in await world.receipts()]


async def purchases(world: World) -> int:
    return int((await read(world.subscriber, "/v1/stats"))["purchases"])


def outcome(attempt: dict[str, Any]) -> str | int:
    """Return the status that the shop recorded, or the name of the error."""
    recorded: str | int = attempt["error"] or attempt["response"]["status"]
    return recorded


@pytest.mark.parametrize(
    ("mode", "parameters", "recorded"),
    [
        ("drop", {}, "connection_reset"),
        ("never", {}, "response_timeout"),
        ("slow", {"seconds": 10}, "response_timeout"),
        ("status", {"status": 302, "location": "/elsewhere"}, 302),
        ("status", {"status": 304}, 304),
        ("status", {"status": 404}, 404),
        ("random", {"percent": 100, "status": 502}, 502),
        ("accept_then_500", {}, 500),
    ],
    ids=str,
)
async def test_the_shop_records_the_error_and_retries(
    mode: str, parameters: dict[str, Any], recorded: str | int, world: World
) -> None:
    await set_fault(world, mode, **parameters)

    order, failed = await attempt_at(world)
    await set_fault(world, "none")
    delivered = await world.deliver(order)

    assert failed["state"] == "pending"
    assert outcome(failed["attempts"][0]) == recorded
    assert delivered["state"] == "succeeded"
    assert await purchases(world) == 1


async def test_a_late_answer_within_the_deadline_is_a_success(world: World) -> None:
    await set_fault(world, "slow", seconds=1)

    _order, delivery = await attempt_at(world)

    assert delivery["state"] == "succeeded"
    assert delivery["attempts"][0]["duration_ms"] >= 1000
    assert await faults_of(world) == ["slow:1"]


async def test_a_retry_waits_at_least_as_long_as_retry_after(world: World) -> None:
    await set_fault(world, "status", status=429, retry_after=100)

    _order, delivery = await attempt_at(world)

    attempted = datetime.fromisoformat(delivery["attempts"][0]["started_at"])
    next_try = datetime.fromisoformat(delivery["next_attempt_at"])
    assert (next_try - attempted).total_seconds() >= 100
    assert await faults_of(world) == ["429:100"]


async def test_410_ends_the_delivery_and_disables_the_endpoint(world: World) -> None:
    await set_fault(world, "status", status=410)

    _order, delivery = await attempt_at(world)

    [endpoint] = (await read(world.shop, "/v1/webhooks"))["data"]
    assert delivery["state"] == "failed"
    assert endpoint["status"] == "disabled"


async def test_a_500_after_booking_leads_to_a_duplicate_and_one_purchase(world: World) -> None:
    await set_fault(world, "script", script="accept_then_500")

    order, _failed = await attempt_at(world)
    delivered = await world.deliver(order)

    assert [outcome(attempt) for attempt in delivered["attempts"]] == [500, 200]
    receipts = await world.receipts()
    assert [receipt["verdict"] for receipt in receipts] == ["accepted", "duplicate"]
    assert await faults_of(world) == ["accept_then_500", None]
    assert await purchases(world) == 1


async def test_a_script_is_run_in_order(world: World) -> None:
    await set_fault(world, "script", script="503 drop timeout 200")

    order, _delivery = await attempt_at(world)
    for _ in range(2):
        failed = await world.deliver(order)
    other, delivered = await attempt_at(world)

    assert other != order
    recorded = [outcome(attempt) for attempt in failed["attempts"]]
    assert recorded == [503, "connection_reset", "response_timeout"]
    assert delivered["state"] == "succeeded"
    # A reused connection that is dropped does not use up a step of the schedule, so the first
    # delivery may have an attempt left.
    assert (await faults_of(world))[:4] == ["503", "drop", "timeout", None]
    assert await read(world.subscriber, "/v1/faults") == {"mode": "none"}


@pytest.mark.parametrize(("deduplication", "booked"), [(True, 1), (False, 2)])
async def test_a_500_after_booking_is_booked_twice_only_without_deduplication(
    deduplication: bool, booked: int, world: World
) -> None:
    defences = dict.fromkeys(("timestamp", "signature", "token", "raw_body"), True)
    await world.subscriber.put("/v1/defences", json=defences | {"deduplication": deduplication})
    await set_fault(world, "script", script="accept_then_500")

    order, failed = await attempt_at(world)
    delivered = await world.deliver(order)

    assert (failed["state"], delivered["state"]) == ("pending", "succeeded")
    stats = await read(world.subscriber, "/v1/stats")
    assert stats["purchases"] == booked
    assert stats["revenue_cents"] == booked * order["total_cents"]
