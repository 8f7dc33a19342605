"""Subscribing and unsubscribing on the page, with a fake shop on a real socket."""

import asyncio
import logging

import pytest

from subscriber_app.config import Settings
from subscriber_app.receiving.keyring import fingerprint
from tests.integration.subscriber.conftest import Client
from tests.integration.subscriber.fake_shop import FakeShop
from tests.integration.subscriber.requests import deliver
from tests.integration.subscriber.signer import OUR_URL, Delivery
from tests.pages import Visitor, read_page

EVENTS = ["purchase.created", "purchase.shipped", "purchase.refunded"]
AWAY = (500, b"")


@pytest.fixture
def settings(settings: Settings, shop: FakeShop) -> Settings:
    return settings.model_copy(update={"shop_url": shop.url})


@pytest.fixture
def visitor(subscriber: Client) -> Visitor:
    return Visitor(subscriber)


async def subscribe(visitor: Visitor) -> None:
    page = await visitor.submit("/subscription", event_types=EVENTS)
    assert page.status == 303


async def test_before_subscribing_all_events_are_ticked(visitor: Visitor, shop: FakeShop) -> None:
    page = await visitor.get("/subscription")

    assert "Not subscribed" in page.text
    assert OUR_URL in page.text
    assert f"{shop.url}/" in page.links
    assert page.ticked == EVENTS
    assert shop.calls == []


@pytest.mark.parametrize("ticked", [EVENTS[:1], EVENTS[1:], EVENTS])
async def test_subscribing_registers_what_was_ticked(
    ticked: list[str], visitor: Visitor, shop: FakeShop
) -> None:
    page = await visitor.submit("/subscription", event_types=ticked)

    assert page.status == 303
    assert page.answer.headers["location"] == "/subscription"
    [endpoint] = shop.endpoints.values()
    assert (endpoint["webhook_url"], endpoint["event_types"]) == (OUR_URL, ticked)
    assert f"Events {', '.join(ticked)}" in (await visitor.get("/subscription")).text


async def test_from_then_on_the_shops_webhooks_are_trusted(
    visitor: Visitor, shop: FakeShop
) -> None:
    await subscribe(visitor)

    answer = await deliver(visitor.client, Delivery(secret=shop.secrets[0]))

    assert answer.status_code == 200


