"""Genuine webhooks and their receipts."""

import logging
from dataclasses import replace

import pytest

from subscriber_app.app import create_app
from subscriber_app.config import Settings
from tests.integration.subscriber.conftest import Client, Clock, running
from tests.integration.subscriber.requests import deliver, only_receipt, send, stats, totals
from tests.integration.subscriber.signer import (
    NOW,
    OTHER_SECRET,
    SECRET,
    Delivery,
    base64url,
    key_of,
    purchase,
)

MAX_BODY_BYTES = 256 * 1024


async def test_a_purchase_is_booked_and_the_answer_names_the_receipt(subscribed: Client) -> None:
    answer = await deliver(subscribed)

    assert answer.status_code == 200
    receipt = await only_receipt(subscribed)
    assert answer.json() == {"receipt_id": receipt["id"], "verdict": "accepted"}
    assert await stats(subscribed) == totals(accepted=1, purchases=1, revenue_cents=5075)


async def test_a_receipt_keeps_the_request_as_it_came(subscribed: Client) -> None:
    delivery = Delivery(body=purchase(note="Zoë 🪝\n"))

    await deliver(subscribed, delivery)

    receipt = await only_receipt(subscribed)
    assert receipt["body"].encode() == delivery.body
    headers = dict(receipt["headers"])
    assert dict(delivery.headers()).items() <= headers.items()
    assert receipt["message_id"] == delivery.message_id
    assert receipt["event_type"] == "purchase.created"
    assert receipt["value_cents"] == 5075
    assert receipt["received_at"] == "2026-11-23T12:00:00.000Z"
    assert {step["result"] for step in receipt["steps"]} == {"passed"}


async def test_a_refund_reduces_the_revenue_and_is_no_purchase(subscribed: Client) -> None:
    refund = purchase(-20.25, type_="purchase.refunded")

    await deliver(subscribed)
    await deliver(subscribed, Delivery(message_id="msg_2", body=refund))

    assert await stats(subscribed) == totals(accepted=2, purchases=1, revenue_cents=3050)


@pytest.mark.parametrize("type_", ["purchase.shipped", "webhook.ping"])
async def test_an_event_without_money_is_accepted_and_not_booked(
    type_: str, subscribed: Client
) -> None:
    await deliver(subscribed, Delivery(body=purchase(type_=type_)))

    assert await stats(subscribed) == totals(accepted=1)
    assert (await only_receipt(subscribed))["value_cents"] is None


@pytest.mark.parametrize("left_out", ["webhook_signature", "authorization"])
async def test_one_credential_is_enough(left_out: str, subscribed: Client) -> None:
    answer = await deliver(subscribed, **{left_out: None})

    assert answer.status_code == 200


@pytest.mark.parametrize(("age", "status"), [(299, 200), (300, 200), (301, 401)])
async def test_a_signature_is_valid_for_five_minutes(
    age: int, status: int, subscribed: Client
) -> None:
    answer = await deliver(subscribed, Delivery(timestamp=NOW - age), authorization=None)

    assert answer.status_code == status


async def test_the_largest_sums_can_be_added_up(subscribed: Client) -> None:
    for number in range(100):
        await deliver(
            subscribed, Delivery(message_id=f"msg_{number}", body=purchase(999_999_999_999.99))
        )

    assert (await stats(subscribed))["revenue_cents"] == 100 * 99_999_999_999_999


async def test_a_body_of_256_kib_is_read_in_full(subscribed: Client) -> None:
    short = purchase(note="")
    largest = purchase(note="x" * (MAX_BODY_BYTES - len(short)))
    assert len(largest) == MAX_BODY_BYTES

    answer = await send(subscribed, Delivery(body=largest).headers(), largest, is_chunked=True)

    assert answer.status_code == 200
    assert (await only_receipt(subscribed))["body"].encode() == largest


async def test_a_larger_body_is_stored_only_up_to_the_limit(subscribed: Client) -> None:
    larger = purchase(note="x" * MAX_BODY_BYTES)

    await send(subscribed, Delivery(body=larger).headers(), larger)

    receipt = await only_receipt(subscribed)
    assert receipt["reason"] == "too_large"
    assert receipt["body"].encode() == larger[:MAX_BODY_BYTES]


async def test_without_a_subscription_everything_is_rejected(subscriber: Client) -> None:
    answer = await deliver(subscriber)

    assert answer.status_code == 401
    assert (await only_receipt(subscriber))["reason"] == "not_subscribed"
    assert await stats(subscriber) == totals(rejected=1)


async def test_nothing_but_post_is_received(subscribed: Client) -> None:
    answer = await subscribed.get("/v1/new-purchase")

    assert answer.status_code == 405
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_restart_loses_nothing(
    subscribed: Client, settings: Settings, clock: Clock
) -> None:
    await deliver(subscribed)

    async with running(create_app(settings, now=clock)) as restarted:
        again = await deliver(restarted)
        after = await stats(restarted)

    assert again.json()["verdict"] == "duplicate"
    assert after == totals(accepted=1, duplicate=1, purchases=1, revenue_cents=5075)


async def test_no_log_shows_secrets_or_credentials(
    subscribed: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    genuine = Delivery()

    await deliver(subscribed, genuine)
    await deliver(subscribed, replace(genuine, secret=OTHER_SECRET))
    await subscribed.get("/")
    await subscribed.get("/subscription")

    assert "accepted" in caplog.text
    assert "rejected (signature_mismatch) → 401" in caplog.text
    key = SECRET.removeprefix("whsec_")
    for kept_back in (key, base64url(key_of(SECRET)), genuine.signature, genuine.token):
        assert kept_back not in caplog.text
