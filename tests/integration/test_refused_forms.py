"""A form that is refused for its token comes back with its values and can be sent again."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.integration.subscriber.conftest import running
from tests.pages import Page, Visitor, read_page
from tests.shared_apps import SharedApps

TEXT = """ "><script>alert(1)</script> &amp; """
# Each form with its fields, the field that a reader typed, and what a success answers.
FORMS: dict[str, tuple[str, dict[str, Any], int]] = {
    "shop": (
        "/endpoints",
        {
            "webhook_url": "http://127.0.0.1:9001/hook",
            "description": TEXT,
            "event_types": ["purchase.created", "purchase.refunded"],
        },
        201,
    ),
    "subscriber": ("/faults", {"mode": "status", "status": "503"}, 303),
}


@pytest.fixture(params=["shop", "subscriber"])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def client(name: str, shared_apps: SharedApps) -> AsyncIterator[httpx.AsyncClient]:
    async with running(shared_apps.of(name, public_url="http://127.0.0.1")) as client:
        client.base_url = "http://127.0.0.1"
        yield client


async def submit_with_old_token(client: httpx.AsyncClient, name: str, **headers: str) -> Page:
    """Submit the form of a tab after the browser has lost the cookie and got a new one."""
    path, fields, _status = FORMS[name]
    token = (await Visitor(client).get("/")).values["_csrf_token"][0]
    client.cookies.clear()
    await client.get("/")
    data = {"_csrf_token": token, **fields}
    return read_page(await client.post(path, data=data, headers=headers))


async def send_again(client: httpx.AsyncClient, refused: Page) -> httpx.Response:
    """Press the only button of the page."""
    [address] = refused.forms
    return await client.post(address, data=dict(refused.values))


async def test_a_form_with_an_old_token_comes_back_and_can_be_sent_again(
    client: httpx.AsyncClient, name: str
) -> None:
    path, fields, status = FORMS[name]

    refused = await submit_with_old_token(client, name)
    accepted = await send_again(client, refused)

    assert refused.status == 403
    assert refused.answer.headers["cache-control"] == "no-store"
    assert "default-src 'self'" in refused.answer.headers["content-security-policy"]
    assert refused.forms == [path]
    assert "Send again" in refused.text
    assert "<script>alert" not in refused.answer.text
    for field, value in fields.items():
        assert refused.values[field] == (value if isinstance(value, list) else [value])
    assert "set-cookie" not in refused.answer.headers
    assert accepted.status_code == status


@pytest.mark.parametrize("cookie", ["", "x" * 128, "ü"])
async def test_a_browser_without_a_usable_cookie_gets_a_new_one(
    cookie: str, client: httpx.AsyncClient, name: str
) -> None:
    path, fields, status = FORMS[name]
    await client.get("/")
    [cookie_name] = client.cookies
    client.cookies.clear()
    headers = {b"Cookie": f"{cookie_name}={cookie}".encode()} if cookie else {}

    refused = read_page(await client.post(path, data=fields, headers=headers))
    accepted = await send_again(client, refused)

    assert refused.status == 403
    assert accepted.status_code == status


async def test_a_link_from_elsewhere_keeps_the_cookie_of_open_tabs(
    client: httpx.AsyncClient,
) -> None:
    """The browser sends a Lax cookie with a link from another site; a Strict one it would not."""
    answer = await client.get("/", headers={"Sec-Fetch-Site": "cross-site"})

    [cookie] = answer.headers.get_list("set-cookie")
    assert "samesite=lax" in cookie.lower()


async def test_htmx_loads_the_page_anew(client: httpx.AsyncClient, name: str) -> None:
    refused = await submit_with_old_token(client, name, **{"HX-Request": "true"})

    assert refused.status == 403
    assert refused.answer.headers["hx-refresh"] == "true"


async def test_without_a_form_there_is_nothing_to_send_again(
    client: httpx.AsyncClient, name: str
) -> None:
    refused = read_page(await client.post(FORMS[name][0]))

    assert refused.status == 403
    assert "Reload the page" in refused.text or "reload the page" in refused.text
    assert refused.forms == []


async def test_a_refused_login_does_not_show_the_token(
    client: httpx.AsyncClient,
) -> None:
    refused = read_page(await client.post("/login", data={"admin_token": "correct horse battery"}))

    assert refused.status == 403
    assert "correct horse battery" not in refused.text
