"""What the page of a mission shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hookshop.webkit.sandbox_paths import link
from subscriber_app.missions.facts import Evidence, Kind
from subscriber_app.missions.mission import Action, App, Done, Link, Mission, Question, Step
from subscriber_app.missions.missions import Standing
from subscriber_app.missions.obstacles import LABELS, Obstacle
from subscriber_app.missions.places import address
from subscriber_app.missions.progress import MissionState
from subscriber_app.web.missions.text import Piece, Reference, pieces

_PATHS = {
    Kind.RECEIPT: (App.SUBSCRIBER, "/receipts/{}"),
    Kind.MESSAGE: (App.SUBSCRIBER, "/story?message_id={}"),
    Kind.ORDER: (App.SHOP, "/orders/{}"),
    Kind.DELIVERY: (App.SHOP, "/deliveries/{}"),
    Kind.ATTEMPT: (App.SHOP, "/deliveries/{}"),
    Kind.ENDPOINT: (App.SHOP, "/endpoints/{}"),
    Kind.EXAM: (App.SHOP, "/exam/{}"),
}
SHORT_ID = 8  # characters


@dataclass(frozen=True, slots=True)
class LinkView:
    """A link of a step. ``is_shop``: it leads to the other application."""

    label: str
    address: str
    is_shop: bool


@dataclass(frozen=True, slots=True)
class StepView:
    """One step, with the pages that it names and the button that only the mission has."""

    text: Sequence[Piece]
    links: Sequence[LinkView] = ()
    action: Action | None = None
    command: str = ""


@dataclass(frozen=True, slots=True)
class PartView:
    """One line of the checklist. ``key``: of a case, its place in the scorecard.

    ``evidence``: links to what proves it.
    """

    key: str
    label: str
    is_proven: bool
    evidence: Sequence[tuple[Reference, Evidence]]


@dataclass(frozen=True, slots=True)
class QuestionView:
    """A question, and what the learner has answered, or ""."""

    question: Question
    answer: str


@dataclass(frozen=True, slots=True)
class MissionView:
    """Everything on the page. ``next``: the next mission that is not done, or None.

    ``scorecard``: of the newest check, or "". ``is_checking``: the check is under way.
    """

    standing: Standing
    mission: Mission
    state: MissionState
    steps: Sequence[StepView]
    parts: Sequence[PartView]
    hints: Sequence[Sequence[Piece]]
    has_more_hints: bool
    explanation: Sequence[Sequence[Piece]]
    questions: Sequence[QuestionView]
    obstacles: Sequence[tuple[Obstacle, str]]
    next: Mission | None
    scorecard: str
    is_checking: bool


def view_of(standing: Standing, all_standings: Sequence[Standing], shop: str) -> MissionView:
    """Return what to show. ``shop``: the URL of the shop for browsers."""
    mission, state, check = standing.mission, standing.state, standing.check
    is_done = state is MissionState.DONE
    shown = len(mission.hints) if is_done or standing.row is None else standing.row.hints_shown
    hints = mission.hints[: shown if standing.row else 0]
    named = references(standing.evidence, shop)
    return MissionView(
        standing,
        mission,
        state,
        [_step(each, standing.places, shop) for each in standing.steps],
        _parts(standing, shop),
        [pieces(each) for each in hints],
        state is MissionState.STARTED and len(hints) < len(mission.hints),
        [pieces(each, named) for each in mission.explanation] if is_done else [],
        [
            QuestionView(each, answer.text if (answer := standing.answers.get(each.name)) else "")
            for each in mission.questions
        ],
        [(each, LABELS[each.way_back] if each.way_back else "") for each in standing.obstacles],
        next_after(mission, all_standings),
        f"{shop}/exam/{check.exam_id}" if check else "",
        is_checking=check is not None and not check.is_finished,
    )


def next_after(mission: Mission, standings: Sequence[Standing]) -> Mission | None:
    """Return the next mission that is neither done nor skipped; after the last, the first."""
    open_ones = [
        each.mission
        for each in standings
        if each.state in {MissionState.NEW, MissionState.STARTED}
        and each.mission is not mission
        and each.mission.track is mission.track
    ]
    later = [each for each in open_ones if each.number > mission.number]
    return next(iter([*later, *open_ones]), None)


def references(evidence: Sequence[Evidence], shop: str) -> dict[str, Reference]:
    """Return how each piece of evidence is shown, by its name."""
    return {each.name: reference(each, shop) for each in evidence}


def reference(evidence: Evidence, shop: str) -> Reference:
    """Return how a piece of evidence is shown: its short id, and a link to its page."""
    if evidence.kind not in _PATHS:
        return Reference(evidence.id)
    app, path = _PATHS[evidence.kind]
    target = path.format(evidence.id)
    kind, _, rest = evidence.id.partition("_")
    short = f"{kind}_…{rest[-SHORT_ID:]}"
    # The id of an attempt is that of its delivery, and the missions teach to keep these two apart.
    texts = {Kind.EXAM: "scorecard", Kind.ATTEMPT: f"attempt of {short}"}
    return Reference(
        texts.get(evidence.kind, short), f"{shop}{target}" if app is App.SHOP else link(target)
    )


def first_open(standings: Sequence[Standing]) -> Mission | None:
    """Return the mission to go on with: one that is started, or else the first new one."""
    for state in (MissionState.STARTED, MissionState.NEW):
        for each in standings:
            if each.state is state:
                return each.mission
    return None


def _step(step: Step, places: Mapping[str, str], shop: str) -> StepView:
    links = [_link(each, places, shop) for each in step.links]
    return StepView(pieces(step.text), links, step.action, step.command)


def _link(target: Link, places: Mapping[str, str], shop: str) -> LinkView:
    path, is_shop = address(target, dict(places)), target.app is App.SHOP
    return LinkView(target.label, f"{shop}{path}" if is_shop else link(path), is_shop)


def _parts(standing: Standing, shop: str) -> list[PartView]:
    if standing.judgment is None:
        return []
    is_done = isinstance(standing.judgment, Done)
    return [
        PartView(
            part.key,
            part.label,
            is_done or part.is_proven,
            [(reference(each, shop), each) for each in part.evidence if each.kind in _PATHS],
        )
        for part in standing.judgment.seen
    ]
