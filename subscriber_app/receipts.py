"""Reads the receipts and totals, and forgets them. Called by the JSON API and the dashboard.

Pages follow each other by key, not by offset: ids sort by time, so the last id of a page is all
that the next one needs.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import col, delete, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from subscriber_app.models import AttackResult, HandledMessage, Purchase, Receipt
from subscriber_app.vocabulary import EventType, Verdict

LARGEST_PAGE = 100
_RECEIPT_ID = re.compile(r"rcp_[0-9a-f]{32}", re.ASCII)


class BadCursor(ValueError):  # noqa: N818 – the name says what happened
    """The cursor is not one that an earlier page handed out."""


@dataclass(frozen=True, slots=True)
class ReceiptFilter:
    """Which receipts to list; what is None does not matter."""

    verdict: Verdict | None = None
    event_type: str | None = None
    message_id: str | None = None


@dataclass(frozen=True, slots=True)
class ReceiptPage:
    """Receipts, newest first. ``next_cursor`` is None on the last page."""

    receipts: Sequence[Receipt]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Stats:
    """Totals; every verdict is present. ``purchases`` counts sales, revenue also refunds."""

    receipts: dict[Verdict, int]
    purchases: int
    revenue_cents: int


async def list_receipts(
    session: AsyncSession, wanted: ReceiptFilter, *, limit: int, cursor: str | None = None
) -> ReceiptPage:
    """One page of receipts, newest first. Raises ``BadCursor``."""
    query = select(Receipt).order_by(col(Receipt.id).desc()).limit(limit + 1)
    if wanted.verdict:
        query = query.where(Receipt.verdict == wanted.verdict)
    if wanted.event_type:
        query = query.where(Receipt.event_type == wanted.event_type)
    if wanted.message_id:
        query = query.where(Receipt.message_id == wanted.message_id)
    if cursor is not None:
        if not _RECEIPT_ID.fullmatch(cursor):
            raise BadCursor("the cursor is not one of ours")
        query = query.where(Receipt.id < cursor)
    rows = (await session.exec(query)).all()
    # One more than asked for tells whether a next page exists.
    more = len(rows) > limit
    return ReceiptPage(rows[:limit], rows[limit - 1].id if more else None)


async def find_receipt(session: AsyncSession, receipt_id: str) -> Receipt | None:
    """The receipt, or None."""
    return await session.get(Receipt, receipt_id)


async def read_stats(session: AsyncSession) -> Stats:
    """Count receipts by verdict, sales, and money."""
    verdicts: dict[Verdict, int] = dict.fromkeys(Verdict, 0)
    counted = select(Receipt.verdict, func.count()).group_by(col(Receipt.verdict))
    for verdict, count in await session.exec(counted):
        verdicts[Verdict(verdict)] = count
    sales = select(func.count()).where(Purchase.event_type == EventType.PURCHASE_CREATED)
    revenue = select(func.coalesce(func.sum(Purchase.value_cents), 0))
    return Stats(
        verdicts,
        purchases=(await session.exec(sales)).one(),
        revenue_cents=(await session.exec(revenue)).one(),
    )


async def forget_all(session: AsyncSession) -> None:
    """Delete every receipt, purchase and memory of handled messages.

    All or nothing: a receipt forgotten alone would let its message be booked twice.
    """
    for table in (AttackResult, Purchase, HandledMessage, Receipt):
        await session.exec(delete(table))
