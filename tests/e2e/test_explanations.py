"""A receipt's page explains why a request was accepted, or what was changed on the way."""

import json
import re

import httpx
from playwright.sync_api import Locator, expect

from tests.e2e.tabs import SubscriberTab
from tests.programs import Document, buy, wait_until

NOT_REPEATED = {"host", "content-length", "connection"}


def test_an_accepted_and_a_reserialized_request_are_explained(
    subscriber: SubscriberTab, shop_api: httpx.Client
) -> None:
    delivery = wait_until(shop_api, buy(shop_api, "hook"), "succeeded")
    request = delivery["attempts"][0]["request"]
    subscriber.open_live("/")

    open_receipt(subscriber, "accepted")
    expect(step(subscriber, "Signature")).to_contain_text("passed")
    step(subscriber, "Signature").get_by_text("Signed bytes and secrets").click()
    expect(table(subscriber, "Signatures checked")).to_contain_text("yes")
    step(subscriber, "Token").get_by_text("Decoded token").click()
    expect(table(subscriber, "Claims of the token")).to_contain_text("payload_hash")
    expect(table(subscriber, "Claims of the token").get_by_text("invalid")).to_have_count(0)

    send_reserialized(request)

    subscriber.open_live("/")
    open_receipt(subscriber, "rejected")
    diagnosis = subscriber.page.get_by_role("region", name="What went wrong")
    expect(diagnosis).to_contain_text("the body was re-serialized")
    expect(diagnosis.get_by_role("region", name="Signed;")).to_have_text(request["body"])
    expect(diagnosis.get_by_role("region", name="Received;").locator("mark").first).to_have_text(
        "·"
    )
    expect(table(subscriber, "Signatures checked")).to_be_visible()  # what failed is open
    expect(step(subscriber, "Token")).to_contain_text("not reached")


def test_a_receipt_can_be_copied_as_a_command_and_downloaded(
    subscriber: SubscriberTab, shop_api: httpx.Client
) -> None:
    delivery = wait_until(shop_api, buy(shop_api, "hook"), "succeeded")
    subscriber.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    subscriber.open_live("/")
    open_receipt(subscriber, "accepted")

    subscriber.page.get_by_text("Request as a curl command").click()
    subscriber.press("Copy command")
    expect(subscriber.page.get_by_role("button", name="Copied")).to_be_visible()
    with subscriber.page.expect_download() as download:
        subscriber.follow("Download as HAR")

    command = subscriber.page.evaluate("navigator.clipboard.readText()")
    assert command.startswith("curl --include --request POST")
    assert delivery["attempts"][0]["request"]["body"] in command
    har = json.loads(download.value.path().read_text())
    assert har["log"]["entries"][0]["response"]["status"] == 200


def test_a_filter_stays_while_receipts_arrive(
    subscriber: SubscriberTab, shop_api: httpx.Client
) -> None:
    subscriber.open_live("/")
    subscriber.page.get_by_label("Event type").select_option("purchase.refunded")
    subscriber.press("Filter")
    subscriber.expect_live()

    wait_until(shop_api, buy(shop_api, "hook"), "succeeded")

    expect(subscriber.total("Purchases")).to_have_text("1")
    expect(subscriber.page.get_by_text("No matching receipts")).to_be_visible()
    subscriber.follow("Purchases")
    expect(subscriber.row("$12.50")).to_contain_text("bought")


def open_receipt(subscriber: SubscriberTab, verdict: str) -> None:
    subscriber.open_receipt(verdict)


def step(subscriber: SubscriberTab, name: str) -> Locator:
    steps = subscriber.page.get_by_role("region", name="Verification, step by step")
    return steps.get_by_role("listitem").filter(has_text=re.compile(rf"^\s*{name} "))


def table(subscriber: SubscriberTab, name: str) -> Locator:
    return subscriber.page.get_by_role("table", name=name)


def send_reserialized(request: Document) -> None:
    """Send a re-serialized body, as from a proxy that parses JSON."""
    headers = {
        name: value
        for name, value in request["headers"].items()
        if name.lower() not in NOT_REPEATED
    }
    body = json.dumps(json.loads(request["body"]))
    assert httpx.post(request["url"], content=body, headers=headers, trust_env=False).is_error
