"""With SHOP_ADMIN_TOKEN set: logging in and out, and the token. See test_who_may_see_what, too."""

from collections.abc import AsyncIterator

import httpx
import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient
from pydantic import SecretStr

from shop.app import create_app
from shop.config import Settings
from tests.integration.shop.conftest import SharedShop

pytestmark = pytest.mark.one_database("logins are kept in cookies")

Shop = AsyncTestClient[Litestar]

TOKEN = "correct horse battery"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
MUG = {"items": [{"product_id": "mug", "quantity": 1}]}


@pytest.fixture
async def guarded(settings: Settings, shared_shop: SharedShop) -> AsyncIterator[Shop]:
    settings = settings.model_copy(update={"admin_token": SecretStr(TOKEN)})
    async with AsyncTestClient(shared_shop.app(settings)) as client:
        client.follow_redirects = False
        yield client


async def csrf(shop: Shop) -> str:
    """Open a page and return the CSRF token of its forms."""
    await shop.get("/login")
    [token] = [value for name, value in shop.cookies.items() if name.startswith("shop_csrf")]
    return token


async def log_in(shop: Shop, token: str = TOKEN, **fields: str) -> int:
    form = {"_csrf_token": await csrf(shop), "admin_token": token, **fields}
    return (await shop.post("/login", data=form)).status_code


@pytest.mark.parametrize(
    "authorization",
    [None, "Bearer wrong", f"Basic {TOKEN}", "Bearer ", f"Bearer {TOKEN}x", "Bearer \u00e9"],
)
async def test_the_api_requires_the_token(authorization: str | None, guarded: Shop) -> None:
    headers = httpx.Headers({b"Authorization": authorization.encode()} if authorization else {})

    answer = await guarded.get("/v1/deliveries", headers=headers)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["content-type"] == "application/problem+json"


async def test_the_token_gives_access_to_the_api(guarded: Shop) -> None:
    registration = {"webhook_url": "http://127.0.0.1:9001/"}
    registered = await guarded.post("/v1/webhooks/register", json=registration, headers=BEARER)
    ordered = await guarded.post("/v1/orders", json=MUG)

    assert registered.status_code == 201
    assert ordered.status_code == 201
    assert (await guarded.get("/v1/deliveries", headers=BEARER)).status_code == 200


async def test_public_routes_need_no_token(guarded: Shop) -> None:
    order = (await guarded.post("/v1/orders", json=MUG)).json()

    for path in ("/healthz", "/v1/products", f"/v1/orders/{order['id']}", "/static/css/base.css"):
        answer = await guarded.get(path)
        assert answer.status_code == 200
        assert "default-src 'self'" in answer.headers["content-security-policy"]


async def test_after_the_login_the_dashboard_is_open_until_the_logout(guarded: Shop) -> None:
    assert await log_in(guarded, next="/endpoints") == 303
    inside = await guarded.get("/deliveries")
    await guarded.post("/logout", data={"_csrf_token": await csrf(guarded)})
    outside = await guarded.get("/deliveries?state=failed")

    assert inside.status_code == 200
    assert "Log out" in inside.text
    assert outside.headers["location"] == "/login?next=%2Fdeliveries%3Fstate%3Dfailed"


async def test_a_wrong_token_shows_the_form_again_and_opens_nothing(guarded: Shop) -> None:
    assert await log_in(guarded, "wrong") == 422

    assert (await guarded.get("/deliveries")).status_code == 303


@pytest.mark.parametrize(
    ("wanted", "goes_to"),
    [
        ("/endpoints", "/endpoints"),
        ("", "/deliveries"),
        ("//evil.example", "/deliveries"),
        ("/\\evil.example", "/deliveries"),
        ("https://evil.example", "/deliveries"),
        ("/a\r\nSet-Cookie: x=1", "/deliveries"),
    ],
)
async def test_the_login_redirects_only_within_the_shop(
    wanted: str, goes_to: str, guarded: Shop
) -> None:
    form = {"_csrf_token": await csrf(guarded), "admin_token": TOKEN, "next": wanted}

    answer = await guarded.post("/login", data=form)

    assert answer.headers["location"] == goes_to


async def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(
    guarded: Shop,
) -> None:
    form = {"_csrf_token": await csrf(guarded), "admin_token": TOKEN}

    answer = await guarded.post("/login", data=form)

    [cookie] = [
        value
        for value in answer.headers.get_list("set-cookie")
        if value.startswith("shop_session_")
    ]
    assert "httponly" in cookie.lower()
    assert "samesite=lax" in cookie.lower()
    assert TOKEN not in cookie


async def test_a_session_does_not_open_the_api(guarded: Shop) -> None:
    await log_in(guarded)

    assert (await guarded.get("/v1/deliveries")).status_code == 401


async def test_a_changed_token_ends_all_sessions(settings: Settings, guarded: Shop) -> None:
    await log_in(guarded)
    settings = settings.model_copy(update={"admin_token": SecretStr("another long token")})

    async with AsyncTestClient(create_app(settings)) as after:
        after.follow_redirects = False
        after.cookies = guarded.cookies
        assert (await after.get("/deliveries")).status_code == 303
