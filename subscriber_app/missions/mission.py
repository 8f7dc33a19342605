"""What a mission is, and what its judge returns. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

from subscriber_app.missions.facts import DeliveryFact, Evidence, Facts

MINUTES_OF_LONG = 120  # from here on, hours are exact enough


class Track(StrEnum):
    """A series of missions. In ``build``, the learner writes the receiver."""

    WATCH = "watch"
    BUILD = "build"


class App(StrEnum):
    """Where a link of a step leads."""

    SHOP = "shop"
    SUBSCRIBER = "subscriber"


@dataclass(frozen=True, slots=True)
class Link:
    """The page for a step.

    ``path`` may name something that the learner has made, such as ``/receipts/{receipt}``: see
    ``places``. Until that exists, the link leads to ``otherwise``.
    """

    label: str
    app: App
    path: str
    otherwise: str = ""


@dataclass(frozen=True, slots=True)
class Action:
    """A button that the mission itself has, for something that no page offers."""

    name: str
    label: str


class Condition(StrEnum):
    """When a step is shown. Of the two, at most one is true."""

    CAN_CRASH_WORKER = "can-crash-worker"
    CRASH_IS_ARMED = "crash-is-armed"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do. ``then``: a second page, if it takes two.

    ``command``: something to copy, such as a command for a terminal, as an alternative.
    ``only_if``: the condition without which the step is left out.
    """

    text: str
    link: Link | None = None
    action: Action | None = None
    command: str = ""
    only_if: Condition | None = None
    then: Link | None = None

    @property
    def links(self) -> list[Link]:
        """Return the pages for the step, in the order of use."""
        return [each for each in (self.link, self.then) if each]


@dataclass(frozen=True, slots=True)
class Question:
    """What the learner answers or predicts. ``choices``: (value, label); without any, a text.

    ``unit``: of a number; a question with a unit accepts only numbers.
    """

    name: str
    label: str
    hint: str = ""
    choices: Sequence[tuple[str, str]] = ()
    unit: str = ""


class Need(StrEnum):
    """Facts of the shop that a judge needs. They are read only then."""

    DELIVERIES = "deliveries"
    ENDPOINTS = "endpoints"
    MONEY = "money"
    DELIVERIES_ELSEWHERE = "deliveries-elsewhere"
    REFUSALS = "refusals"
    CLOCK = "clock"


class Tool(StrEnum):
    """What a mission uses on purpose, and what stops every other mission."""

    FAULTS = "faults"
    DEFENCES = "defences"
    UNSUBSCRIBED = "unsubscribed"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class Part:
    """One thing to prove. ``key``: by which its evidence is stored. ``label``: in the checklist.

    ``evidence``: what proves it; empty as long as nothing does. ``missing``: what is not there yet,
    in numbers where there are any: the nearest miss. ``is_kept``: whether it stays proven.
    """

    key: str
    label: str
    evidence: Sequence[Evidence]
    missing: str
    is_kept: bool = True

    @property
    def is_proven(self) -> bool:
        """Return whether there is evidence."""
        return bool(self.evidence)


@dataclass(frozen=True, slots=True)
class Done:
    """All parts are proven."""

    seen: Sequence[Part]

    @property
    def evidence(self) -> list[Evidence]:
        """Return the evidence of all parts."""
        return [each for part in self.seen for each in part.evidence]


@dataclass(frozen=True, slots=True)
class NotYet:
    """Some part is not proven. ``missing``: the nearest miss of the first of them."""

    seen: Sequence[Part]

    @property
    def missing(self) -> str:
        """Return how many parts are proven, and what the next one lacks."""
        proven = sum(part.is_proven for part in self.seen)
        nearest = next(part.missing for part in self.seen if not part.is_proven)
        return f"{proven} of {len(self.seen)}: {nearest}"


Judgment = Done | NotYet


def no_delivery(_delivery: DeliveryFact) -> bool:
    """Return False: the judge needs no attempts."""
    return False


@dataclass(frozen=True, slots=True)
class Mission:
    """One mission.

    Texts may name terms of the glossary as ``[jitter]`` or ``[retry|retries]``. ``explanation`` may
    also name evidence as ``{order}``; a name without evidence is left out. ``judge``: pure.
    ``needs``: facts of the shop. ``wants_attempts``: of which deliveries the attempts are read.
    ``tools``: what the mission uses on purpose. ``picture``: a template in
    ``subscriber/missions/pictures``, or "". ``cases``: names of cases or groups of the exam, which
    the learner's receiver is asked. ``command_cases``: those that only the command can ask.
    """

    number: int
    title: str
    goal: str
    steps: Sequence[Step]
    hints: Sequence[str]
    explanation: Sequence[str]
    judge: Callable[[Facts], Judgment]
    needs: frozenset[Need] = frozenset()
    wants_attempts: Callable[[DeliveryFact], bool] = no_delivery
    tools: frozenset[Tool] = frozenset()
    questions: Sequence[Question] = ()
    picture: str = ""
    track: Track = Track.WATCH
    cases: Sequence[str] = ()
    command_cases: Sequence[str] = ()

    @property
    def key(self) -> str:
        """Return the name in addresses, such as ``4``, or ``build-4`` in the Build track."""
        return key(self.track, self.number)

    @property
    def label(self) -> str:
        """Return the name for people, such as ``Mission 4``, or ``Build mission 4``."""
        return f"{'Build mission' if self.track is Track.BUILD else 'Mission'} {self.number}"

    def steps_if(self, condition: Condition | None) -> list[Step]:
        """Return the steps to show while this condition is true."""
        return [each for each in self.steps if each.only_if in {None, condition}]

    def question(self, name: str) -> Question | None:
        """Return the question with this name."""
        return next((each for each in self.questions if each.name == name), None)


def key(track: Track, number: int) -> str:
    """Return the name of a mission in addresses: see ``Mission.key``."""
    return str(number) if track is Track.WATCH else f"{track}-{number}"


def judgment(facts: Facts, *parts: Part) -> Judgment:
    """Return the result of these parts. What was proven at an earlier look stays proven.

    Not so a part that is not kept, such as the verdict of a check that may be repeated.
    """
    kept = [
        replace(part, evidence=tuple(facts.seen.get(part.key, ()) or part.evidence))
        if part.is_kept
        else part
        for part in parts
    ]
    return Done(kept) if all(part.is_proven for part in kept) else NotYet(kept)


def fault_to_set(facts: Facts, fault: str, then: str = "buy something") -> str:
    """Return what to do until a fault has its effect. ``fault``: what to set."""
    if facts.is_request_under_way:
        return "a request is under way: wait for its end"
    if facts.is_fault_active:
        return f"a fault is on: {then}"
    return f"set {fault}, then {then}"


def duration(left: timedelta) -> str:
    """Return ``2 h`` or ``45 min``, rounded; at least one minute."""
    minutes = max(1, round(left.total_seconds() / 60))
    return f"{round(minutes / 60)} h" if minutes >= MINUTES_OF_LONG else f"{minutes} min"


def dollars(cents: int) -> str:
    """Return an amount as pages show it, with a real minus sign."""
    return f"{'−' if cents < 0 else ''}${abs(cents) / 100:.2f}"


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return ``1 request`` or ``3 requests``."""
    return f"{number} {noun if number == 1 else plural or f'{noun}s'}"
