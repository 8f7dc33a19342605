"""The pages that list, make and drop sandboxes, the page that empties one, and the header."""

import re
from collections.abc import AsyncIterator

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient
from pydantic import SecretStr

from hookshop.webkit.sandbox_rules import ID_RULE
from shop.app import create_app
from shop.config import Settings
from tests.integration.shop.browsing import order, order_count, register
from tests.pages import Page, Visitor

Shop = AsyncTestClient[Litestar]
TOKEN = "correct horse battery"
MUG = {"items": [{"product_id": "mug", "quantity": 1}]}
URL = "http://127.0.0.1:9001/hook"
A_DAY = {"expires_in_seconds": "86400"}


async def make(visitor: Visitor, sandbox_id: str = "", **settings: str) -> Page:
    return await visitor.submit("/sandboxes", "/sandboxes", id=sandbox_id, **A_DAY, **settings)


@pytest.fixture
async def paired_shop(settings: Settings) -> AsyncIterator[Shop]:
    """A client of a shop that knows its subscriber."""
    app = create_app(settings.model_copy(update={"subscriber_url": "http://127.0.0.1:8001"}))
    async with AsyncTestClient(app) as client:
        yield client


async def test_without_sandboxes_the_page_says_what_they_are_for(shop: Shop) -> None:
    page = await Visitor(shop).get("/sandboxes")

    assert "No sandboxes yet" in page.text
    assert "for each learner or test" in page.text


async def test_a_person_makes_a_sandbox_with_settings_and_enters_it(
    shop: Shop, settings: Settings
) -> None:
    visitor = Visitor(shop)

    made = await make(visitor, "anna", retry_schedule="0,0.2", breaker_failures="0")
    listed = await visitor.get("/sandboxes")
    inside = await visitor.get("/s/anna/")

    assert f"{settings.base_url}/s/anna/" in made.links
    assert "/s/anna/" in listed.links
    assert "Sandbox anna" in inside.text
    stored = (await shop.get("/v1/sandboxes/anna")).json()
    assert (stored["retry_schedule"], stored["breaker_failures"]) == ("0,0.2", 0)
    assert stored["jitter"] == 0.2


async def test_the_list_leads_to_the_subscriber_of_those_that_have_one(paired_shop: Shop) -> None:
    for name in ("anna", "berta"):
        await make(Visitor(paired_shop), name)
    receiver = {"webhook_url": "http://127.0.0.1:8001/s/anna/v1/new-purchase"}
    registered = await paired_shop.post("/s/anna/v1/webhooks/register", json=receiver)

    listed = await Visitor(paired_shop).get("/sandboxes")

    assert registered.status_code == 201
    theirs = [link for link in listed.links if link.startswith("http://127.0.0.1:8001/s/")]
    assert theirs == ["http://127.0.0.1:8001/s/anna/"]


async def test_the_header_names_the_sandbox_unless_it_is_main(shop: Shop) -> None:
    await shop.post("/v1/sandboxes", json={"id": "anna"})

    inside, outside = await Visitor(shop).get("/s/anna/orders"), await Visitor(shop).get("/orders")

    assert "Sandbox anna" in inside.text
    assert "· anna ·" in inside.text  # in the title
    assert "Sandbox main" not in outside.text
    assert "/sandboxes" in outside.links
    assert "/s/anna/sandboxes" not in inside.links


@pytest.mark.parametrize(("sandbox_id", "status"), [("A B", 422), ("x", 422), ("main", 409)])
async def test_a_wrong_id_is_shown_again_with_the_reason(
    sandbox_id: str, status: int, shop: Shop
) -> None:
    page = await make(Visitor(shop), sandbox_id)

    assert page.status == status
    assert (ID_RULE if status == 422 else "choose another id") in page.text
    assert page.values["id"] == [sandbox_id]


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("retry_schedule", "soon", "Expected demo or standard"),
        ("jitter", "0.6", "Must be from 0 to 0.5."),
        ("jitter", "much", "Enter a number."),
        ("jitter", "nan", "Must be from 0 to 0.5."),
        ("request_timeout_seconds", "0", "Must be more than 0."),
        ("breaker_failures", "1.5", "Enter a whole number."),
        ("disable_after_failures", "9" * 5000, "Enter a whole number."),
    ],
)
async def test_a_wrong_setting_is_shown_again_with_the_reason(
    name: str, text: str, told: str, shop: Shop
) -> None:
    page = await make(Visitor(shop), "anna", **{name: text})

    assert page.status == 422
    assert told in page.text
    assert page.values[name] == [text]
    assert (await shop.get("/v1/sandboxes")).json()["data"] == []


