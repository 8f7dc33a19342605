"""Events of one order that overtake each other lead to the same state."""

from itertools import permutations

import pytest

from tests.integration.subscriber.conftest import Client, Clock
from tests.integration.subscriber.requests import deliver, stats, totals
from tests.integration.subscriber.signer import Delivery, purchase
from tests.pages import Visitor

EVENTS = {
    "created": Delivery(message_id="msg_c", body=purchase(120)),
    "shipped": Delivery(message_id="msg_s", body=purchase(0, type_="purchase.shipped")),
    "refunded": Delivery(message_id="msg_r", body=purchase(-20.5, type_="purchase.refunded")),
}


@pytest.mark.parametrize("order", list(permutations(EVENTS)), ids="-".join)
async def test_the_order_of_events_does_not_change_the_purchase(
    order: tuple[str, ...], subscribed: Client
) -> None:
    for name in order:
        await deliver(subscribed, EVENTS[name])

    page = await Visitor(subscribed).get("/purchases")

    assert "bought shipped refunded" in page.text
    assert "$120.00 −$20.50 $99.50 ord_1" in page.text
    assert ("out of order" in page.text) is (order[0] != "created")
    assert await stats(subscribed) == totals(accepted=3, purchases=1, revenue_cents=9950)


async def test_a_refund_that_arrives_first_shows_that_the_purchase_is_missing(
    subscribed: Client,
) -> None:
    receipt_id = (await deliver(subscribed, EVENTS["refunded"])).json()["receipt_id"]

    page = await Visitor(subscribed).get(f"/receipts/{receipt_id}")

    assert "purchase pending refunded out of order" in page.text
    assert "Net −$20.50" in page.text
    assert "The result is the same" in page.text


async def test_a_duplicate_shows_the_purchase_and_changes_nothing(subscribed: Client) -> None:
    await deliver(subscribed, EVENTS["created"])
    receipt_id = (await deliver(subscribed, EVENTS["created"])).json()["receipt_id"]

    page = await Visitor(subscribed).get(f"/receipts/{receipt_id}")

    assert "Net $120.00" in page.text
    assert "overtook" not in page.text


async def test_a_forged_refund_touches_no_purchase(subscribed: Client) -> None:
    await deliver(subscribed, EVENTS["created"])
    forged = await deliver(subscribed, EVENTS["refunded"], webhook_signature="v1,forged")

    page = await Visitor(subscribed).get(f"/receipts/{forged.json()['receipt_id']}")

    assert "Current state of the purchase" not in page.text
    assert "$120.00 – $120.00" in (await Visitor(subscribed).get("/purchases")).text


async def test_purchases_are_paginated_and_deleted_with_the_receipts(
    subscribed: Client, clock: Clock
) -> None:
    for number in range(51):
        body = purchase(order_id=f"ord_{number:02}")
        await deliver(subscribed, Delivery(message_id=f"msg_{number}", body=body))
        clock.pass_seconds(0.001)
    visitor = Visitor(subscribed)

    first = await visitor.get("/purchases")
    [older] = [link for link, text in first.links.items() if "Older" in text]
    second = await visitor.get(older)
    await subscribed.delete("/v1/receipts")

    assert "ord_50" in first.text
    assert "ord_00" not in first.text
    assert "ord_00" in second.text
    assert "No purchases yet" in (await visitor.get("/purchases")).text


async def test_a_page_after_the_last_purchase_leads_to_the_first(subscribed: Client) -> None:
    receipt = (await deliver(subscribed)).json()["receipt_id"]

    page = await Visitor(subscribed).get("/purchases", cursor=receipt)

    assert "No older purchases" in page.text
    assert page.links["/purchases"] == "First page"


@pytest.mark.parametrize("cursor", ["' OR 1=1 --", "\x00", "rcp_"])
async def test_an_invalid_cursor_is_harmless(cursor: str, subscribed: Client) -> None:
    assert (await Visitor(subscribed).get("/purchases", cursor=cursor)).status == 200


async def test_a_hostile_order_id_is_shown_as_text(subscribed: Client) -> None:
    hostile = "<script>alert(1)</script>&q=\"'"
    await deliver(subscribed, Delivery(body=purchase(order_id=hostile)))

    page = await Visitor(subscribed).get("/purchases")

    assert "<script>alert" not in page.answer.text
    [link] = [link for link in page.links if link.startswith("/?q=")]
    assert "q=" not in link.removeprefix("/?q=")
