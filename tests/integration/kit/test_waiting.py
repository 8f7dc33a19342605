"""What the calls of the kit return, and what they say when something does not happen."""

from collections.abc import Iterator

import pytest

from hookshop.testing import ApiError, Hookshop, Receiver, WaitTimeoutError, running_receiver

SHORT = 0.3  # seconds, for what does not happen


def test_an_order_is_found_at_the_shop_and_at_the_subscriber(hookshop: Hookshop) -> None:
    order = hookshop.shop.buy("fishing-rod", quantity=2, customer="Ada")

    delivery = hookshop.wait_for_delivery(order)
    receipt = hookshop.wait_for_receipt(order)

    assert (delivery.order_id, delivery.state, delivery.last_status) == (order.id, "succeeded", 200)
    assert (receipt.message_id, receipt.verdict) == (delivery.message_id, "accepted")
    assert order.document["customer_name"] == "Ada"


def test_time_is_skipped_to_the_next_attempt_and_by_hours(hookshop: Hookshop) -> None:
    hookshop.subscriber.fail_next("503", "503")
    order = hookshop.shop.buy()
    hookshop.wait_for_receipt(order, verdict="rejected")

    hookshop.advance_time(to="next_attempt")
    after_one = hookshop.wait_for_delivery(order, state="pending").attempt_count
    hookshop.advance_time(hours=1)

    assert after_one == 2
    assert hookshop.wait_for_delivery(order).attempt_count == 3


def test_a_time_out_says_state_result_next_attempt_and_where_to_look(hookshop: Hookshop) -> None:
    hookshop.subscriber.fail_always(503)
    order = hookshop.shop.buy()
    receipt = hookshop.wait_for_receipt(order, verdict="rejected")
    hookshop.wait_until_quiet("idle")

    with pytest.raises(WaitTimeoutError) as failure:
        hookshop.wait_for_delivery(order, timeout=SHORT)

    said = str(failure.value)
    assert f"After 0.3 s, order {order.id} does not have a delivery in state succeeded." in said
    assert "/v1/new-purchase: pending after 1 attempt; the last response was 503" in said
    assert "the next attempt is in" in said
    assert hookshop.subscriber.trace_page(str(receipt.message_id)) in said
    assert 'hookshop.advance_time(to="next_attempt")' in said


def test_a_time_out_says_what_holds_a_delivery_up(hookshop: Hookshop) -> None:
    [endpoint] = hookshop.shop.endpoints()
    hookshop.shop.pause(endpoint)
    order = hookshop.shop.buy()

    with pytest.raises(WaitTimeoutError, match="on hold: the endpoint is paused"):
        hookshop.wait_for_delivery(order, timeout=SHORT)

    hookshop.shop.resume(endpoint)
    hookshop.wait_for_delivery(order)


def test_a_time_out_says_that_a_circuit_breaker_is_open(hookshop: Hookshop) -> None:
    hookshop.subscriber.fail_always(503)
    orders = [hookshop.shop.buy() for _ in range(20)]
    hookshop.wait_until_quiet("idle")

    with pytest.raises(
        WaitTimeoutError, match="on hold: the circuit breaker is open after 20 fail"
    ):
        hookshop.wait_for_delivery(orders[0], timeout=SHORT)


def test_a_time_out_lists_near_misses(hookshop: Hookshop) -> None:
    hookshop.subscriber.fail_next("503")
    order = hookshop.shop.buy()
    hookshop.wait_for_receipt(order, verdict="rejected")

    with pytest.raises(WaitTimeoutError) as failure:
        hookshop.wait_for_receipt(order, verdict="accepted", timeout=SHORT)

    said = str(failure.value)
    assert "does not have a receipt with verdict accepted" in said
    assert "not read: rejected (simulated_fault), answered with 503, fault 503" in said


def test_a_time_out_about_an_unknown_order_names_those_that_there_are(hookshop: Hookshop) -> None:
    order = hookshop.shop.buy()
    hookshop.wait_for_delivery(order)

    with pytest.raises(WaitTimeoutError) as failure:
        hookshop.wait_for_receipt("ord_of_another_sandbox", timeout=SHORT)

    said = str(failure.value)
    assert "no receipt of this order, and 1 of others" in said
    assert f"The newest deliveries are about {order.id}." in said


