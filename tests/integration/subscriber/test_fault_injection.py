"""Faults that need a real socket: no response, Closed connection, a late response."""

import asyncio
import time
from collections.abc import AsyncIterator

import httpx
import pytest

from subscriber_app.app import create_app
from subscriber_app.config import Settings
from subscriber_app.web import fault_injection
from tests.integration.subscriber.conftest import Client, Clock, remember_subscription
from tests.integration.subscriber.requests import deliver, only_receipt, receipts, stats, totals
from tests.integration.subscriber.serving import serving
from tests.integration.subscriber.signer import Delivery
from tests.waiting import eventually

BOOKED = {"purchases": 1, "revenue_cents": 5075}


@pytest.fixture
async def subscriber(settings: Settings, clock: Clock) -> AsyncIterator[Client]:
    """The application on a socket, subscribed."""
    async with serving(create_app(settings, now=clock)) as client:
        await remember_subscription(settings, clock())
        yield client


async def test_a_dropped_connection_is_reset_without_an_answer(
    subscriber: Client, caplog: pytest.LogCaptureFixture
) -> None:
    await subscriber.put("/v1/faults", json={"mode": "drop"})

    with pytest.raises(httpx.ReadError):
        await deliver(subscriber)

    receipt = await only_receipt(subscriber)
    assert (receipt["reason"], receipt["fault"]) == ("simulated_fault", "drop")
    assert receipt["status"] is None
    assert "Traceback" not in caplog.text
    await subscriber.put("/v1/faults", json={"mode": "none"})
    assert (await deliver(subscriber)).status_code == 200


async def test_without_an_answer_the_sender_waits_until_it_gives_up(
    subscriber: Client, caplog: pytest.LogCaptureFixture
) -> None:
    await subscriber.put("/v1/faults", json={"mode": "never"})

    with pytest.raises(httpx.ReadTimeout):
        await post(subscriber, timeout=0.3)

    receipt = await only_receipt(subscriber)
    assert (receipt["reason"], receipt["fault"]) == ("simulated_fault", "timeout")
    assert receipt["status"] is None
    await eventually(nothing_is_held, "the connection is let go of")
    assert "Traceback" not in caplog.text


async def test_every_held_connection_has_a_time_limit(
    subscriber: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fault_injection, "MAX_HOLD_SECONDS", 0.2)
    await subscriber.put("/v1/faults", json={"mode": "never"})

    with pytest.raises(httpx.ReadError):
        await post(subscriber, timeout=10)


async def test_a_late_response_is_normal_and_booked_before(subscriber: Client) -> None:
    await subscriber.put("/v1/faults", json={"mode": "slow", "seconds": 1})
    started = time.monotonic()
    delivering = asyncio.create_task(post(subscriber, timeout=10))

    async def first_receipt() -> list[dict[str, object]]:
        return await receipts(subscriber)

    [receipt] = await eventually(first_receipt, "the receipt of the request")
    assert not delivering.done()
    answer = await delivering

    assert time.monotonic() - started >= 1
    assert answer.json() == {"receipt_id": receipt["id"], "verdict": "accepted"}
    assert (receipt["fault"], receipt["status"]) == ("slow:1", 200)
    assert await stats(subscriber) == totals(accepted=1, **BOOKED)


async def test_after_a_late_response_that_timed_out_the_retry_is_a_duplicate(
    subscriber: Client,
) -> None:
    await subscriber.put("/v1/faults", json={"mode": "slow", "seconds": 60})
    with pytest.raises(httpx.ReadTimeout):
        await post(subscriber, timeout=0.3)

    await subscriber.put("/v1/faults", json={"mode": "none"})
    again = await deliver(subscriber)

    assert again.json()["verdict"] == "duplicate"
    assert await stats(subscriber) == totals(accepted=1, duplicate=1, **BOOKED)
    await eventually(nothing_is_held, "the connection is let go of")


@pytest.mark.parametrize("fault", [{"mode": "never"}, {"mode": "slow", "seconds": 60}])
async def test_held_connections_do_not_keep_the_process_from_stopping(
    fault: dict[str, object], settings: Settings, clock: Clock
) -> None:
    app = create_app(settings, now=clock)
    async with serving(app) as subscriber:
        await subscriber.put("/v1/faults", json=fault)
        delivering = asyncio.create_task(post(subscriber, timeout=30))
        await eventually(something_is_held, "the connection is held")

        app.state.feed.end_streams()  # as on a signal

        [outcome] = await asyncio.gather(delivering, return_exceptions=True)
        assert isinstance(outcome, httpx.ReadError | httpx.Response)


async def test_many_held_connections_do_not_block_other_requests(
    subscriber: Client,
) -> None:
    script = " ".join(["timeout"] * 50)
    await subscriber.put("/v1/faults", json={"mode": "script", "script": script})

    held = [asyncio.create_task(post(subscriber, timeout=2)) for _ in range(50)]

    async def is_used_up() -> bool:
        return bool((await subscriber.get("/v1/faults")).json() == {"mode": "none"})

    await eventually(is_used_up, "the script is used up")
    answer = await deliver(subscriber)
    outcomes = await asyncio.gather(*held, return_exceptions=True)

    assert answer.status_code == 200
    assert {type(outcome) for outcome in outcomes} == {httpx.ReadTimeout}


async def post(subscriber: Client, *, timeout: float) -> httpx.Response:  # noqa: ASYNC109 – httpx's
    """Deliver on a new connection, and wait for at most ``timeout`` seconds."""
    delivery = Delivery()
    url = subscriber.base_url
    # Without certificates: reading them for 50 clients would take longer than the timeout.
    async with httpx.AsyncClient(base_url=url, trust_env=False, verify=False) as client:
        return await client.post(
            "/v1/new-purchase",
            content=delivery.body,
            headers=dict(delivery.headers()),
            timeout=timeout,
        )


async def something_is_held() -> bool:
    """Return whether a connection waits for its sender to disconnect."""
    names = [getattr(task.get_coro(), "__name__", "") for task in asyncio.all_tasks()]
    return "_until_disconnected" in names


async def nothing_is_held() -> bool:
    return not await something_is_held()
