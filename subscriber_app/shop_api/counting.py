"""The start time for counting money, so that the shop and we compare the same events.

Counting starts with the subscription, and restarts when all receipts are deleted. It goes by the
``date`` of an event, not by its arrival. Dates have whole seconds, so counting starts at a whole
second. Earlier events are stored and shown, but not counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hookshop.webkit.times import round_up_to_second
from subscriber_app.database.counters import COUNTED_CENTS
from subscriber_app.database.models import Counter, Counting, Purchase, Subscription

# The shop's clock may be ahead of ours by as much as the verification accepts.
MAX_CLOCK_DIFFERENCE = timedelta(minutes=5)
_ONE_SECOND = timedelta(seconds=1)
_THE_ROW = 1


@dataclass(frozen=True, slots=True)
class Counted:
    """The booked money of events since ``since``. ``cents``: net, refunds subtracted.

    ``event_types``, ``endpoint_id``: of our subscription.
    """

    since: datetime
    cents: int
    event_types: Sequence[str]
    endpoint_id: str


async def begin_counting(
    session: AsyncSession, *, now: datetime, registered_at: datetime | None = None
) -> datetime:
    """Restart counting, and return the whole second at which it starts.

    ``registered_at``: when the shop registered us, by its clock, without fractions. If that clock
    is ahead, counting starts after everything that was booked or missed until then.
    """
    not_before = [round_up_to_second(now)]
    if registered_at and abs(registered_at - now) <= MAX_CLOCK_DIFFERENCE:
        not_before.append(round_up_to_second(registered_at + _ONE_SECOND))
    if newest := await _newest_event(session, until=now + MAX_CLOCK_DIFFERENCE):
        not_before.append(newest + _ONE_SECOND)
    since = max(not_before)
    await session.merge(Counting(id=_THE_ROW, since=since))
    return since


async def read_since(session: AsyncSession) -> datetime | None:
    """Return when counting started; None before the first subscription."""
    return (await session.exec(select(Counting.since))).first()


async def read_counted(session: AsyncSession) -> Counted | None:
    """Return the counted money, or None without a subscription."""
    since = await read_since(session)
    subscription = (await session.exec(select(Subscription))).first()
    if since is None or subscription is None:
        return None
    cents = (await session.exec(select(Counter.amount).where(Counter.name == COUNTED_CENTS))).one()
    return Counted(since, cents, tuple(subscription.event_types), subscription.endpoint_id)


async def _newest_event(session: AsyncSession, *, until: datetime) -> datetime | None:
    """Return the latest ``date`` of a booked event, ignoring wrong dates after ``until``."""
    query = select(func.max(Purchase.occurred_at)).where(col(Purchase.occurred_at) <= until)
    return (await session.exec(query)).one()
