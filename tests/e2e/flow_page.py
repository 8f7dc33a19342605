"""The flow page of the shop, and what moves on it."""

import httpx
from playwright.sync_api import Locator

from tests.e2e.tabs import ShopTab
from tests.waiting import wait_for

# The stops that each moving dot has passed, by the dot's id: static/js/flow.js sets data-at.
WATCH_GHOSTS = """
window.passed = {};
new MutationObserver((changes) => {
  for (const { target } of changes) {
    for (const id of target.dataset.ghost?.split(" ") ?? []) {
      (window.passed[id] ??= []).push(target.dataset.at);
    }
  }
}).observe(document.getElementById("flow-sky"), { subtree: true, attributeFilter: ["data-at"] });
"""


def open_flow(shop: ShopTab) -> ShopTab:
    shop.open_live("/flow")
    shop.page.evaluate(WATCH_GHOSTS)
    return shop


def passed(tab: ShopTab, delivery_id: str) -> list[str]:
    """Return the stops that a dot has passed so far."""
    steps: list[str] = tab.page.evaluate("(id) => window.passed[id] ?? []", delivery_id)
    return steps


def dot(tab: ShopTab, delivery_id: str) -> Locator:
    return tab.page.locator(f"#dot-{delivery_id}")


def verdict(tab: ShopTab) -> Locator:
    return tab.page.get_by_role("status")


def station(tab: ShopTab, name: str) -> Locator:
    """Return a station by its heading."""
    heading = tab.page.get_by_role("heading", name=name, exact=True)
    return tab.page.get_by_role("listitem").filter(has=heading).last


def newest_delivery(shop_api: httpx.Client) -> str:
    newest = shop_api.get("/v1/deliveries?limit=1").json()["data"]
    return str(newest[0]["id"]) if newest else ""


def buy_and_find_delivery(tab: ShopTab, shop_api: httpx.Client) -> str:
    """Press "Buy 1"; return the id of the delivery."""
    before = newest_delivery(shop_api)
    tab.press("Buy 1")

    def other() -> str | None:
        newest = newest_delivery(shop_api)
        return newest if newest != before else None

    return wait_for(other, "the order's delivery")
