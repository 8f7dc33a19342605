"""A form that a browser sends twice acts once, and is answered twice with the first response."""

import asyncio
import re
from collections.abc import Mapping
from typing import Any

import httpx
from sqlmodel import select, update

from shop.database.models import FormAnswer
from shop.database.transactions import Database
from shop.web.pages import page_handlers
from tests.integration.shop.browsing import (
    Shop,
    attempt,
    new_delivery,
    order,
    order_count,
    register,
    state,
)
from tests.integration.shop.conftest import Clock, Engine
from tests.pages import Page, Visitor, read_page
from tests.receiver import Receiver

URL = "http://127.0.0.1:9001/hook"
# Sent twice, these do what they do once. A click on "Buy" of the flow is meant each time.
HARMLESS = {
    "/cart/items",
    "/cart/items/{product_id:str}",
    "/deliveries/{delivery_id:str}/cancel",
    "/exam/{exam_id:str}/stop",
    "/endpoints/{endpoint_id:str}/status",
    "/endpoints/{endpoint_id:str}/edit",
    "/endpoints/{endpoint_id:str}/delete",
    "/flow/orders",
    "/steady-orders",
    "/sandboxes/{sandbox_id:str}/drop",
    "/reset",
    "/login",
    "/logout",
    "/appearance",
}
REGISTRATION = {"webhook_url": URL, "event_types": "purchase.created", "description": ""}


async def form_on(shop: Shop, page: str, **typed: str) -> dict[str, str]:
    """Return the fields of a form on a page: the hidden ones, and what a person types."""
    shown = await Visitor(shop).get(page)
    names = ("_csrf_token", "_nonce")
    return {**{name: shown.values[name][-1] for name in names}, **typed}


async def send(shop: Shop, path: str, fields: Mapping[str, str]) -> httpx.Response:
    answer: httpx.Response = await shop.post(path, data=dict(fields), follow_redirects=False)
    return answer


async def send_twice(shop: Shop, path: str, fields: Mapping[str, str]) -> tuple[Page, Page]:
    """Send a form twice at once, as a double click on a slow connection does."""
    first, second = await asyncio.gather(send(shop, path, fields), send(shop, path, fields))
    return read_page(first), read_page(second)


async def fill_cart(shop: Shop) -> None:
    await Visitor(shop).submit("/cart/items", product_id="mug")


async def live_secrets(shop: Shop, endpoint_id: str) -> list[Any]:
    secrets: list[Any] = (await shop.get(f"/v1/webhooks/{endpoint_id}")).json()["secrets"]
    return secrets


def secret_on(page: Page) -> str:
    [secret] = [word for word in page.text.split() if word.startswith("whsec_")]
    return secret


def test_every_form_that_creates_something_acts_once() -> None:
    unprotected = {
        path
        for handler in page_handlers
        if "POST" in handler.http_methods and not hasattr(handler.fn, "__wrapped__")
        for path in handler.paths
    }

    assert unprotected == HARMLESS


async def test_a_checkout_sent_twice_places_one_order(shop: Shop) -> None:
    await fill_cart(shop)
    fields = await form_on(shop, "/cart", customer_name="Ada")

    first, second = await send_twice(shop, "/orders", fields)

    assert (first.status, second.status) == (303, 303)
    assert first.answer.headers["location"] == second.answer.headers["location"]
    for page in (first, second):  # both responses empty the cart
        assert "Max-Age=0" in page.answer.headers["set-cookie"]
    assert await order_count(shop) == 1


async def test_a_registration_sent_twice_shows_the_secret_twice(
    shop: Shop, database: Database
) -> None:
    fields = await form_on(shop, "/endpoints", **REGISTRATION)

    first, second = await send_twice(shop, "/endpoints", fields)

    assert (first.status, second.status) == (201, 201)
    secret = secret_on(first)
    assert secret_on(second) == secret
    assert second.answer.headers["cache-control"] == "no-store"
    assert second.answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'self'" in second.answer.headers["content-security-policy"]
    async with database.reading() as session:
        [kept] = (await session.exec(select(FormAnswer))).all()
    assert kept.answer
    assert secret not in kept.answer


