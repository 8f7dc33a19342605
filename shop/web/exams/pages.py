"""``/exam``: start an exam, and those of the past. ``/exam/{id}``: one of them, live."""

from collections.abc import Callable
from typing import Any

from litestar import Request, Response, get, post
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.response import Redirect, ServerSentEvent, Template

from hookshop.webkit.double_submit import once_per_form
from hookshop.webkit.errors import Problem
from hookshop.webkit.forms import read_form
from hookshop.webkit.live import Region
from hookshop.webkit.plain_text import sentence
from shop.exam.case import Group
from shop.exam.reports import as_badge, as_json, as_junit
from shop.exam.runs import ExamRuns, ExamUnderWay
from shop.exam.scorecard import Scorecard
from shop.redis.change_feed import Change
from shop.web.dependencies import TheExams, TheFeed, TheSettings
from shop.web.exams.form import SCHEMES, ExamForm
from shop.web.exams.labels import GROUP_TITLES, result_label, verdict_label
from shop.web.lookups import existing_exam
from shop.web.steady_orders.pages import shop_stream

NEWEST_RUNS = 20
# The files of a scorecard: how to write it, and its content type.
FILES: dict[str, tuple[Callable[[Scorecard], str], str]] = {
    "scorecard.json": (as_json, "application/json"),
    "junit.xml": (as_junit, "application/xml"),
    "badge.svg": (as_badge, "image/svg+xml"),
}

AnyRequest = Request[Any, Any, Any]
AnyResponse = Response[Any]


@get("/exam", include_in_schema=False)
async def show_exams(exams: TheExams) -> Template:
    """Show the form that starts an exam, and the newest runs."""
    return await _start_page(exams, ExamForm())


@get("/exam/live", include_in_schema=False)
async def stream_exams(request: AnyRequest, exams: TheExams, feed: TheFeed) -> ServerSentEvent:
    """Stream the list of runs."""
    return await shop_stream(request, feed, _list_region(exams))


@post("/exam", include_in_schema=False)
@once_per_form
async def start_exam(request: AnyRequest, settings: TheSettings, exams: TheExams) -> AnyResponse:
    """Start an exam, and lead to its page."""
    form = ExamForm.read(await read_form(request))
    examinee = form.examinee(settings.url_policy)
    if examinee is None:
        return await _start_page(exams, form, status=422)
    try:
        exam_id = await exams.start(examinee)
    except ExamUnderWay as error:
        form.errors["exam"] = str(error)
        return await _start_page(exams, form, status=409)
    return Redirect(f"/exam/{exam_id}", status_code=303)


@get("/exam/{exam_id:str}", include_in_schema=False)
async def show_exam(exam_id: FromPath[str], exams: TheExams) -> Template:
    """Show a run: how far it has come, or its scorecard."""
    return Template("shop/exams/exam.html", context=await _exam_region(exams, exam_id).read())


@get("/exam/{exam_id:str}/live", include_in_schema=False)
async def stream_exam(
    request: AnyRequest, exam_id: FromPath[str], exams: TheExams, feed: TheFeed
) -> ServerSentEvent:
    """Stream the page of a run."""
    return await shop_stream(request, feed, _exam_region(exams, exam_id))


@post("/exam/{exam_id:str}/stop", include_in_schema=False)
async def stop_exam(exam_id: FromPath[str], exams: TheExams) -> Redirect:
    """Stop a run early. Its scorecard is partial."""
    report = await existing_exam(exams, exam_id)
    if not await exams.stop(exam_id) and report.finished_at is None:
        raise Problem(409, "another process of the shop plays this exam; wait until it ends")
    return Redirect(f"/exam/{exam_id}", status_code=303)


@get("/exam/{exam_id:str}/files/{name:str}", include_in_schema=False)
async def download_exam(
    exam_id: FromPath[str], name: FromPath[str], exams: TheExams
) -> Response[str]:
    """Return the scorecard as a file: JSON, JUnit XML or a badge."""
    if name not in FILES:
        raise NotFoundException(f"there is no file {name!r} of an exam")
    write, media_type = FILES[name]
    report = await existing_exam(exams, exam_id)
    return Response(write(report.scorecard), media_type=media_type)


async def _start_page(exams: ExamRuns, form: ExamForm, *, status: int = 200) -> Template:
    context = {**await _list_region(exams).read(), "form": form}
    return Template("shop/exams/exams.html", context=context, status_code=status)


def _list_region(exams: ExamRuns) -> Region:
    async def read() -> dict[str, Any]:
        found = await exams.page(limit=NEWEST_RUNS)
        return {"runs": [(each, each.scorecard, _result_label(each)) for each in found]}

    return Region("exams", "shop/exams/_exams.html", read, _is_about_exams)


def _exam_region(exams: ExamRuns, exam_id: str) -> Region:
    async def read() -> dict[str, Any]:
        report = await existing_exam(exams, exam_id)
        card, playing = report.scorecard, exams.playing(exam_id)
        groups = [(GROUP_TITLES[group], card.in_group(group)) for group in Group]
        return {
            "run": report,
            "card": card,
            "label": _result_label(report),
            "problem": sentence(card.problem) if card.problem else "",
            "groups": [(title, results) for title, results in groups if results],
            "request_to_person": playing.state.request if playing else "",
            "verdict_label": verdict_label,
            "scheme": dict(SCHEMES)[card.scheme.value],
            "files": list(FILES),
        }

    return Region("exam", "shop/exams/_exam.html", read, _is_about_exams)


def _result_label(report: Any) -> Any:
    return result_label(report.scorecard, is_finished=report.finished_at is not None)


def _is_about_exams(change: Change) -> bool:
    return change.kind == "exam"
