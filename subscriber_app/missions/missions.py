"""The missions of one subscriber: starts them, judges them, and stores the progress."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy.exc import SQLAlchemyError
from sqlmodel.ext.asyncio.session import AsyncSession

from hookshop.webkit.change_feed import LocalChangeFeed
from subscriber_app.database.models import MissionProgress
from subscriber_app.database.transactions import Database
from subscriber_app.faults import WorkerCrash
from subscriber_app.missions import progress
from subscriber_app.missions.build import BUILD
from subscriber_app.missions.checks import Checks
from subscriber_app.missions.facts import Answer, Check, Evidence, Facts, OwnReceiverFact
from subscriber_app.missions.mission import Condition, Done, Judgment, Mission, NotYet, Step
from subscriber_app.missions.obstacles import Obstacle, obstacles
from subscriber_app.missions.places import places, proven_places
from subscriber_app.missions.progress import MissionState
from subscriber_app.missions.reader import SHOP_INTERVAL_SECONDS, FactsReader
from subscriber_app.missions.watch import WATCH

MISSIONS: dict[str, Mission] = {mission.key: mission for mission in (*WATCH, *BUILD)}

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Standing:
    """One mission and the learner's progress in it.

    ``judgment``: None unless it is started. ``evidence``: of a mission that is done. ``places``:
    see ``places``. ``fact_count``: receipts, bookings and more; it changes with each button that
    acts. ``steps``: those to show now, of a mission that was looked at. ``check``,
    ``own_receiver``: in the Build track.
    """

    mission: Mission
    row: MissionProgress | None = None
    judgment: Judgment | None = None
    obstacles: Sequence[Obstacle] = ()
    places: dict[str, str] = field(default_factory=dict)
    steps: Sequence[Step] = ()
    fact_count: int = 0
    check: Check | None = None
    own_receiver: OwnReceiverFact | None = None

    @property
    def state(self) -> MissionState:
        """Return whether it is new, started, done or skipped."""
        return progress.state_of(self.row)

    @property
    def missing(self) -> str:
        """Return the nearest miss, or "" if nothing is missing."""
        return self.judgment.missing if isinstance(self.judgment, NotYet) else ""

    @property
    def evidence(self) -> list[Evidence]:
        """Return all evidence so far."""
        seen = progress.seen_of(self.row) if self.row else {}
        return [each for part in seen.values() for each in part]

    @property
    def answers(self) -> dict[str, Answer]:
        """Return what the learner has answered, by question."""
        return progress.answers_of(self.row) if self.row else {}


def find_mission(key: str) -> Mission | None:
    """Return the mission with this key, as it stands in a path."""
    return MISSIONS.get(key)


class Missions:
    """Judges a mission when somebody looks at it: nothing runs while nobody does.

    ``current``: the mission for the strip on every page, as of the last look; None if there is
    none, or it was put away.
    """

    def __init__(  # noqa: PLR0913 – each is a part of its own
        self,
        database: Database,
        feed: LocalChangeFeed,
        reader: FactsReader,
        checks: Checks,
        now: Callable[[], datetime],
        *,
        worker_crash: WorkerCrash,
    ) -> None:
        self._database = database
        self._feed = feed
        self._reader = reader
        self._checks = checks
        self._now = now
        self._worker_crash = worker_crash
        self._acts = 0
        self._lock = asyncio.Lock()
        self._polling: asyncio.Task[None] | None = None
        self.current: Standing | None = None

    async def load(self) -> None:
        """Load the current mission, when the application starts."""
        self._lock = asyncio.Lock()  # the application may run in another event loop than before
        await self._choose_current()

    async def close(self) -> None:
        """Stop polling."""
        if self._polling:
            self._polling.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._polling
        self._polling = None

    async def all(self) -> list[Standing]:
        """Return every mission, without judging."""
        async with self._database.reading() as session:
            rows = await progress.read_all(session)
        return [Standing(mission, rows.get(key)) for key, mission in MISSIONS.items()]

    async def look(self, mission: Mission) -> Standing:
        """Judge a mission by the facts of this moment."""
        async with self._lock:
            async with self._database.reading() as session:
                row = await progress.find(session, mission)
            if row is None or row.state != MissionState.STARTED:
                standing = Standing(mission, row, steps=self.steps(mission))
                return replace(standing, places=proven_places(standing.evidence))
            standing = replace(await self._judge(mission, row), steps=self.steps(mission))
        if self.current and self.current.mission is mission:
            self.current = standing
        self._poll_while_watched()
        return standing

    def steps(self, mission: Mission) -> list[Step]:
        """Return the steps of a mission to show now."""
        if self._worker_crash.is_armed:
            return mission.steps_if(Condition.CRASH_IS_ARMED)
        can_crash = self._worker_crash.is_possible
        return mission.steps_if(Condition.CAN_CRASH_WORKER if can_crash else None)

    async def look_at_current(self) -> None:
        """Judge the mission of the strip, if there is one that is not done."""
        if self.current and self.current.state is MissionState.STARTED:
            await self.look(self.current.mission)

    async def start(self, mission: Mission) -> None:
        """Start a mission, or start it over. Only what happens from now on counts."""
        await self._change(lambda session: progress.begin(session, mission, now=self._now()))

    async def skip(self, mission: Mission) -> None:
        """Skip a mission, unless it is done."""
        await self._change(lambda session: progress.skip(session, mission, now=self._now()))

    async def reset(self) -> None:
        """Forget the progress of all missions."""
        await self._change(progress.forget_all)

    async def show_hint(self, mission: Mission, count: int) -> None:
        """Show this many hints, but never fewer than before."""
        most = min(count, len(mission.hints))

        async def show(session: AsyncSession) -> None:
            row = await progress.find(session, mission)
            if row:
                row.hints_shown = max(row.hints_shown, most)

        await self._change(show)

    async def answer(self, mission: Mission, name: str, text: str) -> None:
        """Store an answer. Later looks compare its time with that of the facts."""
        answer = {"text": text, "at": self._now().isoformat()}

        async def store(session: AsyncSession) -> None:
            row = await progress.find(session, mission)
            if row and row.state == MissionState.STARTED:
                row.answers = row.answers | {name: answer}

        await self._change(store)

    async def check(self, mission: Mission) -> None:
        """Let the shop examine the learner's receiver with the cases of a mission.

        Only a person starts a check: hostile requests that come by themselves would confuse. Later
        looks follow the exam, so a restart of this application loses nothing. Raise ``ShopError``.
        """
        started = await self._checks.start(mission.cases)

        async def store(session: AsyncSession) -> None:
            row = await progress.find(session, mission)
            if row and row.state == MissionState.STARTED:
                row.check = progress.check_document(started)

        await self._change(store)

    async def put_away(self) -> None:
        """Hide the strip until another mission is started."""
        mission = self.current.mission if self.current else None

        async def hide(session: AsyncSession) -> None:
            row = await progress.find(session, mission) if mission else None
            if row:
                row.is_put_away = True

        await self._change(hide)

    def refresh(self) -> None:
        """Read the shop's facts at the next look, even within the same second.

        For what a button of a mission has done: that button then works again.
        """
        self._acts += 1
        self._reader.forget()

    async def _change(self, change: Callable[[AsyncSession], Awaitable[None]]) -> None:
        async with self._lock, self._database.writing() as session:
            await change(session)
        self._reader.forget()
        await self._choose_current()
        self._feed.announce()

    async def _choose_current(self) -> None:
        async with self._database.reading() as session:
            rows = await progress.read_all(session)
        shown = [
            (row.started_at, key)
            for key, row in rows.items()
            if row.state in {MissionState.STARTED, MissionState.DONE} and key in MISSIONS
        ]
        _, newest = max(shown, default=(None, ""))
        if not newest or rows[newest].is_put_away:
            self.current = None
        else:
            self.current = Standing(MISSIONS[newest], rows[newest])

    async def _judge(self, mission: Mission, row: MissionProgress) -> Standing:
        facts = await self._reader.read(mission, row)
        judgment = mission.judge(facts)
        if _has_more(judgment, facts) or facts.check != progress.check_of(row):
            async with self._database.writing() as session:
                await progress.record(
                    session, mission, judgment, started_at=row.started_at, now=self._now()
                )
                await progress.record_check(session, mission, facts.check)
            async with self._database.reading() as session:
                row = await progress.find(session, mission) or row
            self._feed.announce()
        return Standing(
            mission,
            row,
            judgment,
            obstacles(mission, facts),
            places(facts),
            fact_count=len(facts.receipts)
            + len(facts.bookings)
            + self._worker_crash.changes
            + self._acts,
            check=facts.check,
            own_receiver=facts.own_receiver,
        )

    def _poll_while_watched(self) -> None:
        """Look again each second while a page is open: the shop's facts are not announced here."""
        if self._feed.has_subscribers and (self._polling is None or self._polling.done()):
            self._polling = asyncio.create_task(self._poll())

    async def _poll(self) -> None:
        while self._feed.has_subscribers and self._is_open():
            await asyncio.sleep(SHOP_INTERVAL_SECONDS)
            before = self.current and (self.current.missing, self.current.obstacles)
            try:
                await self.look_at_current()
            except SQLAlchemyError as error:
                logger.warning("Not judging the mission: the database is unavailable: %s", error)
            if before != (self.current and (self.current.missing, self.current.obstacles)):
                self._feed.announce()

    def _is_open(self) -> bool:
        return self.current is not None and self.current.state is MissionState.STARTED


def _has_more(judgment: Judgment, facts: Facts) -> bool:
    """Return whether a look has proven something that is not stored yet."""
    return isinstance(judgment, Done) or any(
        part.is_kept and part.is_proven and part.key not in facts.seen for part in judgment.seen
    )
