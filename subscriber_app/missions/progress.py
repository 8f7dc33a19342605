"""The progress in the missions, stored in the subscriber's own database."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from subscriber_app.database.models import MissionProgress
from subscriber_app.missions.facts import Answer, Evidence, Kind
from subscriber_app.missions.mission import Done, Judgment


class MissionState(StrEnum):
    """Where the learner is in one mission. Without a row, it is new."""

    NEW = "new"
    STARTED = "started"
    DONE = "done"
    SKIPPED = "skipped"


async def read_all(session: AsyncSession) -> dict[int, MissionProgress]:
    """Return the progress of every mission that was started or skipped, by number."""
    rows = (await session.exec(select(MissionProgress))).all()
    return {row.number: row for row in rows}


async def begin(session: AsyncSession, number: int, *, now: datetime) -> None:
    """Start a mission, or start it over. Only later facts count."""
    await session.exec(delete(MissionProgress).where(col(MissionProgress.number) == number))
    session.add(MissionProgress(number=number, state=MissionState.STARTED.value, started_at=now))


async def skip(session: AsyncSession, number: int, *, now: datetime) -> None:
    """Skip a mission, unless it is done."""
    row = await session.get(MissionProgress, number)
    if row is None:
        row = MissionProgress(number=number, state=MissionState.SKIPPED.value, started_at=now)
        session.add(row)
    elif row.state != MissionState.DONE:
        row.state = MissionState.SKIPPED.value


async def forget_all(session: AsyncSession) -> None:
    """Delete the progress of all missions."""
    await session.exec(delete(MissionProgress))


async def record(
    session: AsyncSession, number: int, judgment: Judgment, *, started_at: datetime, now: datetime
) -> None:
    """Store what was proven, unless the mission was started over or ended meanwhile."""
    row = await session.get(MissionProgress, number)
    if row is None or (row.state, row.started_at) != (MissionState.STARTED, started_at):
        return
    row.seen = {
        part.key: [_document(each) for each in part.evidence]
        for part in judgment.seen
        if part.is_proven
    }
    if isinstance(judgment, Done):
        row.state, row.done_at = MissionState.DONE.value, now


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


def _document(evidence: Evidence) -> dict[str, Any]:
    at = evidence.at.isoformat() if evidence.at else None
    return {**asdict(evidence), "kind": evidence.kind.value, "at": at}


def _evidence(stored: Mapping[str, Any]) -> Evidence:
    at = datetime.fromisoformat(stored["at"]) if stored["at"] else None
    return Evidence(stored["name"], Kind(stored["kind"]), stored["id"], at)
