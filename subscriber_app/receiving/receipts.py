"""Reads receipts and totals, and deletes them.

Pagination is by key, not by offset: ids sort by time, so the last id of a page is the cursor of the
next.
"""

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement
from sqlalchemy.orm import defer
from sqlmodel import col, delete, false, func, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import SelectOfScalar

from subscriber_app.database.counters import COUNTED_CENTS, PURCHASES, REVENUE_CENTS
from subscriber_app.database.models import (
    AttackResult,
    Counter,
    ProcessedMessageRow,
    Purchase,
    PurchaseState,
    Receipt,
)
from subscriber_app.database.transactions import Database
from subscriber_app.receiving.receipt_ids import first_id
from subscriber_app.receiving.receipt_search import matches_id
from subscriber_app.shop_api.counting import begin_counting, read_since
from subscriber_app.vocabulary import Reason, Verdict

MAX_PAGE_SIZE = 100
DELETE_BATCH_SIZE = 1000  # receipts: each batch takes some hundredths of a second
MAX_WAIT_SECONDS = 1  # in case our clock stands still or the shop's clock is ahead
MAX_SEARCHED_RECEIPTS = 2000  # receipts whose bodies are searched for one page
# Lists do not show these, and a body may have 256 KiB.
_LARGE_COLUMNS: tuple[Any, ...] = (col(Receipt.body), col(Receipt.headers), col(Receipt.steps))
_RECEIPT_ID = re.compile(r"rcp_[0-9a-f]{32}", re.ASCII)


class BadCursor(ValueError):  # noqa: N818 – the name says what happened
    """The cursor does not come from a previous page."""


@dataclass(frozen=True, slots=True)
class ReceiptFilter:
    """Which receipts to list; a field that is None does not filter.

    ``text``: an id, its beginning or its end; if no receipt matches, a case-sensitive part of the
    message id or the body. ``since``: inclusive. ``until``: inclusive to the end of that second.
    """

    verdict: Verdict | None = None
    event_type: str | None = None
    message_id: str | None = None
    reason: Reason | None = None
    text: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    order_id: str | None = None


@dataclass(frozen=True, slots=True)
class ReceiptPage:
    """Receipts, newest first. ``next_cursor`` is None on the last page."""

    receipts: Sequence[Receipt]
    next_cursor: str | None

    def shortened_to(self, limit: int) -> "ReceiptPage":
        """Return the first ``limit`` receipts of this page."""
        if len(self.receipts) <= limit:
            return self
        return ReceiptPage(self.receipts[:limit], self.receipts[limit - 1].id)


@dataclass(frozen=True, slots=True)
class Stats:
    """Totals. ``receipts``: every verdict is present. ``purchases``: without refunds.

    ``revenue_cents``: net. ``counted_cents``: the part of it from events since ``counted_since``,
    see ``counting``; 0 and None before the first subscription.
    """

    receipts: dict[Verdict, int]
    purchases: int
    revenue_cents: int
    counted_since: datetime | None
    counted_cents: int

    @property
    def earlier_cents(self) -> int:
        """Return the revenue that is booked but not counted."""
        return self.revenue_cents - self.counted_cents


async def list_receipts(
    session: AsyncSession,
    wanted: ReceiptFilter,
    *,
    limit: int,
    cursor: str | None = None,
    newest: str | None = None,
) -> ReceiptPage:
    """Return one page of receipts, newest first, without headers, bodies and steps.

    ``newest``: the id of the first receipt that may be listed. ``cursor``: from the previous page.
    Raise ``BadCursor``. A text is searched in at most ``MAX_SEARCHED_RECEIPTS``, so such a page may
    hold few receipts or none and still have a ``next_cursor``, from which the search continues.
    """
    by_id = await _search_by_id(session, wanted.text)
    conditions = _conditions(wanted) if by_id is None else [*_conditions(wanted), by_id]
    if cursor is not None:
        conditions.append(col(Receipt.id) < _check_cursor(cursor))
    if newest is not None:
        conditions.append(col(Receipt.id) <= _check_cursor(newest))
    last_searched = None
    if wanted.text and by_id is None:
        last_searched = await _last_searched(session, conditions)
        conditions.append(_contains(wanted.text))
        if last_searched:
            conditions.append(col(Receipt.id) >= last_searched)
    rows = (await session.exec(_newest(conditions, limit + 1))).all()
    # One row more than the limit shows that there is a next page.
    if len(rows) > limit:
        return ReceiptPage(rows[:limit], rows[limit - 1].id)
    return ReceiptPage(rows, last_searched)


async def count_newer(
    session: AsyncSession, wanted: ReceiptFilter, *, than: str, limit: int
) -> int:
    """Return the number of receipts newer than the one with the id ``than``, at most ``limit``."""
    conditions = [col(Receipt.id) > _check_cursor(than), *_conditions(wanted)]
    if wanted.text:
        by_id = await _search_by_id(session, wanted.text)
        conditions.append(_contains(wanted.text) if by_id is None else by_id)
    newer = select(Receipt.id).where(*conditions).limit(limit)
    return (await session.exec(select(func.count()).select_from(newer.subquery()))).one()


def _check_cursor(cursor: str) -> str:
    if not _RECEIPT_ID.fullmatch(cursor):
        raise BadCursor("unknown cursor: start again without one")
    return cursor


def _conditions(wanted: ReceiptFilter) -> list[ColumnElement[bool]]:
    """Return the conditions for all of the filter except its text."""
    found = _by_reason(wanted) if wanted.reason else _by_verdict_and_event_type(wanted)
    if wanted.message_id:
        found.append(col(Receipt.message_id) == wanted.message_id)
    if wanted.order_id:
        found.append(col(Receipt.order_id) == wanted.order_id)
    if wanted.since:
        found.append(col(Receipt.id) >= first_id(wanted.since))
    if wanted.until:
        found.append(col(Receipt.id) < first_id(wanted.until + timedelta(seconds=1)))
    return found


