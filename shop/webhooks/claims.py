"""Claims deliveries that are due (``due``), so that one worker sends each. Called by ``ledger``.

Of all workers that want a delivery, one changes its row from due to claimed. The claim has an end,
in case that worker dies, and a fencing number, in case it comes back to life.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import Select

from shop.models import Delivery, Endpoint, Message
from shop.vocabulary import DeliveryState
from shop.webhooks.due import free_places, has_waited, is_due, may_be_sent_to
from shop.webhooks.endpoint_secrets import LockedSecret, locked_secrets

# What becomes of a delivery whose endpoint was deleted.
GIVEN_UP = {
    "state": DeliveryState.CANCELLED,
    "next_attempt_at": None,
    "next_delay": None,
    "lease_expires_at": None,
}


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to make the next attempt, as long as ``fence`` is the delivery's newest.

    ``delivery``: as it was before the claim. ``secrets``: those that sign now, newest first, still
    locked.
    """

    delivery: Delivery
    message: Message
    endpoint: Endpoint
    fence: int
    secrets: Sequence[LockedSecret]

    @property
    def attempt_number(self) -> int:
        """Counts from 1."""
        return self.delivery.attempt_count + 1

    @property
    def facts(self) -> dict[str, object]:
        """What a line of the log about it should carry, as ``extra``."""
        return {
            "delivery_id": self.delivery.id,
            "attempt": self.attempt_number,
            "message_id": self.message.id,
            "endpoint_id": self.endpoint.id,
            "order_id": self.message.order_id,
        }


@dataclass(frozen=True, slots=True)
class Wish:
    """What to claim: this delivery, or the one that waits longest for this endpoint.

    ``or_next``: where somebody else has the delivery by now, the next one of its endpoint will do.
    """

    delivery_id: str | None = None
    endpoint_id: str | None = None
    or_next: bool = False


async def claim_all(
    session: AsyncSession, wishes: Sequence[Wish], *, lease: timedelta, now: datetime
) -> list[Claim | None]:
    """A claim for each wish, in their order; None where nothing is due, or no place is free.

    ``session``: of a writing transaction that holds the endpoints locked (``turns``), so that
    nobody else claims for them meanwhile: an endpoint's share is exact.
    """
    found = await _named(session, wishes, lease, now)
    named = {delivery.id for delivery, _message, _endpoint in found}
    wanted = await _endpoints_wanted(session, wishes, named)
    for endpoint_id, count in Counter(wanted).items():
        if endpoint_id:
            # As many more as were named: those may be the ones that have waited longest.
            waiting = await _longest_waiting(session, endpoint_id, count + len(named), now)
            # No more than are wished for: what nobody is handed would stay claimed in vain.
            found += [row for row in waiting if row[0].id not in named][:count]
    taken = await _with_place(session, await _without_deleted(session, found, now), lease, now)
    await _take(session, taken, lease, now)
    secrets = await locked_secrets(
        session, {endpoint.id for _delivery, _message, endpoint in taken}, now=now
    )
    claims = [
        Claim(delivery, message, endpoint, delivery.fence + 1, secrets[endpoint.id])
        for delivery, message, endpoint in taken
    ]
    return _handed_out(wishes, wanted, claims)


Row = tuple[Delivery, Message, Endpoint]


async def _named(
    session: AsyncSession, wishes: Sequence[Wish], lease: timedelta, now: datetime
) -> list[Row]:
    ids = [each.delivery_id for each in wishes if each.delivery_id]
    if not ids:
        return []
    query = _rows().where(col(Delivery.id).in_(ids), is_due(now, longest_lease=lease))
    return [
        (delivery, message, endpoint) for delivery, message, endpoint in await session.exec(query)
    ]


