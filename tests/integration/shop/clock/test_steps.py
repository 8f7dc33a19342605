"""Time that is skipped: the plan moves, and each attempt on the way is really made, in order."""

import asyncio
import time
from datetime import timedelta
from itertools import pairwise

import httpx
import pytest
import standardwebhooks

from shop.webhooks.rules.retries import RetrySchedule
from tests.integration.shop.advancing import (
    DAY,
    HOUR,
    MUG,
    Workers,
    advance,
    attempts_in_order,
    deliveries,
    finish,
    moment,
    planned_seconds,
    read_clock,
    ready,
    rounded,
)
from tests.integration.shop.browsing import Shop, order, register
from tests.integration.shop.conftest import LEASE, Clock, Engine
from tests.receiver import Receiver


async def test_ten_deliveries_make_all_attempts_of_the_standard_schedule_in_seconds(
    live: httpx.AsyncClient, workers: Workers, receiver: Receiver
) -> None:
    receiver.status = 503
    body = {"webhook_url": receiver.url}
    secret = (await live.post("/v1/webhooks/register", json=body)).json()["secret"]
    begun, started_at = time.time(), time.monotonic()
    for _ in range(10):
        await live.post("/v1/orders", json=MUG)
    async with workers.running():
        await advance(live, seconds=5 * DAY)
        clock = await ready(live)
    took = time.monotonic() - started_at

    found = await deliveries(live)
    attempts = attempts_in_order(found)
    assert took < 60  # three days; a busy machine needs more than the usual few seconds
    assert clock["skipped_seconds"] == 5 * DAY
    assert {(each["state"], each["attempt_count"]) for each in found} == {("failed", 10)}
    # In their order: what had been skipped before an attempt grows from one to the next.
    assert all(a["skipped_so_far"] <= b["skipped_so_far"] for a, b in pairwise(attempts))
    for attempt in attempts:
        if delay := attempt["delay"]:
            expected = delay["schedule_seconds"] + delay["jitter_seconds"]
            assert planned_seconds(attempt) == pytest.approx(expected, abs=0.002)
    # At the receiver the real time has passed, and its library accepts each request.
    assert len(receiver.requests) == 100
    for request in receiver.requests:
        standardwebhooks.Webhook(secret).verify(request.body, request.headers)
        assert int(begun) <= int(request.headers["webhook-timestamp"]) <= time.time()


async def test_two_workers_share_an_advance_and_a_third_goes_on_after_them(
    live: httpx.AsyncClient, workers: Workers, receiver: Receiver
) -> None:
    receiver.status = 503
    await register(live, receiver.url)
    for _ in range(3):
        await live.post("/v1/orders", json=MUG)
    async with workers.running(), workers.running():
        await advance(live, seconds=5 * DAY)
        while len(receiver.requests) < 10:  # noqa: ASYNC110 – the receiver has no event
            await asyncio.sleep(0.01)
    at_their_stop = await read_clock(live)
    async with workers.running():
        clock = await ready(live)

    found = await deliveries(live)
    attempts = attempts_in_order(found)
    assert at_their_stop["state"] == "advancing"
    assert clock["skipped_seconds"] == 5 * DAY
    assert {(each["state"], each["attempt_count"]) for each in found} == {("failed", 10)}
    assert all(a["skipped_so_far"] <= b["skipped_so_far"] for a, b in pairwise(attempts))
    assert len(receiver.requests) == 30


