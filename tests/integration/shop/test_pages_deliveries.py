from datetime import timedelta

import pytest

from shop.web.deliveries.pages import PAGE_SIZE
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


def listed(page: Page) -> list[str]:
    """Ids of the deliveries on the page, in its order."""
    assert page.status == 200, page.text
    prefix = "/deliveries/"
    return [link.removeprefix(prefix) for link in page.links if link.startswith(f"{prefix}dlv_")]


async def test_an_empty_log_says_what_to_do(shop: Shop) -> None:
    page = await Visitor(shop).get("/deliveries")

    assert "No deliveries yet" in page.text
    assert listed(page) == []


async def test_the_log_shows_state_event_endpoint_attempts_and_next_try(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    receiver.status = 500
    delivery_id = await new_delivery(shop, receiver.url)
    await attempt(engine, clock)

    page = await Visitor(shop).get("/deliveries")

    assert listed(page) == [delivery_id]
    place = receiver.url.removeprefix("http://")
    for fact in ("pending", "purchase.created", place, "$14.90", "500"):
        assert fact in page.text
    next_try = clock.now + timedelta(seconds=10)
    assert f"{next_try:%H:%M:%S} UTC" in page.text


async def test_the_log_is_filtered_by_each_of_its_fields(shop: Shop) -> None:
    delivery_id = await new_delivery(shop, URL)
    document = (await shop.get(f"/v1/deliveries/{delivery_id}")).json()
    visitor = Visitor(shop)

    for name, hit, miss in [
        ("state", "pending", "failed"),
        ("endpoint_id", document["endpoint_id"], "ep_other"),
        ("event_type", "purchase.created", "purchase.refunded"),
        ("q", document["message_id"][:20], "100%_"),
        ("q", "127.0.0.1:9001", SCRIPT),
    ]:
        assert listed(await visitor.get("/deliveries", **{name: hit})) == [delivery_id]
        missed = await visitor.get("/deliveries", **{name: miss})
        assert listed(missed) == []
        assert "Nothing matches" in missed.text


async def test_what_is_filtered_by_stands_in_the_form_and_in_the_tabs(shop: Shop) -> None:
    endpoint_id = await register(shop, URL)

    page = await Visitor(shop).get("/deliveries", q=SCRIPT, state="failed", endpoint_id=endpoint_id)

    assert page.values["q"] == [SCRIPT]
    assert page.values["state"] == ["failed"]
    address = f"/deliveries?state=pending&endpoint_id={endpoint_id}&q=%3Cscript%3Ealert"
    assert [link for link in page.links if link.startswith(address)]


async def test_tabs_count_the_deliveries_of_each_state(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    await new_delivery(shop, receiver.url)
    await attempt(engine, clock)
    await order(shop)

    page = await Visitor(shop).get("/deliveries")

    assert page.links["/deliveries"] == "all 2"
    assert page.links["/deliveries?state=pending"] == "pending 1"
    assert page.links["/deliveries?state=succeeded"] == "succeeded 1"
    assert page.links["/deliveries?state=cancelled"] == "cancelled 0"


async def test_the_log_is_read_page_by_page_with_the_filter_kept(shop: Shop) -> None:
    await register(shop, URL)
    ids = [(await order(shop))["delivery_ids"][0] for _ in range(PAGE_SIZE + 1)]
    visitor = Visitor(shop)

    first = await visitor.get("/deliveries", state="pending", q="9001")
    [older] = [address for address, text in first.links.items() if "Older" in text]
    second = await visitor.get(older)
    [newest] = [address for address, text in second.links.items() if "Newest" in text]

    assert listed(first) == ids[:0:-1]
    assert listed(second) == ids[:1]
    assert newest == "/deliveries?state=pending&q=9001"


@pytest.mark.parametrize("path", ["/deliveries", "/deliveries/live"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("state", "lost"),
        ("state", SCRIPT),
        ("state", "\x00"),
        ("event_type", "order.created"),
        ("cursor", "dlv_nope"),
        ("cursor", "99999999999999999999"),
    ],
)
async def test_a_query_that_makes_no_sense_is_refused_with_a_page(
    name: str, value: str, path: str, shop: Shop
) -> None:
    page = await Visitor(shop).get(path, **{name: value})

    assert page.status == 400
    assert page.answer.headers["content-type"].startswith("text/html")
    assert page.scripts
    assert all(page.scripts)


@pytest.mark.parametrize("query", ["q=%00", "q=%FF", "q=%ED%A0%80", "&&==", "q=" + "%25" * 3000])
async def test_a_search_for_rubbish_finds_nothing_or_everything(query: str, shop: Shop) -> None:
    page = await Visitor(shop).get(f"/deliveries?{query}")

    assert page.status == 200


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
    assert "Nothing listens at that address and port." in page.text


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (SCRIPT.encode(), SCRIPT),
        (b"\x00\x1b[31mred\xff", "␀␛[31mred\ufffd"),
        ("\u202egnp.exe".encode(), "⟨U+202E⟩gnp.exe"),
        (b'{"x":"</code></pre><img src=x>"}', '"x": "</code></pre><img src=x>"'),
        (b"[" * 16000, "[" * 1000),
        (bytes(range(256)) * 100, "it went on, the rest was not kept"),
    ],
    ids=["script", "binary", "reversed", "tags in JSON", "brackets", "too long"],
)
async def test_a_strangers_answer_is_shown_as_text_and_does_nothing(
    body: bytes, shown: str, shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    receiver.status, receiver.body = 500, body
    hidden = "a\u202eb".encode().decode("latin-1")  # as http.server wants it
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


async def test_what_is_being_sent_is_not_sent_again(
    shop: Shop, engine: Engine, clock: Clock
) -> None:
    delivery_id = await new_delivery(shop)
    clock.catch_up()
    await engine.claim()
    visitor = Visitor(shop)

    refused = await visitor.submit(f"/deliveries/{delivery_id}/attempts")
    page = await visitor.get(f"/deliveries/{delivery_id}")

    assert refused.status == 409
    assert "being sent right now" in refused.text
    assert "sending" in page.text
    assert f"/deliveries/{delivery_id}/attempts" not in page.forms


async def test_what_has_lost_its_endpoint_is_not_sent_again(shop: Shop) -> None:
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
    assert "Nothing is sent to this endpoint: the shop has disabled it." in page.text
    assert "it answered 410 Gone" in page.text
    assert "This delivery waits" in page.text
    assert f"/deliveries/{waiting}/attempts" not in page.forms
    assert page.links[f"/endpoints/{endpoint['id']}"]
    assert refused.status == 409
    assert "enable it first" in refused.text
    assert refused.links[f"/endpoints/{endpoint['id']}"] == "To the endpoint"
    assert "So this cannot be sent again" in (await visitor.get(f"/deliveries/{gone}")).text


async def test_a_delivery_that_waits_for_a_paused_endpoint_says_so(shop: Shop) -> None:
    endpoint_id = await register(shop, URL)
    [delivery_id] = (await order(shop))["delivery_ids"]
    await shop.patch(f"/v1/webhooks/{endpoint_id}", json={"status": "paused"})

    page = await Visitor(shop).get(f"/deliveries/{delivery_id}")

    assert "This delivery waits, since its endpoint is paused." in page.text
    assert f"/deliveries/{delivery_id}/attempts" not in page.forms
    assert page.links[f"/endpoints/{endpoint_id}"]


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
    assert "20 attempts in a row failed" in before.text
    assert "circuit breaker" not in after.text


async def test_cancelling_gives_up_what_waits_and_sending_again_undoes_it(shop: Shop) -> None:
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


async def test_what_does_not_wait_is_not_cancelled(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    delivery_id = await new_delivery(shop, receiver.url)
    await attempt(engine, clock)
    visitor = Visitor(shop)

    refused = await visitor.submit(f"/deliveries/{delivery_id}/cancel")

    assert refused.status == 409
    assert "this one is succeeded" in refused.text
    assert refused.links[f"/deliveries/{delivery_id}"] == "To the delivery"
    assert await state(shop, delivery_id) == "succeeded"
