"""The exams that this process plays for its page and its API, and those of the past.

A run is a task of the process, and a row that everybody reads. The row never holds the receiver's
secret, nor the new one that a person gives to the receiver: those are only in memory.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hookshop.webkit.tasks import end_tasks
from hookshop.webkit.times import utc_now
from shop.database.bound_session import in_bound_sandbox
from shop.database.models import ExamRun
from shop.database.transactions import Database
from shop.exam.in_process import Examinee, ExamState, RunningExam, ShopAccess
from shop.exam.scorecard import Scorecard
from shop.exam.stored import scorecard_of
from shop.ids import new_id
from shop.redis.change_feed import Change, ChangeFeed

MAX_RUNNING = 3  # in this process: each sends up to 20 requests a second
SAVE_INTERVAL_SECONDS = 0.25  # an exam of 60 cases changes often
ALIVE = timedelta(seconds=30)
RENEWAL_SECONDS = 10.0
PROCESS_ENDED = "the process that played the exam has ended; start it again"

logger = logging.getLogger(__name__)


class ExamUnderWay(Exception):  # noqa: N818 – the name says what happened
    """An exam is under way in the sandbox, or too many in this process.

    The message is for the client.
    """


@dataclass(frozen=True, slots=True)
class ExamReport:
    """A run: how far it has come, or its result. ``state``: see ``ExamState.document``."""

    id: str
    url: str
    started_at: datetime
    finished_at: datetime | None
    state: Mapping[str, Any]

    @property
    def scorecard(self) -> Scorecard:
        """What is known so far."""
        return scorecard_of(self.state)


class ExamRuns:
    """Starts, stops and finds runs. ``access``: where the shop serves its API to itself."""

    def __init__(self, database: Database, feed: ChangeFeed, access: ShopAccess) -> None:
        self._database = database
        self._feed = feed
        self._access = access
        self._running: dict[str, _Run] = {}

    async def start(self, examinee: Examinee) -> str:
        """Start an exam in the bound sandbox, and return its id. Raise ``ExamUnderWay``."""
        if len(self._running) >= MAX_RUNNING:
            raise ExamUnderWay(f"{MAX_RUNNING} exams are under way; wait until one has finished")
        now = utc_now()
        exam_id = new_id("exm", now)
        run = _Run(examinee, self._access, self._database, self._feed)
        row = ExamRun(
            id=exam_id,
            url=examinee.plan.url,
            started_at=now,
            alive_until=now + ALIVE,
            state=_stored(run.exam.state),
        )
        async with self._database.writing() as session:
            if await _is_one_alive(session, now):
                raise ExamUnderWay("an exam is under way here; stop it, or wait until it ends")
            session.add(row)
        self._running[exam_id] = run
        run.start(exam_id, on_end=lambda: self._running.pop(exam_id, None))
        self._feed.announce_soon(Change("exam", exam_id))
        return exam_id

    def playing(self, exam_id: str) -> RunningExam | None:
        """Return the run with this id if this process plays it."""
        run = self._running.get(exam_id)
        return run.exam if run else None

    async def stop(self, exam_id: str) -> bool:
        """Stop a run early. Return False if it does not run in this process."""
        run = self._running.get(exam_id)
        if run:
            await run.stop()
        return run is not None

    async def find(self, exam_id: str) -> ExamReport | None:
        """Return a run of the bound sandbox, or None."""
        async with self._database.reading() as session:
            found = await session.get(ExamRun, exam_id)
        return _report(found, utc_now()) if found else None

    async def page(self, *, limit: int, before: str | None = None) -> Sequence[ExamReport]:
        """Return up to ``limit`` runs of the bound sandbox, newest first, older than ``before``."""
        query = select(ExamRun).where(in_bound_sandbox(ExamRun.sandbox))
        if before is not None:
            query = query.where(ExamRun.id < before)
        async with self._database.reading() as session:
            found = (await session.exec(query.order_by(col(ExamRun.id).desc()).limit(limit))).all()
        return [_report(each, utc_now()) for each in found]

    async def close(self) -> None:
        """Stop all runs."""
        for run in list(self._running.values()):
            await run.stop()


class _Run:
    """A run of this process: one task plays it, another one stores how far it has come."""

    def __init__(
        self, examinee: Examinee, access: ShopAccess, database: Database, feed: ChangeFeed
    ) -> None:
        self._database = database
        self._feed = feed
        self._has_changed = asyncio.Event()
        self.exam = RunningExam(examinee, access, lambda _state: self._has_changed.set())

    def start(self, exam_id: str, on_end: Callable[[], object]) -> None:
        self._playing = asyncio.create_task(self.exam.run())
        self._storing = asyncio.create_task(self._store_changes(exam_id))
        self._storing.add_done_callback(lambda _task: on_end())

    async def stop(self) -> None:
        await end_tasks(self._playing)
        with suppress(Exception):  # it was logged
            await self._storing

    async def _store_changes(self, exam_id: str) -> None:
        """Store the state after each change, and from time to time that the run is alive."""
        try:
            while not self.exam.state.is_finished:
                with suppress(TimeoutError):
                    async with asyncio.timeout(RENEWAL_SECONDS):
                        await self._has_changed.wait()
                self._has_changed.clear()
                await self._store(exam_id)
                await asyncio.sleep(SAVE_INTERVAL_SECONDS)
            await self._store(exam_id)
        except Exception:
            logger.exception("The exam %s could not be stored", exam_id)
            raise
        finally:
            await end_tasks(self._playing)

    async def _store(self, exam_id: str) -> None:
        now, state = utc_now(), self.exam.state
        async with self._database.writing() as session:
            row = await session.get(ExamRun, exam_id)
            if row is None:  # the sandbox was emptied or dropped
                self._playing.cancel()
                return
            row.state = _stored(state)
            row.alive_until = now + ALIVE
            row.finished_at = now if state.is_finished else None
            session.add(row)
        self._feed.announce_soon(Change("exam", exam_id))


async def _is_one_alive(session: AsyncSession, now: datetime) -> bool:
    alive = select(func.count()).where(
        in_bound_sandbox(ExamRun.sandbox),
        col(ExamRun.finished_at).is_(None),
        col(ExamRun.alive_until) > now,
    )
    return bool((await session.exec(alive)).one())


def _stored(state: ExamState) -> dict[str, Any]:
    # The request may contain a new secret.
    return replace(state, request="").document()


def _report(run: ExamRun, now: datetime) -> ExamReport:
    """Return the run as it is: one that is not alive any more has ended with its process."""
    if run.finished_at is not None or run.alive_until > now:
        return ExamReport(run.id, run.url, run.started_at, run.finished_at, run.state)
    card = replace(scorecard_of(run.state), problem=PROCESS_ENDED, was_stopped=True)
    state = ExamState(card, run.state["total"], is_finished=True).document()
    return ExamReport(run.id, run.url, run.started_at, run.alive_until, state)
