"""Both applications under a path of a host, and sandboxes below it: no address leads out."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx
import pytest
from litestar import Litestar

import shop.web.pages
import subscriber_app.web.pages
from hookshop.webkit.api_reference import REFERENCE_PATH
from shop.database.models import Sandbox as ShopSandbox
from shop.database.transactions import Database
from subscriber_app.database.models import Sandbox as SubscriberSandbox
from tests.integration.behind_proxy import under_a_path
from tests.links import misplaced, requested_urls
from tests.pages import read_page
from tests.shared_apps import SharedApps

ROOT = "https://example.org/hookshop"
OTHER = "https://example.org/other"
SHOP_URL = "http://127.0.0.1:8000"
SANDBOXES = {"shop": "lesson-7", "subscriber": "lesson-8"}
PATHS = {
    "shop": {
        "order_id": "ord_none",
        "delivery_id": "dlv_none",
        "endpoint_id": "ep_none",
        "sandbox_id": "none",
        "exam_id": "exm_none",
        "name": "scorecard.json",
    },
    "subscriber": {
        "receipt_id": "rcp_none",
        "attack_id": "rcp_none",
        "sandbox_id": "none",
        "number": "2",
        "name": "retry",
        "guide": "python",
        "page": "exam",
        "file": "receiver.py",
    },
}
BROWSER = {"Accept": "text/html"}


async def make_sandboxes(app: Litestar, folder: Path, *ids: str) -> None:
    now = datetime.now(UTC)
    later = now + timedelta(hours=1)
    if (folder / "shop.db").exists():
        database = Database(f"sqlite+aiosqlite:///{folder}/shop.db")
        async with database.writing() as session:
            session.add_all(
                [ShopSandbox(id=each, created_at=now, expires_at=later) for each in ids]
            )
        await database.close()
        return
    for id_ in ids:
        row = SubscriberSandbox(
            id=id_,
            shop_url=SHOP_URL,
            encrypted_shop_token=None,
            token_hash=None,
            created_at=now,
            expires_at=later,
        )
        await app.state.sandboxes.all.add(row)


@dataclass(frozen=True, slots=True)
class Sandbox:
    """``url``: where its addresses begin. ``pages``: the paths of all its pages."""

    client: httpx.AsyncClient
    url: str
    pages: list[str]

    async def get(self, path: str) -> httpx.Response:
        return await self.client.get(self.url + path, headers=BROWSER)


@pytest.fixture(params=["shop", "subscriber"])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def sandbox(name: str, shared_apps: SharedApps) -> AsyncIterator[Sandbox]:
    app = application(name, shared_apps)
    async with under_a_path(app, ROOT) as client:
        await make_sandboxes(app, shared_apps.folder_of(app), SANDBOXES[name], "another")
        yield Sandbox(client, f"{ROOT}/s/{SANDBOXES[name]}", paths_of_pages(name))


def application(name: str, shared_apps: SharedApps) -> Litestar:
    if name == "shop":
        return shared_apps.shop(public_url=ROOT, subscriber_url=OTHER)
    return shared_apps.subscriber(public_url=ROOT, shop_url=SHOP_URL, shop_public_url=OTHER)


def paths_of_pages(name: str) -> list[str]:
    """Return the paths of all pages. Those of records are error pages: there are none."""
    handlers = (shop if name == "shop" else subscriber_app).web.pages.page_handlers
    routes = [
        path.replace(":str}", "}").format(**PATHS[name])
        for handler in handlers
        for path in handler.paths
        if "GET" in handler.http_methods and not path.endswith("/live")
    ]
    return [*routes, "/nowhere", REFERENCE_PATH]


async def test_every_address_of_a_sandbox_is_below_it(sandbox: Sandbox) -> None:
    answers = [await sandbox.get(path) for path in sandbox.pages]

    urls: set[str] = set()
    for answer in answers:
        urls |= requested_urls(answer.text, str(answer.url))
    assert all(answer.status_code < 500 for answer in answers)
    assert len(urls) > 20
    assert misplaced(urls, [sandbox.url, f"{ROOT}/static", OTHER]) == []


async def test_every_redirect_leads_below_the_sandbox(sandbox: Sandbox) -> None:
    token = read_page(await sandbox.get("/")).values["_csrf_token"][0]
    fields = {"_csrf_token": token, "theme": "dark", "back": "/nowhere?x=1"}

    login = await sandbox.get("/login")  # without an admin token, there is nothing to log in to
    chosen = await sandbox.client.post(f"{sandbox.url}/appearance", data=fields)

    assert urljoin(ROOT, login.headers["location"]) == f"{sandbox.url}/"
    assert urljoin(ROOT, chosen.headers["location"]) == f"{sandbox.url}/nowhere?x=1"


async def test_the_openapi_document_names_the_server_of_its_request(sandbox: Sandbox) -> None:
    in_sandbox = (await sandbox.get("/schema/openapi.json")).json()
    in_main = (await sandbox.client.get("/schema/openapi.json")).json()
    reference = read_page(await sandbox.get(REFERENCE_PATH))

    assert server(in_sandbox) == sandbox.url
    assert server(in_main) == ROOT
    assert f"All paths begin at {sandbox.url}" in reference.text


def server(document: dict[str, Any]) -> str:
    [only] = document["servers"]
    return urljoin(f"{ROOT}/schema/openapi.json", str(only["url"]))


async def test_a_form_that_is_refused_in_a_sandbox_can_be_sent_again(sandbox: Sandbox) -> None:
    fields = {"theme": "dark", "back": "/"}
    refused = read_page(await sandbox.client.post(f"{sandbox.url}/appearance", data=fields))

    [action] = refused.forms
    again = await sandbox.client.post(urljoin(ROOT, action), data=dict(refused.values))

    assert refused.status == 403
    assert urljoin(ROOT, action) == f"{sandbox.url}/appearance"
    assert again.status_code == 303


async def test_two_sandboxes_share_the_appearance_and_the_key_of_forms_only(
    sandbox: Sandbox,
) -> None:
    token = read_page(await sandbox.get("/")).values["_csrf_token"][0]
    other = f"{ROOT}/s/another"

    in_other = await sandbox.client.post(
        f"{other}/appearance", data={"_csrf_token": token, "theme": "dark", "back": "/"}
    )

    paths = {cookie.name.split("_")[1]: cookie.path for cookie in sandbox.client.cookies.jar}
    assert in_other.status_code == 303
    assert paths == {"csrf": "/hookshop", "appearance": "/"}


async def test_the_cart_of_a_sandbox_is_sent_to_this_sandbox_only(shared_apps: SharedApps) -> None:
    app = application("shop", shared_apps)
    async with under_a_path(app, ROOT) as client:
        await make_sandboxes(app, shared_apps.folder_of(app), "lesson-7")
        url = f"{ROOT}/s/lesson-7"
        token = read_page(await client.get(f"{url}/")).values["_csrf_token"][0]
        fields = {"_csrf_token": token, "product_id": "mug"}
        added = await client.post(f"{url}/cart/items", data=fields)

    assert added.status_code == 303
    paths = {cookie.name.split("_")[1]: cookie.path for cookie in client.cookies.jar}
    assert paths["cart"] == "/hookshop/s/lesson-7"


async def test_the_page_for_an_unknown_host_has_no_address(sandbox: Sandbox) -> None:
    headers = {**BROWSER, "Host": "unknown.example"}

    page = await sandbox.client.get(f"{sandbox.url}/", headers=headers)

    assert page.status_code == 400
    assert requested_urls(page.text, str(page.url)) == set()


@pytest.mark.parametrize("origin", ["https://example.org", "https://example.org:443"])
async def test_a_page_of_the_public_url_may_submit_forms(sandbox: Sandbox, origin: str) -> None:
    """As from a browser that sends no ``Sec-Fetch-Site``, through a proxy that replaces Host."""
    token = read_page(await sandbox.get("/")).values["_csrf_token"][0]
    fields = {"_csrf_token": token, "theme": "dark", "back": "/"}
    url, headers = f"{sandbox.url}/appearance", {"Host": "127.0.0.1:8000", "Origin": origin}

    own = await sandbox.client.post(url, data=fields, headers=headers)
    foreign = await sandbox.client.post(
        url, data=fields, headers={**headers, "Origin": "https://other.example"}
    )

    assert own.status_code == 303
    assert foreign.status_code == 403
