"""Time that is skipped at the subscriber is skipped in its shop, and both agree on the secrets."""

import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from tests.contract.conftest import World, read
from tests.waiting import eventually

DAY = 86_400
BASE = "/s/lesson-7"
MUG = {"items": [{"product_id": "mug", "quantity": 1}]}


async def make_pair(world: World, *, schedule: str) -> None:
    settings = {"id": "lesson-7", "retry_schedule": schedule, "jitter": 0}
    made = await world.shop.post("/v1/sandboxes", json=settings)
    pair = {"id": "lesson-7", "shop_url": made.json()["base_url"]}
    answer = await world.subscriber.post("/v1/sandboxes", json=pair)
    assert answer.status_code == 201, answer.text


async def advance(world: World, **how: Any) -> httpx.Response:
    return await world.subscriber.post(f"{BASE}/v1/clock/advance", json=how)


async def deliver_all(world: World, clock_of: httpx.AsyncClient) -> dict[str, Any]:
    """Take all steps; return the clock as this application reports it."""

    async def step() -> dict[str, Any] | None:
        await world.deliver_due()
        clock = await read(clock_of, f"{BASE}/v1/clock")
        return clock if clock["satisfied"] else None

    return await eventually(step, "all time is skipped")


async def test_retries_of_days_are_verified_also_when_the_grace_of_a_secret_ends_between(
    world: World, tmp_path: Path
) -> None:
    await make_pair(world, schedule=f"0,{DAY // 2},{2 * DAY}")
    await world.subscriber.post(f"{BASE}/v1/subscription/rotation")  # the grace is a day
    fault = {"mode": "script", "script": "503 503"}
    await world.subscriber.put(f"{BASE}/v1/faults", json=fault)
    await world.shop.post(f"{BASE}/v1/orders", json=MUG)

    started = await advance(world, seconds=3 * DAY)
    clock = await deliver_all(world, world.subscriber)

    assert started.status_code == 202
    assert (clock["state"], clock["skipped_seconds"]) == ("ready", 3 * DAY)
    assert clock["shop"]["state"] == "ready"
    listed = (await read(world.subscriber, f"{BASE}/v1/receipts"))["data"][::-1]
    assert [each["reason"] for each in listed] == ["simulated_fault", "simulated_fault", None]
    found = [await read(world.subscriber, f"{BASE}/v1/receipts/{each['id']}") for each in listed]
    signatures = [dict(each["headers"])["webhook-signature"].split() for each in found]
    assert [len(each) for each in signatures] == [2, 2, 1]
    assert _former_secrets_end(tmp_path) <= datetime.now(UTC)


async def test_former_secrets_follow_even_if_nobody_asks_for_the_clock(
    world: World, tmp_path: Path
) -> None:
    await make_pair(world, schedule="0")
    await world.subscriber.post(f"{BASE}/v1/subscription/rotation")
    assert _former_secrets_end(tmp_path) > datetime.now(UTC)

    await advance(world, seconds=2 * DAY)
    await deliver_all(world, world.shop)

    async def has_ended() -> bool:
        return _former_secrets_end(tmp_path) <= datetime.now(UTC)

    await eventually(has_ended, "the former secret has expired")


async def test_what_the_shop_refuses_is_passed_on_with_what_to_do(world: World) -> None:
    await make_pair(world, schedule="0")

    nothing = await advance(world, to="next_attempt")
    first = await advance(world, seconds=DAY)
    second = await advance(world, seconds=DAY)
    clock = await read(world.subscriber, f"{BASE}/v1/clock")

    assert nothing.status_code == 409
    assert "no attempt is planned" in nothing.json()["detail"]
    assert first.status_code == 202
    assert second.status_code == 409
    assert "wait until GET /v1/clock?wait=10 says ready" in second.json()["detail"]
    assert (clock["satisfied"], clock["state"]) == (False, "advancing")
    assert clock["shop"]["remaining_seconds"] == DAY
    assert clock["shop"]["step_waits_for"] == {"in_flight": 0, "due": 0, "until": None}


def _former_secrets_end(folder: Path) -> datetime:
    """Return when the last former secret of the subscriber's sandbox expires."""
    with sqlite3.connect(folder / "subscriber.db.sandboxes" / "lesson-7.db") as connection:
        [[until]] = connection.execute("SELECT max(until) FROM former_secret")
    connection.close()
    return datetime.fromisoformat(until).replace(tzinfo=UTC)
