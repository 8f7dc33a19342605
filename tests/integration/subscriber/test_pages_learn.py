"""The start page, and the way from every page to the other application."""

from hookshop.webkit.glossary import GLOSSARY
from subscriber_app.config import Settings
from tests.integration.subscriber.conftest import Client
from tests.pages import Visitor


async def test_the_start_page_explains_webhooks_and_every_term(subscriber: Client) -> None:
    page = await Visitor(subscriber).get("/learn")

    assert "A webhook is an HTTP request" in page.text
    assert "Why not poll?" in page.text
    assert not [text for text in GLOSSARY.values() if text not in page.text]


async def test_every_header_leads_to_the_start_page_first_and_to_the_shop(
    subscriber: Client, settings: Settings
) -> None:
    page = await Visitor(subscriber).get("/purchases")

    navigation = [address for address in page.links if address in {"/learn", "/subscription"}]
    assert navigation == ["/learn", "/subscription"]
    assert page.links[f"{settings.shop_url}/"] == "Shop"
