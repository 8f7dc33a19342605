"""The worker's way into the database: claims and records, many of them in one transaction.

Called by ``delivery`` for one delivery at a time. What several ask for at the same moment is one
commit, and the record of one attempt and the claim of the next are one step: that is most of what
makes a worker fast.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy.exc import OperationalError

from shop.announcements import Change, ChangeFeed
from shop.batches import Batches
from shop.database import Database
from shop.turns import lock_endpoints
from shop.webhooks.claims import Claim, Wish, claim_all
from shop.webhooks.records import Finished, record_all
from shop.webhooks.rules import DeliveryRules

LARGEST_BATCH = 50


@dataclass(frozen=True, slots=True)
class Step:
    """What a delivery asks for: to have an attempt written down, a claim, or both."""

    finished: Finished | None = None
    wish: Wish | None = None


class Ledger:
    """Hands out claims and takes records; announces both after the commit."""

    def __init__(self, database: Database, feed: ChangeFeed, rules: DeliveryRules) -> None:
        self._database = database
        self._feed = feed
        self._rules = rules
        self._endpoint_is_back = asyncio.Event()
        # When the database cannot be written to, that is so for all; nobody is tried alone.
        self._steps = Batches(self._take, most=LARGEST_BATCH, fails_for_all=(OperationalError,))

    async def claim(self, delivery_id: str, *, or_next: bool = False) -> Claim | None:
        """Claim a delivery; None when it is not due, or its endpoint has its share in flight.

        ``or_next``: when it is not due any more, another one that waits for its endpoint will do.
        """
        return await self._steps.submit(Step(wish=Wish(delivery_id, or_next=or_next)))

    async def record(self, finished: Finished, *, go_on: bool) -> Claim | None:
        """Write down an attempt and, to ``go_on``, claim what waits longest for its endpoint."""
        wish = Wish(endpoint_id=finished.claim.delivery.endpoint_id) if go_on else None
        return await self._steps.submit(Step(finished, wish))

    async def endpoint_is_back(self, *, within: float) -> None:
        """Wait until what an open circuit breaker held back may go out, at most so many seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._endpoint_is_back.wait()
        self._endpoint_is_back.clear()

    async def _take(self, tell: Callable[[], Sequence[Step]]) -> list[Claim | None]:
        async with self._database.writing() as session:
            steps = tell()  # now that it is our turn to write
            now = self._rules.now()
            finished = [step.finished for step in steps if step.finished]
            wishes = [step.wish for step in steps if step.wish]
            await lock_endpoints(
                session,
                ids=_endpoint_ids(finished, wishes),
                of_deliveries=[each.delivery_id for each in wishes if each.delivery_id],
            )
            moved = await record_all(session, finished, self._rules, now=now)
            claims = await claim_all(session, wishes, lease=self._rules.lease, now=now)
        told = [each.claim for each in finished] + [claim for claim in claims if claim]
        await self._announce(told, moved)
        if any(moved.values()):
            self._endpoint_is_back.set()
        handed = iter(claims)
        return [next(handed) if step.wish else None for step in steps]

    async def _announce(self, claims: Sequence[Claim], endpoint_ids: Iterable[str]) -> None:
        changes = [
            Change("delivery", claim.delivery.id, order_id=claim.delivery.order_id)
            for claim in claims
        ]
        changes += [Change("endpoint", endpoint_id) for endpoint_id in endpoint_ids]
        await self._feed.announce(*changes)


def _endpoint_ids(finished: Sequence[Finished], wishes: Sequence[Wish]) -> set[str]:
    recorded = {each.claim.delivery.endpoint_id for each in finished}
    return recorded | {each.endpoint_id for each in wishes if each.endpoint_id}
