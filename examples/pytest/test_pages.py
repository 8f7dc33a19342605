"""The same shop and subscriber, in a browser."""

from playwright.sync_api import expect


def test_a_crash_of_the_receiver_costs_no_order(hookshop, page):
    hookshop.subscriber.fail_next("503", "drop")
    order = hookshop.shop.buy("fishing-rod")
    hookshop.advance_time(hours=1)
    hookshop.wait_for_delivery(order, state="succeeded")

    page.goto(hookshop.subscriber.url)

    row = page.get_by_role("row").filter(has_text=order.id).first
    expect(row).to_contain_text("accepted")


def test_a_customer_buys_and_the_subscriber_books(hookshop, page):
    page.goto(hookshop.shop.url)
    page.get_by_role("button", name="Add Teapot to cart").click()
    page.get_by_role("link", name="Cart 1", exact=True).click()
    page.get_by_label("Your name").fill("Ada")
    page.get_by_role("button", name="Place order").click()
    expect(page.get_by_test_id("delivery")).to_have_attribute("data-state", "succeeded")

    page.goto(f"{hookshop.subscriber.url}/purchases")

    expect(page.get_by_test_id("purchase")).to_have_attribute("data-state", "bought")


def test_the_inbox_shows_a_receipt_without_a_reload(hookshop, page):
    page.goto(hookshop.subscriber.url)
    expect(page.get_by_text("Live", exact=True)).to_be_visible()

    order = hookshop.shop.buy("mug")

    link = page.get_by_role("link", name=f"purchase.created, order {order.id}")
    expect(link).to_be_visible()
