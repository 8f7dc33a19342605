"""The event streams, over a real socket: an in-process client waits for the end of an answer."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from subscriber_app.app import create_app
from subscriber_app.config import Settings
from tests.integration.subscriber.conftest import Client, Clock, remember_subscription
from tests.integration.subscriber.requests import deliver, receipts
from tests.integration.subscriber.serving import serving
from tests.integration.subscriber.shop_stand_in import ShopStandIn
from tests.integration.subscriber.signer import Delivery, purchase
from tests.pages import Page, Stream, Visitor, opened

HOSTILE = "<script>alert(1)</script> {{7*7}}"


@pytest.fixture
async def subscriber(settings: Settings, clock: Clock, shop: ShopStandIn) -> AsyncIterator[Client]:
    app = create_app(settings.model_copy(update={"shop_url": shop.url}), now=clock)
    async with serving(app) as client:
        yield client


@pytest.fixture
async def subscribed(subscriber: Client, settings: Settings, clock: Clock) -> Client:
    await remember_subscription(settings, clock())
    return subscriber


async def first_messages(stream: Stream, count: int) -> str:
    messages = [await stream.next_message() for _ in range(count)]
    return "".join(message.answer.text for message in messages)


async def test_a_stream_begins_with_the_regions_of_its_page_as_they_are(
    subscribed: Client,
) -> None:
    async with opened(subscribed, "/receipts/live") as inbox:
        of_the_inbox = await first_messages(inbox, 4)
    async with opened(subscribed, "/subscription/live") as subscription:
        of_the_subscription = await first_messages(subscription, 2)

    for page, regions, messages in (
        ("/", ("inbox", "money", "faults", "fault-banner"), of_the_inbox),
        ("/subscription", ("subscription", "fault-banner"), of_the_subscription),
    ):
        html = (await subscribed.get(page)).text
        for region in regions:
            assert f'<hx-partial hx-target="#{region}" hx-swap="outerMorph">' in messages
            assert messages.count(f'id="{region}"') == html.count(f'id="{region}"') == 1


async def test_a_new_receipt_appears_in_a_new_message(subscribed: Client) -> None:
    async with opened(subscribed, "/receipts/live") as stream:
        before = await stream.until("Nothing has come in yet")
        await deliver(subscribed, Delivery(body=purchase(type_=HOSTILE)))
        after = await stream.until(HOSTILE)

    [receipt] = await receipts(subscribed)
    assert receipt["id"] not in before.text
    assert f"/receipts/{receipt['id']}" in after.links
    assert after.scripts == []


async def test_a_stream_shows_what_its_page_is_narrowed_to(
    subscribed: Client, clock: Clock
) -> None:
    async with opened(subscribed, "/receipts/live?verdict=rejected") as stream:
        await stream.until("Nothing matches")
        await deliver(subscribed)
        clock.pass_seconds(1)
        await deliver(subscribed, webhook_id=None)
        after = await stream.until("missing_header")

    assert "purchase.created" not in after.text


async def test_a_purchase_changes_its_state_while_one_looks_at_it(subscribed: Client) -> None:
    refund = Delivery(message_id="msg_r", body=purchase(-20, type_="purchase.refunded"))
    async with opened(subscribed, "/purchases/live") as stream:
        await stream.until("Nothing booked yet")
        await deliver(subscribed, refund)
        await stream.until("purchase still to come")
        await deliver(subscribed)
        after = await stream.until("bought refunded")

    assert "$30.75" in after.text


async def test_forgetting_everything_empties_the_inbox_at_once(subscribed: Client) -> None:
    await deliver(subscribed)

    async with opened(subscribed, "/receipts/live") as stream:
        await stream.until("Booked here $50.75")
        await subscribed.delete("/v1/receipts")
        await stream.until("Nothing has come in yet")
        await stream.until("Booked here $0.00")


@pytest.mark.parametrize("address", ["/receipts/live", "/subscription/live"])
async def test_a_fault_shows_on_every_live_page_and_can_be_ended_there(
    address: str, subscribed: Client
) -> None:
    await subscribed.get("/")  # the browser has the cookie by now

    async with opened(subscribed, address) as stream:
        await subscribed.put("/v1/faults", json={"mode": "status", "status": 503})
        banner = await stream.until("Failing on purpose: every webhook is answered 503.")
        [token] = banner.values["_csrf_token"]
        answer = await subscribed.post("/faults", data={"_csrf_token": token, "mode": "none"})
        assert answer.status_code == 303
        gone = await until_empty(stream)

    assert 'hx-target="#fault-banner"' in gone.answer.text


async def until_empty(stream: Stream) -> Page:
    while (message := await stream.next_message()).text:
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
        await inbox.until("Nothing has come in yet")
        await visitor.submit("/subscription/delete", seen_on="/subscription/delete")
        await subscription.until("Not subscribed")


async def test_a_message_comes_only_when_there_is_something_new_to_see(
    subscribed: Client,
) -> None:
    async with opened(subscribed, "/receipts/live") as stream:
        await first_messages(stream, 4)
        await subscribed.put("/v1/faults", json={"mode": "none"})  # as it is already
        await deliver(subscribed)
        after = await stream.next_message()
        money = await stream.next_message()

    assert "accepted" in after.text
    assert "Booked here" in money.text


async def test_many_watch_at_once_and_each_sees_everything(subscribed: Client) -> None:
    async def watch() -> Page:
        async with opened(subscribed, "/receipts/live") as stream:
            await stream.until("Nothing has come in yet")
            watching.release()
            return await stream.until("accepted 1")

    watching = asyncio.Semaphore(0)
    async with asyncio.TaskGroup() as group:
        watches = [group.create_task(watch()) for _ in range(10)]
        for _ in watches:
            await watching.acquire()
        await deliver(subscribed)

    assert len({watched.result().text for watched in watches}) == 1
