"""What is claimed is handed to somebody who sends it; nothing waits for a lease to run out."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import col, select

from shop.database import Database
from shop.models import Delivery, Endpoint
from shop.orders import Item, place_order
from shop.vocabulary import DeliveryState
from shop.webhooks import endpoints
from shop.webhooks.breaker import FAILURES_TO_OPEN
from shop.webhooks.claims import Wish, claim_all
from shop.webhooks.endpoints import NewEndpoint
from shop.webhooks.http_client import Answer
from shop.webhooks.records import Finished, record_all
from shop.webhooks.retries import RetrySchedule
from shop.webhooks.rules import DeliveryRules
from shop.webhooks.url_policy import UrlPolicy
from shop.webhooks.vault import Vault

NOW = datetime.now(UTC)
LEASE = timedelta(seconds=30)
RULES = DeliveryRules(
    schedule=RetrySchedule((0, 60)),
    request_timeout=timedelta(seconds=2),
    issuer="http://shop.example",
    now=lambda: NOW,
    random=lambda: 0.5,
)


@pytest.fixture
async def endpoint_id(database: Database, vault: Vault) -> str:
    """An endpoint with a few deliveries that are due."""
    async with database.writing() as session:
        new = NewEndpoint("http://127.0.0.1:1025/nobody")
        registered = await endpoints.register(
            session, new, policy=UrlPolicy(), vault=vault, now=NOW
        )
        for _ in range(6):
            await place_order(session, [Item("mug", 1)], "Ada", now=NOW)
    return registered.endpoint.id


async def deliveries(database: Database, *states: DeliveryState) -> list[str]:
    query = select(Delivery.id).where(col(Delivery.state).in_(states)).order_by(col(Delivery.id))
    async with database.reading() as session:
        return list((await session.exec(query)).all())


@pytest.mark.parametrize("position", range(6))
async def test_whoever_names_a_delivery_and_whoever_takes_the_next_one_get_one_each(
    position: int, database: Database, endpoint_id: str
) -> None:
    named = (await deliveries(database, DeliveryState.PENDING))[position]
    wishes = [Wish(endpoint_id=endpoint_id), Wish(delivery_id=named), Wish(endpoint_id=endpoint_id)]

    async with database.writing() as session:
        claims = await claim_all(session, wishes, lease=LEASE, now=NOW)

    handed_out = [claim.delivery.id for claim in claims if claim]
    assert len(handed_out) == len(set(handed_out)) == 3
    assert handed_out[1] == named
    assert await deliveries(database, DeliveryState.SENDING) == sorted(handed_out)


@pytest.mark.usefixtures("endpoint_id")
async def test_who_comes_too_late_for_a_delivery_is_content_with_the_next_one_if_so_wished(
    database: Database,
) -> None:
    first, *others = await deliveries(database, DeliveryState.PENDING)
    early = Wish(first)
    late, content, lost = Wish(first), Wish(first, or_next=True), Wish("dlv_0", or_next=True)

    async with database.writing() as session:
        await claim_all(session, [early], lease=LEASE, now=NOW)
    async with database.writing() as session:
        claims = await claim_all(session, [late, content, lost], lease=LEASE, now=NOW)

    [none, next_one, nothing] = claims
    assert none is nothing is None
    assert next_one
    assert next_one.delivery.id in others
    assert await deliveries(database, DeliveryState.SENDING) == [first, next_one.delivery.id]


async def test_a_breaker_that_opens_with_a_record_lets_nothing_be_claimed_in_the_same_step(
    database: Database, endpoint_id: str
) -> None:
    first, second, *_others = await deliveries(database, DeliveryState.PENDING)
    async with database.writing() as session:
        endpoint = await session.get_one(Endpoint, endpoint_id)
        endpoint.failed_attempts = FAILURES_TO_OPEN - 1
        [claim] = await claim_all(session, [Wish(first)], lease=LEASE, now=NOW)
    assert claim
    refused = Finished(claim, NOW, Answer({}, error="connection_refused"))

    async with database.writing() as session:
        moved = await record_all(session, [refused], RULES, now=NOW)
        wishes = [Wish(second), Wish(endpoint_id=endpoint_id)]
        claims = await claim_all(session, wishes, lease=LEASE, now=NOW)

    assert moved == {endpoint_id: False}
    assert claims == [None, None]
