"""Since when money is counted, so that the shop and we compare the same events.

Counting begins with the subscription, and anew whenever everything is forgotten. What counts is
the ``date`` of an event, not its arrival. Dates have whole seconds, so counting begins with the
next whole second: no second is half before it. Earlier events are kept, shown, and not counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hookshop.webkit.times import round_up_to_second
from subscriber_app.database.counters import COUNTED_CENTS
from subscriber_app.database.models import Counting, Purchase, Subscription, Tally

# The shop's clock may be ahead of ours by as much as the verification accepts.
MAX_CLOCK_DIFFERENCE = timedelta(minutes=5)
_ONE_SECOND = timedelta(seconds=1)
_THE_ROW = 1


@dataclass(frozen=True, slots=True)
class Counted:
    """What is booked of the events since ``since``, while there is a subscription.

    ``cents``: net, refunds subtracted. ``event_types``: what the shop sends to us.
    """

    since: datetime
    cents: int
    event_types: Sequence[str]


async def begin_counting(
    session: AsyncSession, *, now: datetime, registered_at: datetime | None = None
) -> datetime:
    """Count from now on only; return the whole second from which on events count.

    ``registered_at``: when the shop registered us, by its own clock, fractions cut off. If that
    clock is ahead, counting begins after everything that was booked or missed by then.
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
    """Return when counting began; None before the first subscription."""
    return (await session.exec(select(Counting.since))).first()


async def read_counted(session: AsyncSession) -> Counted | None:
    """Return what counts now; None without a subscription, when nothing can be compared."""
    since = await read_since(session)
    subscription = (await session.exec(select(Subscription))).first()
    if since is None or subscription is None:
        return None
    cents = (await session.exec(select(Tally.amount).where(Tally.name == COUNTED_CENTS))).one()
    return Counted(since, cents, tuple(subscription.event_types))


async def _newest_event(session: AsyncSession, *, until: datetime) -> datetime | None:
    """Return the latest ``date`` of all that is booked; a later one than ``until`` is not true."""
    query = select(func.max(Purchase.occurred_at)).where(col(Purchase.occurred_at) <= until)
    return (await session.exec(query)).one()
