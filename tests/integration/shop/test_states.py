"""The table in ``shop.webhooks.states``: each transition, from each state."""

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection
from sqlmodel import col, true, update
from sqlmodel.ext.asyncio.session import AsyncSession

import shop
from hookshop.webkit.encryption import Encryption
from shop.database.models import Delivery
from shop.database.transactions import Database
from shop.orders.placing import Item, place_order, price_order
from shop.vocabulary import DeliveryState, Trigger
from shop.webhooks import states
from shop.webhooks.endpoints import registry
from shop.webhooks.endpoints.registry import NewEndpoint
from shop.webhooks.rules.url_policy import UrlPolicy
from shop.webhooks.states import NextState

NOW = datetime.now(UTC)
STATE = r"[a-z]+"
ROW = re.compile(r"^\| `(\w+)` +\| ([a-z, ]*?) *\| ([a-z]+) *\|", re.MULTILINE)


@pytest.fixture
async def delivery_id(database: Database, encryption: Encryption) -> str:
    async with database.writing() as session:
        new = NewEndpoint("http://127.0.0.1:9001/hook")
        await registry.register(session, new, policy=UrlPolicy(), encryption=encryption, now=NOW)
        placed = await place_order(session, price_order([Item("mug", 1)], "Ada"), now=NOW)
    return placed.message.delivery_ids[0]


def after(delivery_id: str, state: DeliveryState) -> NextState:
    return NextState(
        delivery_id=delivery_id,
        state=state,
        attempt_count=1,
        reconnect_count=0,
        counted_as_failed=False,
        waits_since=NOW,
        next_attempt_at=NOW if state is DeliveryState.PENDING else None,
        next_delay=None,
        next_trigger=Trigger.AUTOMATIC,
        last_status=None,
        last_error=None,
        completed_at=None if state is DeliveryState.PENDING else NOW,
    )


Transition = Callable[[AsyncSession, str], Awaitable[object]]


def with_connection(move: Callable[[Connection, str], None]) -> Transition:
    async def transition(session: AsyncSession, delivery_id: str) -> None:
        await (await session.connection()).run_sync(move, delivery_id)

    return transition


# Those that check the state. ``after_attempt`` does not: the fencing number is checked before it.
TRANSITIONS: dict[str, Transition] = {
    "claim": with_connection(
        lambda connection, id_: states.claim(
            connection, [id_], lease_expires_at=NOW + timedelta(seconds=5)
        )
    ),
    "release": with_connection(
        lambda connection, id_: states.release(connection, col(Delivery.id) == id_)
    ),
    "make_due": lambda session, id_: states.make_due(
        session, [id_], true(), passes_breaker=True, now=NOW
    ),
    "cancel": lambda session, id_: states.cancel(session, [id_], now=NOW),
}


def table() -> dict[tuple[str, str], set[str]]:
    """Return, for each transition and the state it leads to, the states it starts from."""
    rows = ROW.findall(states.__doc__ or "")
    return {(name, to): set(filter(None, starts.split(", "))) for name, starts, to in rows}


@pytest.mark.parametrize("start", DeliveryState)
@pytest.mark.parametrize("name", TRANSITIONS)
async def test_a_transition_starts_only_from_the_states_in_the_table(
    name: str, start: DeliveryState, database: Database, delivery_id: str
) -> None:
    [(to, starts)] = [(to, starts) for (each, to), starts in table().items() if each == name]
    await put_into(database, delivery_id, start)

    async with database.writing() as session:
        await TRANSITIONS[name](session, delivery_id)

    assert await state_of(database, delivery_id) == (to if start in starts else start)


@pytest.mark.parametrize("to", sorted(to for name, to in table() if name == "after_attempt"))
async def test_an_attempt_leads_to_each_state_in_the_table(
    to: str, database: Database, delivery_id: str
) -> None:
    await put_into(database, delivery_id, DeliveryState.SENDING)

    moved = after(delivery_id, DeliveryState(to))
    await database.write(lambda connection: states.after_attempt(connection, [moved]))

    assert await state_of(database, delivery_id) == to


async def test_a_new_delivery_is_pending_and_due(database: Database, delivery_id: str) -> None:
    async with database.reading() as session:
        delivery = await session.get_one(Delivery, delivery_id)

    assert (delivery.state, delivery.next_attempt_at) == (DeliveryState.PENDING, NOW)


def test_the_table_has_every_state_and_every_transition() -> None:
    names = {name for name, _to in table()}

    assert {to for _name, to in table()} == set(DeliveryState)
    assert names == {*TRANSITIONS, "after_attempt", "new_delivery"}


def test_no_other_module_writes_the_state_of_a_delivery() -> None:
    writes = re.compile(r"\.values\([^)]*\bstate\b|\.state = |\bDelivery\([^)]*state=", re.DOTALL)
    folder = Path(shop.__file__).parent
    others = [path for path in folder.rglob("*.py") if path.parent.name != "exam"]  # of an exam
    writing = {path.name for path in others if writes.search(path.read_text())}

    assert writing == {"states.py"}


async def put_into(database: Database, delivery_id: str, state: DeliveryState) -> None:
    async with database.writing() as session:
        await session.exec(
            update(Delivery).where(col(Delivery.id) == delivery_id).values(state=state)
        )


async def state_of(database: Database, delivery_id: str) -> str:
    async with database.reading() as session:
        return (await session.get_one(Delivery, delivery_id)).state.value
