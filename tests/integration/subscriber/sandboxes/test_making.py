"""Sandboxes are made with an id, a shop and a token of their own."""

import asyncio
from pathlib import Path

import pytest

from tests.integration.subscriber.conftest import Clock
from tests.integration.subscriber.fake_shop import FakeShop
from tests.integration.subscriber.sandbox_steps import BEARER, TOKEN, Lab, receipts_of, running_lab

# Making


async def test_a_new_sandbox_is_subscribed_and_receives_webhooks(lab: Lab) -> None:
    anna = await lab.make("anna", shop_url=f"{lab.shop.url}/s/annas-shop")

    await anna.receive()

    url = f"{lab.main.base_url}/s/anna"
    assert anna.made["base_url"] == url
    assert anna.made["receiver_url"] == f"{url}/v1/new-purchase"
    assert anna.made["token"] is None
    assert [each["verdict"] for each in await receipts_of(anna)] == ["accepted"]
    assert ("POST", "/s/annas-shop/v1/webhooks/register") in lab.shop.calls


async def test_without_an_id_a_sandbox_gets_one_that_nobody_can_guess(lab: Lab) -> None:
    made = (await lab.post()).json()

    assert made["id"].startswith("t-")
    assert len(made["id"]) == 12


async def test_a_sandbox_may_be_made_without_a_subscription(lab: Lab) -> None:
    made = (await lab.post(subscribe=False)).json()

    assert made["endpoint_id"] is None
    assert lab.shop.endpoints == {}


@pytest.mark.parametrize("id_", ["main", "anna"])
async def test_an_id_that_is_taken_is_refused(id_: str, lab: Lab) -> None:
    await lab.make("anna")

    answer = await lab.post(id=id_)

    assert answer.status_code == 409
    assert f"'{id_}' is taken" in answer.json()["detail"]


@pytest.mark.parametrize("id_", ["ab", "Anna", "a_b", "a" * 41, "../../x", "ann\u00e4"])
async def test_a_word_that_is_no_id_is_refused(id_: str, lab: Lab) -> None:
    answer = await lab.post(id=id_)

    assert answer.status_code == 422
    assert "3 to 40 lower-case letters" in answer.json()["detail"]
    assert lab.files() == set()


async def test_beyond_the_limit_no_sandbox_is_made(
    tmp_path: Path, clock: Clock, shop: FakeShop
) -> None:
    async with running_lab(tmp_path, clock, shop, max_sandboxes=1) as lab:
        await lab.make("anna")

        answer = await lab.post(id="bert")

    assert answer.status_code == 409
    assert "SUBSCRIBER_MAX_SANDBOXES" in answer.json()["detail"]


async def test_two_who_want_the_same_id_at_once_get_one_sandbox(lab: Lab) -> None:
    answers = await asyncio.gather(*(lab.post(id="anna") for _ in range(4)))

    assert sorted(each.status_code for each in answers) == [201, 409, 409, 409]


async def test_if_the_shop_refuses_no_sandbox_is_made(lab: Lab) -> None:
    lab.shop.answers["POST"] = (422, b'{"detail": "this URL is not allowed"}')

    answer = await lab.post(id="anna")

    assert answer.status_code == 502
    assert "this URL is not allowed" in answer.json()["detail"]
    assert not await lab.exists("anna")


# Which shop


@pytest.mark.parametrize(
    ("given", "called"),
    [
        ("{shop}", ""),
        ("{shop}/", ""),
        ("{shop}/s/a-shop", "/s/a-shop"),
        ("{shop}/s/a-shop/", "/s/a-shop"),
        ("HTTP://127.0.0.1:{port}/s/a-shop", "/s/a-shop"),
        ("http://shop.example/s/a-shop", "/s/a-shop"),  # the public URL, as the shop names it
        ("http://SHOP.example.:80/s/a-shop", "/s/a-shop"),
    ],
)
async def test_a_sandbox_belongs_to_the_shop_of_the_settings(
    given: str, called: str, lab: Lab
) -> None:
    await lab.make("anna", shop_url=given.format(shop=lab.shop.url, port=lab.shop.port))

    assert [path for method, path in lab.shop.calls if method == "POST"] == [
        f"{called}/v1/webhooks/register"
    ]


@pytest.mark.parametrize(
    "given",
    [
        "http://127.0.0.1:1",
        "https://127.0.0.1:{port}",
        "http://localhost:{port}",
        "http://127.0.0.1:{port}@evil.example/",
        "http://evil.example/http://127.0.0.1:{port}",
        "http://127.0.0.1:{port}.evil.example",
        "http://user@127.0.0.1:{port}",
        "{shop}/admin",
        "{shop}/s/a-shop/v1",
        "{shop}/s/../admin",
        "{shop}/s/a-shop?x=1",
        "{shop}\\@evil.example",
        "{shop} ",
        "http://shop.example:99999/s/a-shop",
        "file:///etc/passwd",
        "",
    ],
)
async def test_the_subscriber_is_not_led_to_call_anything_else(given: str, lab: Lab) -> None:
    shop_url = given.format(shop=lab.shop.url, port=lab.shop.port)

    answer = await lab.post(id="anna", shop_url=shop_url)

    assert answer.status_code == 422
    assert lab.shop.url in answer.json()["detail"]
    assert lab.shop.count("POST") == 0
    assert not await lab.exists("anna")


async def test_the_token_of_the_shops_sandbox_is_sent_and_stored_encrypted(lab: Lab) -> None:
    await lab.make("anna", shop_token="a secret of the shop")

    assert "Bearer a secret of the shop" in lab.shop.authorizations
    for path in filter(Path.is_file, lab.settings.var.rglob("*")):
        assert b"a secret of the shop" not in path.read_bytes()


# Access


async def test_with_an_admin_token_a_sandbox_has_a_token_of_its_own(
    tmp_path: Path, clock: Clock, shop: FakeShop
) -> None:
    async with running_lab(tmp_path, clock, shop, admin_token=TOKEN) as lab:
        refused = await lab.post(id="anna")
        lab.main.headers.update(BEARER)
        anna, bert = await lab.make("anna"), await lab.make("bert")
        del lab.main.headers["Authorization"]
        own = {"Authorization": f"Bearer {anna.made['token']}"}

        assert refused.status_code == 401
        assert (await anna.client.get("v1/receipts")).status_code == 401
        assert (await anna.client.get("v1/receipts", headers=own)).status_code == 200
        assert (await anna.client.get("v1/receipts", headers=BEARER)).status_code == 200
        assert (await bert.client.get("v1/receipts", headers=own)).status_code == 401
        assert (await lab.main.get("/v1/receipts", headers=own)).status_code == 401
        assert (await lab.main.get("/v1/sandboxes", headers=own)).status_code == 401
        await anna.receive()  # webhooks need no token
