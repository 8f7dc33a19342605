"""Cookies of both applications: names of each instance's own, and the same flags for all."""

from http.cookies import SimpleCookie
from pathlib import Path

import httpx
import pytest
from litestar import Litestar
from pydantic import SecretStr

import shop.app
import shop.config
import subscriber_app.app
import subscriber_app.config
from hookshop.webkit.cookies import open_cookies
from tests.integration.behind_proxy import under_a_path
from tests.integration.subscriber.conftest import running
from tests.pages import Visitor

TOKEN = "correct horse battery"
LOCAL = "http://127.0.0.1"


def shop_in(folder: Path, public_url: str = LOCAL) -> Litestar:
    return shop.app.create_app(shop.config.Settings.model_validate(settings_of(folder, public_url)))


def subscriber_in(folder: Path, public_url: str = LOCAL) -> Litestar:
    settings = subscriber_app.config.Settings.model_validate(settings_of(folder, public_url))
    return subscriber_app.app.create_app(settings)


def settings_of(folder: Path, public_url: str) -> dict[str, object]:
    return {"HOOKSHOP_VAR": folder, "public_url": public_url, "admin_token": SecretStr(TOKEN)}


def cookies_in(answer: httpx.Response) -> SimpleCookie:
    cookies = SimpleCookie()
    for header in answer.headers.get_list("set-cookie"):
        cookies.load(header)
    return cookies


async def use_everything(client: httpx.AsyncClient, *, is_shop: bool) -> SimpleCookie:
    """Use all features with cookies, over TLS as the browser sees it; return the cookies."""
    page = await Visitor(client).get("/login")
    cookies = cookies_in(page.answer)
    form = {"_csrf_token": page.values["_csrf_token"][0]}
    requests = [("/login", {"admin_token": TOKEN}), ("/appearance", {"theme": "dark"})]
    requests += [("/cart/items", {"product_id": "mug"})] if is_shop else []
    for path, fields in requests:
        answer = await client.post(path, data=form | fields)
        assert answer.status_code == 303, answer.text
        cookies |= cookies_in(answer)
    return cookies


@pytest.mark.parametrize("public_url", [LOCAL, "https://app.example"])
@pytest.mark.parametrize("is_shop", [True, False])
async def test_all_cookies_have_the_same_flags(
    is_shop: bool, public_url: str, tmp_path: Path
) -> None:
    app = (shop_in if is_shop else subscriber_in)(tmp_path, public_url)
    async with running(app) as client:
        client.base_url = public_url
        cookies = await use_everything(client, is_shop=is_shop)

    purposes = {name.split("_")[1] for name in cookies}
    assert purposes == {"csrf", "session", "appearance"} | ({"cart"} if is_shop else set())
    for name, cookie in cookies.items():
        assert bool(cookie["secure"]) == public_url.startswith("https:"), name
        assert cookie["httponly"], name
        assert cookie["samesite"].lower() == "lax", name


async def test_two_demos_on_one_host_share_no_cookie(tmp_path: Path) -> None:
    jar = httpx.Cookies()
    names: list[str] = []
    for number in ("one", "two"):
        for build in (shop_in, subscriber_in):
            app = build(tmp_path / number)
            async with running(app) as client:
                client.base_url = LOCAL
                client.cookies = jar
                cookies = await use_everything(client, is_shop=build is shop_in)
                jar = client.cookies
            names += cookies

    # In each demo, the shop and the subscriber share the appearance.
    assert len(set(names)) == len(names) - 2


async def test_a_checkout_in_one_demo_leaves_the_cart_of_another(tmp_path: Path) -> None:
    async with running(shop_in(tmp_path / "one")) as one, running(shop_in(tmp_path / "two")) as two:
        one.base_url = two.base_url = LOCAL
        await Visitor(one).submit("/cart/items", product_id="mug")
        two.cookies = one.cookies
        in_the_other = await Visitor(two).get("/cart")
        await Visitor(two).submit("/cart/items", product_id="hook")
        await Visitor(two).submit("/orders", customer_name="Ada")
        one.cookies = two.cookies

        page = await Visitor(one).get("/cart")

    assert in_the_other.links["/cart"] == "Cart 0"
    assert page.links["/cart"] == "Cart 1"


@pytest.mark.parametrize("is_shop", [True, False])
async def test_under_a_path_other_programs_of_the_host_get_the_appearance_only(
    is_shop: bool, tmp_path: Path
) -> None:
    public_url = "https://example.org/hookshop"
    app = (shop_in if is_shop else subscriber_in)(tmp_path, public_url)
    async with under_a_path(app, public_url) as client:
        cookies = await use_everything(client, is_shop=is_shop)

    paths = {name.split("_")[1]: cookie["path"] for name, cookie in cookies.items()}
    assert paths.pop("appearance") == "/"
    assert set(paths.values()) == {"/hookshop"}


def test_machines_with_the_same_key_share_all_cookies(tmp_path: Path) -> None:
    key = {"session_key": "k" * 32}
    one, two = (
        open_cookies(shop.config.Settings.model_validate({"HOOKSHOP_VAR": tmp_path / name, **key}))
        for name in ("one", "two")
    )

    assert one == two
    assert list(tmp_path.iterdir()) == []
