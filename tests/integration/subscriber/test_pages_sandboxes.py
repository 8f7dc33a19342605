"""The pages that list, make and drop sandboxes, and the one that resets a demo."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.subscriber.conftest import Clock
from tests.integration.subscriber.fake_shop import FakeShop
from tests.integration.subscriber.requests import deliver
from tests.integration.subscriber.sandbox_steps import TOKEN, Lab, running_lab
from tests.pages import Page, Visitor, read_page

A_DAY = {"expires_in_seconds": "86400"}


@pytest.fixture
async def lab(tmp_path: Path, clock: Clock, shop: FakeShop) -> AsyncIterator[Lab]:
    async with running_lab(tmp_path, clock, shop) as lab:
        yield lab


@pytest.fixture
def visitor(lab: Lab) -> Visitor:
    return Visitor(lab.main)


async def make(visitor: Visitor, id_: str) -> Page:
    return await visitor.submit("/sandboxes", "/sandboxes", id=id_, **A_DAY)


async def test_without_sandboxes_the_page_says_what_they_are_for(visitor: Visitor) -> None:
    page = await visitor.get("/sandboxes")

    assert "No sandboxes yet" in page.text
    assert "for each learner or test" in page.text


async def test_the_form_makes_a_pair_of_sandboxes_and_shows_both_addresses(
    visitor: Visitor, lab: Lab
) -> None:
    page = await make(visitor, "anna")

    assert page.status == 200
    assert lab.shop.sandboxes == ["anna"]
    assert f"{lab.shop.url}/s/anna/" in page.links
    assert f"{lab.main.base_url}/s/anna/" in page.links
    assert "anna" in (await visitor.get("/sandboxes")).text
    assert len(lab.shop.endpoints) == 1


async def test_the_tokens_of_a_new_pair_are_shown_once_in_its_addresses(
    tmp_path: Path, clock: Clock, shop: FakeShop
) -> None:
    shop.sandbox_token = "token-of-the-shop"
    async with running_lab(tmp_path, clock, shop, admin_token=TOKEN) as lab:
        visitor = Visitor(lab.main)
        await visitor.submit("/login", "/login", admin_token=TOKEN)

        page = await make(visitor, "anna")
        listed = await visitor.get("/sandboxes")

    [ours] = [each for each in page.links if each.startswith(f"{lab.main.base_url}/s/anna/enter#")]
    assert f"{shop.url}/s/anna/enter#token-of-the-shop" in page.links
    assert page.answer.headers["cache-control"] == "no-store"
    assert "shown only once" in page.text
    assert ours.partition("#")[2] not in listed.answer.text
    assert "Bearer token-of-the-shop" in shop.authorizations


@pytest.mark.parametrize("id_", ["A B", "main", "x"])
async def test_a_wrong_id_is_shown_again_with_the_reason(
    id_: str, visitor: Visitor, lab: Lab
) -> None:
    page = await make(visitor, id_)

    assert page.status == 422
    assert "3 to 40 lower-case letters" in page.text
    assert page.values["id"] == [id_]
    assert lab.shop.sandboxes == []


async def test_if_the_shop_refuses_the_page_says_why_and_no_sandbox_is_made(
    visitor: Visitor, lab: Lab
) -> None:
    lab.shop.answers["POST"] = (409, b'{"detail": "the ID is taken"}')

    page = await make(visitor, "anna")

    assert page.status == 502
    assert "The ID is taken" in page.text or "the ID is taken" in page.text
    assert not await lab.exists("anna")


async def test_if_ours_cannot_be_made_the_shops_sandbox_is_dropped_again(
    visitor: Visitor, lab: Lab
) -> None:
    await lab.make("anna")

    page = await make(visitor, "anna")

    assert page.status == 409
    assert lab.shop.sandboxes == []


async def test_dropping_asks_and_drops_both(visitor: Visitor, lab: Lab) -> None:
    await make(visitor, "anna")

    question = await visitor.get("/sandboxes/anna/drop")
    answer = await visitor.submit("/sandboxes/anna/drop", "/sandboxes/anna/drop")

    assert "Drop sandbox anna?" in question.text
    assert answer.answer.headers["location"] == "/sandboxes"
    assert lab.shop.sandboxes == []
    assert not await lab.exists("anna")


async def test_if_the_shop_does_not_drop_its_sandbox_the_page_says_so(
    visitor: Visitor, lab: Lab
) -> None:
    await make(visitor, "anna")
    lab.shop.answers["DELETE"] = (503, b"{}")

    page = await visitor.submit("/sandboxes/anna/drop", "/sandboxes/anna/drop")

    assert page.status == 502
    assert "dropped here, but not in the shop" in page.text
    assert not await lab.exists("anna")


async def test_a_sandbox_does_not_list_the_others(lab: Lab) -> None:
    anna = await lab.make("anna")

    page = read_page(await anna.client.get("sandboxes"))

    assert page.status == 404
    assert "/s/anna/sandboxes" not in read_page(await anna.client.get("")).links


async def test_the_header_names_the_sandbox(lab: Lab) -> None:
    anna = await lab.make("anna")

    in_sandbox = read_page(await anna.client.get("subscription"))
    in_main = read_page(await lab.main.get("/subscription"))

    assert "Sandbox anna" in in_sandbox.text
    assert "sandbox" not in in_main.text.partition("Subscription")[0]


async def test_a_reset_asks_once_and_empties_both(lab: Lab) -> None:
    anna = await lab.make("anna", shop_url=f"{lab.shop.url}/s/a-shop")
    await anna.receive()
    visitor = Visitor(anna.client)

    question = await visitor.get("reset")
    answer = await visitor.submit("reset", "reset")

    assert "1 receipts and 1 purchases are deleted" in question.text
    assert f"{lab.shop.url}/s/a-shop" in question.text
    assert answer.answer.headers["location"] == "/s/anna/"
    assert lab.shop.resets == [("/s/a-shop/v1/sandbox/reset", ["endpoints"])]
    assert (await anna.client.get("v1/receipts")).json()["data"] == []
    await anna.receive()  # still subscribed


async def test_main_can_be_reset_from_the_foot_of_its_pages(lab: Lab, visitor: Visitor) -> None:
    await deliver(lab.main)

    assert "/reset" in (await visitor.get("/")).links
    await visitor.submit("/reset", "/reset")

    assert lab.shop.resets == [("/v1/sandbox/reset", ["endpoints"])]
    assert (await lab.main.get("/v1/receipts")).json()["data"] == []


async def test_if_the_shop_is_not_reset_the_page_says_so_and_the_subscriber_is_empty(
    lab: Lab, visitor: Visitor
) -> None:
    await deliver(lab.main)
    lab.shop.answers["POST"] = (404, b'{"detail": "this path does not exist"}')

    page = await visitor.submit("/reset", "/reset")

    assert page.status == 502
    assert "Only the subscriber was reset" in page.text
    assert "this path does not exist" in page.text
    assert (await lab.main.get("/v1/receipts")).json()["data"] == []
