"""The page of one delivery: its attempts, its links, and its actions."""

import json
import re

import pytest

from tests.integration.shop.browsing import (
    SCRIPT,
    Shop,
    attempt,
    fail_attempts,
    new_delivery,
    order,
    register,
    state,
)
from tests.integration.shop.conftest import Clock, Engine
from tests.pages import Page, Visitor
from tests.receiver import Receiver

URL = "http://127.0.0.1:9001/hook"


async def open_page(shop: Shop, delivery_id: str) -> Page:
    page = await Visitor(shop).get(f"/deliveries/{delivery_id}")
    assert page.status == 200
    return page


async def test_the_timeline_shows_the_plan_before_the_first_attempt(shop: Shop) -> None:
    page = await open_page(shop, await new_delivery(shop))

    assert "0 attempts so far, at most 6 more on the schedule." in page.text
    assert "Attempt 1 is next" in page.text
    assert "Attempt 6, if needed" in page.text
    assert "schedule 30 s, plus or minus jitter" in page.text


async def test_the_timeline_distinguishes_schedule_and_retry_after(
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
        assert f"{waits} schedule 10 s Retry-After 30 s, longer than the schedule" in page.text
    assert "started 1 min 10 s after it was due" in over.text
    assert "Late, because no worker was free" in over.text
    assert over.links["#attempt-2"] == "Attempt 2"
    assert "Succeeded after 2 attempts" in over.text


async def test_a_manual_attempt_is_marked_on_the_timeline(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    delivery_id = await new_delivery(shop, receiver.url)
    await attempt(engine, clock)
    await Visitor(shop).submit(f"/deliveries/{delivery_id}/attempts")

    page = await open_page(shop, delivery_id)

    assert "Attempt 2 is next" in page.text
    assert "resent by hand, due immediately" in page.text


async def test_an_attempt_shows_the_duration_of_its_phases(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    delivery_id = await new_delivery(shop, receiver.url)
    await attempt(engine, clock)

    page = await open_page(shop, delivery_id)

    for words in ("connecting", "waiting for the response", "reading the response"):
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
    assert 'Exactly as received {"a":1}' in page.text
    assert '<span class="line">  &#34;a&#34;: 1</span>' in page.answer.text
    assert "The receiver failed." in page.text


async def test_an_answer_of_very_many_lines_is_shown_without_numbers(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    receiver.status, receiver.body = 500, json.dumps([1] * 5000).encode()
    delivery_id = await new_delivery(shop, receiver.url)
    await attempt(engine, clock)

    page = await open_page(shop, delivery_id)

    assert page.answer.text.count('class="line"') < 100
    assert len(page.answer.text) < 100_000


async def test_the_request_can_be_copied_as_a_command(
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
        assert page.links[record] == "The receiver’s record of this request"
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
    assert newest.links[f"{address}3#attempt-3"] == "Show attempt 3 and earlier ones"
    assert shown_attempts(before) == [3, 2, 1]
    assert f"{address}all#attempt-20" in before.links
    assert f"/deliveries/{delivery_id}/live?attempts=3" in before.answer.text
    assert shown_attempts(beyond) == shown_attempts(newest)


def shown_attempts(page: Page) -> list[int]:
    """Return the numbers of the attempts that are shown in full, in page order."""
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
    assert "Also sent to no other endpoint" in pages[2].text
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
    assert (
        f"purchase.shipped {messages[0].partition('=')[2]} delivered to 0 of 1 endpoint"
        in page.text
    )
    assert (
        f"purchase.created {messages[1].partition('=')[2]} delivered to 0 of 2 endpoints"
        in page.text
    )


async def test_a_delivery_that_was_not_sent_yet_says_so(shop: Shop) -> None:
    delivery_id = await new_delivery(shop)

    page = await Visitor(shop).get(f"/deliveries/{delivery_id}")

    assert page.status == 200
    assert "Not sent yet" in page.text


async def test_a_delivery_shows_each_attempt_newest_first_with_request_and_response(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    receiver.status, receiver.body = 500, b'{"error":"down","code":7.50}'
    delivery_id = await new_delivery(shop, receiver.url)
    await attempt(engine, clock)
    receiver.status, receiver.body = 200, b""
    await attempt(engine, clock)

    page = await Visitor(shop).get(f"/deliveries/{delivery_id}")

    attempts = page.text.partition("Attempts 2")[2]
    assert attempts.index("Attempt 2") < attempts.index("Attempt 1")
    for fact in ("500 Internal Server Error", "200 OK", f"POST {receiver.url}", "automatic"):
        assert fact in page.text
    for received in receiver.requests:
        assert received.headers["webhook-signature"] in page.text
        assert received.body.decode() in page.text
    assert '"code": 7.50' in page.text
    assert "Body 28 bytes" in page.text
    assert "The body is empty." in page.text


async def test_an_attempt_without_an_answer_explains_the_errors_name(
    shop: Shop, engine: Engine, clock: Clock
) -> None:
    delivery_id = await new_delivery(shop, "http://127.0.0.1:1025/nobody")
    await attempt(engine, clock)

    page = await Visitor(shop).get(f"/deliveries/{delivery_id}")

    assert "connection_refused" in page.text
    assert "Nothing listens at this address and port." in page.text


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (SCRIPT.encode(), SCRIPT),
        (b"\x00\x1b[31mred\xff", "␀␛[31mred\ufffd"),
        ("\u202egnp.exe".encode(), "⟨U+202E⟩gnp.exe"),
        (b'{"x":"</code></pre><img src=x>"}', '"x": "</code></pre><img src=x>"'),
        (b"[" * 16000, "[" * 1000),
        (bytes(range(256)) * 100, "truncated"),
    ],
    ids=["script", "binary", "reversed", "tags in JSON", "brackets", "too long"],
)
async def test_a_hostile_response_is_shown_as_inert_text(
    body: bytes, shown: str, shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    receiver.status, receiver.body = 500, body
    hidden = "a\u202eb".encode().decode("latin-1")  # http.server requires it
    receiver.headers = {"X-Hostile": SCRIPT, "Content-Type": "text/html", "X-Hidden": hidden}
    delivery_id = await new_delivery(shop, receiver.url)
    await attempt(engine, clock)

    page = await Visitor(shop).get(f"/deliveries/{delivery_id}")

    assert page.status == 200
    assert shown in page.text
    assert f"x-hostile {SCRIPT}" in page.text
    assert "\u202e" not in page.text
    assert all(page.scripts)


async def test_sending_again_makes_the_delivery_due_and_leads_back_to_it(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    delivery_id = await new_delivery(shop, receiver.url)
    await attempt(engine, clock)
    visitor = Visitor(shop)

    sent_again = await visitor.submit(f"/deliveries/{delivery_id}/attempts")
    await attempt(engine, clock)
    page = await visitor.get(f"/deliveries/{delivery_id}")

    assert sent_again.status == 303
    assert sent_again.answer.headers["location"] == f"/deliveries/{delivery_id}"
    assert "Attempt 2 200 OK" in page.text
    assert "manual" in page.text


async def test_a_delivery_that_is_being_sent_cannot_be_resent(
    shop: Shop, engine: Engine, clock: Clock
) -> None:
    delivery_id = await new_delivery(shop)
    clock.catch_up()
    await engine.claim()
    visitor = Visitor(shop)

    refused = await visitor.submit(f"/deliveries/{delivery_id}/attempts")
    page = await visitor.get(f"/deliveries/{delivery_id}")

    assert refused.status == 409
    assert "The delivery is in flight" in refused.text
    assert "sending" in page.text
    assert f"/deliveries/{delivery_id}/attempts" not in page.forms


async def test_a_delivery_of_a_deleted_endpoint_cannot_be_resent(shop: Shop) -> None:
    endpoint_id = await register(shop, URL)
    delivery_id = (await order(shop))["delivery_ids"][0]
    await shop.delete(f"/v1/webhooks/{endpoint_id}")
    visitor = Visitor(shop)

    refused = await visitor.submit(f"/deliveries/{delivery_id}/attempts")
    page = await visitor.get(f"/deliveries/{delivery_id}")

    assert refused.status == 409
    assert "its endpoint is deleted" in refused.text
    assert f"/deliveries/{delivery_id}/attempts" not in page.forms
    assert f"{URL} deleted" in page.text
    assert f"/endpoints/{endpoint_id}" not in page.links


async def test_a_delivery_that_waits_for_a_disabled_endpoint_says_so(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    receiver.status = 410
    gone = await new_delivery(shop, receiver.url)
    waiting = (await order(shop))["delivery_ids"][0]
    await attempt(engine, clock)
    visitor = Visitor(shop)

    page = await visitor.get(f"/deliveries/{waiting}")
    refused = await visitor.submit(f"/deliveries/{waiting}/attempts")

    [endpoint] = (await shop.get("/v1/webhooks")).json()["data"]
    assert "The shop has disabled this endpoint." in page.text
    assert "it responded 410 Gone" in page.text
    assert "This delivery is on hold" in page.text
    assert f"/deliveries/{waiting}/attempts" not in page.forms
    assert page.links[f"/endpoints/{endpoint['id']}"]
    assert refused.status == 409
    assert "enable it, then resend" in refused.text
    assert refused.links[f"/endpoints/{endpoint['id']}"] == "Open the endpoint"
    assert "This delivery cannot be resent now." in (await visitor.get(f"/deliveries/{gone}")).text


async def test_a_delivery_that_waits_for_a_paused_endpoint_says_so(shop: Shop) -> None:
    endpoint_id = await register(shop, URL)
    [delivery_id] = (await order(shop))["delivery_ids"]
    await shop.patch(f"/v1/webhooks/{endpoint_id}", json={"status": "paused"})

    page = await Visitor(shop).get(f"/deliveries/{delivery_id}")

    assert "This delivery is on hold: its endpoint is paused." in page.text
    assert f"/deliveries/{delivery_id}/attempts" not in page.forms
    assert page.links[f"/endpoints/{endpoint_id}"]


async def test_the_timeline_of_a_delivery_on_hold_names_no_planned_times(shop: Shop) -> None:
    endpoint_id = await register(shop, URL)
    [delivery_id] = (await order(shop))["delivery_ids"]
    await shop.patch(f"/v1/webhooks/{endpoint_id}", json={"status": "paused"})

    page = await Visitor(shop).get(f"/deliveries/{delivery_id}")

    assert "Attempt 1 is next on hold" in page.text
    assert "planned:" not in page.text
    assert re.search(r"Attempt 2, if needed about 2 s ", page.text)


async def test_a_delivery_held_back_by_the_circuit_breaker_says_so_until_sent_by_hand(
    shop: Shop, engine: Engine, clock: Clock
) -> None:
    await register(shop, "http://127.0.0.1:1025/nobody")
    await fail_attempts(shop, engine, clock, 20)
    [delivery_id] = (await order(shop))["delivery_ids"]
    visitor = Visitor(shop)

    before = await visitor.get(f"/deliveries/{delivery_id}")
    await visitor.submit(f"/deliveries/{delivery_id}/attempts")
    after = await visitor.get(f"/deliveries/{delivery_id}")

    assert "the circuit breaker of its endpoint is open" in before.text
    assert "The last 20 requests to this endpoint failed" in before.text
    assert "circuit breaker" not in after.text


async def test_cancelling_ends_a_waiting_delivery_and_resending_reopens_it(shop: Shop) -> None:
    delivery_id = await new_delivery(shop)
    address = f"/deliveries/{delivery_id}"
    visitor = Visitor(shop)
    assert f"{address}/cancel" in (await visitor.get(address)).forms

    cancelled = await visitor.submit(f"{address}/cancel")

    page = await visitor.get(address)
    assert cancelled.status == 303
    assert cancelled.answer.headers["location"] == address
    assert await state(shop, delivery_id) == "cancelled"
    assert f"{address}/cancel" not in page.forms
    assert f"{address}/attempts" in page.forms
    await visitor.submit(f"{address}/attempts")
    assert await state(shop, delivery_id) == "pending"


async def test_a_delivery_that_does_not_wait_cannot_be_cancelled(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    delivery_id = await new_delivery(shop, receiver.url)
    await attempt(engine, clock)
    visitor = Visitor(shop)

    refused = await visitor.submit(f"/deliveries/{delivery_id}/cancel")

    assert refused.status == 409
    assert "this one is succeeded" in refused.text
    assert refused.links[f"/deliveries/{delivery_id}"] == "Open the delivery"
    assert await state(shop, delivery_id) == "succeeded"
