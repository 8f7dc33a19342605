"""``/v1/exams``: examine a receiver, follow the run, and read scorecards."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from litestar import Request, get, post
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from hookshop.webkit.access import OPEN_TO_ALL
from hookshop.webkit.bodies import StrictJson
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
from shop.exam.case import Group, Level, Scheme, Verdict
from shop.exam.reports import as_document
from shop.exam.runs import ExamReport
from shop.exam.scorecard import Result
from shop.redis.change_feed import Change
from shop.web.api.fields import Cursor, Limit, NextCursor, Secret, Time, WebhookUrl
from shop.web.dependencies import TheExams, TheFeed, TheSettings
from shop.web.exams.request import MAX_SEED, ExamRequest, InvalidExam
from shop.web.lookups import existing_exam

ExamId = Annotated[str, Meta(examples=["exm_01939f0c5e7a7c3fb1a2d4e5f60718a9"])]
Names = Annotated[
    tuple[str, ...], Meta(description="Names of cases and groups.", examples=[["rejects"]])
]
NamesToSkip = Annotated[
    tuple[str, ...], Meta(description="Names of cases and groups.", examples=[[]])
]
OptionalText = Annotated[str, Meta(examples=[""])]


class NewExam(Struct, forbid_unknown_fields=True, frozen=True):
    """Body of ``POST /v1/exams``.

    ``secret``: that of the receiver. ``probe_url``: how to see side effects: see docs/exam.md.
    ``quick``: leave out what takes over a second. ``strict``: a failed *should* fails the exam.
    ``seed``: repeat the random choices of an earlier run.
    """

    url: WebhookUrl
    secret: Secret
    scheme: Annotated[Scheme, Meta(examples=["standard"])] = Scheme.STANDARD
    probe_url: OptionalText = ""
    probe_token: OptionalText = ""
    only: Names = ()
    skip: NamesToSkip = ()
    quick: bool = False
    strict: bool = False
    seed: Annotated[int, Meta(ge=0, lt=MAX_SEED, examples=[7])] | None = None


class CaseDocument(Struct):
    """A case with its verdict. ``sent``: curl commands that send the same bytes.

    ``mission``: the number of the mission of the Build track that teaches it. ``deliveries``: where
    the log shows its ordinary deliveries.
    """

    name: Annotated[str, Meta(examples=["body-bit"])]
    group: Group
    level: Level
    verdict: Verdict
    sent: list[str]
    expected: str
    got: str
    why: str
    mission: Annotated[int, Meta(examples=[4])]
    docs: str
    deliveries: list[str]
    seconds: float


class ExamSummary(Struct):
    """A run in the list. ``result``: so far, while it is not ``finished``.

    ``evidence``: of side effects. ``problem``: why it ended early, or empty. ``total``: the number
    of cases; ``playing``: the current one.
    """

    id: ExamId
    url: WebhookUrl
    started_at: Time
    finished_at: Annotated[Time | None, Meta(examples=[None])]
    finished: bool
    result: Result
    scheme: Scheme
    evidence: Annotated[str, Meta(examples=["status only"])]
    seed: int
    strict: bool
    problem: OptionalText
    seconds: float
    total: int
    playing: Annotated[str | None, Meta(examples=[None])]
    version: Annotated[str, Meta(examples=["0.1.0"])]


class ExamDocument(ExamSummary):
    """A run with its scorecard. ``satisfied``: whether it has finished."""

    satisfied: Satisfied
    cases: list[CaseDocument]


class ExamList(Struct):
    """One page of runs."""

    data: list[ExamSummary]
    next_cursor: NextCursor


class EffectCall(Struct, forbid_unknown_fields=True):
    """Body of ``POST /v1/exams/{id}/effects``: the receiver has acted on this message."""

    message_id: Annotated[str, Meta(examples=["msg_01939f0c5e7b7d40a1b2c3d4e5f60718"])]
    value: Annotated[float | None, Meta(examples=[50.75])] = None


@post(
    "/exams",
    status_code=202,
    operation_id="startExam",
    dto=StrictJson[NewExam],
    return_dto=None,
    responses=problems(
        {409: "An exam is under way.", 422: "A field is not valid: `detail` says why."}
    ),
)
async def start_exam_by_api(
    data: JSONBody[NewExam], exams: TheExams, settings: TheSettings
) -> ExamDocument:
    """Examine a receiver: send real and hostile webhooks, and judge each response.

    The run goes on after the response; follow it with `GET /v1/exams/{id}?wait=60`.
    """
    wanted = ExamRequest(
        data.url,
        data.secret,
        scheme=data.scheme,
        probe_url=data.probe_url,
        probe_token=data.probe_token,
        only=data.only,
        skip=data.skip,
        is_quick=data.quick,
        is_strict=data.strict,
        seed=data.seed,
    )
    try:
        exam_id = await exams.start(wanted.examinee(settings.url_policy))
    except InvalidExam as error:
        raise Problem(422, f"{error.field}: {error}") from None
    return _document(await existing_exam(exams, exam_id))


@get("/exams", operation_id="listExams")
async def list_exams(exams: TheExams, limit: Limit = 50, cursor: Cursor = None) -> ExamList:
    """Return one page of runs, newest first."""
    found = await exams.page(limit=limit + 1, before=cursor)
    more = len(found) > limit
    return ExamList(
        [ExamSummary(**_fields(each)) for each in found[:limit]],
        found[limit - 1].id if more else None,
    )


@get("/exams/{exam_id:str}", operation_id="getExam", responses=problems(TIMED_OUT))
async def get_exam(  # noqa: PLR0913 – the query string, and what the wait needs
    *,
    request: Request[Any, Any, Any],
    exam_id: FromPath[ExamId],
    exams: TheExams,
    feed: TheFeed,
    wait: WaitSeconds = None,
    strict: Strict = False,
) -> ExamDocument:
    """Return a run with its scorecard so far. With `wait`, wait until it has finished."""
    asked = Wait.read(wait or 0, strict=strict)
    assert asked is not None  # noqa: S101 – it is None only without seconds

    async def read() -> ExamDocument:
        return _document(await existing_exam(exams, exam_id))

    def concerns(change: Change) -> bool:
        return change.kind == "exam"

    finished = Condition(read, _progress, concerns)
    return await wait_until_satisfied(request, feed, asked, finished)


@post("/exams/{exam_id:str}/stop", status_code=200, operation_id="stopExam")
async def stop_exam_by_api(exam_id: FromPath[ExamId], exams: TheExams) -> ExamDocument:
    """Stop a run early, and return its partial scorecard. One that has finished stays as it is."""
    await existing_exam(exams, exam_id)
    await exams.stop(exam_id)
    return _document(await existing_exam(exams, exam_id))


@post(
    "/exams/{exam_id:str}/effects",
    status_code=204,
    operation_id="recordEffect",
    opt=OPEN_TO_ALL,
    dto=StrictJson[EffectCall],
    return_dto=None,
    responses=problems({409: "The run has finished."}),
)
async def record_effect(
    exam_id: FromPath[ExamId], data: JSONBody[EffectCall], exams: TheExams
) -> None:
    """Count a side effect. The receiver calls this where it would charge a card or send a mail.

    The id of the run, which nobody can guess, is the only credential.
    """
    await existing_exam(exams, exam_id)
    playing = exams.playing(exam_id)
    if playing is None:
        raise Problem(409, "this exam has finished; effects count while it runs")
    playing.effect_calls.record(msgspec.json.encode(data))


def _document(report: ExamReport) -> ExamDocument:
    # By the scorecard: what an earlier version stored may lack fields.
    cases = msgspec.convert(as_document(report.scorecard)["cases"], list[CaseDocument])
    return ExamDocument(**_fields(report), satisfied=report.state["finished"], cases=cases)


def _fields(report: ExamReport) -> Mapping[str, Any]:
    finished = report.finished_at
    times = {
        "started_at": rfc3339_ms(report.started_at),
        "finished_at": rfc3339_ms(finished) if finished else None,
    }
    state = {name: value for name, value in report.state.items() if name not in _NOT_LISTED}
    return {"id": report.id, **times, **state} | {
        "result": Result(state["result"]),
        "scheme": Scheme(state["scheme"]),
    }


_NOT_LISTED = ("cases", "request")


def _progress(found: ExamDocument) -> str:
    return f"{len(found.cases)} of {found.total} cases are judged"


EXAMS = [start_exam_by_api, list_exams, get_exam, stop_exam_by_api, record_effect]
