"""The start page, and the way from every page to the other application."""

import re

import pytest

from hookshop.webkit.glossary import GLOSSARY
from subscriber_app.config import Settings
from subscriber_app.missions.mission import Track
from subscriber_app.missions.missions import MISSIONS
from subscriber_app.web.documents import DOCUMENTS
from tests.integration.subscriber.conftest import Client
from tests.integration.subscriber.requests import deliver
from tests.integration.subscriber.signer import Delivery
from tests.pages import Visitor
from tests.receivers.steps import LANGUAGES, step_after, steps_of


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
    assert f'<a href="{settings.shop_url}/">Shop</a>' in page.answer.text


async def test_every_address_of_earlier_versions_still_leads_to_its_page(
    subscribed: Client,
) -> None:
    receipt_id = (await deliver(subscribed)).json()["receipt_id"]
    message_id = Delivery().message_id
    addresses = [
        "/",
        "/?verdict=accepted&event_type=purchase.created&reason=&period=hour&q=msg",
        f"/receipts/{receipt_id}",
        f"/receipts/{receipt_id}/editor",
        f"/receipts/{receipt_id}/har",
        "/receipts/delete",
        "/purchases",
        "/defences",
        "/story",
        f"/story?message_id={message_id}",
        "/subscription",
        "/subscription/delete",
    ]

    answers = {each: await subscribed.get(each, follow_redirects=True) for each in addresses}

    assert {each for each, answer in answers.items() if answer.status_code != 200} == set()


async def test_every_handout_and_receiver_of_the_start_page_is_there(subscriber: Client) -> None:
    page = await Visitor(subscriber).get("/learn")
    handouts = [address for address in page.links if "/handouts/" in address]
    receivers = [address for address in page.links if "/receivers/" in address]

    answers = {each: await subscriber.get(each) for each in (*handouts, *receivers)}

    assert len(handouts) == 5
    assert len(receivers) == 2
    assert {each for each, answer in answers.items() if answer.status_code != 200} == set()
    assert "Why not poll?" in answers["/learn/handouts/webhook"].text
    glossary = await Visitor(subscriber).get("/learn/handouts/glossary")
    assert not [text for text in GLOSSARY.values() if text not in glossary.text]


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_receiver_is_saved_as_the_file_that_begins_wrong(
    subscriber: Client, language: str
) -> None:
    [beginning, *_] = steps_of(language)

    answer = await subscriber.get(f"/learn/receivers/{beginning.path.name}")

    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{beginning.path.name}"'
    assert answer.text == beginning.path.read_text()


@pytest.mark.parametrize("language", LANGUAGES)
async def test_each_mission_of_the_build_track_offers_a_receiver_that_passes_it(
    subscriber: Client, language: str
) -> None:
    for mission in (each for each in MISSIONS.values() if each.track is Track.BUILD):
        passing = step_after(language, mission.number).path
        address = f"/learn/receivers/{passing.name}"

        assert address in (await Visitor(subscriber).get(f"/missions/{mission.key}")).links
        assert (await subscriber.get(address)).text == passing.read_text()


@pytest.mark.parametrize(
    "address",
    [
        "/learn/handouts/nope",
        "/learn/receivers/..%2Fpython.md",
        "/learn/docs/README",
        "/learn/docs/..%2Fpyproject",
        "/learn/teaching/nope",
    ],
)
async def test_nothing_else_can_be_read(subscriber: Client, address: str) -> None:
    assert (await subscriber.get(address)).status_code == 404


async def test_every_page_of_the_docs_is_served_and_every_link_between_them_leads_to_its_place(
    subscriber: Client,
) -> None:
    pages = {page: await Visitor(subscriber).get(page) for page in DOCUMENTS}
    broken = [
        (page, address)
        for page, shown in pages.items()
        for address in shown.links
        if address.startswith("/learn/") and not await leads_to_its_place(subscriber, address)
    ]

    assert {"/learn/teaching", "/learn/teaching/python", "/learn/docs/exam"} <= set(pages)
    assert broken == []


async def leads_to_its_place(subscriber: Client, address: str) -> bool:
    page, _, anchor = address.partition("#")
    answer = await subscriber.get(page)
    return answer.status_code == 200 and (not anchor or f'id="{anchor}"' in answer.text)


async def test_the_guides_link_to_this_subscriber_and_its_shop_wherever_they_are(
    subscriber: Client, settings: Settings
) -> None:
    links = (await Visitor(subscriber).get("/learn/teaching")).links

    assert {"/learn", "/learn/teaching/python", "/learn/docs/access#what-the-shop-may-call"} <= {
        *links
    }
    assert f"{settings.shop_url}/flow" in links
    assert (
        "/learn/receivers/receiver.py"
        in (await Visitor(subscriber).get("/learn/teaching/python")).links
    )


@pytest.mark.parametrize("language", LANGUAGES)
async def test_each_mission_of_the_build_track_leads_to_its_part_of_the_guide(
    subscriber: Client, language: str
) -> None:
    guide = (await subscriber.get(f"/learn/teaching/{language}")).text

    for mission in (each for each in MISSIONS.values() if each.track is Track.BUILD):
        links = (await Visitor(subscriber).get(f"/missions/{mission.key}")).links
        [address] = [each for each in links if each.startswith(f"/learn/teaching/{language}#")]
        anchor = address.partition("#")[2]

        assert re.search(f'<h2 id="{anchor}">Mission {mission.number}:', guide)
