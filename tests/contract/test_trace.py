"""The page with the trace of a message, with the shop's half from its API."""

from urllib.parse import quote

from shop.vocabulary import EventType
from tests.contract.conftest import World, read
from tests.pages import Visitor, opened


def trace_of(message_id: str) -> str:
    return f"/story?message_id={quote(message_id)}"


async def test_a_trace_shows_both_halves_with_every_attempt(world: World) -> None:
    await world.subscriber.put("/v1/faults", json={"mode": "script", "script": "503 drop"})
    order = await world.buy(hook=1)
    for _ in range(3):
        delivery = await world.deliver(order)

    page = await Visitor(world.subscriber).get(trace_of(delivery["message_id"]))

    assert page.status == 200
    for told in (
        "Order placed",
        "Message and delivery stored",
        "Attempt 1 sent",
        "Response 503",
        "Attempt 2 sent",
        "connection_reset",
        "Attempt 3 sent",
        "Verified: accepted",
        "Booked $",
        "Response 200",
    ):
        assert told in page.text, told
    assert page.text.count("Failed on purpose") == 2 * 3  # two pictures and the table
    assert "not from the shop" not in page.text
    assert f"{world.shop.base_url}/deliveries/{delivery['id']}" in page.links
    assert f"{world.shop.base_url}/orders/{order['id']}" in page.links


async def test_the_list_of_traces_says_what_was_bought_and_for_how_much(world: World) -> None:
    order = await world.buy(hook=1)
    await world.deliver(order)
    [line] = order["items"]

    page = await Visitor(world.subscriber).get("/story")

    value = f"${order['total_cents'] / 100:.2f}"
    assert f"{line['quantity']} × {line['product_name']} {value} accepted" in page.text


async def test_a_trace_updates_live_when_only_the_shop_has_changes(
    world: World,
) -> None:
    order = await world.buy(hook=1)
    [delivery_id] = order["delivery_ids"]
    message_id = (await read(world.shop, f"/v1/deliveries/{delivery_id}"))["message_id"]

    async with opened(world.subscriber, f"/story/live?message_id={message_id}") as stream:
        waiting = await stream.until("Next attempt")
        await world.shop.post(f"/v1/deliveries/{delivery_id}/cancel", json={})
        await stream.until("Cancelled")
    assert "Request received" not in waiting.text


async def test_a_replay_is_marked_in_the_trace(world: World) -> None:
    delivery = await world.deliver(await world.buy(hook=1))
    [receipt] = await world.receipts()
    sent = delivery["attempts"][0]["request"]
    await world.subscriber.post(
        "/v1/new-purchase", content=sent["body"], headers=dict(sent["headers"])
    )

    page = await Visitor(world.subscriber).get(trace_of(receipt["message_id"]))

    assert "not from the shop" in page.text
    assert "Verified: duplicate" in page.text


async def test_every_answer_links_to_the_page_of_its_receipt(world: World) -> None:
    delivery = await world.deliver(await world.buy(hook=1))
    [receipt] = await world.receipts()
    refused = await world.subscriber.post("/v1/new-purchase", content=b"{}")

    [attempt] = delivery["attempts"]
    address = f"{world.subscriber.base_url}/receipts/{receipt['id']}"
    assert attempt["response"]["headers"]["link"] == f'<{address}>; rel="describedby"'
    assert refused.headers["link"].endswith(f'{refused.json()["receipt_id"]}>; rel="describedby"')


async def test_the_trace_of_an_event_without_money(world: World) -> None:
    [endpoint] = (await read(world.shop, "/v1/webhooks"))["data"]
    pinged = await world.shop.post(f"/v1/webhooks/{endpoint['id']}/ping", json={})
    delivery_id = pinged.json()["delivery_id"]
    await world.deliver_due()
    delivery = await read(world.shop, f"/v1/deliveries/{delivery_id}")
    assert delivery["event_type"] == EventType.WEBHOOK_PING
    assert delivery["order_id"] is None

    page = await Visitor(world.subscriber).get(trace_of(delivery["message_id"]))

    assert "Test event requested" in page.text
    assert "Booked" not in page.text
