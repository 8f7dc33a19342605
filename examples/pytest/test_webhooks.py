"""What a shop and a subscriber owe each other, without a browser."""

import pytest


def test_an_order_is_delivered_and_accepted(hookshop):
    order = hookshop.shop.buy("fishing-rod")

    delivery = hookshop.wait_for_delivery(order, state="succeeded")
    receipt = hookshop.wait_for_receipt(order, verdict="accepted")

    assert delivery.attempt_count == 1
    assert receipt.message_id == delivery.message_id


def test_a_failed_attempt_is_repeated_with_the_same_message(hookshop):
    hookshop.subscriber.fail_next("503")
    order = hookshop.shop.buy("mug")
    hookshop.wait_for_receipt(order, verdict="rejected")

    hookshop.advance_time(to="next_attempt")

    assert hookshop.wait_for_delivery(order, state="succeeded").attempt_count == 2
    assert len({receipt.message_id for receipt in hookshop.subscriber.receipts(order)}) == 1


def test_a_lost_response_does_not_book_an_order_twice(hookshop):
    hookshop.subscriber.fail_next("accept_then_500")
    order = hookshop.shop.buy("teapot", quantity=2)

    hookshop.advance_time(hours=1)

    hookshop.wait_for_receipt(order, verdict="duplicate")
    assert hookshop.subscriber.stats()["purchases"] == 1


@pytest.mark.hookshop(retry_schedule="0,3600,86400")
def test_a_delivery_fails_after_its_last_attempt(hookshop):
    hookshop.subscriber.fail_always(500)
    order = hookshop.shop.buy("mug")

    hookshop.advance_time(days=2)

    assert hookshop.wait_for_delivery(order, state="failed").attempt_count == 3


def test_a_paused_endpoint_gets_its_webhooks_when_it_resumes(hookshop):
    [endpoint] = hookshop.shop.endpoints()
    hookshop.shop.pause(endpoint)
    order = hookshop.shop.buy("mug")
    hookshop.wait_until_quiet()
    assert hookshop.subscriber.receipts(order) == []

    hookshop.shop.resume(endpoint)

    hookshop.wait_for_receipt(order, verdict="accepted")


def test_a_refund_is_booked_as_one(hookshop):
    order = hookshop.shop.buy("fishing-rod")
    hookshop.wait_for_delivery(order)

    hookshop.shop.refund(order)

    hookshop.wait_for_receipt(order, event_type="purchase.refunded")
    assert hookshop.subscriber.stats()["revenue_cents"] == 0


def test_my_own_receiver_verifies_what_the_shop_sends(hookshop, hookshop_receiver):
    hookshop_receiver.fail_next("drop")
    order = hookshop.shop.buy("fishing-rod")

    hookshop.advance_time(hours=1)

    webhook = hookshop_receiver.wait_for_webhook(order)
    assert webhook.event["type"] == "purchase.created"
    assert webhook.verification.is_genuine
