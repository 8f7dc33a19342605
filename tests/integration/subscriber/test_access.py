"""With SUBSCRIBER_ADMIN_TOKEN set: logging in and out. See test_who_may_see_what, too."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from subscriber_app.app import create_app
from subscriber_app.config import Settings
from subscriber_app.connections import SharedConnections
from subscriber_app.shop_api.client import ShopClient
from tests.integration.subscriber.conftest import running, settings_below
from tests.integration.subscriber.fake_shop import FakeShop

TOKEN = "correct horse battery"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    settings = settings_below(tmp_path).model_copy(update={"admin_token": SecretStr(TOKEN)})
    async with running(create_app(settings)) as client:
        yield client


async def csrf(client: httpx.AsyncClient) -> str:
    await client.get("/login")
    [token] = [value for name, value in client.cookies.items() if "csrf" in name]
    return token


async def log_in(client: httpx.AsyncClient, token: str = TOKEN) -> httpx.Response:
    form = {"_csrf_token": await csrf(client), "admin_token": token, "next": "/subscription"}
    return await client.post("/login", data=form)


async def test_what_is_switched_off_or_failing_is_shown_after_the_login_only(
    guarded: httpx.AsyncClient,
) -> None:
    await guarded.put("/v1/faults", json={"mode": "never"}, headers=BEARER)
    off = dict.fromkeys(("timestamp", "signature", "token", "raw_body", "deduplication"), False)
    await guarded.put("/v1/defences", json=off, headers=BEARER)

    before = [(await guarded.get(path)).text for path in ("/login", "/nowhere")]
    await log_in(guarded)
    inside = (await guarded.get("/subscription")).text

    for text in before:
        assert "Failing on purpose" not in text
        assert "Undefended" not in text
    assert "Failing on purpose" in inside
    assert "Undefended" in inside


async def test_webhooks_need_no_admin_token_and_leave_their_receipt(
    guarded: httpx.AsyncClient,
) -> None:
    answer = await guarded.post("/v1/new-purchase", json={})

    assert answer.json()["reason"] == "missing_header"
    listed = await guarded.get("/v1/receipts", headers=BEARER)
    assert len(listed.json()["data"]) == 1


async def test_the_login_opens_the_dashboard_until_the_logout(guarded: httpx.AsyncClient) -> None:
    answer = await log_in(guarded)
    inside = await guarded.get("/")
    await guarded.post("/logout", data={"_csrf_token": await csrf(guarded)})
    outside = await guarded.get("/")

    assert answer.headers["location"] == "/subscription"
    assert (inside.status_code, outside.status_code) == (200, 303)
    assert "Log out" in inside.text


async def test_a_wrong_token_opens_nothing(guarded: httpx.AsyncClient) -> None:
    assert (await log_in(guarded, "wrong")).status_code == 422
    assert (await guarded.get("/")).status_code == 303


async def test_the_shops_token_is_sent_to_a_shop_that_requires_it(shop: FakeShop) -> None:
    settings = Settings(shop_url=shop.url, shop_token=TOKEN)
    connections = SharedConnections()
    client = ShopClient(connections, settings.shop_url, token=settings.shop_token)

    await client.register("http://127.0.0.1:8001/v1/new-purchase", ["purchase.created"])
    await connections.close()

    assert shop.authorizations == [f"Bearer {TOKEN}"]