async def test_a_rotation_sent_twice_makes_one_secret(shop: Shop) -> None:
    endpoint_id = await register(shop)
    address = f"/endpoints/{endpoint_id}/rotate-secret"
    fields = await form_on(shop, address, grace="day")

    first, second = await send_twice(shop, address, fields)

    assert secret_on(first) == secret_on(second)
    assert len(await live_secrets(shop, endpoint_id)) == 2


async def test_a_test_event_sent_twice_is_one_delivery_and_the_next_click_sends_another(
    shop: Shop,
) -> None:
    address = f"/endpoints/{await register(shop)}"

    first, second = await send_twice(shop, f"{address}/ping", await form_on(shop, address))
    third = await send(shop, f"{address}/ping", await form_on(shop, address))

    assert first.answer.headers["location"] == second.answer.headers["location"]
    assert third.headers["location"] != first.answer.headers["location"]
    assert len((await shop.get("/v1/deliveries")).json()["data"]) == 2


async def test_an_order_shipped_twice_leads_to_the_order_twice(shop: Shop) -> None:
    address = f"/orders/{(await order(shop))['id']}"

    first, second = await send_twice(shop, f"{address}/ship", await form_on(shop, address))

    assert first.answer.headers["location"] == second.answer.headers["location"] == address


async def test_a_delivery_can_be_sent_again_after_it_was_cancelled_again(shop: Shop) -> None:
    delivery_id = await new_delivery(shop)
    address = f"/deliveries/{delivery_id}"

    for _time in range(2):
        await Visitor(shop).submit(f"{address}/cancel")
        assert await state(shop, delivery_id) == "cancelled"
        await send(shop, f"{address}/attempts", await form_on(shop, address))

        assert await state(shop, delivery_id) == "pending"


async def test_a_row_of_the_log_sent_twice_sends_the_delivery_once(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    receiver.status = 503
    delivery_id = await new_delivery(shop, receiver.url)
    await attempt(engine, clock)
    receiver.status = 200
    log = await Visitor(shop).get("/deliveries")
    [nonce] = re.findall(r'name="_nonce" value="([^"]+)">Resend now', log.answer.text)
    fields = {name: log.values[name][-1] for name in ("_csrf_token", "log")} | {"_nonce": nonce}

    first = await send(shop, f"/deliveries/{delivery_id}/attempts", fields)
    await attempt(engine, clock)
    second = await send(shop, f"/deliveries/{delivery_id}/attempts", fields)

    assert first.headers["location"] == second.headers["location"]
    assert await state(shop, delivery_id) == "succeeded"


async def test_another_browser_with_the_same_form_places_an_order_of_its_own(shop: Shop) -> None:
    await fill_cart(shop)
    first = await form_on(shop, "/cart", customer_name="Ada")
    await send(shop, "/orders", first)
    shop.cookies.clear()
    await fill_cart(shop)
    second = await form_on(shop, "/cart", customer_name="Ada")

    await send(shop, "/orders", {**second, "_nonce": first["_nonce"]})

    assert await order_count(shop) == 2


async def test_a_changed_form_is_a_new_one(shop: Shop) -> None:
    fields = await form_on(shop, "/endpoints", **REGISTRATION)

    first = await send(shop, "/endpoints", fields)
    second = await send(shop, "/endpoints", {**fields, "webhook_url": f"{URL}/other"})

    assert (first.status_code, second.status_code) == (201, 201)
    assert len((await shop.get("/v1/webhooks")).json()["data"]) == 2


async def test_a_refused_form_can_be_sent_again(shop: Shop) -> None:
    endpoint_id = await register(shop, URL)
    fields = await form_on(shop, "/endpoints", **REGISTRATION)

    refused = await send(shop, "/endpoints", fields)
    await shop.delete(f"/v1/webhooks/{endpoint_id}")
    accepted = await send(shop, "/endpoints", fields)

    assert (refused.status_code, accepted.status_code) == (409, 201)


async def test_after_a_minute_the_form_acts_again(shop: Shop, database: Database) -> None:
    await fill_cart(shop)
    fields = await form_on(shop, "/cart", customer_name="Ada")
    await send(shop, "/orders", fields)
    await fill_cart(shop)
    async with database.writing() as session:
        await session.exec(update(FormAnswer).values(expires_at=FormAnswer.expires_at - 60))

    await send(shop, "/orders", fields)

    assert await order_count(shop) == 2
