"""The attack desk, the defense switches and the money card, in a real browser."""

import httpx
import pytest
from playwright.sync_api import Locator, expect

from subscriber_app.lab.attacks import Attack
from subscriber_app.web.attack_labels import ATTACKS
from tests.e2e.tabs import SubscriberTab
from tests.programs import buy, wait_until


@pytest.fixture
def receipt_id(shop_api: httpx.Client, subscriber_api: httpx.Client) -> str:
    """Return the receipt id of a purchase that the shop has just delivered."""
    wait_until(shop_api, buy(shop_api, "hook"), "succeeded")
    [receipt] = subscriber_api.get("/v1/receipts").json()["data"]
    return str(receipt["id"])


def difference(subscriber: SubscriberTab) -> Locator:
    return subscriber.total("Difference")


def test_each_button_of_the_desk_shows_the_verdict_that_was_predicted(
    subscriber: SubscriberTab, subscriber_api: httpx.Client, receipt_id: str
) -> None:
    for attack in Attack:
        subscriber.open(f"/receipts/{receipt_id}")
        desk = subscriber.page.get_by_role("region", name="Attack desk")
        button = subscriber.page.get_by_role("button", name=ATTACKS[attack].name, exact=True)
        predicted = desk.get_by_role("listitem").filter(has=button).get_by_text("Prediction")
        expect(predicted).to_be_visible()
        button.click()

        expect(subscriber.page.get_by_role("heading", level=1)).to_have_text(ATTACKS[attack].name)
        expect(subscriber.page.get_by_text("As predicted", exact=True)).to_be_visible()
        outcome = subscriber.page.get_by_role("region", name="Outcome")
        predicted_words, verdict_words = outcome.get_by_role("definition").all_inner_texts()
        assert predicted_words == verdict_words

    subscriber.follow("Show all checks")
    expect(subscriber.page.get_by_text("conflicting_body", exact=True).first).to_be_visible()
    assert subscriber_api.get("/v1/stats").json()["revenue_cents"] == 1250


def test_without_deduplication_a_resent_delivery_is_booked_twice(
    subscriber: SubscriberTab, shop_api: httpx.Client, subscriber_api: httpx.Client
) -> None:
    subscriber.open("/defences")
    subscriber.press("Switch off: De-duplication")
    expect(subscriber.page.get_by_role("status")).to_contain_text("De-duplication switched off")
    subscriber.open_live("/")
    expect(difference(subscriber)).to_have_text("$0.00")
    delivery_id = buy(shop_api, "hook")
    wait_until(shop_api, delivery_id, "succeeded")
    expect(subscriber.total("Booked")).to_have_text("$12.50")
    expect(difference(subscriber)).to_have_text("$0.00")

    shop_api.post(f"/v1/deliveries/{delivery_id}/attempts", json={}).raise_for_status()

    expect(subscriber.total("Booked")).to_have_text("$25.00")
    expect(difference(subscriber)).to_have_text("$12.50")
    expect(subscriber.page.get_by_text("More booked than sold")).to_be_visible()
    subscriber.expect_not_reloaded()
    subscriber.press("Switch everything on")
    expect(subscriber.page.get_by_role("heading", level=1)).to_have_text("Inbox")
    expect(subscriber.page.get_by_role("status")).to_have_count(0)
    assert all(subscriber_api.get("/v1/defences").json().values())


def test_a_request_is_edited_signed_and_sent_in_the_editor(
    subscriber: SubscriberTab, receipt_id: str
) -> None:
    subscriber.open(f"/receipts/{receipt_id}")
    subscriber.follow("Edit request")
    body = subscriber.page.get_by_label("Body")
    body.fill(body.input_value().replace("12.5", "13.5"))

    subscriber.press("Compute credentials")
    right = subscriber.page.get_by_role("region", name="Valid credentials")
    expect(right).to_contain_text("signature_mismatch")
    subscriber.press("Sign with current time")
    expect(right).to_contain_text("conflicting_body")
    subscriber.press("Send request")

    expect(subscriber.page.get_by_text("As predicted", exact=True)).to_be_visible()
