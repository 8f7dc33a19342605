"""An advance starts only if it has a distance, and once at a time; a reset or a drop ends it."""

import asyncio

import httpx
import pytest

from shop.webhooks import clock as clocks
from tests.integration.shop.advancing import DAY, Json, advance, read_clock
from tests.integration.shop.browsing import Shop, order, register
from tests.integration.shop.conftest import Engine


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({}, "send either"),
        ({"seconds": 5, "to": "next_attempt"}, "send either"),
        ({"seconds": 0}, "seconds"),
        ({"seconds": -1}, "seconds"),
        ({"seconds": 30 * DAY + 1}, "seconds"),
        ({"seconds": "5"}, "seconds"),
        ({"to": "the end"}, "to"),
        ({"hours": 1}, "hours"),
    ],
)
async def test_a_wrong_distance_is_refused(body: Json, reason: str, shop: Shop) -> None:
    answer = await shop.post("/v1/clock/advance", json=body)

    assert answer.status_code == 400
    assert reason in answer.json()["detail"]


async def test_only_one_of_several_at_once_starts(live: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(
        *(live.post("/v1/clock/advance", json={"seconds": DAY}) for _ in range(5))
    )

    assert sorted(answer.status_code for answer in answers) == [202, 409, 409, 409, 409]
    [detail] = {each.json()["detail"] for each in answers if each.status_code == 409}
    assert "an advance is under way; wait until GET /v1/clock?wait=10 says ready" in detail


async def test_the_next_attempt_of_nothing_is_refused(shop: Shop) -> None:
    answer = await shop.post("/v1/clock/advance", json={"to": "next_attempt"})

    assert answer.status_code == 409
    assert answer.json()["detail"].startswith("no attempt is planned")


async def test_too_many_pending_deliveries_are_refused(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clocks, "MAX_PENDING", 2)
    await register(shop)
    placed = [await order(shop) for _ in range(3)]

    answer = await shop.post("/v1/clock/advance", json={"seconds": 1})
    await shop.post(f"/v1/deliveries/{placed[0]['delivery_ids'][0]}/cancel")
    await advance(shop, seconds=1)

    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("more than 2 deliveries are pending")


async def test_a_reset_ends_an_advance(shop: Shop, engine: Engine) -> None:
    await advance(shop, seconds=DAY)
    await engine.deliver()
    await advance(shop, seconds=DAY)

    await shop.post("/v1/sandbox/reset")

    found = await read_clock(shop)
    assert (found["state"], found["skipped_seconds"]) == ("ready", 0)
    assert not await engine.is_anything_due()


async def test_a_dropped_sandbox_advances_no_more(shop: Shop, engine: Engine) -> None:
    await shop.post("/v1/sandboxes", json={"id": "lesson-7"})
    await advance(shop, "/s/lesson-7", seconds=DAY)

    await shop.delete("/v1/sandboxes/lesson-7")

    assert not await engine.is_anything_due()