def test_a_time_out_says_that_nobody_is_subscribed(hookshop: Hookshop) -> None:
    [endpoint] = hookshop.shop.endpoints()
    hookshop.shop.unregister(endpoint)
    order = hookshop.shop.buy()

    with pytest.raises(WaitTimeoutError, match="The shop has no endpoint, so it sends nothing"):
        hookshop.wait_for_delivery(order, timeout=SHORT)


def test_a_time_out_of_quiet_says_what_is_unfinished(hookshop: Hookshop) -> None:
    hookshop.subscriber.fail_always(503)
    order = hookshop.shop.buy()
    hookshop.wait_for_receipt(order, verdict="rejected")
    hookshop.wait_until_quiet("idle")

    with pytest.raises(
        WaitTimeoutError, match="the shop is not settled: 0 in flight, 0 due, 1 pend"
    ):
        hookshop.wait_until_quiet("settled", timeout=SHORT)


def test_a_receiver_that_hangs_holds_the_clock_up_and_the_time_out_says_so(
    hookshop: Hookshop,
) -> None:
    hookshop.subscriber.fail_next("timeout")
    hookshop.shop.buy()

    with pytest.raises(WaitTimeoutError, match="Each step waits for real attempts: 1 in flight"):
        hookshop.advance_time(hours=1, timeout=SHORT)


@pytest.mark.parametrize("word", ["banana", "200000", "429:x"])
def test_a_wrong_word_of_a_script_is_refused_with_the_words_that_there_are(
    hookshop: Hookshop, word: str
) -> None:
    with pytest.raises(ApiError, match=r"400: .* is not a script word; use 200"):
        hookshop.subscriber.fail_next(word)


def test_an_unknown_product_is_refused_with_a_sentence(hookshop: Hookshop) -> None:
    with pytest.raises(ApiError, match=r"404.*unicorn"):
        hookshop.shop.buy("unicorn")


@pytest.fixture
def receiver(hookshop: Hookshop) -> Iterator[Receiver]:
    with running_receiver(hookshop) as receiver:
        yield receiver


def test_a_receiver_verifies_every_webhook_and_keeps_its_bytes(
    hookshop: Hookshop, receiver: Receiver
) -> None:
    order = hookshop.shop.buy("fishing-rod")

    webhook = receiver.wait_for_webhook(order)

    assert webhook.verification is not None
    assert webhook.verification.is_genuine
    assert order.id.encode() in webhook.body
    assert webhook.raw.endswith(webhook.body)


def test_a_receiver_fails_by_script_and_then_gets_the_same_message_again(
    hookshop: Hookshop, receiver: Receiver
) -> None:
    receiver.fail_next("drop", "503")
    order = hookshop.shop.buy()

    hookshop.advance_time(hours=1)

    assert receiver.wait_for_webhook(order).fault is None
    assert [webhook.fault for webhook in receiver.webhooks] == ["drop", "503", None]
    assert len({webhook.message_id for webhook in receiver.webhooks}) == 1


def test_a_receiver_that_waits_in_vain_lists_what_it_received(
    hookshop: Hookshop, receiver: Receiver
) -> None:
    receiver.fail_next("503")
    order = hookshop.shop.buy()
    hookshop.wait_for_delivery(order)

    with pytest.raises(WaitTimeoutError) as failure:
        receiver.wait_for_webhook(order, event_type="purchase.shipped", timeout=SHORT)

    said = str(failure.value)
    assert f"has 0 of 1 genuine webhooks purchase.shipped of order {order.id}." in said


def test_a_receiver_unregisters_itself(hookshop: Hookshop) -> None:
    with running_receiver(hookshop) as receiver:
        registered = {endpoint.webhook_url for endpoint in hookshop.shop.endpoints()}

    assert receiver.url in registered
    assert receiver.url not in {endpoint.webhook_url for endpoint in hookshop.shop.endpoints()}
