"""The exam of a receiver from its page: started, followed live, stopped."""

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import NewContext
from tests.e2e.tabs import ShopTab
from tests.receivers.running import Receiver, running

SECRET = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running("wrong/no_timestamp_check", SECRET) as receiver:
        yield receiver


def test_the_page_tells_live_what_a_receiver_gets_wrong(
    shop: ShopTab, shop_api: httpx.Client, receiver: Receiver
) -> None:
    wanted = {"url": receiver.url, "secret": SECRET, "only": ["as-sent", "timestamp-600s-old"]}
    shop.open("/exam")
    shop.expect_live()
    started = shop_api.post("/v1/exams", json={**wanted, "probe_url": receiver.probe_url}).json()

    shop.page.get_by_role("link", name=receiver.url).click()
    expect(shop.page.get_by_test_id("exam-result")).to_contain_text("1 passed, 1 failed (probe).")
    expect(shop.page.locator("#case-as-sent")).to_contain_text("204; one effect")
    expect(shop.page.locator("#failure-timestamp-600s-old")).to_contain_text("accepted a forgery")
    shop.page.locator("summary", has_text="curl command").click()
    expect(shop.page.get_by_text("curl ", exact=False).first).to_be_visible()
    assert shop_api.get(f"/v1/exams/{started['id']}").json()["evidence"] == "probe"


@pytest.mark.parametrize("scripts", [True, False], ids=["live", "without JavaScript"])
def test_an_exam_is_started_and_stopped_by_hand(
    new_context: NewContext, shop_url: str, receiver: Receiver, scripts: bool
) -> None:
    shop = ShopTab(new_context(java_script_enabled=scripts).new_page(), shop_url)
    shop.open("/endpoints")
    shop.follow("Examine a receiver")
    shop.page.get_by_label("URL of the receiver").fill(receiver.url)
    shop.page.get_by_label("Its secret").fill(SECRET)
    shop.press("Start the exam")
    if scripts:
        expect(shop.page.locator("#case-as-sent")).to_contain_text("passed")
    shop.press("Stop the exam")

    expect(shop.page.get_by_text("The exam was stopped.")).to_be_visible()
    expect(shop.page.get_by_role("link", name="scorecard.json")).to_be_visible()
