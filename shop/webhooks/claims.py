"""Claims deliveries that are due (``due``), so that one worker sends each. Called by ``ledger``.

Of all workers that want a delivery, one changes its row from due to claimed. The claim has an end,
in case that worker dies, and a fencing number, in case it comes back to life.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Select, and_
from sqlalchemy import select as sa_select
from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from shop.models import Delivery, Endpoint, Message
from shop.vocabulary import DeliveryState, Trigger
from shop.webhooks.due import free_places, has_waited, is_due, may_be_sent_to
from shop.webhooks.endpoint_secrets import LockedSecret, locked_secrets

# What becomes of a delivery whose endpoint was deleted.
GIVEN_UP = {
    "state": DeliveryState.CANCELLED,
    "next_attempt_at": None,
    "next_delay": None,
    "lease_expires_at": None,
}


class Candidate(NamedTuple):
    """What an attempt has to know of a delivery and its message; a row, which is quick to load."""

    id: str
    endpoint_id: str
    message_id: str
    order_id: str | None
    body: bytes
    attempt_count: int
    trigger: Trigger
    waits_since: datetime
    due_at: datetime | None
    delay: dict[str, float] | None
    fence: int
    completed_at: datetime | None


_COLUMNS: tuple[Any, ...] = (  # in the order of ``Candidate``
    Delivery.id,
    Delivery.endpoint_id,
    Message.id,
    Message.order_id,
    Message.body,
    Delivery.attempt_count,
    Delivery.next_trigger,
    Delivery.waits_since,
    Delivery.next_attempt_at,
    Delivery.next_delay,
    Delivery.fence,
    Delivery.completed_at,
)


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to make the next attempt, as long as ``fence`` is the delivery's newest.

    ``delivery``: as it was before the claim. ``secrets``: those that sign now, newest first, still
    locked.
    """

    delivery: Candidate
    webhook_url: str
    secrets: Sequence[LockedSecret]

    @property
    def fence(self) -> int:
        """The number of this claim."""
        return self.delivery.fence + 1

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
            "message_id": self.delivery.message_id,
            "endpoint_id": self.delivery.endpoint_id,
            "order_id": self.delivery.order_id,
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
    named = {each.id for each in found}
    wanted = await _endpoints_wanted(session, wishes, named)
    wanted_ids = [endpoint_id for endpoint_id in wanted if endpoint_id]
    endpoints = await _endpoints(session, {each.endpoint_id for each in found} | {*wanted_ids})
    for endpoint_id, count in Counter(wanted_ids).items():
        if endpoint_id in endpoints and may_be_sent_to(endpoints[endpoint_id], now):
            # As many more as were named: those may be the ones that have waited longest.
            waiting = await _longest_waiting(session, endpoint_id, count + len(named), now)
            # No more than are wished for: what nobody is handed would stay claimed in vain.
            found += [each for each in waiting if each.id not in named][:count]
    remaining = await _without_deleted(session, found, endpoints, now)
    taken = await _with_place(session, remaining, endpoints, lease, now)
    await _take(session, taken, lease, now)
    secrets = await locked_secrets(session, {each.endpoint_id for each in taken}, now=now)
    claims = [
        Claim(each, endpoints[each.endpoint_id].webhook_url, secrets[each.endpoint_id])
        for each in taken
    ]
    return _handed_out(wishes, wanted, claims)


async def _named(
    session: AsyncSession, wishes: Sequence[Wish], lease: timedelta, now: datetime
) -> list[Candidate]:
    ids = [each.delivery_id for each in wishes if each.delivery_id]
    if not ids:
        return []
    due = and_(col(Delivery.id).in_(ids), is_due(now, longest_lease=lease))
    return await _select(session, _candidates().where(due))


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


async def _endpoints(session: AsyncSession, ids: Collection[str]) -> dict[str, Endpoint]:
    if not ids:
        return {}
    query = select(Endpoint).where(col(Endpoint.id).in_(ids))
    return {endpoint.id: endpoint for endpoint in await session.exec(query)}


async def _longest_waiting(
    session: AsyncSession, endpoint_id: str, limit: int, now: datetime
) -> list[Candidate]:
    waiting = and_(col(Delivery.endpoint_id) == endpoint_id, has_waited(now))
    longest_first = _candidates().where(waiting).order_by(col(Delivery.next_attempt_at))
    return await _select(session, longest_first.limit(limit))


def _candidates() -> Select[Any]:
    """Deliveries and what goes with them; locked, where several can write at once."""
    return (
        sa_select(*_COLUMNS)
        .join(Message, col(Message.id) == Delivery.message_id)
        .with_for_update(of=Delivery, skip_locked=True)  # SQLite has no such thing, nor needs it
    )


async def _select(session: AsyncSession, query: Select[Any]) -> list[Candidate]:
    connection = await session.connection()
    return [Candidate._make(row) for row in await connection.execute(query)]


async def _without_deleted(
    session: AsyncSession,
    candidates: Sequence[Candidate],
    endpoints: Mapping[str, Endpoint],
    now: datetime,
) -> list[Candidate]:
    """Give up what a worker has left behind that died, if the endpoint was deleted meanwhile."""
    deleted = {id_ for id_, endpoint in endpoints.items() if endpoint.deleted_at}
    left_behind = [each.id for each in candidates if each.endpoint_id in deleted]
    if left_behind:
        give_up = update(Delivery).where(col(Delivery.id).in_(left_behind))
        await session.exec(give_up.values(**GIVEN_UP, completed_at=now))
    return [each for each in candidates if each.endpoint_id not in deleted]


async def _with_place(
    session: AsyncSession,
    candidates: Sequence[Candidate],
    endpoints: Mapping[str, Endpoint],
    lease: timedelta,
    now: datetime,
) -> list[Candidate]:
    """Those for which their endpoint's share has room, each delivery once."""
    asked = {each.endpoint_id: endpoints[each.endpoint_id] for each in candidates}
    room = await free_places(session, asked, lease, now)
    taken: dict[str, Candidate] = {}
    for each in candidates:
        if each.id not in taken and room[each.endpoint_id] > 0:
            taken[each.id] = each
            room[each.endpoint_id] -= 1
    return list(taken.values())


async def _take(
    session: AsyncSession, candidates: Sequence[Candidate], lease: timedelta, now: datetime
) -> None:
    if not candidates:
        return
    take = (
        update(Delivery)
        .where(col(Delivery.id).in_([each.id for each in candidates]))
        .values(state=DeliveryState.SENDING, fence=Delivery.fence + 1, lease_expires_at=now + lease)
    )
    await (await session.connection()).execute(take)


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
        of_endpoint[claim.delivery.endpoint_id].append(claim)
    handed: list[Claim | None] = []
    for each, endpoint_id in zip(wishes, wanted, strict=True):
        claimed = named.pop(each.delivery_id or "", None)
        if claimed is None and endpoint_id and of_endpoint[endpoint_id]:
            claimed = of_endpoint[endpoint_id].pop()
        handed.append(claimed)
    return handed
