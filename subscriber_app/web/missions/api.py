"""``/v1/missions``: list, read, start, skip and reset missions, for scripts and teachers."""

from collections.abc import Sequence
from typing import Annotated, Any

from litestar import Request, get, post
from litestar.params import FromPath
from msgspec import UNSET, Meta, Struct, UnsetType

from hookshop.webkit.errors import Problem
from hookshop.webkit.json_api import problems
from hookshop.webkit.times import rfc3339_ms
from hookshop.webkit.waiting import (
    TIMED_OUT,
    Condition,
    Satisfied,
    Strict,
    Wait,
    WaitSeconds,
    wait_until_satisfied,
)
from subscriber_app.missions.facts import Check, Evidence, Kind
from subscriber_app.missions.mission import Mission, Track
from subscriber_app.missions.missions import Missions, Standing, find_mission
from subscriber_app.missions.progress import MissionState, check_of
from subscriber_app.shop_api.errors import ShopError, ShopUnreachable
from subscriber_app.web.api_fields import NextCursor, Time
from subscriber_app.web.dependencies import TheFeed, TheMissions, TheOwnReceivers
from subscriber_app.web.missions.text import Reference, plain

Number = Annotated[int, Meta(examples=[4])]
MissionId = Annotated[
    str, Meta(description="Of the Build track, such as `build-4`.", examples=["4"])
]
Title = Annotated[str, Meta(examples=["Trust nobody"])]
Goal = Annotated[str, Meta(examples=["Attack the subscriber with three kinds of forgeries."])]
Texts = Annotated[list[str], Meta(examples=[["Buy something in the shop."]])]


class EvidenceDocument(Struct):
    """A row that proves a part. ``id``: of a delivery if ``kind`` is ``attempt``.

    If ``kind`` is ``exam``, the place of a case in its scorecard may follow.
    """

    name: Annotated[str, Meta(examples=["genuine"])]
    kind: Annotated[Kind, Meta(examples=["receipt"])]
    id: Annotated[str, Meta(examples=["rcp_01939f0c5e7d7f62a3b4c5d6e7f80910"])]
    at: Time | None


class PartDocument(Struct):
    """One thing to prove. ``evidence``: empty as long as it is not proven."""

    key: Annotated[str, Meta(examples=["genuine"])]
    label: Annotated[str, Meta(examples=["A genuine webhook is accepted"])]
    evidence: list[EvidenceDocument]


class AnswerDocument(Struct):
    """What the learner has answered to a question of the mission, and when."""

    text: Annotated[str, Meta(examples=["4"])]
    at: Time


class CaseDocument(Struct):
    """A case of the exam. ``got``: what came, for people."""

    name: Annotated[str, Meta(examples=["as-sent"])]
    group: Annotated[str, Meta(examples=["accepts"])]
    level: Annotated[str, Meta(examples=["must"])]
    verdict: Annotated[str, Meta(examples=["passed"])]
    got: Annotated[str, Meta(examples=["204"])]


class CheckDocument(Struct):
    """The newest check of the learner's receiver: an exam of the shop, with the cases so far.

    ``total``: the number of cases. ``problem``: why it ended early, or "".
    """

    exam_id: Annotated[str, Meta(examples=["exm_01939f0c5e7d7f62a3b4c5d6e7f80910"])]
    started_at: Time
    finished: bool
    total: Annotated[int, Meta(examples=[5])]
    problem: Annotated[str, Meta(examples=[""])]
    cases: list[CaseDocument]


class MissionDocument(Struct):
    """A mission and the progress in it. ``id``: in addresses. Times are null until then."""

    id: MissionId
    number: Number
    track: Annotated[Track, Meta(examples=["watch"])]
    title: Title
    goal: Goal
    state: Annotated[MissionState, Meta(examples=["started"])]
    started_at: Annotated[Time | None, Meta(examples=[None])]
    done_at: Annotated[Time | None, Meta(examples=[None])]
    hints_shown: Annotated[int, Meta(examples=[0])]


class MissionDetails(MissionDocument):
    """A mission in full. ``missing``: the nearest miss, or "" if it is not started or done.

    ``parts``: only if it is started. ``obstacles``: why it cannot go on now. ``hints``: those that
    are shown. ``explanation``: empty until it is done. ``satisfied``: only in responses to calls
    that wait. ``check``: in the Build track, once the receiver was checked.
    """

    steps: Texts
    missing: Annotated[str, Meta(examples=["2 of 4: 2 more kinds of forgeries must be rejected"])]
    parts: list[PartDocument]
    obstacles: Annotated[list[str], Meta(examples=[[]])]
    hints: Texts
    answers: dict[str, AnswerDocument]
    evidence: list[EvidenceDocument]
    explanation: Texts
    check: CheckDocument | None
    satisfied: Satisfied | UnsetType = UNSET


class MissionList(Struct):
    """All missions, by track and number."""

    data: list[MissionDocument]
    next_cursor: NextCursor


NOT_FOUND = problems({404: "There is no such mission."})


@get("/missions", operation_id="listMissions")
async def list_missions(missions: TheMissions) -> MissionList:
    """Return all missions with the progress in each, without judging them again."""
    return await _list(missions)


@get(
    "/missions/{number:str}",
    operation_id="getMission",
    responses=problems({404: "There is no such mission.", **TIMED_OUT}),
)
async def get_mission(  # noqa: PLR0913 – one parameter for each part of the query string
    *,
    number: FromPath[MissionId],
    request: Request[Any, Any, Any],
    missions: TheMissions,
    feed: TheFeed,
    wait: WaitSeconds = None,
    strict: Strict = False,
) -> MissionDetails:
    """Judge a mission and return what is proven and what is missing.

    With ``wait``, wait until it is done, and return ``satisfied``.
    """
    mission = _existing(number)
    asked = Wait.read(wait, strict=strict)

    async def read() -> MissionDetails:
        document = _details(await missions.look(mission))
        if asked:
            document.satisfied = document.state is MissionState.DONE
        return document

    if asked is None:
        return await read()
    done = Condition(read, lambda document: document.missing or "the mission is not started")
    return await wait_until_satisfied(request, feed, asked, done)


