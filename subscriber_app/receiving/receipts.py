"""Reads the receipts and totals, and forgets them. Called by the JSON API and the dashboard.

Pages follow each other by key, not by offset: ids sort by time, so the last id of a page is all
that the next one needs.
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
    HandledMessage,
    Purchase,
    PurchaseState,
    Receipt,
    Tally,
)
from subscriber_app.database.transactions import Database
from subscriber_app.receiving.receipt_ids import first_id
from subscriber_app.receiving.receipt_search import matches_id
from subscriber_app.shop_api.counting import begin_counting, read_since
from subscriber_app.vocabulary import Reason, Verdict

MAX_PAGE_SIZE = 100
FORGOTTEN_AT_ONCE = 1000  # receipts: a step of some hundredths of a second
MAX_WAIT_SECONDS = 1  # for a clock that does not go on, or a shop whose clock is ahead
MAX_SEARCHED = 2000  # receipts whose bodies one page looks into for a text
# A body may have 256 KiB, and a list shows none of these.
_HEAVY: tuple[Any, ...] = (col(Receipt.body), col(Receipt.headers), col(Receipt.steps))
_RECEIPT_ID = re.compile(r"rcp_[0-9a-f]{32}", re.ASCII)


class BadCursor(ValueError):  # noqa: N818 – the name says what happened
    """The cursor is not one that an earlier page handed out."""


@dataclass(frozen=True, slots=True)
class ReceiptFilter:
    """Which receipts to list; what is None does not matter.

    ``text``: an id, its beginning or its end; if no receipt has one like that, part of the message
    id or of the body, letter by letter. ``since``: received at that moment or later. ``until``:
    before the end of that second.
    """

    verdict: Verdict | None = None
    event_type: str | None = None
    message_id: str | None = None
    reason: Reason | None = None
    text: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class ReceiptPage:
    """Receipts, newest first. ``next_cursor`` is None on the last page."""

    receipts: Sequence[Receipt]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Stats:
    """Totals; every verdict is present. ``purchases``: sales alone. ``revenue_cents``: net.

    ``counted_cents``: the part of the revenue from events since ``counted_since``, see
    ``counting``; 0 and None before the first subscription.
    """

    receipts: dict[Verdict, int]
    purchases: int
    revenue_cents: int
    counted_since: datetime | None
    counted_cents: int

    @property
    def earlier_cents(self) -> int:
        """What is booked and not counted."""
        return self.revenue_cents - self.counted_cents


async def list_receipts(
    session: AsyncSession,
    wanted: ReceiptFilter,
    *,
    limit: int,
    cursor: str | None = None,
    newest: str | None = None,
) -> ReceiptPage:
    """One page of receipts, newest first, from ``newest`` or from after ``cursor`` on.

    Leaves out what is heavy in them. Raises ``BadCursor``. A text is sought in so many receipts and
    no more: then a page may hold few or none, and still have a ``next_cursor``, from which the
    search goes on.
    """
    by_id = await _search_by_id(session, wanted.text)
    conditions = _conditions(wanted) if by_id is None else [*_conditions(wanted), by_id]
    if cursor is not None:
        conditions.append(col(Receipt.id) < _checked(cursor))
    if newest is not None:
        conditions.append(col(Receipt.id) <= _checked(newest))
    last_searched = None
    if wanted.text and by_id is None:
        last_searched = await _last_searched(session, conditions)
        conditions.append(_holds(wanted.text))
        if last_searched:
            conditions.append(col(Receipt.id) >= last_searched)
    rows = (await session.exec(_newest(conditions, limit + 1))).all()
    # One more than asked for tells whether a next page exists.
    if len(rows) > limit:
        return ReceiptPage(rows[:limit], rows[limit - 1].id)
    return ReceiptPage(rows, last_searched)


async def count_newer(session: AsyncSession, wanted: ReceiptFilter, *, than: str, most: int) -> int:
    """How many receipts have come since the one with the id ``than``; counts up to ``most``."""
    conditions = [col(Receipt.id) > _checked(than), *_conditions(wanted)]
    if wanted.text:
        by_id = await _search_by_id(session, wanted.text)
        conditions.append(_holds(wanted.text) if by_id is None else by_id)
    newer = select(Receipt.id).where(*conditions).limit(most)
    return (await session.exec(select(func.count()).select_from(newer.subquery()))).one()


def _checked(cursor: str) -> str:
    if not _RECEIPT_ID.fullmatch(cursor):
        raise BadCursor("the cursor is not one of ours")
    return cursor


def _conditions(wanted: ReceiptFilter) -> list[ColumnElement[bool]]:
    """All of the filter but its text."""
    found = _by_reason(wanted) if wanted.reason else _by_verdict_and_event_type(wanted)
    if wanted.message_id:
        found.append(col(Receipt.message_id) == wanted.message_id)
    if wanted.since:
        found.append(col(Receipt.id) >= first_id(wanted.since))
    if wanted.until:
        found.append(col(Receipt.id) < first_id(wanted.until + timedelta(seconds=1)))
    return found


def _by_reason(wanted: ReceiptFilter) -> list[ColumnElement[bool]]:
    """Only what was rejected has a reason, so the verdict has nothing to add to it."""
    if wanted.verdict not in {None, Verdict.REJECTED}:
        return [false()]
    found = [col(Receipt.reason) == wanted.reason]
    if wanted.event_type:
        # Appending nothing hides the index of event types, of which far more receipts have each.
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
    """The text as a part of an id; None unless some receipt has one like that, filtered or not."""
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
        .options(*(defer(heavy, raiseload=True) for heavy in _HEAVY))
    )


async def _last_searched(
    session: AsyncSession, conditions: list[ColumnElement[bool]]
) -> str | None:
    """The last receipt in which a text is sought; None when all of them are."""
    ids = select(Receipt.id).where(*conditions).order_by(col(Receipt.id).desc())
    found = (await session.exec(ids.offset(MAX_SEARCHED - 1).limit(2))).all()
    return found[0] if len(found) > 1 else None


def _holds(text: str) -> ColumnElement[bool]:
    # instr() rather than LIKE: no sign in the text means anything but itself.
    raw = text.encode("utf-8", errors="surrogatepass")
    return or_(
        func.instr(col(Receipt.message_id), text) > 0,
        func.instr(col(Receipt.body), raw) > 0,
    )


async def find_receipt(session: AsyncSession, receipt_id: str) -> Receipt | None:
    """The receipt, or None."""
    return await session.get(Receipt, receipt_id)


async def read_stats(session: AsyncSession) -> Stats:
    """Receipts by verdict, sales, and money; the database has them counted."""
    amounts = {tally.name: tally.amount for tally in await session.exec(select(Tally))}
    return Stats(
        {verdict: amounts[verdict.value] for verdict in Verdict},
        purchases=amounts[PURCHASES],
        revenue_cents=amounts[REVENUE_CENTS],
        counted_since=await read_since(session),
        counted_cents=amounts[COUNTED_CENTS],
    )


async def forget_all(database: Database, *, now: Callable[[], datetime]) -> None:
    """Delete all receipts that there are now, what was booked for them, and which were handled.

    In steps, the oldest first, between which others get to write: it may take a minute, but no
    sender waits for it. A receipt and what belongs to it go together: forgotten alone, its message
    would be booked twice. Money is counted anew from the next whole second; returns after that, so
    that an order placed afterwards counts.
    """
    async with database.writing() as session:
        # In one transaction: all that is booked by now is forgotten, and none of it counts.
        newest = (await session.exec(select(func.max(Receipt.id)))).one()
        since = await begin_counting(session, now=now())
    while newest and await _forget_some(database, newest):
        pass
    left = (since - now()).total_seconds()
    await asyncio.sleep(min(max(left, 0), MAX_WAIT_SECONDS))


async def _forget_some(database: Database, newest: str) -> bool:
    """One step; False once there is nothing left up to ``newest``."""
    async with database.writing() as session:
        oldest = (
            select(Receipt.id)
            .where(Receipt.id <= newest)
            .order_by(col(Receipt.id))
            .limit(FORGOTTEN_AT_ONCE)
        )
        last = (await session.exec(select(func.max(oldest.subquery().c.id)))).one()
        if last is None:
            return False
        theirs = select(Receipt.message_id).where(Receipt.id <= last)
        # Not what a later receipt was accepted for, of which there was a forgery before.
        handled = (col(HandledMessage.id).in_(theirs)) & (col(HandledMessage.receipt_id) <= last)
        for table, condition in (
            (AttackResult, col(AttackResult.receipt_id) <= last),
            (PurchaseState, col(PurchaseState.first_receipt_id) <= last),
            # With de-duplication off, a later receipt may have booked one of these messages, too.
            (Purchase, col(Purchase.message_id).in_(select(HandledMessage.id).where(handled))),
            (HandledMessage, handled),
            (Receipt, col(Receipt.id) <= last),
        ):
            await session.exec(
                delete(table).where(condition).execution_options(synchronize_session=False)
            )
        return True
