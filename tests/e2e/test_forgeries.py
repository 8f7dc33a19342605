"""Forged and modified requests are rejected, and the pages show why."""

import re

import httpx
from playwright.sync_api import expect

from tests.e2e.tabs import SubscriberTab
from tests.programs import Document, buy, wait_until

STEP = re.compile(r"^(.+?) (passed|failed|skipped|not reached)\b", re.MULTILINE)
NOT_REPEATED = {"host", "content-length", "connection"}


def test_a_tampered_amount_is_rejected_with_the_reason_on_screen(
    subscriber: SubscriberTab, shop_api: httpx.Client, subscriber_api: httpx.Client
) -> None:
    delivery = wait_until(shop_api, buy(shop_api, "hook"), "succeeded")
    before = subscriber_api.get("/v1/stats").json()
    subscriber.open_live("/")
    request = delivery["attempts"][0]["request"]

    answer = send(request, body=request["body"].replace("12.5", "1.25"))

    assert answer.status_code == 401
    expect(subscriber.receipts("rejected")).to_contain_text("signature_mismatch")
    subscriber.expect_not_reloaded()
    subscriber.open_receipt("rejected")
    assert results(subscriber) == {
        "Size": "passed",
        "Content type": "passed",
        "Required headers": "passed",
        "Timestamp": "passed",
        "Signature": "failed",
        "Token": "not reached",
        "Event": "not reached",
        "De-duplication": "not reached",
        "Booking": "not reached",
    }
    after = subscriber_api.get("/v1/stats").json()
    assert after["purchases"] == before["purchases"] == 1
    assert after["revenue_cents"] == before["revenue_cents"] == 1250


def test_a_recorded_request_that_is_sent_again_is_a_duplicate(
    subscriber: SubscriberTab, shop_api: httpx.Client
) -> None:
    delivery = wait_until(shop_api, buy(shop_api, "hook"), "succeeded")
    request = delivery["attempts"][0]["request"]
    subscriber.open_live("/")

    answer = send(request, body=request["body"])

    assert answer.is_success
    expect(subscriber.receipts("duplicate")).to_have_count(1)
    expect(subscriber.total("Purchases")).to_have_text("1")


def test_the_forgery_of_the_tour_is_rejected(subscriber: SubscriberTab) -> None:
    subscriber.open_live("/")

    answer = httpx.post(
        f"{subscriber.url}/v1/new-purchase",
        json={"event": {"id": "1", "type": "purchase.created", "value": 1000000}},
        trust_env=False,
    )

    assert answer.status_code == 401
    expect(subscriber.receipts("rejected")).to_have_count(1)
    expect(subscriber.total("Purchases")).to_have_text("0")


def send(request: Document, body: str) -> httpx.Response:
    """Send a request that the shop has recorded, as an attacker would."""
    headers = {
        name: value
        for name, value in request["headers"].items()
        if name.lower() not in NOT_REPEATED
    }
    return httpx.post(request["url"], content=body, headers=headers, trust_env=False)


def results(subscriber: SubscriberTab) -> dict[str, str]:
    """On a receipt's page: return the result of each verification step by name."""
    steps = subscriber.page.get_by_role("region", name="Verification, step by step")
    items = steps.get_by_role("listitem")
    expect(items).to_have_count(9)
    return dict(STEP.findall(text)[0] for text in items.all_inner_texts())
