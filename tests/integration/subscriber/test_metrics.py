"""The subscriber's metrics."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from subscriber_app.app import create_app
from tests.integration.subscriber.conftest import Client, running, settings_below
from tests.integration.subscriber.requests import deliver
from tests.integration.subscriber.signer import Delivery, purchase
from tests.metrics import Scrape

TOKEN = "correct horse battery"
MALFORMED = "hookshop_subscriber_receipts{reason=malformed_id,verdict=rejected}"
ACCEPTED = "hookshop_subscriber_receipts{reason=,verdict=accepted}"


async def scrape(subscriber: Client) -> Scrape:
    return Scrape(await subscriber.get("/metrics"))


async def test_an_empty_inbox_is_all_zeros_each_explained(subscriber: Client) -> None:
    told = await scrape(subscriber)

    assert set(told.samples.values()) == {0}
    assert told.undocumented == []
    assert set(told.types) == {
        "hookshop_subscriber_receipts",
        "hookshop_subscriber_purchases",
        "hookshop_subscriber_revenue_cents",
        "hookshop_subscriber_sandboxes",
    }


async def test_receipts_are_reported_by_verdict_and_reason(subscribed: Client) -> None:
    await deliver(subscribed)
    await deliver(subscribed)
    refund = purchase(-20, type_="purchase.refunded")
    await deliver(subscribed, Delivery(message_id="msg_2", body=refund))
    for _ in range(2):
        await deliver(subscribed, Delivery(message_id="no id"))

    told = await scrape(subscribed)

    assert told[ACCEPTED] == 2
    assert told["hookshop_subscriber_receipts{reason=,verdict=duplicate}"] == 1
    assert told[MALFORMED] == 2
    assert told["hookshop_subscriber_purchases"] == 1
    assert told["hookshop_subscriber_revenue_cents"] == 3075


async def test_deleted_receipts_are_not_reported(subscribed: Client) -> None:
    await deliver(subscribed, Delivery(message_id="no id"))

    await subscribed.delete("/v1/receipts")

    assert (await scrape(subscribed))[MALFORMED] == 0


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[Client]:
    settings = settings_below(tmp_path).model_copy(update={"admin_token": SecretStr(TOKEN)})
    async with running(create_app(settings)) as client:
        yield client


async def test_with_a_configured_token_it_is_required(guarded: Client) -> None:
    anonymous = await guarded.get("/metrics")
    right = await guarded.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})

    assert anonymous.status_code == 401
    assert "SUBSCRIBER_ADMIN_TOKEN" in anonymous.json()["detail"]
    assert Scrape(right)[ACCEPTED] == 0
