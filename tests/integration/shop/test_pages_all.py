"""Rules for every page in the list of ``shop.web.pages``."""

from typing import Any

import pytest

from hookshop.webkit.security import CONTENT_SECURITY_POLICY
from shop.database.transactions import Database
from shop.web.pages import page_handlers
from tests.integration.shop.browsing import HOSTILE_NAME, Shop, attempt, order, register
from tests.integration.shop.conftest import Clock, Engine
from tests.integration.shop.exams import exam_run, store
from tests.pages import Page, Visitor, forms_without_nonce, read_page
from tests.receiver import Receiver

IDS = ("order_id", "delivery_id", "endpoint_id", "sandbox_id", "exam_id")
ALL_PATHS = [
    (method, path)
    for handler in page_handlers
    for path in handler.paths
    for method in handler.http_methods
]
POSTS = [path for method, path in ALL_PATHS if method == "POST"]
# The test client would wait for the end of a stream: see test_pages_live.
# The login exists only with a token: see test_access.
ONCE = [  # see test_double_submit
    path
    for handler in page_handlers
    for path in handler.paths
    if hasattr(handler.fn, "__wrapped__")
]
PAGES = [
    path
    for method, path in ALL_PATHS
    if method == "GET"
    and not path.endswith(("/live", "/files/{name:str}"))
    and path not in {"/login", "/enter"}
]
WITH_AN_ID = [(method, path) for method, path in ALL_PATHS if "{" in path and "product" not in path]


def filled_in(path: str, ids: dict[str, str]) -> str:
    """Return for example ``/orders/{order_id:str}`` with an order's id."""
    for name, id_ in {**ids, "name": "scorecard.json"}.items():
        path = path.replace(f"{{{name}:str}}", id_)
    assert "{" not in path
    return path


@pytest.fixture
async def ids(
    shop: Shop, database: Database, engine: Engine, clock: Clock, receiver: Receiver
) -> dict[str, str]:
    """A shop with data for every page, all with hostile names."""
    endpoint_id = await register(shop, receiver.url, description=HOSTILE_NAME)
    placed = await order(shop, customer_name=HOSTILE_NAME)
    [delivery_id] = placed["delivery_ids"]
    for status in (500, 410):
        receiver.status, receiver.body = status, HOSTILE_NAME.encode()
        await attempt(engine, clock)
    await Visitor(shop).submit("/cart/items", product_id="mug")
    made = await shop.post("/v1/sandboxes")
    return {
        "order_id": placed["id"],
        "delivery_id": delivery_id,
        "endpoint_id": endpoint_id,
        "sandbox_id": made.json()["id"],
        "exam_id": await store(database, exam_run()),
    }


async def pages(shop: Shop, ids: dict[str, str]) -> dict[str, Page]:
    return {path: await Visitor(shop).get(filled_in(path, ids)) for path in PAGES}


async def test_every_page_can_be_shown_when_there_is_something_to_show(
    shop: Shop, ids: dict[str, str]
) -> None:
    shown = await pages(shop, ids)

    assert len(shown) >= 14
    for path, page in shown.items():
        assert page.status == 200, path
        assert page.answer.headers["content-type"].startswith("text/html"), path
        assert page.answer.text.count("<h1") == 1, path


async def test_every_page_can_be_shown_when_there_is_nothing_yet(shop: Shop) -> None:
    for path in PAGES:
        if "{" not in path:
            assert (await Visitor(shop).get(path)).status == 200, path


async def test_names_appear_as_typed_wherever_they_are_shown(
    shop: Shop, ids: dict[str, str]
) -> None:
    shown = await pages(shop, ids)

    showing = {path for path, page in shown.items() if HOSTILE_NAME in page.text}
    assert showing >= {
        "/orders",
        "/orders/{order_id:str}",
        "/deliveries/{delivery_id:str}",
        "/endpoints",
        "/endpoints/{endpoint_id:str}",
    }
    for path, page in shown.items():
        assert all(page.scripts), path


async def test_a_page_cannot_run_what_it_shows(shop: Shop, ids: dict[str, str]) -> None:
    shown = await pages(shop, ids)
    shown["not found"] = await Visitor(shop).get("/nowhere")
    shown["no such order"] = await Visitor(shop).get("/orders/<script>")
    shown["forbidden"] = read_page(await shop.post("/orders"))

    for path, page in shown.items():
        assert page.answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY, path
        assert page.answer.headers["x-content-type-options"] == "nosniff", path
    assert "unsafe" not in CONTENT_SECURITY_POLICY


async def test_every_form_that_acts_once_has_a_nonce(shop: Shop, ids: dict[str, str]) -> None:
    for path, page in (await pages(shop, ids)).items():
        assert forms_without_nonce(page, ONCE) == [], path


async def test_every_address_on_a_page_leads_somewhere(shop: Shop, ids: dict[str, str]) -> None:
    shown = await pages(shop, ids)

    addresses = {link for page in shown.values() for link in page.links if link.startswith("/")}
    for address in addresses | {source for page in shown.values() for source in page.scripts}:
        assert (await shop.get(address)).status_code == 200, address


@pytest.mark.parametrize("path", POSTS)
async def test_no_form_of_another_site_does_anything(path: str, shop: Shop) -> None:
    endpoint_id = await register(shop)
    placed = await order(shop)
    before = await everything(shop)
    made = await shop.post("/v1/sandboxes")
    ids = {"endpoint_id": endpoint_id, "order_id": placed["id"], "product_id": "mug"}
    ids |= {"sandbox_id": made.json()["id"], "exam_id": "exm_none"}
    address = filled_in(path, {**ids, "delivery_id": placed["delivery_ids"][0]})

    for token in ({}, {"_csrf_token": "guessed"}):
        fields = {"status": "paused", "grace": "none", "period": "all", "quantity": "2", **token}
        page = read_page(await shop.post(address, data=fields, follow_redirects=False))

        assert page.status == 403
        assert "This form is out of date" in page.text
        set_cookies = page.answer.headers.get_list("set-cookie")
        assert all(each.startswith("shop_csrf") for each in set_cookies)
    assert await everything(shop) == before


async def everything(shop: Shop) -> list[Any]:
    paths = ("/v1/webhooks", "/v1/deliveries", "/v1/stats")
    return [(await shop.get(path)).json() for path in paths]


@pytest.mark.parametrize(("method", "path"), WITH_AN_ID)
async def test_an_unknown_id_is_a_page_that_says_so(method: str, path: str, shop: Shop) -> None:
    visitor = Visitor(shop)
    for id_ in ("nope", "<b>", "%00", "%FF", "x" * 5000):
        address = filled_in(path, dict.fromkeys(IDS, id_))

        page = await (visitor.get(address) if method == "GET" else visitor.submit(address))

        assert page.status == 404, id_
        assert page.answer.headers["content-type"].startswith("text/html")
        assert "There is no " in page.text
        assert all(page.scripts)


async def test_an_unknown_address_is_a_page_and_under_v1_a_problem_document(shop: Shop) -> None:
    page = await Visitor(shop).get("/nowhere")
    problem: Any = await shop.get("/v1/nowhere")

    assert page.status == 404
    assert "Not Found" in page.text
    assert problem.status_code == 404
    assert problem.headers["content-type"] == "application/problem+json"
