"""How an endpoint does: how many attempts succeed, how quickly it answers, why attempts fail.

Called by the endpoint's page and, for all endpoints together, by the overview. Counts are exact and
come from ``tallies``. Median and p95 need single answers: those of the newest ``SAMPLE`` answers in
the window, so that a busy day takes no longer to look at than a quiet one.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import text
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from shop.database.counters import SUCCEEDED, AttemptSummary, AttemptTally, total
from shop.database.models import Attempt
from shop.webhooks.rules.time_buckets import Window

SAMPLE = 1000


@dataclass(slots=True)
class Attempts:
    """How attempts ended. ``failed``: those without a 2xx, whether answered or not.

    ``answered``: those that got any answer at all, in ``answered_ms`` milliseconds together.
    """

    succeeded: int = 0
    failed: int = 0
    answered: int = 0
    answered_ms: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.succeeded + self.failed

    @property
    def success_rate(self) -> float | None:
        """From 0 to 1; None when there was no attempt."""
        return self.succeeded / self.total if self.total else None

    @property
    def mean_ms(self) -> float | None:
        """How long an answer took on average; None without an answer."""
        return self.answered_ms / self.answered if self.answered else None

    def add(self, tally: AttemptSummary) -> None:
        """Count these, too."""
        if tally.reason == SUCCEEDED:
            self.succeeded += tally.amount
        else:
            self.failed += tally.amount
        if tally.reason == SUCCEEDED or tally.reason.isdecimal():
            self.answered += tally.amount
            self.answered_ms += tally.total_ms


@dataclass(frozen=True, slots=True)
class Failures:
    """Attempts that failed for the same reason: a status such as ``500``, or an error's name.

    ``last_at``, ``last_endpoint_id``: of the newest of them.
    """

    reason: str
    count: int
    last_at: datetime
    last_endpoint_id: str
    endpoint_ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds until the answer, of the attempts that got one. ``sample``: of how many."""

    median_ms: int
    p95_ms: int
    sample: int

    @property
    def is_partial(self) -> bool:
        """Whether there may be older answers that were not looked at."""
        return self.sample >= SAMPLE


@dataclass(slots=True)
class Health:
    """An endpoint in one window. ``by_slot``: for the slots in which there was any attempt."""

    window: Window
    attempts: Attempts = field(default_factory=Attempts)
    by_slot: dict[int, Attempts] = field(default_factory=dict)
    failures: list[Failures] = field(default_factory=list)
    latency: Latency | None = None


async def read_health(session: AsyncSession, endpoint_id: str, window: Window) -> Health:
    """An endpoint's attempts since the window begins."""
    tallies = await _read_tallies(session, endpoint_id, window)
    durations = await newest_answers(session, endpoint_id, since=window.begins_at)
    return Health(
        window,
        sum_up(tallies),
        by_slot(tallies, window),
        by_reason(tallies),
        latency_of(durations),
    )


async def _read_tallies(
    session: AsyncSession, endpoint_id: str, window: Window
) -> list[AttemptSummary]:
    """One for each slot and reason, added up by the database: a day has 1440 minutes."""
    # By its label: PostgreSQL would not see that two parameters of one value are one expression.
    slot = (col(AttemptTally.minute) // window.slot_minutes * window.slot_minutes).label("slot")
    query = (
        # SQLModel's types end at four columns.
        select(  # type: ignore[call-overload]
            slot,
            AttemptTally.reason,
            total(AttemptTally.amount),
            total(AttemptTally.total_ms),
            func.max(AttemptTally.last_at),
        )
        .where(AttemptTally.endpoint_id == endpoint_id, AttemptTally.minute >= window.first_minute)
        .group_by(text("slot"), AttemptTally.reason)
    )
    found = await session.exec(query)
    return [AttemptSummary(endpoint_id, *row) for row in found]


async def newest_answers(
    session: AsyncSession, endpoint_id: str, *, since: datetime, limit: int = SAMPLE
) -> Sequence[int]:
    """Milliseconds of the newest attempts that got an answer, at most ``limit`` of them."""
    query = (
        select(Attempt.duration_ms)
        .where(
            Attempt.endpoint_id == endpoint_id,
            Attempt.started_at >= since,
            col(Attempt.response_status).is_not(None),
        )
        .order_by(col(Attempt.started_at).desc())
        .limit(limit)
    )
    return (await session.exec(query)).all()


def sum_up(tallies: Iterable[AttemptSummary]) -> Attempts:
    """All of them together."""
    together = Attempts()
    for tally in tallies:
        together.add(tally)
    return together


def by_slot(tallies: Iterable[AttemptSummary], window: Window) -> dict[int, Attempts]:
    """The same for each slot of the window; slots without attempts are left out."""
    slots: dict[int, Attempts] = defaultdict(Attempts)
    for tally in tallies:
        slot = window.slot_of(tally.minute)
        if slot is not None:
            slots[slot].add(tally)
    return dict(slots)


def by_reason(tallies: Iterable[AttemptSummary]) -> list[Failures]:
    """What failed, the most frequent reason first."""
    groups: dict[str, list[AttemptSummary]] = defaultdict(list)
    for tally in tallies:
        if tally.reason != SUCCEEDED:
            groups[tally.reason].append(tally)
    found = [_failures(reason, group) for reason, group in groups.items()]
    return sorted(found, key=lambda failures: (-failures.count, failures.reason))


def _failures(reason: str, tallies: Sequence[AttemptSummary]) -> Failures:
    newest = max(tallies, key=lambda tally: tally.last_at)
    return Failures(
        reason,
        sum(tally.amount for tally in tallies),
        newest.last_at,
        newest.endpoint_id,
        frozenset(tally.endpoint_id for tally in tallies),
    )


async def find_examples(session: AsyncSession, failures: Sequence[Failures]) -> dict[str, str]:
    """For each reason, the id of the delivery that last failed for it."""
    query = select(Attempt.endpoint_id, Attempt.started_at, Attempt.delivery_id).where(
        col(Attempt.endpoint_id).in_({one.last_endpoint_id for one in failures}),
        col(Attempt.started_at).in_({one.last_at for one in failures}),
    )
    found = {(endpoint_id, at): id_ for endpoint_id, at, id_ in await session.exec(query)}
    return {
        one.reason: id_
        for one in failures
        if (id_ := found.get((one.last_endpoint_id, one.last_at)))
    }


def latency_of(durations: Sequence[int]) -> Latency | None:
    """Median and p95; None when nothing was answered."""
    if not durations:
        return None
    ordered = sorted(durations)
    return Latency(percentile(ordered, 0.5), percentile(ordered, 0.95), len(ordered))


def percentile(ordered: Sequence[int], share: float) -> int:
    """The smallest value that at least ``share`` of all do not exceed (nearest rank).

    ``ordered``: ascending, at least one. ``share``: over 0, at most 1.
    """
    return ordered[math.ceil(share * len(ordered)) - 1]