def _by_reason(wanted: ReceiptFilter) -> list[ColumnElement[bool]]:
    """Filter by reason. Only rejected receipts have one, so another verdict matches nothing."""
    if wanted.verdict not in {None, Verdict.REJECTED}:
        return [false()]
    found = [col(Receipt.reason) == wanted.reason]
    if wanted.event_type:
        # Appending "" keeps SQLite from using the index by event type, which is less selective.
        found.append(col(Receipt.event_type).concat("") == wanted.event_type)
    return found


def _by_verdict_and_event_type(wanted: ReceiptFilter) -> list[ColumnElement[bool]]:
    found = []
    if wanted.verdict:
        found.append(col(Receipt.verdict) == wanted.verdict)
    if wanted.event_type:
        found.append(col(Receipt.event_type) == wanted.event_type)
    return found


async def _search_by_id(session: AsyncSession, text: str | None) -> ColumnElement[bool] | None:
    """Return the condition that an id contains the text, or None if no receipt has such an id."""
    search = matches_id(text) if text else None
    if search is None:
        return None
    first = (await session.exec(select(Receipt.id).where(search).limit(1))).first()
    return None if first is None else search


def _newest(conditions: list[ColumnElement[bool]], limit: int) -> SelectOfScalar[Receipt]:
    return (
        select(Receipt)
        .where(*conditions)
        .order_by(col(Receipt.id).desc())
        .limit(limit)
        .options(*(defer(column, raiseload=True) for column in _LARGE_COLUMNS))
    )


async def _last_searched(
    session: AsyncSession, conditions: list[ColumnElement[bool]]
) -> str | None:
    """Return the id of the last receipt to search for a text, or None to search all of them."""
    ids = select(Receipt.id).where(*conditions).order_by(col(Receipt.id).desc())
    found = (await session.exec(ids.offset(MAX_SEARCHED_RECEIPTS - 1).limit(2))).all()
    return found[0] if len(found) > 1 else None


def _contains(text: str) -> ColumnElement[bool]:
    # instr() instead of LIKE: the text has no wildcards.
    raw = text.encode("utf-8", errors="surrogatepass")
    return or_(
        func.instr(col(Receipt.message_id), text) > 0,
        func.instr(col(Receipt.body), raw) > 0,
    )


async def find_receipt(session: AsyncSession, receipt_id: str) -> Receipt | None:
    """Return the receipt, or None."""
    return await session.get(Receipt, receipt_id)


async def read_stats(session: AsyncSession) -> Stats:
    """Return the totals, which the database maintains in counters."""
    amounts = {counter.name: counter.amount for counter in await session.exec(select(Counter))}
    return Stats(
        {verdict: amounts[verdict.value] for verdict in Verdict},
        purchases=amounts[PURCHASES],
        revenue_cents=amounts[REVENUE_CENTS],
        counted_since=await read_since(session),
        counted_cents=amounts[COUNTED_CENTS],
    )


async def delete_all(database: Database, *, now: Callable[[], datetime]) -> None:
    """Delete all current receipts with their purchases and processed messages.

    Works in batches, oldest first, so that receiving continues meanwhile: it may take a minute. A
    receipt and its processed message are deleted together; otherwise a retry in between would be
    booked twice. Counting of money restarts at the next whole second. Return after that second has
    begun, so that an order placed afterwards counts.
    """
    async with database.writing() as session:
        # In one transaction: everything booked so far is deleted, and none of it counts.
        newest = (await session.exec(select(func.max(Receipt.id)))).one()
        since = await begin_counting(session, now=now())
    await _delete_until(database, newest)
    wait_seconds = (since - now()).total_seconds()
    await asyncio.sleep(min(max(wait_seconds, 0), MAX_WAIT_SECONDS))


async def delete_received(database: Database) -> None:
    """Delete the same, without restarting the counting of money."""
    async with database.reading() as session:
        newest = (await session.exec(select(func.max(Receipt.id)))).one()
    await _delete_until(database, newest)


async def _delete_until(database: Database, newest: str | None) -> None:
    while newest and await _delete_batch(database, newest):
        pass


async def _delete_batch(database: Database, newest: str) -> bool:
    """Delete one batch; return False if no receipt up to ``newest`` is left."""
    async with database.writing() as session:
        oldest = (
            select(Receipt.id)
            .where(Receipt.id <= newest)
            .order_by(col(Receipt.id))
            .limit(DELETE_BATCH_SIZE)
        )
        last = (await session.exec(select(func.max(oldest.subquery().c.id)))).one()
        if last is None:
            return False
        message_ids = select(Receipt.message_id).where(Receipt.id <= last)
        # A forgery may have used the id before: keep a message that a later receipt accepted.
        processed = (col(ProcessedMessageRow.id).in_(message_ids)) & (
            col(ProcessedMessageRow.receipt_id) <= last
        )
        for table, condition in (
            (AttackResult, col(AttackResult.receipt_id) <= last),
            (PurchaseState, col(PurchaseState.first_receipt_id) <= last),
            # By message: with de-duplication off, later receipts may have booked it again.
            (
                Purchase,
                col(Purchase.message_id).in_(select(ProcessedMessageRow.id).where(processed)),
            ),
            (ProcessedMessageRow, processed),
            (Receipt, col(Receipt.id) <= last),
        ):
            await session.exec(
                delete(table).where(condition).execution_options(synchronize_session=False)
            )
        return True