async def _endpoints_wanted(
    session: AsyncSession, wishes: Sequence[Wish], named: Collection[str]
) -> list[str | None]:
    """For each wish the endpoint whose next delivery will do; None: this delivery or none."""
    gone = {each.delivery_id for each in wishes if each.or_next} - {None, *named}
    endpoints: dict[str, str] = {}
    if gone:
        query = select(Delivery.id, Delivery.endpoint_id).where(col(Delivery.id).in_(gone))
        endpoints = dict((await session.exec(query)).all())
    return [
        endpoints.get(each.delivery_id or "") if each.or_next else each.endpoint_id
        for each in wishes
    ]


async def _longest_waiting(
    session: AsyncSession, endpoint_id: str, limit: int, now: datetime
) -> list[Row]:
    endpoint = await session.get(Endpoint, endpoint_id)
    if endpoint is None or not may_be_sent_to(endpoint, now):
        return []
    query = (
        _rows()
        .where(Delivery.endpoint_id == endpoint_id, has_waited(now))
        .order_by(col(Delivery.next_attempt_at))
        .limit(limit)
    )
    return [
        (delivery, message, endpoint) for delivery, message, endpoint in await session.exec(query)
    ]


def _rows() -> Select[Delivery, Message, Endpoint]:
    """Deliveries and what goes with them; locked, where several can write at once."""
    return (
        select(Delivery, Message, Endpoint)
        .join(Message, col(Message.id) == Delivery.message_id)
        .join(Endpoint, col(Endpoint.id) == Delivery.endpoint_id)
        .with_for_update(of=Delivery, skip_locked=True)  # SQLite has no such thing, nor needs it
    )


async def _without_deleted(session: AsyncSession, rows: Sequence[Row], now: datetime) -> list[Row]:
    """Give up what a worker has left behind that died, if the endpoint was deleted meanwhile."""
    left_behind = [delivery.id for delivery, _message, endpoint in rows if endpoint.deleted_at]
    if left_behind:
        give_up = update(Delivery).where(col(Delivery.id).in_(left_behind))
        await session.exec(give_up.values(**GIVEN_UP, completed_at=now))
    return [row for row in rows if row[2].deleted_at is None]


async def _with_place(
    session: AsyncSession, rows: Sequence[Row], lease: timedelta, now: datetime
) -> list[Row]:
    """Those for which their endpoint's share has room, each delivery once."""
    endpoints = {endpoint.id: endpoint for _delivery, _message, endpoint in rows}
    room = await free_places(session, endpoints, lease, now)
    taken: dict[str, Row] = {}
    for row in rows:
        delivery, _message, endpoint = row
        if delivery.id not in taken and room[endpoint.id] > 0:
            taken[delivery.id] = row
            room[endpoint.id] -= 1
    return list(taken.values())


async def _take(
    session: AsyncSession, rows: Sequence[Row], lease: timedelta, now: datetime
) -> None:
    if not rows:
        return
    take = (
        update(Delivery)
        .where(col(Delivery.id).in_([delivery.id for delivery, _message, _endpoint in rows]))
        .values(state=DeliveryState.SENDING, fence=Delivery.fence + 1, lease_expires_at=now + lease)
        .execution_options(synchronize_session=False)
    )
    await session.exec(take)


def _handed_out(
    wishes: Sequence[Wish], wanted: Sequence[str | None], claims: Sequence[Claim]
) -> list[Claim | None]:
    """Each claim to the wish that named it, or else to one for its endpoint."""
    left = {claim.delivery.id: claim for claim in claims}
    named = {
        each.delivery_id: left.pop(each.delivery_id) for each in wishes if each.delivery_id in left
    }
    of_endpoint: dict[str, list[Claim]] = defaultdict(list)
    for claim in reversed(left.values()):
        of_endpoint[claim.endpoint.id].append(claim)
    handed: list[Claim | None] = []
    for each, endpoint_id in zip(wishes, wanted, strict=True):
        claimed = named.pop(each.delivery_id or "", None)
        if claimed is None and endpoint_id and of_endpoint[endpoint_id]:
            claimed = of_endpoint[endpoint_id].pop()
        handed.append(claimed)
    return handed
