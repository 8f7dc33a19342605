"""The page of a mission, and its buttons."""

from typing import Any

from litestar import Request, Response, get, post
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.response import Redirect, ServerSentEvent, Template

from hookshop.webkit.double_submit import once_per_form
from hookshop.webkit.errors import Problem
from hookshop.webkit.forms import read_form
from hookshop.webkit.live import Region, live_stream
from hookshop.webkit.security import safe_redirect_path
from subscriber_app.config import Settings
from subscriber_app.faults import NORMAL
from subscriber_app.lab.attack_desk import NoReceipt, Unsendable
from subscriber_app.lab.attacks import ImpossibleAttack
from subscriber_app.missions.mission import Mission, Question, Track
from subscriber_app.missions.missions import find_mission
from subscriber_app.missions.obstacles import WayBack
from subscriber_app.parts import SubscriberParts
from subscriber_app.receiving.defences import NONE_OFF
from subscriber_app.receiving.repair import remove_forged_bookings
from subscriber_app.shop_api.errors import ShopError
from subscriber_app.web.dependencies import TheParts, TheSettings
from subscriber_app.web.faults import fault_banner
from subscriber_app.web.missions.actions import ACTIONS, delete_failing_endpoints
from subscriber_app.web.missions.view import view_of
from subscriber_app.web.receiver_files import guides_to, receivers_after

MAX_ANSWER_LENGTH = 100
MAX_NUMBER = 1_000_000_000
POLL_INTERVAL_SECONDS = 1.0  # the shop's facts are not announced here
LIST = "/learn#missions"
CHECK = "check"  # the button that a problem belongs to; the others are questions

AnyRequest = Request[Any, Any, Any]
AnyResponse = Response[Any]


@get("/missions", include_in_schema=False)
async def show_list() -> Redirect:
    """Lead from the address that people guess to the list."""
    return Redirect(LIST, status_code=303)


@get("/missions/{number:str}", include_in_schema=False)
async def show_mission(number: FromPath[str], parts: TheParts, settings: TheSettings) -> Template:
    """Show the goal, the steps, what is proven and what is missing; in the end, the explanation."""
    mission = _existing(number)
    return Template(
        "subscriber/missions/mission.html",
        context=await _region(mission, parts, settings).read(),
    )


@get("/missions/{number:str}/live", include_in_schema=False)
async def stream_mission(
    request: AnyRequest, number: FromPath[str], parts: TheParts, settings: TheSettings
) -> ServerSentEvent:
    """Stream the same page."""
    region = _region(_existing(number), parts, settings)
    return await live_stream(request, parts.feed, region, fault_banner())


@post("/missions/{number:str}/start", include_in_schema=False)
async def start_mission(number: FromPath[str], parts: TheParts) -> Redirect:
    """Start the mission, or start it over."""
    await parts.missions.start(_existing(number))
    return _to(number)


@post("/missions/{number:str}/skip", include_in_schema=False)
async def skip_mission(number: FromPath[str], parts: TheParts) -> Redirect:
    """Skip the mission, unless it is done."""
    await parts.missions.skip(_existing(number))
    return Redirect(LIST, status_code=303)


@post("/missions/{number:str}/hint", include_in_schema=False)
async def show_hint(request: AnyRequest, number: FromPath[str], parts: TheParts) -> Redirect:
    """Show the hints up to ``hint``: a double click shows only one more."""
    mission = _existing(number)
    wanted = (await read_form(request)).text("hint")
    if wanted not in {str(each) for each in range(1, len(mission.hints) + 1)}:
        raise Problem(422, "this mission has no such hint")
    await parts.missions.show_hint(mission, int(wanted))
    return _to(number)


@post("/missions/{number:str}/answers", include_in_schema=False)
async def answer_question(
    request: AnyRequest, number: FromPath[str], parts: TheParts, settings: TheSettings
) -> AnyResponse:
    """Store the answer to a question of the mission."""
    mission = _existing(number)
    form = await read_form(request)
    question = mission.question(form.text("question"))
    if question is None:
        raise Problem(422, "this mission asks no such question")
    text = form.text("answer").strip()
    if problem := _problem(question, text):
        context = await _region(mission, parts, settings).read()
        context |= {"problem": problem, "problem_of": question.name, "typed": text}
        return Template("subscriber/missions/mission.html", context=context, status_code=422)
    await parts.missions.answer(mission, question.name, text)
    return _to(number)


@post("/missions/{number:str}/repair", include_in_schema=False)
async def repair(request: AnyRequest, number: FromPath[str], parts: TheParts) -> Redirect:
    """Remove what stops the mission: one of ``WayBack``."""
    mission = _existing(number)
    way_back = (await read_form(request)).text("way_back")
    if way_back not in list(WayBack):
        raise Problem(422, "there is no such way back")
    try:
        await _repair(WayBack(way_back), mission, parts)
    except ShopError as error:
        raise Problem(502, f"the shop refused: {error}") from error
    return _to(number)


