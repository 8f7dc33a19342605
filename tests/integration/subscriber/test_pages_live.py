"""The event streams, on a real socket: an in-process client waits for the end of a response."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from hookshop.webkit import live
from subscriber_app.app import create_app
from subscriber_app.config import Settings
from tests.integration.subscriber.conftest import Client, Clock, remember_subscription
from tests.integration.subscriber.fake_shop import FakeShop
from tests.integration.subscriber.requests import deliver, receipts
from tests.integration.subscriber.serving import serving
from tests.integration.subscriber.signer import Delivery, purchase
from tests.pages import Page, Stream, Visitor, opened
from tests.waiting import MAX_WAIT_SECONDS

BURST = 60  # more updates than the stream's rate limit allows in that time
HOSTILE = "<script>alert(1)</script> {{7*7}}"


@pytest.fixture
async def subscriber(settings: Settings, clock: Clock, shop: FakeShop) -> AsyncIterator[Client]:
    app = create_app(settings.model_copy(update={"shop_url": shop.url}), now=clock)
    async with serving(app) as client:
        yield client


@pytest.fixture
async def subscribed(subscriber: Client, settings: Settings, clock: Clock) -> Client:
    await remember_subscription(settings, clock())
    return subscriber


async def test_a_stream_begins_with_the_regions_of_its_page_as_they_are(
    subscribed: Client,
) -> None:
    async with opened(subscribed, "/receipts/live") as inbox:
        of_the_inbox = (await inbox.next_message()).answer.text
    async with opened(subscribed, "/subscription/live") as subscription:
        of_the_subscription = (await subscription.next_message()).answer.text

    for page, regions, message in (
        ("/", ("inbox", "money", "faults", "fault-banner"), of_the_inbox),
        ("/subscription", ("subscription", "fault-banner"), of_the_subscription),
    ):
        html = (await subscribed.get(page)).text
        for region in regions:
            assert f'<hx-partial hx-target="#{region}" hx-swap="outerMorph">' in message
            assert message.count(f' id="{region}"') == html.count(f' id="{region}"') == 1


async def test_a_new_receipt_appears_in_a_new_message(subscribed: Client) -> None:
    async with opened(subscribed, "/receipts/live") as stream:
        before = await stream.until("No webhooks yet")
        await deliver(subscribed, Delivery(body=purchase(type_=HOSTILE)))
        after = await stream.until(HOSTILE)

    [receipt] = await receipts(subscribed)
    assert receipt["id"] not in before.text
    assert f"/receipts/{receipt['id']}" in after.links
    assert after.scripts == []


async def test_a_stream_uses_the_filter_of_its_page(subscribed: Client, clock: Clock) -> None:
    async with opened(subscribed, "/receipts/live?verdict=rejected") as stream:
        await stream.until("No matching receipts")
        await deliver(subscribed)
        clock.pass_seconds(1)
        await deliver(subscribed, webhook_id=None)
        after = await stream.until("missing_header")

    assert "purchase.created" not in after.text


async def test_a_purchase_changes_its_state_live(subscribed: Client) -> None:
    refund = Delivery(message_id="msg_r", body=purchase(-20, type_="purchase.refunded"))
    async with opened(subscribed, "/purchases/live") as stream:
        await stream.until("No purchases yet")
        await deliver(subscribed, refund)
        await stream.until("purchase pending")
        await deliver(subscribed)
        after = await stream.until("bought refunded")

    assert "$30.75" in after.text


async def test_deleting_all_receipts_empties_the_inbox_live(subscribed: Client) -> None:
    await deliver(subscribed)

    async with opened(subscribed, "/receipts/live") as stream:
        await stream.until("Booked $50.75")
        await subscribed.delete("/v1/receipts")
        after = await stream.until("Booked $0.00")

    assert "No webhooks yet" in after.text


@pytest.mark.parametrize("address", ["/receipts/live", "/subscription/live"])
async def test_a_fault_shows_on_every_live_page_and_can_be_ended_there(
    address: str, subscribed: Client
) -> None:
    await subscribed.get("/")  # the browser already has the cookie

    async with opened(subscribed, address) as stream:
        await subscribed.put("/v1/faults", json={"mode": "status", "status": 503})
        banner = await stream.until("Failing on purpose: every webhook gets a 503 response.")
        token = banner.values["_csrf_token"][-1]
        answer = await subscribed.post("/faults", data={"_csrf_token": token, "mode": "none"})
        assert answer.status_code == 303
        gone = await until_the_banner_changes(stream)

    assert "Failing on purpose:" not in gone.text


async def until_the_banner_changes(stream: Stream) -> Page:
    while 'hx-target="#fault-banner"' not in (message := await stream.next_message()).answer.text:
        pass
    return message


async def test_subscribing_and_unsubscribing_show_at_once(subscriber: Client) -> None:
    visitor = Visitor(subscriber)

    async with (
        opened(subscriber, "/subscription/live") as subscription,
        opened(subscriber, "/receipts/live") as inbox,
    ):
        await subscription.until("Not subscribed")
        await inbox.until("Not subscribed yet")
        await visitor.submit(
            "/subscription", seen_on="/subscription", event_types=["purchase.created"]
        )
        await subscription.until("fingerprint")
        await inbox.until("No webhooks yet")
        await visitor.submit("/subscription/delete", seen_on="/subscription/delete")
        await subscription.until("Not subscribed")


async def test_a_message_is_sent_only_for_a_visible_change(
    subscribed: Client,
) -> None:
    async with opened(subscribed, "/receipts/live") as stream:
        await stream.next_message()
        await subscribed.put("/v1/faults", json={"mode": "none"})  # unchanged
        await deliver(subscribed)
        messages = [await stream.next_message()]
        while "accepted" not in messages[-1].text:  # the money may come first, by itself
            messages.append(await stream.next_message())

    assert any("Booked $50.75" in message.text for message in messages)
    for message in messages:
        assert 'hx-target="#faults"' not in message.answer.text  # because nothing has changed


async def test_a_burst_of_webhooks_is_at_most_ten_updates_a_second(subscribed: Client) -> None:
    async with opened(subscribed, "/receipts/live") as stream:
        await stream.until("No webhooks yet")
        began = time.monotonic()
        burst = asyncio.create_task(deliver_one_after_the_other(subscribed, BURST))
        messages = 0
        while f"accepted {BURST}" not in (await stream.next_message()).text:
            messages += 1
        seconds = time.monotonic() - began
        await burst

    assert messages <= 10 * seconds


async def deliver_one_after_the_other(subscribed: Client, count: int) -> None:
    for number in range(count):
        await deliver(subscribed, Delivery(message_id=f"msg_{number}"))


@pytest.mark.parametrize("path", ["/receipts", "/purchases", "/subscription", "/story"])
async def test_each_stream_is_kept_alive(
    path: str, subscribed: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "KEEP_ALIVE_SECONDS", 0.05)
    delivery = Delivery()
    await deliver(subscribed, delivery)
    query = {"message_id": delivery.message_id} if path == "/story" else None

    async with (
        asyncio.timeout(MAX_WAIT_SECONDS),
        subscribed.stream("GET", f"{path}/live", params=query) as answer,
    ):
        lines = answer.aiter_lines()
        heard = [line async for line in _comments(lines, count=2)]

    assert heard == [": keep-alive", ": keep-alive"]


async def _comments(lines: AsyncIterator[str], count: int) -> AsyncIterator[str]:
    async for line in lines:
        if line.startswith(":"):
            yield line
            count -= 1
        if not count:
            return


async def test_many_streams_at_once_each_get_every_change(subscribed: Client) -> None:
    async def watch() -> Page:
        async with opened(subscribed, "/receipts/live") as stream:
            await stream.until("No webhooks yet")
            watching.release()
            return await stream.until("accepted 1")

    watching = asyncio.Semaphore(0)
    async with asyncio.TaskGroup() as group:
        watches = [group.create_task(watch()) for _ in range(10)]
        for _ in watches:
            await watching.acquire()
        await deliver(subscribed)

    assert len({watched.result().text for watched in watches}) == 1
