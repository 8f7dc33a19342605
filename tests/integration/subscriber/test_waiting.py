"""The inbox waits for receipts."""

import asyncio
from typing import Any

import pytest

from hookshop.webkit import waiting
from tests.integration.subscriber.conftest import Client
from tests.integration.subscriber.requests import deliver
from tests.integration.subscriber.signer import Delivery

A_LONG_TIME = 60  # seconds


async def listed(subscriber: Client, **query: Any) -> dict[str, Any]:
    answer = await subscriber.get("/v1/receipts", params=query)
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


@pytest.fixture
def _no_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only an announcement can wake a call, so that a lost one is not made up for."""
    monkeypatch.setattr(waiting, "POLL_INTERVAL_SECONDS", 3600.0)


async def test_an_inbox_that_nobody_waits_for_is_as_ever(subscribed: Client) -> None:
    assert await listed(subscribed) == {"data": [], "next_cursor": None}


async def test_a_minimum_is_checked_at_once_without_a_wait(subscribed: Client) -> None:
    for _ in range(2):
        await deliver(subscribed, Delivery(message_id="msg_a"))

    two = await listed(subscribed, message_id="msg_a", min_count=2, limit=1)
    three = await listed(subscribed, message_id="msg_a", min_count=3)

    assert two["satisfied"] is True
    assert [each["verdict"] for each in two["data"]] == ["duplicate"]
    assert two["next_cursor"] == two["data"][0]["id"]
    assert three["satisfied"] is False
    assert len(three["data"]) == 2


@pytest.mark.usefixtures("_no_polls")
async def test_a_receipt_at_any_moment_ends_the_wait(subscribed: Client) -> None:
    for turns in range(0, 80, 2):
        message_id = f"msg_{turns}"
        query = {"message_id": message_id, "verdict": "accepted", "wait": A_LONG_TIME}
        call = asyncio.create_task(listed(subscribed, **query))
        for _ in range(turns):
            await asyncio.sleep(0)

        await deliver(subscribed, Delivery(message_id=message_id))
        answer = await call

        assert answer["satisfied"], turns
        assert [each["message_id"] for each in answer["data"]] == [message_id]


@pytest.mark.usefixtures("_no_polls")
async def test_a_call_waits_for_the_receipts_of_an_order(subscribed: Client) -> None:
    delivery = Delivery(message_id="msg_a")
    call = asyncio.create_task(listed(subscribed, order_id="ord_1", wait=A_LONG_TIME))

    await deliver(subscribed, delivery)

    assert (await call)["satisfied"]


async def test_a_strict_call_answers_504(subscribed: Client) -> None:
    await deliver(subscribed, Delivery(message_id="msg_a"))

    answer = await subscribed.get("/v1/receipts?message_id=msg_b&wait=0.05&strict=1")

    assert answer.status_code == 504
    assert answer.json()["detail"] == "not satisfied within 0.05 s: none matches"


@pytest.mark.parametrize("query", ["wait=61", "wait=-1", "min_count=0", "min_count=101"])
async def test_a_wait_out_of_bounds_is_refused(query: str, subscribed: Client) -> None:
    answer = await subscribed.get(f"/v1/receipts?{query}")

    assert answer.status_code == 400
    assert answer.json()["detail"].startswith(f"{query.partition('=')[0]}: Expected")
