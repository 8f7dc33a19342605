"""``/learn``: what webhooks are, for people who have never heard of them, and the missions."""

from dataclasses import dataclass
from typing import Any

from litestar import Request, get
from litestar.response import Template

from hookshop.webkit.access import OPEN_TO_ALL, may_manage
from subscriber_app.missions.mission import Mission, Track
from subscriber_app.missions.missions import MISSIONS, Standing
from subscriber_app.web.dependencies import TheParts, TheSettings
from subscriber_app.web.missions.view import first_open
from subscriber_app.web.teaching import HANDOUT_TITLES


@dataclass(frozen=True, slots=True)
class TrackView:
    """One track on the page. ``next``: the mission to go on with, or None."""

    track: Track
    missions: list[Standing]
    next: Mission | None


@get("/learn", include_in_schema=False, opt=OPEN_TO_ALL)
async def show_learn(
    request: Request[Any, Any, Any], parts: TheParts, settings: TheSettings
) -> Template:
    """Show the explanation, the missions, and the glossary. Others do not see the progress."""
    missions = [Standing(mission) for mission in MISSIONS.values()]
    if may_manage(request, settings):
        missions = await parts.missions.all()
    return Template(
        "subscriber/learn/learn.html",
        context={
            "tracks": _tracks(missions),
            "handouts": HANDOUT_TITLES,
        },
    )


def _tracks(missions: list[Standing]) -> list[TrackView]:
    by_track = [[each for each in missions if each.mission.track is track] for track in Track]
    return [TrackView(track, of, first_open(of)) for track, of in zip(Track, by_track, strict=True)]
