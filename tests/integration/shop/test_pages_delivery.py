"""What the page of one delivery tells of its attempts, and where it leads."""

import json
import re

import pytest

from tests.integration.shop.browsing import Shop, attempt, new_delivery, order, register
from tests.integration.shop.conftest import Clock, Engine
from tests.pages import Page, Visitor
from tests.receiver import Receiver


async def open_page(shop: Shop, delivery_id: str) -> Page:
    page = await Visitor(shop).get(f"/deliveries/{delivery_id}")
    assert page.status == 200
    return page


async def test_the_timeline_tells_what_is_planned_before_anything_was_sent(shop: Shop) -> None:
    page = await open_page(shop, await new_delivery(shop))

    assert "0 attempts made so far, at most 6 to come on the schedule." in page.text
    assert "Attempt 1 is next" in page.text
    assert "Attempt 6, if need be" in page.text
    assert "schedule 30 s, jitter up to a fifth of it" in page.text


async def test_the_timeline_tells_schedule_and_retry_after_apart(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    receiver.status, receiver.headers = 429, {"Retry-After": "30"}
    delivery_id = await new_delivery(shop, receiver.url)
    await attempt(engine, clock)
    waiting = await open_page(shop, delivery_id)
    receiver.status = 200
    await attempt(engine, clock)

    over = await open_page(shop, delivery_id)

    for page, waits in ((waiting, "waits 30 s"), (over, "waited 1 min 40 s")):
        assert f"{waits} schedule 10 s Retry-After 30 s, so it waits longer" in page.text
    assert "started 1 min 10 s late" in over.text
    assert "Late: no worker was free, or its endpoint was paused" in over.text
    assert over.links["#attempt-2"] == "Attempt 2"
    assert "Succeeded after 2 attempts" in over.text


async def test_an_attempt_by_hand_is_marked_on_the_timeline(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    delivery_id = await new_delivery(shop, receiver.url)
    await attempt(engine, clock)
    await Visitor(shop).submit(f"/deliveries/{delivery_id}/attempts")

    page = await open_page(shop, delivery_id)

    assert "Attempt 2 is next" in page.text
    assert "sent by hand, due at once" in page.text


async def test_an_attempt_tells_where_its_time_went(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    delivery_id = await new_delivery(shop, receiver.url)
    await attempt(engine, clock)

    page = await open_page(shop, delivery_id)

    for words in ("connecting", "waiting for the answer", "reading it"):
        assert words in page.text
    assert "name lookup" not in page.text


async def test_bodies_have_a_size_and_can_be_read_and_seen_raw(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    receiver.status, receiver.body = 500, b'{"a":1}'
    delivery_id = await new_delivery(shop, receiver.url)
    await attempt(engine, clock)

    page = await open_page(shop, delivery_id)

    [request] = receiver.requests
    assert f"Body {len(request.body)} bytes" in page.text
    assert request.body.decode() in page.text
    assert "Body 7 bytes" in page.text
    assert 'Exactly as it came {"a":1}' in page.text
    assert '<span class="line">  &#34;a&#34;: 1</span>' in page.answer.text
    assert "The endpoint itself failed." in page.text


async def test_an_answer_of_very_many_lines_is_shown_without_numbers(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    receiver.status, receiver.body = 500, json.dumps([1] * 5000).encode()
    delivery_id = await new_delivery(shop, receiver.url)
    await attempt(engine, clock)

    page = await open_page(shop, delivery_id)

    assert page.answer.text.count('class="line"') < 100
    assert len(page.answer.text) < 100_000


async def test_the_request_can_be_taken_along_as_a_command(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    delivery_id = await new_delivery(shop, receiver.url)
    await attempt(engine, clock)

    page = await open_page(shop, delivery_id)

    [request] = receiver.requests
    assert f"--request POST {receiver.url}" in page.text
    assert f"--header 'webhook-signature: {request.headers['webhook-signature']}'" in page.text
    assert f"--data-binary '{request.body.decode()}'" in page.text
    assert "five minutes after the attempt" in page.text


@pytest.mark.parametrize("elsewhere", [False, True])
async def test_the_endpoints_own_record_is_linked_if_it_is_at_the_endpoint(
    elsewhere: bool, shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    record = receiver.url.replace("/hook", "/receipts/rcp_1")
    if elsewhere:
        record = record.replace("127.0.0.1", "localhost")
    receiver.headers = {"Link": f'<{record}>; rel="describedby"'}
    delivery_id = await new_delivery(shop, receiver.url)
    await attempt(engine, clock)

    page = await open_page(shop, delivery_id)

    assert (record in page.links) is not elsewhere
    if not elsewhere:
        assert page.links[record] == "The endpoint’s own record of this request"
        assert f'href="{record}" rel="noreferrer noopener"' in page.answer.text


async def test_of_many_attempts_the_newest_are_shown_in_full_and_all_on_demand(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    delivery_id = await new_delivery(shop, receiver.url)
    visitor = Visitor(shop)
    for _ in range(7):
        await visitor.submit(f"/deliveries/{delivery_id}/attempts")
        await attempt(engine, clock)

    newest = await open_page(shop, delivery_id)
    address = f"/deliveries/{delivery_id}?attempts=all"
    everything = await visitor.get(address)

    assert newest.answer.text.count('<details class="attempt') == 5
    assert newest.links[f"{address}#attempt-2"] in {"Attempt 2", "Show all 7 attempts"}
    assert newest.links["#attempt-3"] == "Attempt 3"
    assert everything.answer.text.count('<details class="attempt') == 7
    assert everything.links["#attempt-1"] == "Attempt 1"
    assert f"/deliveries/{delivery_id}/live?attempts=all" in everything.answer.text


async def test_a_page_shows_twenty_attempts_at_most_and_leads_to_those_before(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    delivery_id = await new_delivery(shop, receiver.url)
    visitor = Visitor(shop)
    for _ in range(23):
        await visitor.submit(f"/deliveries/{delivery_id}/attempts")
        await attempt(engine, clock)
    address = f"/deliveries/{delivery_id}?attempts="

    newest = await visitor.get(f"{address}all")
    before = await visitor.get(f"{address}3")
    beyond = await visitor.get(f"{address}999")

    assert shown_attempts(newest) == list(range(23, 3, -1))
    assert newest.links[f"{address}3#attempt-3"] == "Show attempt 3 and those before it"
    assert shown_attempts(before) == [3, 2, 1]
    assert f"{address}all#attempt-20" in before.links
    assert f"/deliveries/{delivery_id}/live?attempts=3" in before.answer.text
    assert shown_attempts(beyond) == shown_attempts(newest)


def shown_attempts(page: Page) -> list[int]:
    """The numbers of the attempts that are shown in full, as they stand on the page."""
    return [int(number) for number in re.findall('id="attempt-([0-9]+)"', page.answer.text)]


async def test_a_page_of_five_attempts_is_light(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    receiver.status, receiver.headers = 503, {"Retry-After": "5"}
    delivery_id = await new_delivery(shop, receiver.url)
    for _ in range(5):
        await Visitor(shop).submit(f"/deliveries/{delivery_id}/attempts")
        await attempt(engine, clock)

    page = await open_page(shop, delivery_id)

    assert len(page.answer.content) < 60_000


async def test_a_message_leads_to_its_other_deliveries_and_back(shop: Shop) -> None:
    await register(shop, "http://127.0.0.1:9001/first")
    alone = (await order(shop))["delivery_ids"]
    await register(shop, "http://127.0.0.1:9002/second")
    first, second = (await order(shop))["delivery_ids"]

    pages = [await open_page(shop, id_) for id_ in (first, second, *alone)]

    assert f"/deliveries/{second}" in pages[0].links
    assert f"/deliveries/{first}" in pages[1].links
    assert "Also goes to no other endpoint" in pages[2].text
    assert not [link for link in pages[2].links if link.startswith("/deliveries/dlv_")]


async def test_of_very_many_deliveries_of_a_message_the_log_shows_the_rest(shop: Shop) -> None:
    for number in range(23):
        await register(shop, f"http://127.0.0.1:9001/{number}")
    ids = (await order(shop))["delivery_ids"]

    page = await open_page(shop, ids[0])

    siblings = [link for link in page.links if link.startswith("/deliveries/dlv_")]
    assert len(siblings) == 20
    assert page.links[next(link for link in page.links if link.startswith("/deliveries?q=msg_"))]


async def test_an_order_lists_its_messages_with_links_to_their_deliveries(shop: Shop) -> None:
    await register(shop, "http://127.0.0.1:9001/", event_types=["purchase.created"])
    both = ["purchase.created", "purchase.shipped"]
    await register(shop, "http://127.0.0.1:9002/", event_types=both)
    address = f"/orders/{(await order(shop))['id']}"
    visitor = Visitor(shop)
    await visitor.submit(f"{address}/ship")

    page = await visitor.get(address)

    messages = [link for link in page.links if link.startswith("/deliveries?q=msg_")]
    assert len(messages) == 2
    assert f"purchase.shipped {messages[0].partition('=')[2]} goes to 1 endpoint" in page.text
    assert f"purchase.created {messages[1].partition('=')[2]} goes to 2 endpoints" in page.text
