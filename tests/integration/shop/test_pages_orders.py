import pytest
from litestar.testing import AsyncTestClient
from pydantic import SecretStr

from shop.app import create_app
from shop.config import Settings
from tests.integration.shop.browsing import HOSTILE_NAME, Shop, new_delivery, order, register
from tests.pages import Visitor

URL = "http://127.0.0.1:9001/hook"


async def test_an_order_without_subscribers_says_so(shop: Shop) -> None:
    placed = await order(shop)

    page = await Visitor(shop).get(f"/orders/{placed['id']}")

    assert "No subscribers" in page.text
    assert "/endpoints" in page.links


async def test_an_order_lists_only_its_own_deliveries(shop: Shop) -> None:
    await new_delivery(shop, "http://127.0.0.1:9001/first")
    await register(shop, "http://127.0.0.1:9002/second")
    placed = await order(shop)

    page = await Visitor(shop).get(f"/orders/{placed['id']}")

    listed = {link for link in page.links if link.startswith("/deliveries/")}
    assert listed == {f"/deliveries/{id_}" for id_ in placed["delivery_ids"]}
    assert len(listed) == 2


async def test_an_order_by_the_api_without_a_name_has_a_page(shop: Shop) -> None:
    placed = await order(shop, customer_name="")

    page = await Visitor(shop).get(f"/orders/{placed['id']}")

    assert "Customer –" in page.text


async def test_orders_are_listed_newest_first_and_page_by_page(shop: Shop) -> None:
    ids = [(await order(shop))["id"] for _ in range(51)]
    visitor = Visitor(shop)

    first = await visitor.get("/orders")
    [older] = [address for address, text in first.links.items() if "Older" in text]
    second = await visitor.get(older)

    newest_first = [f"/orders/{id_}" for id_ in reversed(ids)]
    assert [link for link in first.links if link.startswith("/orders/")] == newest_first[:50]
    assert [link for link in second.links if link.startswith("/orders/")] == newest_first[50:]
    assert second.links["/orders"] == "← Newest"
    assert not [text for text in second.links.values() if "Older" in text]


async def test_a_page_of_orders_after_the_last_one_leads_to_the_first(shop: Shop) -> None:
    oldest = (await order(shop))["id"]

    page = await Visitor(shop).get("/orders", before=oldest)

    assert "No older orders" in page.text
    assert "No orders yet" not in page.text
    assert page.links["/orders"] == "First page"


async def test_an_invalid_cursor_is_refused(shop: Shop) -> None:
    for garbage in ("x", "zzz", "\x00", "ord_1", "99999999999999999999"):
        for path in ("/orders", "/orders/live"):
            page = await Visitor(shop).get(path, before=garbage)

            assert page.status == 400
            assert page.answer.headers["content-type"].startswith("text/html")


async def test_shipping_and_refunding_notify_subscribers_and_are_shown(
    shop: Shop,
) -> None:
    await register(shop, URL, event_types=["purchase.shipped", "purchase.refunded"])
    address = f"/orders/{(await order(shop))['id']}"
    visitor = Visitor(shop)

    shipped = await visitor.submit(f"{address}/ship")
    between = await visitor.get(address)
    refunded = await visitor.submit(f"{address}/refund")
    page = await visitor.get(address)

    for answer in (shipped, refunded):
        assert answer.status == 303
        assert answer.answer.headers["location"] == address
    assert "Shipped at" in between.text
    assert "Refunded at" not in between.text
    assert "purchase.shipped" in between.text
    for fact in ("Shipped at", "Refunded at", "purchase.shipped", "purchase.refunded"):
        assert fact in page.text
    assert "purchase.created" not in page.text
    assert "shipped refunded" in (await visitor.get("/orders")).text


async def test_an_order_offers_what_is_possible_now_and_no_more(shop: Shop) -> None:
    visitor = Visitor(shop)
    address = f"/orders/{(await order(shop))['id']}"
    other = f"/orders/{(await order(shop))['id']}"

    new = await visitor.get(address)
    await visitor.submit(f"{address}/ship")
    shipped = await visitor.get(address)
    await visitor.submit(f"{other}/refund")
    refunded = await visitor.get(other)

    offered = [
        (f"{path}/ship" in page.forms, f"{path}/refund" in page.links)
        for path, page in ((address, new), (address, shipped), (other, refunded))
    ]
    assert offered == [(True, True), (False, True), (False, False)]


@pytest.mark.parametrize(
    ("before", "then", "reason"),
    [
        ("ship", "ship", "This order was already shipped."),
        ("refund", "ship", "A refunded order cannot be shipped."),
        ("refund", "refund", "This order was already refunded."),
    ],
)
async def test_an_action_that_is_no_longer_possible_is_refused_with_the_reason(
    before: str, then: str, reason: str, shop: Shop
) -> None:
    await register(shop, URL, event_types=["purchase.shipped", "purchase.refunded"])
    address = f"/orders/{(await order(shop))['id']}"
    visitor = Visitor(shop)
    await visitor.submit(f"{address}/{before}")

    refused = await visitor.submit(f"{address}/{then}")

    assert refused.status == 409
    assert reason in refused.text
    assert refused.links[address] == "Open the order"
    assert (await shop.get("/v1/stats")).json()["deliveries"]["pending"] == 1


async def test_refunding_asks_for_confirmation_and_names_the_subscribers(shop: Shop) -> None:
    address = f"/orders/{(await order(shop, customer_name=HOSTILE_NAME))['id']}"
    visitor = Visitor(shop)

    unsubscribed = await visitor.get(f"{address}/refund")
    await register(shop, URL, event_types=["purchase.refunded"])
    one = await visitor.get(f"{address}/refund")
    await visitor.submit(f"{address}/refund")
    too_late = await visitor.get(f"{address}/refund")

    assert "Refund $14.90" in unsubscribed.text
    assert HOSTILE_NAME in unsubscribed.text
    assert "so no webhook is sent" in unsubscribed.text
    assert "1 subscriber gets purchase.refunded, −$14.90" in one.text
    assert "cannot be shipped after the refund" in one.text
    assert too_late.status == 409


async def test_an_order_lists_the_deliveries_of_all_its_events(shop: Shop) -> None:
    types = ["purchase.created", "purchase.shipped", "purchase.refunded"]
    await register(shop, URL, event_types=types)
    await order(shop)
    address = f"/orders/{(await order(shop))['id']}"
    visitor = Visitor(shop)
    await visitor.submit(f"{address}/ship")
    await visitor.submit(f"{address}/refund")

    page = await visitor.get(address)

    listed = [text for link, text in page.links.items() if link.startswith("/deliveries/dlv_")]
    assert [text.partition(",")[0] for text in listed] == types[::-1]


async def test_a_customer_sees_the_order_without_actions(settings: Settings) -> None:
    guarded = settings.model_copy(update={"admin_token": SecretStr("correct horse battery")})
    async with AsyncTestClient(create_app(guarded)) as shop:
        address = f"/orders/{(await order(shop))['id']}"
        visitor = Visitor(shop)

        as_customer = await visitor.get(address)
        refused = await visitor.submit(f"{address}/ship")
        await visitor.submit("/login", admin_token="correct horse battery")
        as_admin = await visitor.get(address)

    assert "placed" in as_customer.text
    assert as_customer.forms == ["/appearance"]
    assert f"{address}/refund" not in as_customer.links
    assert refused.answer.headers["location"].startswith("/login")
    assert "Shipped at" not in as_admin.text
    assert f"{address}/ship" in as_admin.forms
