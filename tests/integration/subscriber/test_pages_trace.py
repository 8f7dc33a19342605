"""The trace pages if the shop is unreachable or its responses are invalid."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.subscriber.conftest import Client, Clock, served_subscriber
from tests.integration.subscriber.fake_shop import FakeShop
from tests.integration.subscriber.requests import deliver
from tests.pages import Visitor


@pytest.fixture
async def subscriber(tmp_path: Path, clock: Clock, shop: FakeShop) -> AsyncIterator[Client]:
    async with served_subscriber(tmp_path, clock, shop.url) as (client, _settings):
        yield client


async def newest_message(subscriber: Client) -> str:
    receipts = (await subscriber.get("/v1/receipts")).json()["data"]
    return str(receipts[0]["message_id"])


async def test_an_empty_inbox_says_how_to_get_a_trace(subscriber: Client) -> None:
    page = await Visitor(subscriber).get("/story")

    assert "No messages yet" in page.text


async def test_the_newest_messages_link_to_their_traces(subscriber: Client) -> None:
    await deliver(subscriber)
    await deliver(subscriber)  # a duplicate: the same message
    message_id = await newest_message(subscriber)

    page = await Visitor(subscriber).get("/story")

    addresses = [each for each in page.links if each.startswith("/story?message_id=")]
    assert addresses == [f"/story?message_id={message_id}"]
    assert "duplicate" in page.text


async def test_a_trace_leads_to_the_receipt_of_each_of_its_requests(subscriber: Client) -> None:
    await deliver(subscriber)
    await deliver(subscriber)  # a duplicate: the same message
    receipts = (await subscriber.get("/v1/receipts")).json()["data"]

    page = await Visitor(subscriber).get("/story", message_id=receipts[0]["message_id"])

    assert "In the subscriber: Receipt 1, Receipt 2" in page.text
    assert {f"/receipts/{each['id']}" for each in receipts} <= page.links.keys()


@pytest.mark.parametrize(
    "answer",
    [
        (503, b""),
        (401, b'{"status": 401}'),
        (200, b"[]"),
        (200, b'{"data": 7}'),
        (200, b'{"data": [{"id": 1, "endpoint_id": "ep_1"}]}'),
        (200, b'{"data": [{"id": "../../x", "endpoint_id": "ep_1"}]}'),
        (200, b'{"data": [' + b"[" * 100_000),
    ],
    ids=lambda answer: f"{answer[0]} {answer[1][:30]!r}",
)
async def test_our_half_is_shown_for_any_response_of_the_shop(
    answer: tuple[int, bytes], subscriber: Client, shop: FakeShop
) -> None:
    await deliver(subscriber)
    shop.answers["GET"] = answer

    page = await Visitor(subscriber).get("/story", message_id=await newest_message(subscriber))

    assert page.status == 200
    assert "The shop's half is missing" in page.text
    assert "Verified: accepted" in page.text


async def test_a_message_unknown_to_the_shop_is_reported(
    subscriber: Client, shop: FakeShop
) -> None:
    await deliver(subscriber)
    shop.answers["GET"] = (200, b'{"data": [], "next_cursor": null}')

    page = await Visitor(subscriber).get("/story", message_id=await newest_message(subscriber))

    assert "The shop did not send this message" in page.text


@pytest.mark.parametrize("message_id", ["msg_nobody", "a/b?c#d", "\x00", "é" * 300, "<b>"])
async def test_an_unknown_message_is_a_page_that_says_so(
    message_id: str, subscriber: Client, shop: FakeShop
) -> None:
    shop.answers["GET"] = (200, b'{"data": [], "next_cursor": null}')

    page = await Visitor(subscriber).get("/story", message_id=message_id)

    assert page.status == 404
    assert "Unknown message" in page.text
