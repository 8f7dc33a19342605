"""The receivers of docs/teaching: they begin wrong, and become right mission by mission."""

from dataclasses import dataclass
from pathlib import Path

from hookshop.locations import asset_folder
from subscriber_app.missions.mission import Mission, Track
from subscriber_app.web.documents import DOCUMENTS, TEACHING

BEGINNING = 2  # the mission in which a learner starts the receiver that begins wrong
_FOLDER = asset_folder("docs") / "teaching" / "receivers"
_LANGUAGES = {"python": "Python", "node": "Node"}  # by folder
_SUFFIXES = {".py", ".mjs"}


@dataclass(frozen=True, slots=True)
class ReceiverFile:
    """A receiver to download. ``mission``: the number of the mission after which it is right."""

    language: str
    mission: int
    path: Path

    @property
    def name(self) -> str:
        """Return the name of the file."""
        return self.path.name


def receivers_after(mission: Mission) -> list[ReceiverFile]:
    """Return for each language the receiver that passes a mission of the Build track."""
    if mission.track is not Track.BUILD:
        return []
    newest = {each.language: each for each in _FILES if each.mission <= mission.number}
    return list(newest.values())


def guides_to(mission: Mission) -> list[tuple[str, str]]:
    """Return for each language the address at which its guide explains a Build mission."""
    guides = {language: f"{TEACHING}/{folder}" for folder, language in _LANGUAGES.items()}
    heading = f"Mission {mission.number}:"
    return [
        (language, f"{page}#{DOCUMENTS[page].anchor(heading)}")
        for language, page in guides.items()
        if mission.track is Track.BUILD
    ]


def find_receiver(name: str) -> ReceiverFile | None:
    """Return the receiver with this file name, or None."""
    return next((each for each in _FILES if each.name == name), None)


def _files() -> list[ReceiverFile]:
    """Return the receivers of each language, in the order of the missions."""
    return sorted(
        (
            ReceiverFile(language, _mission_of(path), path)
            for folder, language in _LANGUAGES.items()
            for path in _FOLDER.joinpath(folder).iterdir()
            if path.suffix in _SUFFIXES
        ),
        key=lambda each: each.mission,
    )


def _mission_of(path: Path) -> int:
    """Return 7 for ``mission_07_once_only.py``."""
    kind, _, rest = path.stem.partition("_")
    return int(rest[:2]) if kind == "mission" else BEGINNING


_FILES = _files()
