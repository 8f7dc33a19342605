"""A subscriber stays subscribed when the shop restarts or its own URL changes."""

import asyncio
import logging
import socket

import pytest

from subscriber_app.shop_api.subscription import SUBSCRIBABLE, Subscriptions
from tests.integration.subscriber.conftest import Opening
from tests.integration.subscriber.fake_shop import FakeShop, running_shop
from tests.waiting import eventually

OTHER_URL = "http://moved.example/v1/new-purchase"


async def secret_of(subscriptions: Subscriptions) -> str | None:
    standing = await subscriptions.current()
    return subscriptions.secret_of(standing) if standing else None


async def said(text: str, caplog: pytest.LogCaptureFixture) -> None:
    async def is_said() -> bool:
        return text in caplog.text

    await eventually(is_said, f"the log says {text!r}")


async def test_a_valid_subscription_stays_unchanged(opening: Opening, shop: FakeShop) -> None:
    async with opening(shop.url) as first:
        await first.subscribe(["purchase.created"])

    async with opening(shop.url) as restarted:
        await restarted.ensure_subscribed()

        assert [await secret_of(restarted)] == shop.secrets
    assert shop.count("POST") == 1


async def test_it_registers_again_if_the_shop_has_lost_the_endpoint(
    opening: Opening, shop: FakeShop
) -> None:
    async with opening(shop.url) as subscriptions:
        await subscriptions.ensure_subscribed()
        shop.endpoints.clear()

        await subscriptions.ensure_subscribed()

        assert [await secret_of(subscriptions)] == shop.secrets


async def test_it_subscribes_to_all_event_types(
    subscriptions: Subscriptions, shop: FakeShop
) -> None:
    await subscriptions.ensure_subscribed()

    [endpoint] = shop.endpoints.values()
    assert endpoint["event_types"] == list(SUBSCRIBABLE)


async def test_it_registers_our_new_url(opening: Opening, shop: FakeShop) -> None:
    async with opening(shop.url) as before:
        await before.ensure_subscribed()

    async with opening(shop.url, OTHER_URL) as moved:
        await moved.ensure_subscribed()

        [endpoint] = shop.endpoints.values()
        assert endpoint["webhook_url"] == OTHER_URL
        assert await secret_of(moved) == endpoint["secret"]


async def test_it_registers_at_another_shop(opening: Opening, shop: FakeShop) -> None:
    async with opening(shop.url) as before:
        await before.ensure_subscribed()

    with running_shop() as other_shop:
        async with opening(other_shop.url) as subscriptions:
            await subscriptions.ensure_subscribed()

            assert [await secret_of(subscriptions)] == other_shop.secrets


async def test_it_waits_for_a_shop_that_starts_later(
    opening: Opening, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    async with opening(f"http://127.0.0.1:{port}") as subscriptions:
        keeping = asyncio.create_task(subscriptions.ensure_subscribed())
        await said("Waiting for the shop", caplog)
        with running_shop(port) as shop:
            async with asyncio.timeout(10):
                await keeping

            assert [await secret_of(subscriptions)] == shop.secrets
    assert caplog.text.count("Waiting for the shop") == 1
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("answer", [(500, b""), (404, b"<h1>Some other server</h1>"), (200, b"")])
async def test_it_keeps_its_secret_while_the_shops_responses_are_invalid(
    answer: tuple[int, bytes],
    opening: Opening,
    shop: FakeShop,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    async with opening(shop.url) as subscriptions:
        await subscriptions.ensure_subscribed()
        shop.answers = dict.fromkeys(("GET", "POST", "DELETE"), answer)
        keeping = asyncio.create_task(subscriptions.ensure_subscribed())
        await said("Waiting for the shop", caplog)
        assert [await secret_of(subscriptions)] == shop.secrets
        shop.answers.clear()
        async with asyncio.timeout(10):
            await keeping

        assert [await secret_of(subscriptions)] == shop.secrets


async def test_it_gives_up_with_the_reason_if_the_shop_refuses(
    subscriptions: Subscriptions, shop: FakeShop, caplog: pytest.LogCaptureFixture
) -> None:
    shop.answers["POST"] = (422, b'{"detail": "the port is not allowed"}')

    await subscriptions.ensure_subscribed()

    assert "Not subscribed: The shop refused: the port is not allowed" in caplog.text
    assert await subscriptions.current() is None
