"""Every row of the corpus is rejected as listed, with a reason and a receipt, and not booked."""

import json
from pathlib import Path
from typing import Any

import pytest

from subscriber_app.vocabulary import Reason, StepName
from tests.integration.subscriber.conftest import Client
from tests.integration.subscriber.corpus import ROWS
from tests.integration.subscriber.requests import only_receipt, send, stats, totals
from tests.integration.subscriber.variants import Variant

in_one_application = pytest.mark.asyncio(loop_scope="module")

DATA = Path(__file__).parents[2] / "data"
CORPUS = json.loads((DATA / "receiver_requests.json").read_text())["cases"]
SINGLE_REQUESTS = [row for row in CORPUS if row["change"] != "repeat"]


def key_of(row: dict[str, Any]) -> tuple[str, str]:
    return row["change"], row["value"]


def name_of(row: dict[str, Any], name: str) -> str:
    return f"{row['change']}: {row['value'][:40]} [{name[:24]}]"


ALL_VARIANTS = {
    name_of(row, name): (row["expect"], variant)
    for row in SINGLE_REQUESTS
    for name, variant in ROWS[key_of(row)].items()
}
# By the note of its row: valid with our own secret, because the member is ignored.
ALLOWED_EITHER_WAY = [
    ROWS["token", "header names jku, jwk or kid ../../dev/null"]["kid, our secret"]
]
REFUSED = {name: case for name, case in ALL_VARIANTS.items() if case[1].reason}
TAKEN = {name: case for name, case in ALL_VARIANTS.items() if not case[1].reason}


def test_the_requests_cover_exactly_the_rows_of_the_corpus() -> None:
    assert set(ROWS) == {key_of(row) for row in SINGLE_REQUESTS}
    assert len(ALL_VARIANTS) > 80


@pytest.fixture
async def subscribed(shared_subscriber: Client) -> Client:
    """One subscriber for all these tests, with an empty inbox for each."""
    await shared_subscriber.delete("/v1/receipts")
    return shared_subscriber


@pytest.mark.parametrize(("status", "variant"), REFUSED.values(), ids=REFUSED)
@in_one_application
async def test_each_invalid_row_is_rejected_and_leaves_a_receipt(
    status: int, variant: Variant, subscribed: Client
) -> None:
    answer = await send(subscribed, variant.headers, variant.body, is_chunked=variant.is_chunked)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    receipt = await only_receipt(subscribed)
    assert receipt["verdict"] == "rejected"
    assert receipt["reason"] == answer.json()["reason"] == variant.reason
    assert receipt["status"] == status
    assert receipt["id"] == answer.json()["receipt_id"]
    assert_steps_end_with_a_failure(receipt)
    assert await stats(subscribed) == totals(rejected=1)


@pytest.mark.parametrize(("expected", "variant"), TAKEN.values(), ids=TAKEN)
@in_one_application
async def test_each_valid_row_is_accepted(
    expected: int, variant: Variant, subscribed: Client
) -> None:
    answer = await send(subscribed, variant.headers, variant.body)

    assert answer.status_code == 200
    assert expected == 200 or variant in ALLOWED_EITHER_WAY
    receipt = await only_receipt(subscribed)
    assert receipt["verdict"] in {"accepted", "ignored"}
    assert receipt["reason"] is None
    assert not [step for step in receipt["steps"] if step["result"] == "failed"]


@in_one_application
async def test_an_unknown_event_is_acknowledged_and_not_booked(subscribed: Client) -> None:
    [variant] = ROWS["body", "correctly signed: unknown event type"].values()

    await send(subscribed, variant.headers, variant.body)

    assert (await only_receipt(subscribed))["verdict"] == "ignored"
    assert await stats(subscribed) == totals(ignored=1)


@in_one_application
async def test_ten_thousand_signatures_are_rejected_without_computing_any(
    subscribed: Client,
) -> None:
    [variant] = ROWS["signature", "10,000 wrong signatures"].values()

    await send(subscribed, variant.headers, variant.body)

    [refused] = [
        step for step in (await only_receipt(subscribed))["steps"] if step["result"] == "failed"
    ]
    assert refused["name"] == StepName.SIGNATURE
    assert refused["detail"] == "10000 signatures; the maximum is 20"


def assert_steps_end_with_a_failure(receipt: dict[str, Any]) -> None:
    """Check that steps are passed or skipped before the failed one, and not reached after it."""
    assert [step["name"] for step in receipt["steps"]] == list(StepName)
    results = [step["result"] for step in receipt["steps"]]
    failed = results.index("failed")
    assert set(results[:failed]) <= {"passed", "skipped"}
    assert set(results[failed + 1 :]) <= {"not_reached"}
    assert receipt["steps"][failed]["detail"]


def test_every_reason_but_those_of_other_tests_is_in_the_corpus() -> None:
    named = {variant.reason for variants in ROWS.values() for variant in variants.values()}

    elsewhere = {
        Reason.INCOMPLETE,  # test_connections
        Reason.BODY_TIMEOUT,  # test_slow_bodies
        Reason.MALFORMED_ID,  # test_verification
        Reason.NOT_SUBSCRIBED,  # test_receiver
        Reason.CONFLICTING_BODY,  # test_repeats
        Reason.SIMULATED_FAULT,  # test_api_faults
    }
    assert set(Reason) - named == elsewhere
