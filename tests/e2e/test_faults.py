"""Every fault of the subscriber, set and observed on pages, with real processes."""

import httpx
import pytest
from playwright.sync_api import BrowserContext, expect

from tests.e2e.conftest import NewContext
from tests.e2e.tabs import ShopTab, SubscriberTab
from tests.e2e.watch import Watch
from tests.programs import buy, wait_until


def test_a_script_is_used_up_live(
    shop: ShopTab, subscriber: SubscriberTab, shop_api: httpx.Client
) -> None:
    subscriber.inject_fault("script", Script="503 drop accept_then_500")
    subscriber.expect_live()
    tape = subscriber.page.get_by_role("list", name="The script")
    expect(tape.get_by_role("listitem")).to_have_text(["503", "drop", "accept_then_500"])
    expect(tape.locator("s")).to_have_count(0)

    delivery_id = buy(shop_api, "lantern")
    expect(tape.locator("s")).to_have_text(["503", "drop", "accept_then_500"])
    expect(subscriber.page.get_by_text("The script is used up")).to_be_visible()
    expect(subscriber.page.get_by_text("Failing on purpose:")).to_be_hidden()
    delivery = wait_until(shop_api, delivery_id, "succeeded", attempts=4)

    outcomes = [each["error"] or each["response"]["status"] for each in delivery["attempts"]]
    assert outcomes == [503, "connection_reset", 500, 200]
    expect(subscriber.receipts("accepted")).to_have_count(1)
    expect(subscriber.receipts("duplicate")).to_have_count(1)
    expect(subscriber.total("Purchases")).to_have_text("1")
    shop.open(f"/deliveries/{delivery_id}")
    expect(shop.page.get_by_text("connection_reset").first).to_be_visible()


@pytest.mark.parametrize(
    ("mode", "fields", "banner"),
    [
        ("status", {"Status": "302", "Location": "/x"}, "gets a 302 response, with Location: /x."),
        (
            "status",
            {"Status": "429", "Retry-After": "9"},
            "gets a 429 response, with Retry-After: 9.",
        ),
        ("slow", {"Seconds": "2"}, "its response is 2 s late."),
        ("never", {}, "no webhook gets a response"),
        ("drop", {}, "every connection is closed without a response."),
        ("accept_then_500", {}, "booked, but gets a 500 response."),
        ("random", {"Percent": "40", "Status": "503", "Seed": "2"}, "40 % of the webhooks"),
        ("script", {"Script": "503 drop"}, "the next webhook gets a 503 response: word 1 of 2"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_fault_is_set_by_the_form_and_ended_by_one_click(
    mode: str, fields: dict[str, str], banner: str, subscriber: SubscriberTab
) -> None:
    subscriber.inject_fault(mode, **fields)

    expect(subscriber.page.get_by_role("status")).to_contain_text(banner)
    subscriber.open("/subscription")
    expect(subscriber.page.get_by_role("status")).to_contain_text(banner)
    subscriber.back_to_normal()


def test_only_the_fields_of_the_chosen_mode_are_visible(subscriber: SubscriberTab) -> None:
    subscriber.open_faults()

    subscriber.page.get_by_label("Fault", exact=True).select_option("slow")

    expect(subscriber.page.get_by_label("Seconds")).to_be_visible()
    for label in ("Status", "Retry-After", "Location", "Percent", "Seed", "Script"):
        expect(subscriber.page.get_by_label(label, exact=True)).to_be_hidden()


class TestWithoutJavaScript:
    @pytest.fixture
    def context(self, new_context: NewContext) -> BrowserContext:
        return new_context(java_script_enabled=False)

    def test_a_mistake_in_a_script_is_explained_and_can_be_corrected(
        self, subscriber: SubscriberTab, watch: Watch
    ) -> None:
        watch.expect("status of 422")
        subscriber.open_faults()
        subscriber.page.get_by_label("Fault", exact=True).select_option("script")
        script = subscriber.page.get_by_label("Script", exact=True)
        script.fill("503 dorp")
        subscriber.press("Set fault")
        expect(subscriber.page.get_by_role("alert")).to_contain_text("‘dorp’ is not a script word")
        expect(script).to_have_value("503 dorp")

        script.fill("503 drop")
        subscriber.press("Set fault")

        expect(subscriber.page.get_by_role("list", name="The script")).to_be_visible()
        subscriber.back_to_normal()
