"""The actions of a person in the two tabs, located by the labels of the pages."""

from playwright.sync_api import Locator, Page, expect


class Tab:
    """One tab of one application."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url

    def open(self, path: str) -> None:
        self.page.goto(self.url + path)

    def open_live(self, path: str) -> None:
        """Open a page and wait until it is live. Set a mark on it, which a reload would remove."""
        self.open(path)
        self.expect_live()
        self.page.evaluate("window.markOfTheTest = true")

    def expect_live(self) -> None:
        expect(self.page.get_by_text("Live", exact=True)).to_be_visible()

    def expect_not_reloaded(self) -> None:
        assert self.page.evaluate("window.markOfTheTest") is True

    def row(self, text: str) -> Locator:
        """Return the table row with this text or this id."""
        about = self.page.locator(f"[id='row-{text}']")
        return self.page.get_by_role("row").filter(has_text=text).or_(about)

    def press(self, button: str) -> None:
        self.page.get_by_role("button", name=button, exact=True).click()

    def follow(self, link: str) -> None:
        self.page.get_by_role("link", name=link, exact=True).click()


class ShopTab(Tab):
    """A tab of the shop."""

    def buy(self, product: str, name: str) -> str:
        """Click from the products to the order's page; return the order's id."""
        self.open("/")
        self.press(f"Add {product} to cart")
        # With JavaScript, the page stays, and its header shows when the product is in the cart.
        self.page.get_by_role("link", name="Cart 1", exact=True).click()
        self.page.get_by_label("Your name").fill(name)
        self.press("Place order")
        expect(self.page.get_by_role("heading", level=1)).to_contain_text("Order")
        return self.page.url.rpartition("/")[2]

    def open_endpoint(self) -> None:
        """Open the page of the only endpoint."""
        self.open("/endpoints")
        self.page.get_by_role("row").last.get_by_role("link").click()
        expect(self.page.get_by_role("button", name="Send test event")).to_be_visible()

    def open_delivery(self, delivery_id: str) -> None:
        self.open_live(f"/deliveries/{delivery_id}")

    def state(self) -> Locator:
        """On a delivery's page: return its state and the next attempt."""
        return self.page.get_by_role("region", name="State")

    def attempts(self) -> Locator:
        """On a delivery's page: return the headings of its attempts, newest first."""
        return self.page.get_by_role("heading", name="Attempt ", exact=False, level=3)


class SubscriberTab(Tab):
    """A tab of the subscriber."""

    def fail_with(self, status: str) -> None:
        self.inject_fault("status", Status=status)

    def open_faults(self) -> None:
        """Open the inbox and unfold the form that sets a fault."""
        self.open("/")
        self.page.get_by_role("heading", name="Responses:").click()

    def inject_fault(self, mode: str, **fields: str) -> None:
        """Choose a mode in the fault form and fill in its fields, by label."""
        self.open_faults()
        self.page.get_by_label("Fault", exact=True).select_option(mode)
        for label, value in fields.items():
            self.page.get_by_label(label, exact=True).fill(value)
        self.press("Set fault")
        expect(self.page.get_by_role("status")).to_contain_text("Failing on purpose")

    def back_to_normal(self) -> None:
        """End the fault by the button in the banner, which every page has."""
        banner = self.page.get_by_role("status")
        banner.get_by_role("button", name="Respond normally").click()
        expect(banner.get_by_role("button", name="Respond normally")).to_be_hidden()

    def receipts(self, verdict: str) -> Locator:
        """In the inbox: return the rows with this verdict."""
        cell = self.page.get_by_role("cell", name=verdict)
        return self.page.get_by_role("row").filter(has=cell)

    def open_receipt(self, verdict: str) -> None:
        """From the inbox: open the page of the newest receipt with this verdict."""
        self.receipts(verdict).first.get_by_role("link").first.click()

    def total(self, name: str) -> Locator:
        """In the inbox: return a total from its top, such as "Purchases"."""
        term = self.page.get_by_role("term").filter(has_text=name)
        return term.locator("xpath=following-sibling::dd")
