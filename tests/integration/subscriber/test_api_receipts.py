from typing import Any

import pytest

from subscriber_app.app import create_app
from subscriber_app.config import Settings
from tests.integration.subscriber.conftest import Client, Clock, running
from tests.integration.subscriber.requests import deliver, receipts, stats, totals
from tests.integration.subscriber.signer import Delivery, purchase

HUGE = "99999999999999999999"


async def listed(subscriber: Client, **query: str) -> list[dict[str, Any]]:
    answer = await subscriber.get("/v1/receipts", params=query)
    assert answer.status_code == 200, answer.text
    data: list[dict[str, Any]] = answer.json()["data"]
    return data


def message_ids(rows: list[dict[str, Any]]) -> list[str]:
    return [row["message_id"] for row in rows]


@pytest.fixture
async def mixed(subscribed: Client, clock: Clock) -> Client:
    """A subscriber with one receipt of each verdict, a second apart."""
    genuine = Delivery(message_id="msg_a")
    unknown = Delivery(message_id="msg_b", body=purchase(type_="purchase.gift"))
    await deliver(subscribed, genuine)
    for delivery in (genuine, unknown):
        clock.pass_seconds(1)
        await deliver(subscribed, delivery)
    clock.pass_seconds(1)
    await deliver(subscribed, Delivery(message_id="msg_c"), authorization="Basic x")
    return subscribed


async def test_a_new_inbox_is_empty(subscriber: Client) -> None:
    assert (await subscriber.get("/v1/receipts")).json() == {"data": [], "next_cursor": None}
    assert await stats(subscriber) == totals()


async def test_receipts_are_listed_newest_first(mixed: Client) -> None:
    rows = await listed(mixed)

    assert message_ids(rows) == ["msg_c", "msg_b", "msg_a", "msg_a"]
    assert set(rows[0]) == {
        "id",
        "received_at",
        "order_id",
        "duration_ms",
        "verdict",
        "reason",
        "status",
        "fault",
        "message_id",
        "event_type",
        "value_cents",
    }


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"verdict": "accepted"}, ["msg_a"]),
        ({"verdict": "duplicate"}, ["msg_a"]),
        ({"verdict": "ignored"}, ["msg_b"]),
        ({"verdict": "rejected"}, ["msg_c"]),
        ({"event_type": "purchase.gift"}, ["msg_b"]),
        ({"event_type": "purchase.created"}, ["msg_a", "msg_a"]),
        ({"message_id": "msg_a"}, ["msg_a", "msg_a"]),
        ({"message_id": "msg_a", "verdict": "accepted"}, ["msg_a"]),
        ({"message_id": "msg_a", "verdict": "rejected"}, []),
        ({"event_type": "%"}, []),
        ({"message_id": "' OR 1=1 --"}, []),
        ({"message_id": "\x00"}, []),
        ({"reason": "malformed_token"}, ["msg_c"]),
        ({"reason": "signature_mismatch"}, []),
        ({"q": "msg_"}, ["msg_c", "msg_b", "msg_a", "msg_a"]),
        ({"q": "sg_b"}, ["msg_b"]),
        ({"q": "gift"}, ["msg_b"]),
        ({"q": "50.75", "verdict": "accepted"}, ["msg_a"]),
        ({"q": "GIFT"}, []),
        ({"q": "%"}, []),
        ({"q": "\x00"}, []),
        ({"q": "' OR 1=1 --"}, []),
    ],
    ids=str,
)
async def test_receipts_are_found_by_verdict_event_and_message(
    query: dict[str, str], found: list[str], mixed: Client
) -> None:
    assert message_ids(await listed(mixed, **query)) == found


async def test_pages_have_no_gap_while_receipts_arrive(mixed: Client, clock: Clock) -> None:
    seen: list[str] = []
    cursor = None

    while True:
        query = {"limit": "1"} | ({"cursor": cursor} if cursor else {})
        page = (await mixed.get("/v1/receipts", params=query)).json()
        seen += message_ids(page["data"])
        clock.pass_seconds(1)
        await deliver(mixed, Delivery(message_id="msg_later"))
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert seen == ["msg_c", "msg_b", "msg_a", "msg_a"]


async def test_a_full_last_page_is_the_last(mixed: Client) -> None:
    page = (await mixed.get("/v1/receipts", params={"limit": 4})).json()

    assert len(page["data"]) == 4
    assert page["next_cursor"] is None


async def test_one_receipt_shows_every_step(mixed: Client) -> None:
    rejected = (await receipts(mixed))[0]

    assert [(step["name"], step["result"]) for step in rejected["steps"]] == [
        ("size", "passed"),
        ("content_type", "passed"),
        ("headers", "passed"),
        ("timestamp", "passed"),
        ("signature", "passed"),
        ("token", "failed"),
        ("event", "not_reached"),
        ("deduplication", "not_reached"),
        ("booking", "not_reached"),
    ]
    assert rejected["steps"][5]["detail"] == "Expected the scheme Bearer, got 'Basic'"


async def test_a_body_that_is_not_text_can_be_fetched(subscribed: Client) -> None:
    await deliver(subscribed, Delivery(body=b"\xff\x00"))

    [receipt] = await receipts(subscribed)

    assert receipt["body"] == "\ufffd\x00"


async def test_deleting_removes_receipts_money_and_messages(mixed: Client) -> None:
    answer = await mixed.delete("/v1/receipts")

    assert answer.status_code == 204
    assert await listed(mixed) == []
    assert await stats(mixed) == totals()
    again = await deliver(mixed, Delivery(message_id="msg_a"))
    assert again.json()["verdict"] == "accepted"  # and not a duplicate of a deleted one


async def test_deleting_nothing_is_fine(subscriber: Client) -> None:
    assert (await subscriber.delete("/v1/receipts")).status_code == 204


async def test_receipts_outlive_a_restart(mixed: Client, settings: Settings, clock: Clock) -> None:
    before = await receipts(mixed)

    async with running(create_app(settings, now=clock)) as restarted:
        assert await receipts(restarted) == before


async def test_the_openapi_document_lists_only_calls_under_v1(
    subscriber: Client,
) -> None:
    answer = await subscriber.get("/schema/openapi.json")

    paths = set(answer.json()["paths"])
    assert {"/v1/new-purchase", "/v1/receipts", "/v1/stats", "/v1/faults"} <= paths
    assert not [path for path in paths if not path.startswith("/v1/")]


@pytest.mark.parametrize("query", [{"reason": "bad_luck"}, {"q": "x" * 201}], ids=str)
async def test_an_invalid_filter_is_refused(query: dict[str, str], mixed: Client) -> None:
    assert (await mixed.get("/v1/receipts", params=query)).status_code == 400


async def test_receipts_of_one_millisecond_are_listed_in_order_of_arrival(
    subscribed: Client,
) -> None:
    for number in range(20):
        await deliver(subscribed, Delivery(message_id=f"msg_{number}"))

    rows = await listed(subscribed)

    assert message_ids(rows) == [f"msg_{number}" for number in reversed(range(20))]


async def test_a_text_is_searched_in_steps(mixed: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("subscriber_app.receiving.receipts.MAX_SEARCHED_RECEIPTS", 2)

    first = (await mixed.get("/v1/receipts", params={"q": "msg_a"})).json()
    query = {"q": "msg_a", "cursor": first["next_cursor"]}
    second = (await mixed.get("/v1/receipts", params=query)).json()

    assert first["data"] == []
    assert message_ids(second["data"]) == ["msg_a", "msg_a"]
    assert second["next_cursor"] is None
