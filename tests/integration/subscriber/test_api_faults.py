import asyncio
from collections import Counter
from typing import Any

import httpx
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


async def test_at_first_there_is_no_fault(subscriber: Client) -> None:
    assert await current_fault(subscriber) == NONE


@pytest.mark.parametrize("status", [300, 400, 410, 429, 499, 503, 599])
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
    assert (receipt["status"], receipt["fault"]) == (500, "500")
    assert {step["result"] for step in receipt["steps"]} == {"not_reached"}
    assert await stats(subscribed) == totals(rejected=1)


async def test_the_same_message_is_accepted_after_the_fault(subscribed: Client) -> None:
    await subscribed.put("/v1/faults", json=status_fault(500))
    await deliver(subscribed)

    await subscribed.put("/v1/faults", json=NONE)
    answer = await deliver(subscribed)

    assert answer.json()["verdict"] == "accepted"
    booked = {"purchases": 1, "revenue_cents": 5075}
    assert await stats(subscribed) == totals(accepted=1, rejected=1, **booked)


@pytest.mark.parametrize(
    "fault",
    [
        status_fault(503),
        {"mode": "status", "status": 429, "retry_after": 5},
        {"mode": "slow", "seconds": 2},
        {"mode": "random", "percent": 30, "status": 503, "seed": 7, "position": 3},
        {"mode": "script", "script": "503 timeout drop", "position": 1},
        NONE,
    ],
)
async def test_a_fault_outlives_a_restart(
    fault: dict[str, object], subscriber: Client, settings: Settings, clock: Clock
) -> None:
    await subscriber.put("/v1/faults", json=status_fault(500))
    await subscriber.put("/v1/faults", json=fault)

    async with running(create_app(settings, now=clock)) as restarted:
        assert await current_fault(restarted) == fault


async def statuses(subscriber: Client, requests: int) -> list[int]:
    """Return the statuses of this many consecutive requests."""
    return [(await deliver(subscriber)).status_code for _ in range(requests)]


async def test_a_fault_can_send_retry_after(subscribed: Client) -> None:
    await subscribed.put("/v1/faults", json={"mode": "status", "status": 429, "retry_after": 5})

    answer = await deliver(subscribed)

    assert (answer.status_code, answer.headers["retry-after"]) == (429, "5")
    [receipt] = await receipts(subscribed)
    assert receipt["fault"] == "429:5"


@pytest.mark.parametrize(
    ("fault", "location"),
    [
        ({"mode": "status", "status": 302}, "/"),
        ({"mode": "status", "status": 308, "location": "https://x.example/"}, "https://x.example/"),
    ],
)
async def test_a_fault_can_redirect(
    fault: dict[str, object], location: str, subscribed: Client
) -> None:
    await subscribed.put("/v1/faults", json=fault)

    answer = await deliver(subscribed)

    assert (answer.status_code, answer.headers["location"]) == (fault["status"], location)


async def test_a_message_booked_and_answered_500_is_a_duplicate_when_retried(
    subscribed: Client, clock: Clock
) -> None:
    await subscribed.put("/v1/faults", json={"mode": "accept_then_500"})

    first = await deliver(subscribed)
    clock.pass_seconds(1)
    again = await deliver(subscribed)

    assert first.status_code == again.status_code == 500
    duplicate, accepted = await receipts(subscribed)
    assert (accepted["verdict"], duplicate["verdict"]) == ("accepted", "duplicate")
    assert accepted["fault"] == duplicate["fault"] == "accept_then_500"
    assert (accepted["status"], accepted["reason"]) == (500, None)
    booked = {"purchases": 1, "revenue_cents": 5075}
    assert await stats(subscribed) == totals(accepted=1, duplicate=1, **booked)


async def test_forgeries_are_rejected_as_usual_while_genuine_ones_get_500(
    subscribed: Client,
) -> None:
    await subscribed.put("/v1/faults", json={"mode": "accept_then_500"})

    answer = await deliver(subscribed, webhook_signature="v1,forged")

    assert answer.status_code == 401


async def test_a_script_applies_word_by_word_and_then_responses_are_normal(
    subscribed: Client,
) -> None:
    script = {"mode": "script", "script": "503 429:5 302 200 410"}
    set_ = await subscribed.put("/v1/faults", json=script)

    first_two = await statuses(subscribed, 2)
    on_the_way = await current_fault(subscribed)
    others = await statuses(subscribed, 4)

    assert set_.json() == script | {"position": 0}
    assert on_the_way == script | {"position": 2}
    assert first_two + others == [503, 429, 302, 200, 410, 200]
    assert await current_fault(subscribed) == NONE
    words = Counter(receipt["fault"] for receipt in await receipts(subscribed))
    assert words == Counter(["503", "429:5", "302", None, "410", None])


async def test_a_hundred_simultaneous_requests_use_different_words_of_a_script(
    subscribed: Client,
) -> None:
    words = [str(status) for status in range(400, 500)]
    await subscribed.put("/v1/faults", json={"mode": "script", "script": " ".join(words)})

    answers = await asyncio.gather(*(deliver(subscribed) for _ in words))

    assert Counter(str(answer.status_code) for answer in answers) == Counter(words)


async def test_the_same_seed_fails_the_same_requests_also_across_a_restart(
    subscribed: Client, settings: Settings, clock: Clock
) -> None:
    fault = {"mode": "random", "percent": 50, "status": 503, "seed": 7}
    await subscribed.put("/v1/faults", json=fault)
    first = await statuses(subscribed, 12)

    await subscribed.put("/v1/faults", json=fault)
    again = await statuses(subscribed, 6)
    async with running(create_app(settings, now=clock)) as restarted:
        again += await statuses(restarted, 6)

    assert first == again
    assert set(first) == {200, 503}


async def test_a_script_continues_after_a_restart(
    subscribed: Client, settings: Settings, clock: Clock
) -> None:
    await subscribed.put("/v1/faults", json={"mode": "script", "script": "503 500 410"})
    before = await statuses(subscribed, 1)

    async with running(create_app(settings, now=clock)) as restarted:
        after = await statuses(restarted, 3)

    assert before + after == [503, 500, 410, 200]


async def test_a_not_modified_has_no_body(subscribed: Client) -> None:
    await subscribed.put("/v1/faults", json=status_fault(304))

    answer = await deliver(subscribed)

    assert (answer.status_code, answer.content) == (304, b"")


async def test_a_fault_can_be_read_and_set_again(subscriber: Client) -> None:
    await subscriber.put("/v1/faults", json={"mode": "random", "percent": 5})

    read = await current_fault(subscriber)
    set_again: httpx.Response = await subscriber.put("/v1/faults", json=read)

    assert set_again.json() == read
    assert read == {"mode": "random", "percent": 5, "status": 500, "seed": 1, "position": 0}
