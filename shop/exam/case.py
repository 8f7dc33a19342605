"""What a case of the exam is: data beside a function that plays it and one that judges. Pure."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any

from shop.exam.wire import Exchange


class Mission(IntEnum):
    """The missions of the Build track that teach cases, by their numbers."""

    FIRST_DELIVERY = 3
    TRUST_NOBODY = 4
    RAW_BODY = 5
    REPLAY = 6
    ONCE_ONLY = 7
    ANSWER_FIRST = 10
    OUT_OF_ORDER = 11
    NEW_KEYS = 14
    AT_LEAST_ONCE = 15
    ONE_SLOW = 16
    POISON = 17


class Level(StrEnum):
    """A failed *must* fails the exam; a failed *should* only with ``--strict``."""

    MUST = "must"
    SHOULD = "should"


class Group(StrEnum):
    """The groups, in the order in which they are played."""

    ACCEPTS = "accepts"
    REJECTS = "rejects"
    ONCE = "once"
    SURVIVES = "survives"
    QUICK = "quick"
    ORDER = "order"
    CRASHES = "crashes"
    ROTATES = "rotates"


TITLES = {
    Group.ACCEPTS: "Accepts what is genuine",
    Group.REJECTS: "Rejects what is not",
    Group.ONCE: "Happens once",
    Group.SURVIVES: "Survives",
    Group.QUICK: "Is quick",
    Group.ORDER: "Keeps order straight",
    Group.CRASHES: "Crashes well",
    Group.ROTATES: "Rotates the secret",
}


class Scheme(StrEnum):
    """Which credential the receiver checks. With ``both``, one that no case spoils is genuine."""

    STANDARD = "standard"
    TOKEN = "token"  # noqa: S105 – a name
    BOTH = "both"


NOT_ASKED = "not asked"  # what came of a case that the exam did not come to
VERIFYING = "docs/receivers.md#3-verify-that-it-is-genuine"

SIGNED = frozenset({Scheme.STANDARD, Scheme.BOTH})
WITH_TOKEN = frozenset({Scheme.TOKEN, Scheme.BOTH})


class Need(StrEnum):
    """What a case cannot be judged without."""

    EFFECTS = "effects"
    PROBE = "probe"
    RUN = "run"
    NEW_SECRET = "new secret"  # noqa: S105 – a name


ADVICE = {
    Need.EFFECTS: "no evidence of side effects: add --probe URL or --probe-cmd COMMAND, or let the "
    "receiver call POST /effects of the exam",
    Need.PROBE: "no evidence of an order's state: add --probe URL or --probe-cmd COMMAND",
    Need.RUN: "the exam did not start the receiver: add --run COMMAND",
    Need.NEW_SECRET: "the receiver did not get the new secret: run the exam in a terminal or on "
    "the page, or with --run and --secret-env",
}


class Verdict(StrEnum):
    """The verdict on a case. ``not judged`` does not count as passed: there was no evidence."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_JUDGED = "not judged"
    ERROR = "error"  # the case could not be asked


@dataclass(frozen=True, slots=True)
class Judgment:
    """The verdict on what a case observed. ``got``: what came, for people."""

    verdict: Verdict
    got: str


@dataclass(frozen=True, slots=True)
class Effects:
    """What the evidence tells about one message: how often it had an effect, and for how much.

    ``value``: None if the evidence does not say.
    """

    times: int
    value: float | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """What a case saw. ``effects``: by message id; empty without evidence.

    ``order_state``: of the order of the case, if it asked for it. ``interrupted``: the message ids
    of requests during which the receiver was killed.
    """

    exchanges: tuple[Exchange, ...]
    effects: Mapping[str, Effects] = field(default_factory=dict)
    order_state: str | None = None
    interrupted: tuple[str, ...] = ()


# Its argument is the bench, which does input and output: this module must not import it.
Play = Callable[[Any], Awaitable[Observation]]
Judge = Callable[[Observation], Judgment]


@dataclass(frozen=True, slots=True)
class Case:
    """A case. ``sends``: what is sent. ``expects``: what a right receiver does. ``why``: the risk.

    ``mission``: the one that teaches it. ``docs``: the section that explains it. ``schemes``: with
    which credentials it applies. ``is_slow``: it takes over a second, so ``--quick`` leaves it out.
    """

    name: str
    group: Group
    mission: Mission
    sends: str
    expects: str
    why: str
    play: Play
    judge: Judge
    docs: str = VERIFYING
    level: Level = Level.MUST
    schemes: frozenset[Scheme] = frozenset(Scheme)
    needs: frozenset[Need] = frozenset()
    is_slow: bool = False

    @property
    def docs_section(self) -> str:
        """The heading in ``docs``, such as "Step 7: respond" of ``docs/receivers.md#7-respond``."""
        first, *others = self.docs.partition("#")[2].split("-")
        if first.isdigit():
            return f"Step {first}: {' '.join(others)}"
        return " ".join([first.capitalize(), *others])


@dataclass(frozen=True, slots=True)
class CaseResult:
    """A case with its verdict. ``sent``: curl commands that send the same bytes.

    ``was_answered``: whether each request got a response.
    """

    case: Case
    verdict: Verdict
    got: str
    sent: tuple[str, ...] = ()
    delivery_urls: tuple[str, ...] = ()
    seconds: float = 0
    was_answered: bool = True

    @property
    def was_asked(self) -> bool:
        """Return whether the exam came to this case."""
        return self.got != NOT_ASKED
