"""Deletes the rows of a sandbox, in transactions small enough not to block other writers.

Rows that another transaction has locked are skipped, so that none waits for another in a circle.
So each pass may leave some, and passes are repeated until nothing is left.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement
from sqlmodel import col, delete, select, update
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import SelectOfScalar

from shop.database.bound_sandbox import bound_to
from shop.database.bound_session import in_bound_sandbox
from shop.database.counters import AttemptTally, AttemptTotal, OrderTally, RefundTally
from shop.database.locks import lock_endpoints
from shop.database.models import (
    Delivery,
    Endpoint,
    EndpointSecret,
    ExamRun,
    Message,
    Order,
    OrderLine,
    RefusedRegistration,
    Sandbox,
    SandboxClock,
    SteadyOrders,
    UsedIdempotencyKey,
    is_in_state_index,
)
from shop.database.transactions import Database
from shop.sandboxes.counts import remove_counts
from shop.vocabulary import DeliveryState, EndpointStatus
from shop.webhooks.batches import id_batches
from shop.webhooks.engine.retention import delete_deliveries, delete_messages
from shop.webhooks.rules.concurrency import MIN_CONCURRENCY

MAX_PASSES = 20


class StillFilling(Exception):  # noqa: N818 – the name says what happened
    """New rows came as fast as they were deleted. The message is for the client."""


async def reset(
    database: Database, number: int, *, keep_endpoints: bool, clock: Callable[[], datetime]
) -> None:
    """Empty a sandbox or ``main``; return when it is empty.

    ``keep_endpoints``: keep those that are not deleted, with their secrets, as if nothing had ever
    been sent to them. Requests in flight end, but are not recorded. Raise ``StillFilling`` if
    orders come faster than they can be deleted.
    """
    with bound_to(number):
        async with database.writing() as session:
            await session.exec(delete(SteadyOrders))
            if not keep_endpoints:  # so that nothing more is claimed
                await _mark_endpoints_deleted(session, clock())
        for _ in range(MAX_PASSES):
            await _delete_all(database)
            if await _is_empty(database, keep_endpoints):
                return
    raise StillFilling("orders come faster than they can be deleted; stop them and try again")


async def delete_rows(database: Database, number: int) -> bool:
    """Delete all rows of a dropped sandbox, its own last. Return whether it is gone.

    If not, other transactions still use some rows: call it again later.
    """
    with bound_to(number):
        await _delete_all(database)
        if not await _is_empty(database, keep_endpoints=False):
            return False
        is_dropped = col(Sandbox.dropped_at).is_not(None)
        async with database.writing() as session:
            await session.exec(delete(Sandbox).where(col(Sandbox.number) == number, is_dropped))
    return True


async def _mark_endpoints_deleted(session: AsyncSession, now: datetime) -> None:
    ids = (await session.exec(_live_endpoints().with_for_update())).all()
    await session.exec(update(Endpoint).where(col(Endpoint.id).in_(ids)).values(deleted_at=now))


def _live_endpoints() -> SelectOfScalar[str]:
    query = select(Endpoint.id).where(col(Endpoint.deleted_at).is_(None))
    return query.where(in_bound_sandbox(Endpoint.sandbox)).order_by(col(Endpoint.id))


async def _delete_all(database: Database) -> None:
    """Delete the rows of the bound sandbox, in the order of the foreign keys.

    Endpoints that are not deleted stay, and get the state of new ones.
    """
    async with database.writing() as session:
        await session.exec(delete(SandboxClock))  # an advance ends
        await session.exec(delete(ExamRun))
        await session.exec(delete(RefusedRegistration))
    is_pending = (col(Delivery.state) == DeliveryState.PENDING, is_in_state_index())
    for where in (is_pending, ()):  # first those that would still be sent
        await _delete_deliveries(database, *where)
    await _delete_orders(database)
    await _delete_endpoints(database)
    await _renew_endpoints(database)
    await remove_counts(database)


async def _delete_deliveries(database: Database, *where: ColumnElement[bool]) -> None:
    ids = select(Delivery.id).where(in_bound_sandbox(Delivery.sandbox), *where)
    async for batch in id_batches(database, ids):
        async with database.writing() as session:
            query = select(Delivery.id, Delivery.message_id).where(col(Delivery.id).in_(batch))
            free = (await session.exec(_unlocked(query))).all()
            await delete_deliveries(
                session, [id_ for id_, _ in free], {message_id for _, message_id in free}
            )


async def _delete_orders(database: Database) -> None:
    ids = select(Order.id).where(in_bound_sandbox(Order.sandbox))
    async for batch in id_batches(database, ids):
        async with database.writing() as session:
            query = select(Order.id).where(col(Order.id).in_(batch))
            free = (await session.exec(_unlocked(query))).all()
            messages = select(Message.id).where(col(Message.order_id).in_(free))
            await delete_messages(session, (await session.exec(messages)).all())
            await _delete_orders_without_messages(session, free)


async def _delete_orders_without_messages(session: AsyncSession, ids: Sequence[str]) -> None:
    has_message = select(Message.id).where(Message.order_id == Order.id).exists()
    query = select(Order.id).where(col(Order.id).in_(ids), ~has_message)
    free = (await session.exec(query)).all()
    for column in (OrderLine.order_id, UsedIdempotencyKey.order_id):
        await session.exec(delete(column.class_).where(col(column).in_(free)))  # type: ignore[attr-defined]
    await session.exec(delete(Order).where(col(Order.id).in_(free)))


async def _delete_endpoints(database: Database) -> None:
    """Delete the endpoints that are marked as deleted and have no deliveries."""
    has_delivery = select(Delivery.id).where(Delivery.endpoint_id == Endpoint.id).exists()
    unused = col(Endpoint.deleted_at).is_not(None) & ~has_delivery
    ids = select(Endpoint.id).where(in_bound_sandbox(Endpoint.sandbox), unused)
    async for batch in id_batches(database, ids):
        async with database.writing() as session:
            query = select(Endpoint.id).where(col(Endpoint.id).in_(batch), unused)
            free = (await session.exec(_unlocked(query))).all()
            theirs = col(EndpointSecret.endpoint_id).in_(free)
            await session.exec(delete(EndpointSecret).where(theirs))
            await session.exec(delete(Endpoint).where(col(Endpoint.id).in_(free)))


async def _renew_endpoints(database: Database) -> None:
    """Forget the failures of the endpoints that are left. A person's pause stays."""
    async with database.reading() as session:
        ids = (await session.exec(_live_endpoints())).all()
    if not ids:
        return
    async with database.writing() as session:
        await lock_endpoints(session, ids=ids)
        fresh = update(Endpoint).where(col(Endpoint.id).in_(ids))
        await session.exec(
            fresh.values(
                failed_attempts=0,
                failed_deliveries=0,
                probe_at=None,
                hold_until=None,
                places=MIN_CONCURRENCY,
            )
        )
        is_disabled = col(Endpoint.status) == EndpointStatus.DISABLED
        await session.exec(
            fresh.where(is_disabled).values(status=EndpointStatus.ACTIVE, disabled_reason=None)
        )


async def _is_empty(database: Database, keep_endpoints: bool) -> bool:
    counters = OrderTally, RefundTally, AttemptTally, AttemptTotal
    others = UsedIdempotencyKey, SteadyOrders, SandboxClock, ExamRun, RefusedRegistration
    tables: list[Any] = [Delivery, Order, *others, *counters]
    queries = [select(table.sandbox).where(in_bound_sandbox(table.sandbox)) for table in tables]
    endpoints = select(Endpoint.sandbox).where(in_bound_sandbox(Endpoint.sandbox))
    if keep_endpoints:
        endpoints = endpoints.where(col(Endpoint.deleted_at).is_not(None))
    async with database.reading() as session:
        for query in (*queries, endpoints):
            if (await session.exec(query.limit(1))).first() is not None:
                return False
    return True


def _unlocked(query: Any) -> Any:
    """Lock the rows of a query by their ids, and leave out those that are locked already."""
    [first, *_] = query.selected_columns
    return query.order_by(first).with_for_update(skip_locked=True)  # ignored on SQLite
