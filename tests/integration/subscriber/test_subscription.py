"""Subscribing, with a fake shop on a real socket."""

import asyncio
import logging

import pytest

from subscriber_app.receiving.keyring import fingerprint
from subscriber_app.shop_api.errors import ShopError, ShopUnreachable
from subscriber_app.shop_api.subscription import Subscriptions
from tests.integration.subscriber.conftest import Clock, Opening
from tests.integration.subscriber.fake_shop import FakeShop, running_shop
from tests.integration.subscriber.signer import OUR_URL, SECRET


async def secret_of(subscriptions: Subscriptions) -> str | None:
    standing = await subscriptions.current()
    return subscriptions.secret_of(standing) if standing else None


async def test_subscribing_registers_our_url_and_stores_the_secret(
    subscriptions: Subscriptions, shop: FakeShop, clock: Clock
) -> None:
    await subscriptions.subscribe(["purchase.created"])

    standing = await subscriptions.current()
    [(endpoint_id, endpoint)] = shop.endpoints.items()
    assert endpoint["webhook_url"] == OUR_URL
    assert endpoint["event_types"] == ["purchase.created"]
    assert standing is not None
    assert standing.endpoint_id == endpoint_id
    assert subscriptions.secret_of(standing) == endpoint["secret"]
    assert standing.created_at.timestamp() == clock().timestamp()
    assert await subscriptions.status_at_shop() == "active"


async def test_two_subscribers_at_once_register_once(
    subscriptions: Subscriptions, shop: FakeShop
) -> None:
    await asyncio.gather(*(subscriptions.subscribe() for _ in range(5)))

    assert shop.count("POST") == 1
    assert [await secret_of(subscriptions)] == shop.secrets


async def test_an_endpoint_whose_secret_is_lost_is_replaced(
    subscriptions: Subscriptions, shop: FakeShop, caplog: pytest.LogCaptureFixture
) -> None:
    shop.endpoints["ep_lost"] = {"webhook_url": OUR_URL, "secret": SECRET, "status": "active"}

    await subscriptions.subscribe()

    assert "ep_lost" not in shop.endpoints
    assert [await secret_of(subscriptions)] == shop.secrets
    assert "Replacing the endpoint ep_lost" in caplog.text


async def test_all_endpoints_of_an_older_shop_that_are_in_the_way_are_replaced(
    subscriptions: Subscriptions, shop: FakeShop
) -> None:
    for number in range(7):
        shop.endpoints[f"ep_{number}"] = {"webhook_url": OUR_URL, "secret": SECRET}

    await subscriptions.subscribe()

    assert [await secret_of(subscriptions)] == shop.secrets


async def test_unsubscribing_deletes_the_endpoint_and_the_secret(
    subscriptions: Subscriptions, shop: FakeShop
) -> None:
    await subscriptions.subscribe()

    await subscriptions.unsubscribe()
    await subscriptions.unsubscribe()

    assert shop.endpoints == {}
    assert await subscriptions.current() is None
    assert await subscriptions.status_at_shop() is None


async def test_unsubscribing_works_if_the_shop_has_lost_the_endpoint(
    subscriptions: Subscriptions, shop: FakeShop
) -> None:
    await subscriptions.subscribe()
    shop.endpoints.clear()

    await subscriptions.unsubscribe()

    assert await subscriptions.current() is None


@pytest.mark.parametrize("answer", [(500, b""), (403, b"{}"), (404, b"<h1>Not here</h1>")])
async def test_an_unconfirmed_deletion_keeps_the_subscription(
    answer: tuple[int, bytes], subscriptions: Subscriptions, shop: FakeShop
) -> None:
    await subscriptions.subscribe()
    shop.answers["DELETE"] = answer

    with pytest.raises(ShopError):
        await subscriptions.unsubscribe()

    assert [await secret_of(subscriptions)] == shop.secrets


async def test_unsubscribing_from_an_unreachable_shop_changes_nothing(opening: Opening) -> None:
    with running_shop() as shop:
        async with opening(shop.url) as subscriptions:
            await subscriptions.subscribe()
    async with opening(shop.url) as subscriptions:
        with pytest.raises(ShopUnreachable, match=f"No response from {shop.url}"):
            await subscriptions.unsubscribe()

        assert [await secret_of(subscriptions)] == shop.secrets


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ((500, b"{}"), "The shop answered 500"),
        ((503, b"\xff"), "The shop answered 503"),
        ((422, b'{"detail": "not that address"}'), "not that address"),
        ((422, b"{}"), "422"),
        ((302, b"{}"), "302"),
        ((201, b""), "not a JSON object"),
        ((201, b"<html>"), "not a JSON object"),
        ((201, b"[]"), "not a JSON object"),
        ((201, b"\xff\xfe"), "not a JSON object"),
        ((201, b"[" * 100_000), "not a JSON object"),
        ((201, b"{}"), "has no valid"),
        ((201, b'{"id": "ep_1"}'), "has no valid"),
        ((201, b'{"id": "ep_1", "secret": null}'), "has no valid"),
        ((201, b'{"id": "ep_1", "secret": ""}'), "has no valid"),
        ((201, b'{"id": "ep_1", "secret": "whsec_"}'), "has no valid"),
        ((201, b'{"id": "ep_1", "secret": "whsec_not*base64"}'), "has no valid"),
        ((201, b'{"id": "ep_1", "secret": "whsec_c2hvcnQ="}'), "has no valid"),
        ((201, b'{"id": 7, "secret": "%s"}' % SECRET.encode()), "has no valid"),
        ((201, b'{"id": "../..\\u0000", "secret": "%s"}' % SECRET.encode()), "has no valid"),
        ((409, b"{}"), "409"),
        ((409, b'{"endpoint_id": null}'), "409"),
        ((409, b'{"endpoint_id": "a/../b?c#\\u0000"}'), "409"),
    ],
    ids=str,
)
async def test_an_invalid_response_is_an_error_for_people_and_changes_nothing(
    answer: tuple[int, bytes], says: str, subscriptions: Subscriptions, shop: FakeShop
) -> None:
    shop.answers["POST"] = answer

    with pytest.raises(ShopError) as caught:
        await subscriptions.subscribe()

    assert says in str(caught.value)
    assert "not*base64" not in str(caught.value)
    assert await subscriptions.current() is None


@pytest.mark.parametrize(
    "answer",
    [
        (500, b""),
        (403, b"{}"),
        (200, b""),
        (200, b"{}"),
        (200, b'{"status": "sleepy"}'),
        (200, b'{"status": ["active"]}'),
        (404, b"<h1>Not here</h1>"),
    ],
    ids=str,
)
async def test_an_unknown_endpoint_status_is_an_invalid_response(
    answer: tuple[int, bytes], subscriptions: Subscriptions, shop: FakeShop
) -> None:
    await subscriptions.subscribe()
    shop.answers["GET"] = answer

    with pytest.raises(ShopUnreachable):
        await subscriptions.status_at_shop()


async def test_no_log_shows_the_secret(
    subscriptions: Subscriptions, shop: FakeShop, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    await subscriptions.subscribe()
    await subscriptions.ensure_subscribed()

    [secret] = shop.secrets
    assert "Subscribed as" in caplog.text
    assert secret.removeprefix("whsec_") not in caplog.text


def test_a_fingerprint_identifies_a_secret_without_revealing_it() -> None:
    assert fingerprint(SECRET) == "630dcd2966c4336691125448bbb25b4f"[:16]
    assert len(fingerprint(SECRET)) == 16
