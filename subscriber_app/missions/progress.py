"""The progress in the missions, stored in the subscriber's own database."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec
from sqlmodel import delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from subscriber_app.database.models import MissionProgress
from subscriber_app.missions.facts import Answer, Check, Evidence, Kind
from subscriber_app.missions.mission import Done, Judgment, Mission, Track, key


class MissionState(StrEnum):
    """Where the learner is in one mission. Without a row, it is new."""

    NEW = "new"
    STARTED = "started"
    DONE = "done"
    SKIPPED = "skipped"


async def read_all(session: AsyncSession) -> dict[str, MissionProgress]:
    """Return the progress of every mission that was started or skipped, by the mission's key."""
    rows = (await session.exec(select(MissionProgress))).all()
    return {key(Track(row.track), row.number): row for row in rows}


async def find(session: AsyncSession, mission: Mission) -> MissionProgress | None:
    """Return the progress in a mission, or None."""
    return await session.get(MissionProgress, (mission.track.value, mission.number))


async def begin(session: AsyncSession, mission: Mission, *, now: datetime) -> None:
    """Start a mission, or start it over. Only later facts count."""
    if former := await find(session, mission):
        await session.delete(former)
        await session.flush()
    session.add(_new_row(mission, MissionState.STARTED, now))


async def skip(session: AsyncSession, mission: Mission, *, now: datetime) -> None:
    """Skip a mission, unless it is done."""
    row = await find(session, mission)
    if row is None:
        session.add(_new_row(mission, MissionState.SKIPPED, now))
    elif row.state != MissionState.DONE:
        row.state = MissionState.SKIPPED.value


async def forget_all(session: AsyncSession) -> None:
    """Delete the progress of all missions."""
    await session.exec(delete(MissionProgress))


async def record(
    session: AsyncSession,
    mission: Mission,
    judgment: Judgment,
    *,
    started_at: datetime,
    now: datetime,
) -> None:
    """Store what was proven, unless the mission was started over or ended meanwhile."""
    row = await find(session, mission)
    if row is None or (row.state, row.started_at) != (MissionState.STARTED, started_at):
        return
    row.seen = {
        part.key: [_document(each) for each in part.evidence]
        for part in judgment.seen
        if part.is_proven and (part.is_kept or isinstance(judgment, Done))
    }
    if isinstance(judgment, Done):
        row.state, row.done_at = MissionState.DONE.value, now


async def record_check(session: AsyncSession, mission: Mission, check: Check | None) -> None:
    """Store how far a check has come, unless another one was started meanwhile."""
    row = await find(session, mission)
    stored = check_of(row) if row else None
    if row and check and stored and stored.exam_id == check.exam_id:
        row.check = check_document(check)


async def forget_checks(session: AsyncSession) -> None:
    """Forget all checks: they were of another receiver."""
    for row in (await session.exec(select(MissionProgress))).all():
        row.check = None


def state_of(row: MissionProgress | None) -> MissionState:
    """Return the state that a row stores."""
    return MissionState(row.state) if row else MissionState.NEW


def answers_of(row: MissionProgress) -> dict[str, Answer]:
    """Return the stored answers, by question."""
    return {
        name: Answer(stored["text"], datetime.fromisoformat(stored["at"]))
        for name, stored in row.answers.items()
    }


def seen_of(row: MissionProgress) -> dict[str, Sequence[Evidence]]:
    """Return the stored evidence, by part."""
    return {key: [_evidence(each) for each in stored] for key, stored in row.seen.items()}


def check_of(row: MissionProgress) -> Check | None:
    """Return the newest check of the learner's receiver in this mission, or None."""
    return msgspec.convert(row.check, Check) if row.check else None


def check_document(check: Check) -> dict[str, Any]:
    """Return a check as it is stored."""
    document: dict[str, Any] = msgspec.to_builtins(check)
    return document


def _new_row(mission: Mission, state: MissionState, now: datetime) -> MissionProgress:
    return MissionProgress(
        track=mission.track.value, number=mission.number, state=state.value, started_at=now
    )


def _document(evidence: Evidence) -> dict[str, Any]:
    at = evidence.at.isoformat() if evidence.at else None
    return {**asdict(evidence), "kind": evidence.kind.value, "at": at}


def _evidence(stored: Mapping[str, Any]) -> Evidence:
    at = datetime.fromisoformat(stored["at"]) if stored["at"] else None
    return Evidence(stored["name"], Kind(stored["kind"]), stored["id"], at)
