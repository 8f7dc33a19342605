"""Missions in a browser: the nearest miss comes live, on the mission's page and in the strip."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import NewContext
from tests.e2e.learner import Learner, learner_in
from tests.e2e.pair import Pair
from tests.e2e.tabs import SubscriberTab

NO_WEBHOOK = "0 of 4: no genuine webhook came since the mission began; buy something"
MORE_KINDS = "1 of 4: 3 more kinds of forgeries must be rejected"


@pytest.fixture
def learner(pair: Pair) -> Iterator[Learner]:
    with learner_in(pair) as learner:
        yield learner


def open_mission(page: Page, subscriber_url: str, number: int) -> None:
    page.goto(f"{subscriber_url}/missions/{number}")


def test_the_nearest_miss_comes_live_and_at_last_the_explanation(
    page: Page, subscriber_url: str, learner: Learner
) -> None:
    open_mission(page, subscriber_url, 4)
    page.get_by_role("button", name="Start the mission").click()
    missing = page.get_by_role("region", name="What is still missing").get_by_role("status")
    expect(missing).to_have_text(NO_WEBHOOK)

    receipt = learner.receipt_of(learner.buy())
    expect(missing).to_have_text(MORE_KINDS)
    for attack in ("amount", "wrong-secret", "token-alg-none"):
        learner.attack(receipt, attack)

    happened = page.get_by_role("region", name="What happened")
    expect(happened).to_contain_text("The genuine request rcp_…")
    happened.get_by_role("link", name="rcp_…").first.click()
    expect(page).to_have_url(f"{subscriber_url}/receipts/{receipt}")


def test_the_strip_says_on_each_page_what_is_missing_until_it_is_put_away(
    subscriber: SubscriberTab, subscriber_url: str, learner: Learner
) -> None:
    page = subscriber.page
    learner.start(4)
    page.goto(f"{subscriber_url}/")
    strip = page.locator("#mission-strip")
    expect(strip).to_contain_text("Mission 4: Trust nobody")
    expect(strip).to_contain_text(NO_WEBHOOK)

    learner.buy()
    expect(strip).to_contain_text(MORE_KINDS)
    page.get_by_role("link", name="Defenses", exact=True).first.click()
    expect(strip).to_contain_text(MORE_KINDS)

    strip.get_by_role("button", name="Hide", exact=True).click()
    expect(page).to_have_url(f"{subscriber_url}/defences")
    expect(strip).to_be_empty()


def test_a_mission_that_cannot_go_on_offers_the_way_back_by_one_click(
    page: Page, subscriber_url: str, learner: Learner
) -> None:
    learner.start(4)
    open_mission(page, subscriber_url, 4)

    learner.switch("signature", on=False)
    expect(page.get_by_text("A defense is off: hostile requests may be accepted.")).to_be_visible()
    page.get_by_role("button", name="Switch all defenses on").click()

    expect(page.get_by_text("A defense is off")).to_be_hidden()
    assert learner.subscriber.get("/v1/defences").json()["signature"] is True


def test_a_mission_is_done_by_keyboard_with_a_hint_and_a_prediction(
    page: Page, subscriber_url: str, learner: Learner
) -> None:
    open_mission(page, subscriber_url, 6)
    page.get_by_role("button", name="Start the mission").press("Enter")
    page.get_by_role("button", name="Show a hint").press("Enter")
    hints = page.get_by_role("region", name="Hints").get_by_role("listitem")
    expect(hints).to_have_count(1)

    page.get_by_role("radio", name="duplicate").press("Space")
    page.get_by_role("button", name="Answer").press("Enter")
    expect(page.get_by_text("You predicted the verdict: proven")).to_be_visible()
    receipt = learner.receipt_of(learner.buy())
    learner.attack(receipt, "replay")
    learner.attack(receipt, "late-replay")

    expect(page.get_by_text("You predicted “duplicate”.")).to_be_visible()
    expect(hints).to_have_count(3)


def test_a_mission_is_done_without_javascript(
    new_context: NewContext, subscriber_url: str, learner: Learner
) -> None:
    page = new_context(java_script_enabled=False).new_page()
    page.goto(f"{subscriber_url}/learn")
    page.get_by_role("link", name="First delivery", exact=True).click()
    page.get_by_role("button", name="Start the mission").click()
    learner.buy()
    learner.finish(3)

    page.reload()

    expect(page.get_by_role("heading", name="What happened")).to_be_visible()
    page.goto(f"{subscriber_url}/learn")
    expect(page.get_by_role("region", name="Missions")).to_contain_text("1 of")


def test_all_missions_are_reset_after_a_question(
    page: Page, subscriber_url: str, learner: Learner
) -> None:
    learner.start(3)
    page.goto(f"{subscriber_url}/learn")
    page.get_by_role("link", name="Reset all missions…").click()
    page.get_by_role("button", name="Reset all missions").click()

    expect(page.get_by_role("link", name="Begin: Why not poll?")).to_be_visible()
    assert learner.mission(3)["state"] == "new"
