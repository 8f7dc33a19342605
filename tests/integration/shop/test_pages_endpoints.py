import re

import pytest

from tests.integration.shop.browsing import HOSTILE_NAME, SCRIPT, Shop, attempt, order, register
from tests.integration.shop.conftest import Clock, Engine
from tests.pages import Visitor
from tests.receiver import Receiver

URL = "http://127.0.0.1:9001/hook"
CREATED = "purchase.created"
SECRET = re.compile(r"whsec_[A-Za-z0-9+/]{43}=")


async def endpoint_count(shop: Shop) -> int:
    return len((await shop.get("/v1/webhooks")).json()["data"])


async def test_registering_shows_the_secret_once_and_lets_no_browser_keep_it(shop: Shop) -> None:
    page = await Visitor(shop).submit("/endpoints", webhook_url=URL, event_types=CREATED)

    assert page.status == 201
    assert len(SECRET.findall(page.text)) == 1
    assert page.answer.headers["cache-control"] == "no-store"
    [endpoint] = (await shop.get("/v1/webhooks")).json()["data"]
    assert endpoint["webhook_url"] == URL
    assert f"/endpoints/{endpoint['id']}" in page.links


async def test_no_page_and_no_log_line_shows_a_secret_after_its_first_showing(
    shop: Shop,
    engine: Engine,
    clock: Clock,
    receiver: Receiver,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    visitor = Visitor(shop)
    registered = await visitor.submit("/endpoints", webhook_url=receiver.url, event_types=CREATED)
    [secret] = SECRET.findall(registered.text)
    [endpoint] = (await shop.get("/v1/webhooks")).json()["data"]
    placed = await order(shop)
    [delivery_id] = placed["delivery_ids"]
    await attempt(engine, clock)

    pages = [
        await visitor.get(path)
        for path in (
            "/endpoints",
            f"/endpoints/{endpoint['id']}",
            f"/endpoints/{endpoint['id']}/delete",
            "/deliveries",
            f"/deliveries/{delivery_id}",
            f"/orders/{placed['id']}",
        )
    ]
    pages.append(await visitor.submit("/endpoints", webhook_url=receiver.url, event_types=CREATED))

    assert receiver.requests
    for written in (caplog.text, *(page.answer.text for page in pages)):
        assert written
        assert secret.removeprefix("whsec_").rstrip("=") not in written


async def test_all_event_types_and_the_description_are_kept(shop: Shop) -> None:
    types = ["purchase.created", "purchase.shipped", "purchase.refunded"]
    visitor = Visitor(shop)

    await visitor.submit(
        "/endpoints", webhook_url=URL, event_types=types, description=f" {HOSTILE_NAME} "
    )
    [endpoint] = (await shop.get("/v1/webhooks")).json()["data"]
    page = await visitor.get(f"/endpoints/{endpoint['id']}")

    assert endpoint["event_types"] == types
    assert endpoint["description"] == HOSTILE_NAME
    assert ", ".join(types) in page.text
    assert HOSTILE_NAME in page.text


@pytest.mark.parametrize(
    ("field", "typed", "problem"),
    [
        ("webhook_url", "", "Enter the URL of your receiver."),
        ("webhook_url", SCRIPT, "The shop does not send to this URL: it must begin with http:"),
        (
            "webhook_url",
            "http://10.0.0.1/hook",
            "this URL: 10.0.0.1 is not a public address",
        ),
        ("webhook_url", "http://127.0.0.1:22/", "only ports from 1024 are allowed, not 22"),
        ("webhook_url", "http://127.0.0.1:8000/", "this is the shop's own address"),
        ("webhook_url", f"{URL}/{'a' * 3000}", "longer than 2048 characters"),
        ("description", "a" * 201, "Use at most 200 characters; these are 201."),
        ("description", "a\x1b[31mb", "Use printable characters only."),
    ],
)
async def test_a_wrong_field_is_shown_again_with_the_reason_and_registers_nothing(
    field: str, typed: str, problem: str, shop: Shop
) -> None:
    fields = {"webhook_url": URL, "description": "Mine", "event_types": "purchase.shipped"}

    page = await Visitor(shop).submit("/endpoints", **{**fields, field: typed})

    assert page.status == 422
    assert problem in page.text
    shown = {name: page.values[name][0] for name in ("webhook_url", "description")}
    assert shown == {name: {**fields, field: typed}[name] for name in shown}
    assert page.ticked == ["purchase.shipped"]
    assert await endpoint_count(shop) == 0


@pytest.mark.parametrize(
    ("event_types", "problem"),
    [
        ([], "Select at least one event."),
        (["webhook.ping"], "Select events from the list."),
        ([CREATED, SCRIPT], "Select events from the list."),
    ],
)
async def test_event_types_are_chosen_from_the_list(
    event_types: list[str], problem: str, shop: Shop
) -> None:
    page = await Visitor(shop).submit("/endpoints", webhook_url=URL, event_types=event_types)

    assert page.status == 422
    assert problem in page.text
    assert page.values["webhook_url"] == [URL]
    assert await endpoint_count(shop) == 0


async def test_all_errors_are_shown_at_once(shop: Shop) -> None:
    page = await Visitor(shop).submit("/endpoints", description="a" * 201)

    for problem in ("Enter the URL", "Select at least one event.", "Use at most 200 characters"):
        assert problem in page.text


async def test_an_address_registered_already_leads_to_its_endpoint(shop: Shop) -> None:
    endpoint_id = await register(shop, URL)

    page = await Visitor(shop).submit("/endpoints", webhook_url=URL, event_types=CREATED)

    assert page.status == 409
    assert "This URL is registered already" in page.text
    assert page.links[f"/endpoints/{endpoint_id}"]
    assert page.values["webhook_url"] == [URL]
    assert await endpoint_count(shop) == 1


async def test_an_endpoint_shows_its_newest_deliveries(shop: Shop) -> None:
    endpoint_id = await register(shop, URL)
    placed = await order(shop)

    page = await Visitor(shop).get(f"/endpoints/{endpoint_id}")

    assert f"/deliveries/{placed['delivery_ids'][0]}" in page.links
    assert f"/deliveries?endpoint_id={endpoint_id}" in page.links


@pytest.mark.parametrize(
    ("waiting", "said"),
    [
        (0, "It has no pending deliveries."),
        (1, "1 pending delivery is cancelled."),
        (2, "2 pending deliveries are cancelled."),
        (101, "101 pending deliveries are cancelled."),
    ],
)
async def test_deleting_asks_for_confirmation_and_says_what_is_lost(
    waiting: int, said: str, shop: Shop
) -> None:
    endpoint_id = await register(shop, URL)
    for _ in range(waiting):
        await order(shop)

    page = await Visitor(shop).get(f"/endpoints/{endpoint_id}/delete")

    assert URL in page.text
    assert said in page.text
    assert await endpoint_count(shop) == 1


async def test_deleting_cancels_waiting_deliveries_and_keeps_the_history(shop: Shop) -> None:
    endpoint_id = await register(shop, URL)
    [delivery_id] = (await order(shop))["delivery_ids"]
    visitor = Visitor(shop)

    deleted = await visitor.submit(f"/endpoints/{endpoint_id}/delete")
    page = await visitor.get(f"/deliveries/{delivery_id}")

    assert deleted.status == 303
    assert deleted.answer.headers["location"] == "/endpoints"
    assert await endpoint_count(shop) == 0
    assert "cancelled" in page.text
    assert (await visitor.submit(f"/endpoints/{endpoint_id}/delete")).status == 404