async def test_the_page_shows_the_subscription_and_only_a_fingerprint_of_the_secret(
    visitor: Visitor, shop: FakeShop, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await subscribe(visitor)

    page = await visitor.get("/subscription")

    [secret] = shop.secrets
    assert fingerprint(secret) in page.text
    assert secret.removeprefix("whsec_") not in page.answer.text + caplog.text
    assert "Status at the shop active" in page.text
    assert "Since 2026-11-23 12:00:00 UTC" in page.text
    [endpoint_id] = shop.endpoints
    assert f"{shop.url}/endpoints/{endpoint_id}" in page.links


@pytest.mark.parametrize("fields", [{}, {"event_types": "purchase.gift"}, {"event_types": "<b>"}])
async def test_with_nothing_ticked_the_form_comes_back_as_it_was(
    fields: dict[str, str], visitor: Visitor, shop: FakeShop
) -> None:
    page = await visitor.submit("/subscription", **fields)

    assert page.status == 422
    assert "Tick at least one event." in page.text
    assert page.ticked == []
    assert "/subscription" in page.forms
    assert shop.count("POST") == 0


async def test_an_unreachable_shop_is_an_error_and_changes_nothing(
    visitor: Visitor, shop: FakeShop
) -> None:
    shop.answers["POST"] = AWAY

    page = await visitor.submit("/subscription", event_types=EVENTS[:1])

    assert page.status == 502
    assert "Nothing was changed The shop answered 500" in page.text
    assert page.ticked == EVENTS[:1]
    assert "Not subscribed" in page.text


async def test_the_shops_refusal_is_shown_in_its_own_words(
    visitor: Visitor, shop: FakeShop
) -> None:
    shop.answers["POST"] = (422, b'{"detail": "<b>that port</b> is not allowed"}')

    page = await visitor.submit("/subscription", event_types=EVENTS)

    assert page.status == 502
    assert "The shop refused: <b>that port</b> is not allowed" in page.text


async def test_subscribing_twice_is_done_once(visitor: Visitor, shop: FakeShop) -> None:
    await subscribe(visitor)

    await subscribe(visitor)

    assert shop.count("POST") == 1


@pytest.mark.parametrize("status", ["paused", "disabled"])
async def test_our_status_at_the_shop_is_shown(
    status: str, visitor: Visitor, shop: FakeShop
) -> None:
    await subscribe(visitor)
    for endpoint in shop.endpoints.values():
        endpoint["status"] = status

    assert f"Status at the shop {status}" in (await visitor.get("/subscription")).text


@pytest.mark.parametrize("answer", [AWAY, (200, b'{"status": "sleepy"}'), (200, b"hello")])
async def test_an_invalid_response_of_the_shop_counts_as_unreachable(
    answer: tuple[int, bytes], visitor: Visitor, shop: FakeShop
) -> None:
    await subscribe(visitor)
    shop.answers["GET"] = answer

    page = await visitor.get("/subscription")

    assert page.status == 200
    assert "The shop does not respond" in page.text
    assert "subscribed" in page.text


async def test_an_endpoint_that_the_shop_has_lost_is_reported(
    visitor: Visitor, shop: FakeShop
) -> None:
    await subscribe(visitor)
    shop.endpoints.clear()

    page = await visitor.get("/subscription")

    assert "The shop no longer has our endpoint" in page.text
    assert page.links["/subscription/delete"]


async def test_unsubscribing_asks_for_confirmation(visitor: Visitor, shop: FakeShop) -> None:
    await subscribe(visitor)

    page = await visitor.get("/subscription/delete")

    assert "Unsubscribe?" in page.text
    assert OUR_URL in page.text
    assert "/subscription/delete" in page.forms
    assert shop.endpoints


async def test_unsubscribing_deletes_the_endpoint_once_confirmed(
    visitor: Visitor, shop: FakeShop
) -> None:
    await subscribe(visitor)
    [secret] = shop.secrets

    page = await visitor.submit("/subscription/delete", seen_on="/subscription/delete")

    assert page.status == 303
    assert shop.endpoints == {}
    assert "Not subscribed" in (await visitor.get("/subscription")).text
    assert (await deliver(visitor.client, Delivery(secret=secret))).status_code == 401


async def test_unsubscribing_from_a_shop_that_is_away_changes_nothing(
    visitor: Visitor, shop: FakeShop
) -> None:
    await subscribe(visitor)
    shop.answers["DELETE"] = AWAY

    page = await visitor.submit("/subscription/delete")

    assert page.status == 502
    assert "Nothing was changed The shop answered 500" in page.text
    answer = await deliver(visitor.client, Delivery(secret=shop.secrets[0]))
    assert answer.status_code == 200


async def test_without_a_subscription_there_is_nothing_to_unsubscribe_from(
    visitor: Visitor,
) -> None:
    page = await visitor.get("/subscription/delete")

    assert page.status == 303
    assert page.answer.headers["location"] == "/subscription"
    assert (await visitor.submit("/subscription/delete")).status == 303


@pytest.mark.parametrize("path", ["/subscription", "/subscription/delete"])
async def test_nothing_changes_without_the_forms_token(
    path: str, visitor: Visitor, shop: FakeShop
) -> None:
    await subscribe(visitor)
    before = list(shop.calls)

    page = read_page(await visitor.client.post(path, data={"event_types": EVENTS}))

    assert page.status == 403
    assert shop.calls == before


async def test_a_rotation_sent_twice_asks_the_shop_for_one_secret(
    visitor: Visitor, shop: FakeShop
) -> None:
    await subscribe(visitor)
    page = await visitor.get("/subscription")
    fields = {name: page.values[name][-1] for name in ("_csrf_token", "_nonce")}

    answers = await asyncio.gather(
        *[visitor.client.post("/subscription/rotation", data=fields) for _click in range(2)]
    )

    assert {answer.headers["location"] for answer in answers} == {"/subscription"}
    assert len([path for _method, path in shop.calls if path.endswith("/rotate-secret")]) == 1