async def test_a_step_goes_to_the_next_attempt_and_the_last_one_the_rest_of_the_way(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    receiver.status = 503
    await register(shop, receiver.url)
    await order(shop)
    clock.catch_up()
    await engine.deliver()

    started = await advance(shop, seconds=60)
    clock_after = await finish(shop, engine)

    [delivery] = await deliveries(shop)
    assert started["state"] == "advancing"
    assert started["remaining_seconds"] == 60
    assert clock_after["skipped_seconds"] == 60
    assert clock_after["step_waits_for"] is None
    assert [each["skipped_seconds"] for each in delivery["attempts"]] == [0, 10]
    assert delivery["skipped_seconds"] == 50
    expected = clock.now + timedelta(seconds=10)  # the third attempt waits for 60 s
    assert moment(delivery["next_attempt_at"]) == expected.replace(
        microsecond=expected.microsecond // 1000 * 1000
    )


async def test_the_next_attempt_may_be_the_retry_of_one_that_is_in_flight(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    receiver.status = 503
    await register(shop, receiver.url)
    await order(shop)
    clock.catch_up()
    await engine.dispatcher.look(limit=1)

    started = await advance(shop, to="next_attempt")
    await engine.finish()
    clock_after = await finish(shop, engine)

    [delivery] = await deliveries(shop)
    assert started["remaining_seconds"] is None
    assert delivery["attempt_count"] == 2
    assert clock_after["skipped_seconds"] == 10


async def test_a_step_waits_for_what_is_in_flight_and_says_until_when(
    shop: Shop, engine: Engine, clock: Clock
) -> None:
    await register(shop)
    await order(shop)
    clock.catch_up()
    await engine.claim()  # by a worker that dies

    await advance(shop, seconds=30 * DAY)
    assert not await engine.is_anything_due()
    await engine.deliver()
    found = await read_clock(shop)
    late = await shop.get("/v1/clock", params={"wait": 0.05, "strict": 1})

    until = rounded(clock.now + LEASE)
    assert found["skipped_seconds"] == 0
    assert found["step_waits_for"] == {"in_flight": 1, "due": 0, "until": until}
    assert late.status_code == 504
    assert late.json()["detail"].endswith(
        f"the next step waits for 1 in flight (until {until} at the latest) and 0 due"
    )


async def test_a_dead_workers_lease_ends_in_real_time(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    await register(shop, receiver.url)
    await order(shop)
    clock.catch_up()
    await engine.claim()
    await advance(shop, seconds=DAY)
    await engine.deliver()
    clock.pass_seconds(LEASE.total_seconds())

    found = await finish(shop, engine)

    [delivery] = await deliveries(shop)
    assert delivery["state"] == "succeeded"
    assert delivery["attempts"][0]["skipped_seconds"] == 0
    assert found["skipped_seconds"] == DAY


async def test_an_idle_worker_finds_an_advance_without_a_wake_up(
    shop: Shop, engine: Engine
) -> None:
    assert not await engine.is_anything_due()

    await advance(shop, seconds=DAY)

    assert await engine.is_anything_due()
    await engine.deliver()
    assert not await engine.is_anything_due()
    assert (await read_clock(shop))["skipped_seconds"] == DAY


async def test_an_order_that_comes_meanwhile_is_delivered_first_and_its_retries_follow(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    receiver.status = 503
    await register(shop, receiver.url)
    await order(shop)
    clock.catch_up()
    await engine.deliver()
    await advance(shop, seconds=HOUR)
    await engine.deliver()

    await order(shop)
    clock.catch_up()
    await finish(shop, engine)

    found = await deliveries(shop)
    assert [each["attempt_count"] for each in found] == [3, 3]
    assert [each["skipped_seconds"] for each in found[1]["attempts"]] == [
        0,
        pytest.approx(10, abs=0.001),
        pytest.approx(60, abs=0.001),
    ]


async def test_a_receiver_that_hangs_holds_a_step_up_until_its_deadline(
    live: httpx.AsyncClient, workers: Workers
) -> None:
    held = asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.set()
        await reader.read(-1)
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    await register(live, f"http://127.0.0.1:{port}/hook")
    await live.post("/v1/orders", json=MUG)
    async with server, workers.running(RetrySchedule((0, HOUR)), timeout_seconds=2):
        await held.wait()
        await advance(live, seconds=DAY)
        hanging = await read_clock(live)
        clock = await ready(live)

    [delivery] = await deliveries(live)
    assert hanging["step_waits_for"]["in_flight"] == 1
    assert hanging["skipped_seconds"] == 0
    assert clock["skipped_seconds"] == DAY
    assert [each["error"] for each in delivery["attempts"]] == ["response_timeout"] * 2
    assert all(each["duration_ms"] >= 2000 for each in delivery["attempts"])
