"""Webhooks that arrive more than once: the rows "repeat" of the corpus, and other cases."""

import asyncio
from dataclasses import replace

from tests.integration.subscriber.conftest import Client, Clock
from tests.integration.subscriber.requests import deliver, receipts, stats, totals
from tests.integration.subscriber.signer import NOW, Delivery, purchase

BOOKED_ONCE = {"purchases": 1, "revenue_cents": 5075}


async def test_a_repeated_request_is_another_receipt_but_one_purchase(
    subscribed: Client, clock: Clock
) -> None:
    first = await deliver(subscribed)
    clock.pass_seconds(1)

    again = await deliver(subscribed)

    assert again.status_code == 200
    assert again.json()["verdict"] == "duplicate"
    assert again.json()["receipt_id"] != first.json()["receipt_id"]
    newest, _oldest = await receipts(subscribed)
    steps = {step["name"]: step for step in newest["steps"]}
    assert first.json()["receipt_id"] in steps["deduplication"]["detail"]
    assert steps["booking"]["result"] == "skipped"
    assert await stats(subscribed) == totals(accepted=1, duplicate=1, **BOOKED_ONCE)


async def test_the_next_attempt_with_a_new_timestamp_is_a_duplicate(
    subscribed: Client, clock: Clock
) -> None:
    await deliver(subscribed)
    clock.pass_seconds(3600)

    again = await deliver(subscribed, Delivery(timestamp=NOW + 3600))

    assert again.json()["verdict"] == "duplicate"


async def test_the_same_id_with_another_body_is_a_conflict(subscribed: Client) -> None:
    await deliver(subscribed)

    other = await deliver(subscribed, Delivery(body=purchase(1)))

    assert other.status_code == 409
    assert other.json()["reason"] == "conflicting_body"
    assert await stats(subscribed) == totals(accepted=1, rejected=1, **BOOKED_ONCE)


async def test_a_hundred_copies_at_once_are_booked_once(subscribed: Client) -> None:
    answers = await asyncio.gather(*(deliver(subscribed) for _ in range(100)))

    assert {answer.status_code for answer in answers} == {200}
    verdicts = [answer.json()["verdict"] for answer in answers]
    assert verdicts.count("accepted") == 1
    assert await stats(subscribed) == totals(accepted=1, duplicate=99, **BOOKED_ONCE)


async def test_a_replay_after_the_tolerance_is_rejected(subscribed: Client, clock: Clock) -> None:
    await deliver(subscribed)
    clock.pass_seconds(301)

    replayed = await deliver(subscribed)

    assert replayed.status_code == 401
    assert replayed.json()["reason"] == "timestamp_too_old"
    assert await stats(subscribed) == totals(accepted=1, rejected=1, **BOOKED_ONCE)


async def test_a_rejected_request_does_not_use_up_its_id(subscribed: Client) -> None:
    forged = Delivery(body=purchase(1_000_000))
    await deliver(subscribed, forged, webhook_signature="v1,forged", authorization=None)

    genuine = await deliver(subscribed)

    assert genuine.json()["verdict"] == "accepted"


async def test_an_ignored_event_may_be_repeated(subscribed: Client) -> None:
    unknown = Delivery(body=purchase(type_="purchase.gift"))
    await deliver(subscribed, unknown)

    again = await deliver(subscribed, replace(unknown, timestamp=NOW + 1))

    assert again.json()["verdict"] == "ignored"
