"""Requests that come at once share a commit, and each is judged for itself."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import IntegrityError

from subscriber_app.config import Settings
from subscriber_app.receiving.inbox import Inbox, Received
from subscriber_app.vocabulary import Reason, Verdict
from tests.integration.subscriber.conftest import Client, SharedSubscriber
from tests.integration.subscriber.requests import receipts, stats, totals
from tests.integration.subscriber.signer import Delivery, incoming, purchase


@pytest.fixture
def inbox(subscribed: Client, shared: SharedSubscriber, settings: Settings) -> Inbox:  # noqa: ARG001 – it starts the application
    inbox: Inbox = shared.app(settings).state.sandboxes.all.main.inbox
    return inbox


@pytest.fixture
def commits() -> Iterator[list[Connection]]:
    """A list that gets the connection of each commit that writes."""
    found: list[Connection] = []

    def note(connection: Connection) -> None:
        if connection.get_execution_options().get("begin") == "BEGIN IMMEDIATE":
            found.append(connection)

    event.listen(Engine, "commit", note)
    yield found
    event.remove(Engine, "commit", note)


def message(number: int) -> Delivery:
    """Return the delivery of a purchase of its own."""
    return Delivery(message_id=f"msg_{number}", body=purchase(order_id=f"ord_{number}"))


async def receive(inbox: Inbox, *deliveries: Delivery) -> list[Received | BaseException]:
    """Receive all at once."""
    receiving = (inbox.receive(incoming(delivery)) for delivery in deliveries)
    return await asyncio.gather(*receiving, return_exceptions=True)


def verdicts(results: list[Received | BaseException]) -> list[Verdict | None]:
    return [result.verdict if isinstance(result, Received) else None for result in results]


async def test_receipts_at_once_share_a_commit(
    inbox: Inbox, subscribed: Client, commits: list[Connection]
) -> None:
    results = await receive(inbox, *(message(number) for number in range(20)))

    assert verdicts(results) == [Verdict.ACCEPTED] * 20
    assert len(commits) == 1
    assert await stats(subscribed) == totals(accepted=20, purchases=20, revenue_cents=20 * 5075)


async def test_two_copies_in_one_commit_are_one_purchase_and_one_duplicate(
    inbox: Inbox, subscribed: Client, commits: list[Connection]
) -> None:
    results = await receive(inbox, message(1), message(1))

    assert verdicts(results) == [Verdict.ACCEPTED, Verdict.DUPLICATE]
    assert len(commits) == 1
    assert await stats(subscribed) == totals(
        accepted=1, duplicate=1, purchases=1, revenue_cents=5075
    )
    copy, first = await receipts(subscribed)
    [deduplication] = [step for step in copy["steps"] if step["name"] == "deduplication"]
    assert first["id"] in deduplication["detail"]


async def test_two_bodies_with_one_id_in_one_commit_are_a_conflict(
    inbox: Inbox, subscribed: Client
) -> None:
    other = Delivery(message_id="msg_1", body=purchase(1))

    [first, second] = await receive(inbox, message(1), other)

    assert isinstance(first, Received)
    assert isinstance(second, Received)
    assert (first.verdict, second.reason) == (Verdict.ACCEPTED, Reason.CONFLICTING_BODY)
    assert await stats(subscribed) == totals(
        accepted=1, rejected=1, purchases=1, revenue_cents=5075
    )


async def test_the_events_of_an_order_in_one_commit_are_all_applied(
    inbox: Inbox, settings: Settings, commits: list[Connection]
) -> None:
    refund = Delivery(message_id="msg_2", body=purchase(-20, type_="purchase.refunded"))
    shipping = Delivery(message_id="msg_3", body=purchase(type_="purchase.shipped"))

    await receive(inbox, refund, Delivery(), shipping)

    with closing(sqlite3.connect(settings.var / "subscriber.db")) as database:
        query = "SELECT bought_cents, refunded_cents, shipped_at, is_overtaken FROM purchase_state"
        orders = database.execute(query).fetchall()
    assert len(commits) == 1
    assert orders == [(5075, -2000, "2026-11-23 12:00:00.000000", 1)]


async def test_one_that_cannot_be_stored_spoils_no_other(
    inbox: Inbox, subscribed: Client, settings: Settings
) -> None:
    with closing(sqlite3.connect(settings.var / "subscriber.db")) as database:
        database.execute(
            "CREATE TRIGGER picky BEFORE INSERT ON purchase WHEN NEW.order_id = 'ord_2'"
            " BEGIN SELECT RAISE(ABORT, 'not this one'); END"
        )

    results = await receive(inbox, *(message(number) for number in range(5)))

    accepted = Verdict.ACCEPTED
    assert verdicts(results) == [accepted, accepted, None, accepted, accepted]
    assert isinstance(results[2], IntegrityError)
    assert await stats(subscribed) == totals(accepted=4, purchases=4, revenue_cents=4 * 5075)


async def test_a_reset_refuses_those_that_came_before_it_and_no_other(
    inbox: Inbox, subscribed: Client
) -> None:
    before = asyncio.create_task(inbox.receive(incoming(message(1))))
    await asyncio.sleep(0)
    inbox.refuse_what_is_under_way()
    after = asyncio.create_task(inbox.receive(incoming(message(2))))

    await asyncio.wait([before, after])

    assert type(before.exception()).__name__ == "ResetMeanwhile"
    assert after.result().verdict is Verdict.ACCEPTED
    assert await stats(subscribed) == totals(accepted=1, purchases=1, revenue_cents=5075)
