"""The health of an endpoint: success rate, latency, and reasons for failures.

Counts are exact and come from ``counters``. Median and p95 are from the newest ``SAMPLE`` responses
in the window, so that a busy day takes no longer to query than a quiet one.
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

SAMPLE = 1000  # responses


@dataclass(slots=True)
class Attempts:
    """Numbers of attempts by result. ``failed``: no response, or one without a 2xx status.

    ``answered``: attempts with a response. ``answered_ms``: the sum of their durations.
    """

    succeeded: int = 0
    failed: int = 0
    answered: int = 0
    answered_ms: int = 0

    @property
    def total(self) -> int:
        """The number of all attempts."""
        return self.succeeded + self.failed

    @property
    def success_rate(self) -> float | None:
        """The share of successes, from 0 to 1; None without attempts."""
        return self.succeeded / self.total if self.total else None

    @property
    def mean_ms(self) -> float | None:
        """The mean duration of attempts with a response; None without any."""
        return self.answered_ms / self.answered if self.answered else None

    def add(self, tally: AttemptSummary) -> None:
        """Add the attempts of a tally."""
        if tally.reason == SUCCEEDED:
            self.succeeded += tally.amount
        else:
            self.failed += tally.amount
        if tally.reason == SUCCEEDED or tally.reason.isdecimal():
            self.answered += tally.amount
            self.answered_ms += tally.total_ms


@dataclass(frozen=True, slots=True)
class Failures:
    """Attempts that failed for the same reason: a status such as ``500``, or the name of an error.

    ``last_at``, ``last_endpoint_id``: start and endpoint of the last one.
    """

    reason: str
    count: int
    last_at: datetime
    last_endpoint_id: str
    endpoint_ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class Latency:
    """Durations of attempts with a response. ``sample``: the number of attempts considered."""

    median_ms: int
    p95_ms: int
    sample: int

    @property
    def is_partial(self) -> bool:
        """Whether there may be older responses outside the sample."""
        return self.sample >= SAMPLE


@dataclass(slots=True)
class Health:
    """An endpoint's health in one window. ``by_bucket``: only buckets with attempts."""

    window: Window
    attempts: Attempts = field(default_factory=Attempts)
    by_bucket: dict[int, Attempts] = field(default_factory=dict)
    failures: list[Failures] = field(default_factory=list)
    latency: Latency | None = None


async def read_health(session: AsyncSession, endpoint_id: str, window: Window) -> Health:
    """Return an endpoint's health in the window."""
    tallies = await _read_tallies(session, endpoint_id, window)
    durations = await newest_durations(session, endpoint_id, since=window.starts_at)
    return Health(
        window,
        sum_up(tallies),
        by_bucket(tallies, window),
        by_reason(tallies),
        latency_of(durations),
    )


async def _read_tallies(
    session: AsyncSession, endpoint_id: str, window: Window
) -> list[AttemptSummary]:
    """Return one sum for each bucket and reason. The database adds up: a day has 1440 minutes."""
    minutes = window.bucket_minutes
    # Group by the label: PostgreSQL does not treat expressions with different parameters as equal.
    bucket = (col(AttemptTally.minute) // minutes * minutes).label("bucket")
    query = (
        # SQLModel has types for at most four columns.
        select(  # type: ignore[call-overload]
            bucket,
            AttemptTally.reason,
            total(AttemptTally.amount),
            total(AttemptTally.total_ms),
            func.max(AttemptTally.last_at),
        )
        .where(AttemptTally.endpoint_id == endpoint_id, AttemptTally.minute >= window.first_minute)
        .group_by(text("bucket"), AttemptTally.reason)
    )
    found = await session.exec(query)
    return [AttemptSummary(endpoint_id, *row) for row in found]


async def newest_durations(
    session: AsyncSession, endpoint_id: str, *, since: datetime, limit: int = SAMPLE
) -> Sequence[int]:
    """Return the durations, in milliseconds, of the newest ``limit`` attempts with a response."""
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
    """Return the sum of all tallies."""
    attempts = Attempts()
    for tally in tallies:
        attempts.add(tally)
    return attempts


def by_bucket(tallies: Iterable[AttemptSummary], window: Window) -> dict[int, Attempts]:
    """Return the sum for each bucket of the window that has attempts."""
    buckets: dict[int, Attempts] = defaultdict(Attempts)
    for tally in tallies:
        bucket = window.bucket_of(tally.minute)
        if bucket is not None:
            buckets[bucket].add(tally)
    return dict(buckets)


def by_reason(tallies: Iterable[AttemptSummary]) -> list[Failures]:
    """Return the failures by reason, most frequent first."""
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
    """Return for each reason the id of the delivery whose attempt last failed for it."""
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
    """Return median and p95, or None without durations."""
    if not durations:
        return None
    ordered = sorted(durations)
    return Latency(percentile(ordered, 0.5), percentile(ordered, 0.95), len(ordered))


def percentile(ordered: Sequence[int], share: float) -> int:
    """Return the percentile by the nearest-rank method.

    ``ordered``: values in ascending order, at least one. ``share``: over 0, at most 1.
    """
    return ordered[math.ceil(share * len(ordered)) - 1]