@post("/missions/{number:str}/actions", include_in_schema=False)
@once_per_form
async def act(request: AnyRequest, number: FromPath[str], parts: TheParts) -> AnyResponse:
    """Do what a button of the mission's steps says."""
    mission = _existing(number)
    name = (await read_form(request)).text("action")
    if name not in {step.action.name for step in mission.steps if step.action}:
        raise Problem(422, "this mission has no such button")
    if name not in {step.action.name for step in parts.missions.steps(mission) if step.action}:
        raise Problem(409, "this mission does not offer that button here and now")
    try:
        await ACTIONS[name](parts)
    except (ImpossibleAttack, NoReceipt, Unsendable, ShopError) as error:
        raise Problem(502, str(error)) from error
    parts.missions.refresh()
    return _to(number)


@post("/missions/{number:str}/check", include_in_schema=False)
@once_per_form
async def check_receiver(
    request: AnyRequest,  # noqa: ARG001 – once_per_form needs it
    number: FromPath[str],
    parts: TheParts,
    settings: TheSettings,
) -> AnyResponse:
    """Let the shop examine the learner's receiver with the cases of the mission."""
    mission = _existing(number)
    if not mission.cases:
        raise Problem(422, "this mission has no cases of the exam")
    try:
        await parts.missions.check(mission)
    except ShopError as error:
        context = await _region(mission, parts, settings).read()
        context |= {"problem": str(error), "problem_of": CHECK}
        return Template("subscriber/missions/mission.html", context=context, status_code=502)
    return _to(number)


@post("/missions/put-away", include_in_schema=False)
async def put_away(request: AnyRequest, parts: TheParts) -> Redirect:
    """Hide the strip until another mission is started."""
    await parts.missions.put_away()
    back = safe_redirect_path((await read_form(request)).text("back"), default="/")
    return Redirect(back, status_code=303)


@get("/missions/reset", include_in_schema=False)
async def confirm_resetting() -> Template:
    """Show what resetting will do, and ask for confirmation."""
    return Template("subscriber/missions/reset.html")


@post("/missions/reset", include_in_schema=False)
async def reset_missions(parts: TheParts) -> Redirect:
    """Forget the progress of all missions."""
    await parts.missions.reset()
    return Redirect(LIST, status_code=303)


async def _repair(way_back: WayBack, mission: Mission, parts: SubscriberParts) -> None:
    match way_back:
        case WayBack.RESPOND_NORMALLY:
            await parts.faults.set(NORMAL)
        case WayBack.SWITCH_ON_DEFENCES:
            await parts.defences.set(NONE_OFF)
        case WayBack.SUBSCRIBE:
            await parts.subscriptions.subscribe()
        case WayBack.REMOVE_FORGED_BOOKINGS:
            async with parts.database.writing() as session:
                await remove_forged_bookings(session)
            parts.feed.announce()
        case WayBack.REMOVE_FAILING_ENDPOINTS:
            await delete_failing_endpoints(parts.shop)
        case WayBack.RECOVER_UNDELIVERED:
            await _recover(parts)
        case WayBack.ACTIVATE_ENDPOINT:
            await _activate(mission, parts)
        case WayBack.RESPOND_AND_ACTIVATE:
            await parts.faults.set(NORMAL)
            await _activate(mission, parts)
    parts.missions.refresh()


async def _recover(parts: SubscriberParts) -> None:
    if subscription := await parts.subscriptions.current():
        await parts.shop.recover(subscription.endpoint_id, subscription.created_at)


async def _activate(mission: Mission, parts: SubscriberParts) -> None:
    if endpoint_id := await _endpoint_of(mission, parts):
        await parts.shop.activate(endpoint_id)


async def _endpoint_of(mission: Mission, parts: SubscriberParts) -> str | None:
    if mission.track is Track.BUILD:
        own = await parts.own_receivers.current()
        return own.endpoint_id if own else None
    subscription = await parts.subscriptions.current()
    return subscription.endpoint_id if subscription else None


def _existing(number: str) -> Mission:
    mission = find_mission(number)
    if mission is None:
        raise NotFoundException(f"there is no mission {number!r}")
    return mission


def _to(number: str) -> Redirect:
    return Redirect(f"/missions/{number}", status_code=303)


def _problem(question: Question, text: str) -> str:
    """Return what is wrong with an answer, or ""."""
    if not text:
        return "Choose an answer." if question.choices else "Type an answer."
    if len(text) > MAX_ANSWER_LENGTH:
        return f"Type at most {MAX_ANSWER_LENGTH} characters."
    if question.choices and text not in dict(question.choices):
        return "Choose one of the answers."
    if question.unit and not _is_number(text):
        return f"Type a number of {question.unit}, such as 2.5."
    return ""


def _is_number(text: str) -> bool:
    try:
        return abs(float(text)) <= MAX_NUMBER  # also false for "nan"
    except ValueError:
        return False


def _region(mission: Mission, parts: SubscriberParts, settings: Settings) -> Region:
    shop = settings.for_browsers(parts.site.shop_url)

    async def read() -> dict[str, Any]:
        standing = await parts.missions.look(mission)
        view = view_of(standing, await parts.missions.all(), shop)
        return {
            "view": view,
            "receivers": receivers_after(mission),
            "guides": guides_to(mission),
            "problem": "",
            "problem_of": "",
            "typed": "",
        }

    return Region(
        "mission",
        "subscriber/missions/_mission.html",
        read,
        poll_interval_seconds=POLL_INTERVAL_SECONDS,
    )