async def test_a_person_drops_a_sandbox_after_one_question(shop: Shop) -> None:
    visitor = Visitor(shop)
    await make(visitor, "anna")

    question = await visitor.get("/sandboxes/anna/drop")
    answer = await visitor.submit("/sandboxes/anna/drop")

    assert "Drop sandbox anna?" in question.text
    assert answer.status == 303
    assert (await visitor.get("/s/anna/")).status == 404
    assert "No sandboxes yet" in (await visitor.get("/sandboxes")).text


async def test_a_sandbox_has_no_page_of_sandboxes(shop: Shop) -> None:
    await shop.post("/v1/sandboxes", json={"id": "anna"})

    for path in ("/s/anna/sandboxes", "/s/anna/sandboxes/anna/drop"):
        assert (await Visitor(shop).get(path)).status == 404


@pytest.mark.parametrize("kept", [[], ["endpoints"]])
async def test_a_person_empties_the_shop_after_one_question(kept: list[str], shop: Shop) -> None:
    visitor = Visitor(shop)
    await register(shop)
    await order(shop)

    question = await visitor.get("/reset")
    answer = await visitor.submit("/reset", keep=kept)

    assert "1 order and 1 delivery are deleted" in question.text
    assert answer.status == 303
    assert await order_count(shop) == 0
    assert len((await shop.get("/v1/webhooks")).json()["data"]) == len(kept)


async def test_a_sandbox_is_emptied_from_its_own_pages(shop: Shop) -> None:
    await shop.post("/v1/sandboxes", json={"id": "anna"})
    await order(shop)

    answer = await Visitor(shop).submit("/s/anna/reset", "/s/anna/reset")

    assert answer.answer.headers["location"] == "/s/anna/overview"
    assert await order_count(shop) == 1


async def test_pages_plan_attempts_by_the_schedule_of_their_sandbox(shop: Shop) -> None:
    visitor = Visitor(shop)
    await shop.post("/v1/sandboxes", json={"id": "anna", "retry_schedule": "0,7"})
    for prefix in ("", "/s/anna"):
        await shop.post(f"{prefix}/v1/webhooks/register", json={"webhook_url": URL})

    planned = {}
    for prefix in ("", "/s/anna"):
        placed = (await shop.post(f"{prefix}/v1/orders", json=MUG)).json()
        page = await visitor.get(f"{prefix}/deliveries/{placed['delivery_ids'][0]}")
        planned[prefix] = re.findall(r"at most (\d+) more on the schedule", page.text)

    assert planned == {"": ["6"], "/s/anna": ["2"]}


async def test_a_sandbox_links_to_the_subscribers_sandbox_with_the_same_id(
    paired_shop: Shop,
) -> None:
    made = await make(Visitor(paired_shop), "anna")
    inside = await Visitor(paired_shop).get("/s/anna/")

    assert "http://127.0.0.1:8001/s/anna/" in made.links
    assert "http://127.0.0.1:8001/s/anna/learn" in inside.links
    assert "http://127.0.0.1:8001/" in (await Visitor(paired_shop).get("/")).links


async def test_the_token_of_a_new_sandbox_is_shown_once_in_its_address(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"admin_token": SecretStr(TOKEN)}))
    async with AsyncTestClient(app) as shop:
        visitor = Visitor(shop)
        await visitor.submit("/login", "/login", admin_token=TOKEN)

        made = await make(visitor, "anna")
        listed = await visitor.get("/sandboxes")

    [entrance] = [each for each in made.links if "/s/anna/enter#" in each]
    assert "shown only once" in made.text
    assert made.answer.headers["cache-control"] == "no-store"
    assert entrance.partition("#")[2] not in listed.answer.text


async def test_the_page_of_a_sandbox_that_is_gone_leads_to_main(shop: Shop) -> None:
    page = await Visitor(shop).get("/s/nobody-here/orders")

    assert page.status == 404
    assert "There is no sandbox 'nobody-here'" in page.text
    assert not [address for address in page.links.values() if "nobody-here" in address]
