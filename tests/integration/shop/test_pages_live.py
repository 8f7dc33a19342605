"""The event streams, on a real socket, because a test client waits for the end of a response."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from shop.app import create_app
from shop.config import Settings
from tests.integration.shop.browsing import HOSTILE_NAME
from tests.integration.shop.conftest import Clock, Engine
from tests.pages import opened
from tests.programs import async_client
from tests.receiver import Receiver
from tests.waiting import eventually

BURST = 60  # more updates than the stream's rate limit allows in that time
URL = "http://127.0.0.1:9001/hook"


@pytest.fixture
def settings(tmp_path: Path, redis_url: str, shop_database_url: str | None) -> Settings:
    """Settings with Redis, through which the engine's announcements reach the web process."""
    return Settings(
        HOOKSHOP_VAR=tmp_path,  # type: ignore[call-arg]
        redis_url=redis_url,
        database_url=shop_database_url,
    )


@pytest.fixture
async def shop(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """The web application on a free port, with a client."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(
            create_app(settings), log_config=None, ws="none", timeout_graceful_shutdown=1
        )
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        async with async_client(address) as client:
            await eventually(lambda: _serves(server), "the shop serves")
            yield client
        server.should_exit = True
        await serving


async def _serves(server: uvicorn.Server) -> bool:
    return server.started


async def post(shop: httpx.AsyncClient, path: str, **body: object) -> dict[str, Any]:
    answer = await shop.post(path, json=body)
    assert answer.is_success, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def buy(shop: httpx.AsyncClient, customer_name: str = "Ada") -> dict[str, Any]:
    items = [{"product_id": "mug", "quantity": 1}]
    return await post(shop, "/v1/orders", items=items, customer_name=customer_name)


async def register(shop: httpx.AsyncClient, url: str = URL) -> str:
    endpoint_id: str = (await post(shop, "/v1/webhooks/register", webhook_url=url))["id"]
    return endpoint_id


async def test_the_log_shows_itself_at_once_and_each_new_delivery(shop: httpx.AsyncClient) -> None:
    await register(shop)

    async with opened(shop, "/deliveries/live") as stream:
        before = await stream.next_message()
        placed = await buy(shop)
        after = await stream.until("pending 1")

    assert "No deliveries yet" in before.text
    assert f"/deliveries/{placed['delivery_ids'][0]}" in after.links


async def test_a_message_replaces_the_region_on_the_page(shop: httpx.AsyncClient) -> None:
    async with opened(shop, "/deliveries/live") as stream:
        message = await stream.next_message()

    html = message.answer.text
    assert html.startswith('<hx-partial hx-target="#deliveries" hx-swap="outerMorph">')
    assert html.rstrip().endswith("</hx-partial>")
    assert html.count('id="deliveries"') == 1
    assert (await shop.get("/deliveries")).text.count('id="deliveries"') == 1


async def test_the_log_stays_filtered_while_it_is_live(shop: httpx.AsyncClient) -> None:
    await register(shop, f"{URL}/one")
    await register(shop, f"{URL}/two")

    async with opened(shop, "/deliveries/live?q=%2Ftwo") as stream:
        before = await stream.next_message()
        await buy(shop)
        after = await stream.until("pending")

    assert "No matching deliveries" in before.text
    assert "9001/hook/two" in after.text
    assert "9001/hook/one" not in after.text


async def test_the_orders_list_shows_each_new_order(shop: httpx.AsyncClient) -> None:
    async with opened(shop, "/orders/live") as stream:
        before = await stream.next_message()
        await buy(shop, HOSTILE_NAME)
        after = await stream.until(HOSTILE_NAME)

    assert "No orders yet" in before.text
    assert after.scripts == []


async def test_an_order_and_a_delivery_show_what_a_worker_has_done(
    shop: httpx.AsyncClient, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    receiver.status = 500
    await register(shop, receiver.url)
    placed = await buy(shop)
    [delivery_id] = placed["delivery_ids"]
    clock.catch_up()

    async with (
        opened(shop, f"/orders/{placed['id']}/live") as order,
        opened(shop, f"/deliveries/{delivery_id}/live") as delivery,
    ):
        assert "pending" in (await order.next_message()).text
        assert "Not sent yet" in (await delivery.next_message()).text
        await engine.deliver()
        failed = await delivery.until("500 Internal Server Error")
        await order.until("1: 500")
        receiver.status = 200
        clock.pass_seconds(10)
        await engine.deliver()
        succeeded = await delivery.until("200 OK")
        await order.until("succeeded")

    assert "is planned" in failed.text
    assert "succeeded" in succeeded.text
    assert "Attempt 1" in succeeded.text


async def test_an_order_shows_by_itself_that_it_was_shipped_and_refunded(
    shop: httpx.AsyncClient,
) -> None:
    order_id = (await buy(shop))["id"]

    async with opened(shop, f"/orders/{order_id}/live") as stream:
        before = await stream.next_message()
        await post(shop, f"/v1/orders/{order_id}/ship")
        shipped = await stream.until("Shipped at")
        await post(shop, f"/v1/orders/{order_id}/refund")
        refunded = await stream.until("Refunded at")

    assert f"/orders/{order_id}/ship" in before.forms
    assert f"/orders/{order_id}/refund" in shipped.links
    assert refunded.forms == []


async def test_an_endpoint_counts_down_while_its_deliveries_are_sent_again(
    shop: httpx.AsyncClient, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    endpoint_id = await register(shop, receiver.url)
    ids = [(await buy(shop))["delivery_ids"][0] for _ in range(2)]
    for delivery_id in ids:
        await post(shop, f"/v1/deliveries/{delivery_id}/cancel")
    long_ago = "2020-01-01T00:00:00Z"

    async with opened(shop, f"/endpoints/{endpoint_id}/live") as stream:
        await stream.until("cancelled 2")
        await post(shop, f"/v1/webhooks/{endpoint_id}/recover", since=long_ago)
        await stream.until("pending 2")
        clock.catch_up()
        await engine.deliver()
        await stream.until("succeeded 1")
        await engine.deliver()
        last = await stream.until("succeeded 2")

    assert "pending 0" in last.text


async def test_a_delivery_shows_by_itself_what_holds_it_back(
    shop: httpx.AsyncClient, engine: Engine, clock: Clock
) -> None:
    endpoint_id = await register(shop, "http://127.0.0.1:1025/nobody")
    ids = [(await buy(shop))["delivery_ids"][0] for _ in range(21)]
    # Far ahead, so that the breaker is also open by the page's clock, even on a slow machine.
    clock.pass_seconds(60)

    async with opened(shop, f"/deliveries/{ids[-1]}/live") as stream:
        before = await stream.next_message()
        for _delivery_id in ids[:-1]:
            await engine.deliver()
        await stream.until("the circuit breaker of its endpoint is open")
        await shop.patch(f"/v1/webhooks/{endpoint_id}", json={"status": "paused"})
        await stream.until("its endpoint is paused")

    assert "breaker" not in before.text


async def test_the_form_in_a_live_message_can_be_submitted(shop: httpx.AsyncClient) -> None:
    await register(shop)
    [delivery_id] = (await buy(shop))["delivery_ids"]
    await shop.get("/")  # the browser already has the cookie

    async with opened(shop, f"/deliveries/{delivery_id}/live") as stream:
        message = await stream.next_message()
    token = message.values["_csrf_token"][0]
    answer = await shop.post(f"/deliveries/{delivery_id}/attempts", data={"_csrf_token": token})

    assert answer.status_code == 303


async def test_endpoints_come_and_go_while_one_looks_at_them(shop: httpx.AsyncClient) -> None:
    async with opened(shop, "/endpoints/live") as endpoints:
        assert "No endpoints yet" in (await endpoints.next_message()).text
        endpoint_id = await register(shop)
        await endpoints.until(URL.removeprefix("http://"))
        async with opened(shop, f"/endpoints/{endpoint_id}/live") as endpoint:
            assert "No deliveries yet" in (await endpoint.next_message()).text
            await buy(shop)
            await endpoint.until("pending")
            await shop.delete(f"/v1/webhooks/{endpoint_id}")
            await endpoint.until("This endpoint has just been deleted.")
            await endpoints.until("No endpoints yet")


async def test_an_endpoint_that_a_worker_disabled_is_shown_so(
    shop: httpx.AsyncClient, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    receiver.status = 410
    await register(shop, receiver.url)
    [_delivery_id] = (await buy(shop))["delivery_ids"]
    clock.catch_up()

    async with opened(shop, "/endpoints/live") as stream:
        assert "active" in (await stream.next_message()).text
        await engine.deliver()

        await stream.until("disabled")


async def test_a_burst_of_orders_is_at_most_ten_updates_a_second(shop: httpx.AsyncClient) -> None:
    await register(shop)

    async with opened(shop, "/deliveries/live") as stream:
        await stream.until("No deliveries yet")
        began = time.monotonic()
        burst = asyncio.create_task(buy_one_after_the_other(shop, BURST))
        messages = 0
        while f"pending {BURST}" not in (await stream.next_message()).text:
            messages += 1
        seconds = time.monotonic() - began
        await burst

    assert messages <= 10 * seconds


async def buy_one_after_the_other(shop: httpx.AsyncClient, count: int) -> None:
    for _ in range(count):
        await buy(shop)


@pytest.mark.parametrize(
    "address",
    [
        "/deliveries/dlv_nope/live",
        "/orders/ord_nope/live",
        "/endpoints/ep_nope/live",
    ],
)
async def test_the_stream_of_what_is_not_there_is_not_found(
    address: str, shop: httpx.AsyncClient
) -> None:
    answer = await shop.get(address)

    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