@post(
    "/missions/{number:str}/start",
    status_code=200,
    operation_id="startMission",
    responses=NOT_FOUND,
)
async def start_mission(number: FromPath[MissionId], missions: TheMissions) -> MissionDetails:
    """Start a mission, or start it over. Only what happens from now on counts."""
    mission = _existing(number)
    await missions.start(mission)
    return _details(await missions.look(mission))


@post(
    "/missions/{number:str}/restart",
    status_code=200,
    operation_id="restartMission",
    responses=NOT_FOUND,
)
async def restart_mission(number: FromPath[MissionId], missions: TheMissions) -> MissionDetails:
    """Start a mission over: the same as starting it."""
    mission = _existing(number)
    await missions.start(mission)
    return _details(await missions.look(mission))


@post(
    "/missions/{number:str}/skip", status_code=200, operation_id="skipMission", responses=NOT_FOUND
)
async def skip_mission(number: FromPath[MissionId], missions: TheMissions) -> MissionDetails:
    """Skip a mission, unless it is done."""
    mission = _existing(number)
    await missions.skip(mission)
    return _details(await missions.look(mission))


@post(
    "/missions/{number:str}/check",
    status_code=200,
    operation_id="checkReceiver",
    responses=problems(
        {
            404: "There is no such mission.",
            409: "The mission is not started or has no cases, there is no receiver, or an exam is "
            "under way.",
            502: "The shop cannot be reached.",
        }
    ),
)
async def check_receiver(
    number: FromPath[MissionId], missions: TheMissions, own_receivers: TheOwnReceivers
) -> MissionDetails:
    """Let the shop examine the learner's receiver with the cases of a mission.

    The exam goes on after the response. Wait for its end with `GET /v1/exams/{id}?wait=60` of the
    shop, with the `exam_id` of the `check`, then read the mission again.
    """
    mission = _existing(number)
    if not mission.cases:
        raise Problem(409, "this mission has no cases of the exam")
    if (await missions.look(mission)).state is not MissionState.STARTED:
        raise Problem(409, "start the mission first")
    if await own_receivers.current() is None:
        raise Problem(409, "there is no receiver; register it with PUT /v1/missions/receiver")
    try:
        await missions.check(mission)
    except ShopUnreachable as error:
        raise Problem(502, str(error)) from None
    except ShopError as error:
        raise Problem(409, str(error)) from None
    return _details(await missions.look(mission))


@post("/missions/reset", status_code=200, operation_id="resetMissions")
async def reset_missions(missions: TheMissions) -> MissionList:
    """Forget the progress of all missions."""
    await missions.reset()
    return await _list(missions)


MISSION_CALLS = [
    list_missions,
    get_mission,
    start_mission,
    restart_mission,
    skip_mission,
    check_receiver,
    reset_missions,
]


def _existing(number: str) -> Mission:
    mission = find_mission(number)
    if mission is None:
        raise Problem(404, f"there is no mission {number!r}")
    return mission


async def _list(missions: Missions) -> MissionList:
    return MissionList(
        [MissionDocument(**_fields(each)) for each in await missions.all()], next_cursor=None
    )


def _details(standing: Standing) -> MissionDetails:
    mission, row, is_done = standing.mission, standing.row, standing.state is MissionState.DONE
    shown = len(mission.hints) if is_done else row.hints_shown if row else 0
    named = {each.name: Reference(each.id) for each in standing.evidence}
    check = standing.check or (check_of(row) if row else None)  # kept after the mission is done
    return MissionDetails(
        **_fields(standing),
        steps=[plain(each.text) for each in standing.steps],
        missing=standing.missing,
        parts=[
            PartDocument(part.key, part.label, _evidence(part.evidence))
            for part in (standing.judgment.seen if standing.judgment else ())
        ],
        obstacles=[each.text for each in standing.obstacles],
        hints=[plain(each) for each in mission.hints[:shown]],
        answers={
            name: AnswerDocument(answer.text, rfc3339_ms(answer.at))
            for name, answer in standing.answers.items()
        },
        evidence=_evidence(standing.evidence),
        explanation=[plain(each, named) for each in mission.explanation] if is_done else [],
        check=_check(check) if check else None,
    )


def _check(check: Check) -> CheckDocument:
    return CheckDocument(
        exam_id=check.exam_id,
        started_at=rfc3339_ms(check.started_at),
        finished=check.is_finished,
        total=check.total,
        problem=check.problem,
        cases=[
            CaseDocument(each.name, each.group, each.level, each.verdict, each.got)
            for each in check.cases
        ],
    )


def _fields(standing: Standing) -> dict[str, Any]:
    mission, row = standing.mission, standing.row
    return {
        "id": mission.key,
        "number": mission.number,
        "track": mission.track,
        "title": mission.title,
        "goal": mission.goal,
        "state": standing.state,
        "started_at": rfc3339_ms(row.started_at) if row else None,
        "done_at": rfc3339_ms(row.done_at) if row and row.done_at else None,
        "hints_shown": row.hints_shown if row else 0,
    }


def _evidence(evidence: Sequence[Evidence]) -> list[EvidenceDocument]:
    return [
        EvidenceDocument(each.name, each.kind, each.id, rfc3339_ms(each.at) if each.at else None)
        for each in evidence
    ]
